//! The program `vyrox-audit`: what it prints and how it exits.

#![allow(clippy::unwrap_used, reason = "test code outside of a #[test] function")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use vyrox_audit::Draft;
use vyrox_audit::log::Log;

const NOW: i64 = 1_700_049_600;
const DAY: i64 = 86_400;

fn run(args: &[&str], stdin: &[u8]) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vyrox-audit"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn proxy_log(dir: &Path) {
    let mut log = Log::open(dir, "proxy-1", "acme", NOW).unwrap().log;
    for day in 0..3 {
        log.append(NOW + day * DAY, &[Draft::event(NOW, "acme", "STARTED"), Draft::event(NOW, "acme", "STOPPED")])
            .unwrap();
    }
}

#[test]
fn a_sound_directory_prints_its_chains_and_exits_with_0() {
    let dir = tempfile::tempdir().unwrap();
    proxy_log(dir.path());
    let path = dir.path().to_str().unwrap();
    let (code, text) = run(&["verify", path], b"");
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("ok  chain \"proxy-1\": 6 entries, 0 to 5, head 5:"), "{text}");
    let (code, json) = run(&["verify", "--json", path], b"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["ok"], &json["chains"][0]["last_seq"]), (0, &true.into(), &5.into()));
}

#[test]
fn an_altered_line_is_named_with_file_line_and_chain_and_exits_with_1() {
    let dir = tempfile::tempdir().unwrap();
    proxy_log(dir.path());
    let file = dir.path().join("audit-2023-11-16.jsonl");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("STOPPED", "STARTED")).unwrap();
    let path = dir.path().to_str().unwrap();
    let (code, text) = run(&["verify", path], b"");
    assert_eq!(code, 1);
    let expected = "hash does not match the content: the entry was altered (chain \"proxy-1\")";
    assert_eq!(text, format!("FAILED  {}:2: {expected}\n", file.display()));
    let (code, json) = run(&["verify", "--json", path], b"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["line"], &json["problem"]), (1, &2.into(), &"hash_mismatch".into()));
}

#[test]
fn a_head_that_was_noted_is_accepted_later_and_missed_once_the_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    proxy_log(dir.path());
    let path = dir.path().to_str().unwrap();
    let (code, head) = run(&["head", path], b"");
    assert_eq!(code, 0);
    let head = head.trim_end();
    assert!(head.starts_with("proxy-1=5:"), "{head}");
    assert_eq!(run(&["verify", path, "--expect-head", head], b"").0, 0);
    std::fs::remove_file(dir.path().join("audit-2023-11-17.jsonl")).unwrap();
    assert_eq!(run(&["verify", path], b"").0, 0, "alone, a shorter chain is sound");
    let (code, text) = run(&["verify", path, "--expect-head", head], b"");
    assert_eq!(code, 1);
    assert!(text.contains("entry 5") && text.contains("cut off"), "{text}");
}

#[test]
fn standard_input_and_several_files_are_one_stream() {
    let dir = tempfile::tempdir().unwrap();
    proxy_log(dir.path());
    let files = ["15", "16", "17"].map(|day| dir.path().join(format!("audit-2023-11-{day}.jsonl")));
    let bytes: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(run(&["verify", "-"], &bytes).0, 0);
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    assert_eq!(run(&["verify", files[0], files[1], files[2]], b"").0, 0);
    assert_eq!(run(&["verify", files[1]], b"").0, 1, "a part is not a whole");
    assert_eq!(run(&["verify", "--partial", files[1]], b"").0, 0);
}

#[test]
fn wrong_usage_missing_files_and_nothing_at_all_exit_with_2() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["verify"][..],
        &["verify", "/nowhere/at/all"],
        &["verify", dir.path().to_str().unwrap()],
        &["verify", "-", "--expect-head", "5"],
        &["repair", "-"],
    ] {
        let (code, text) = run(args, b"");
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(!text.is_empty());
    }
}

#[test]
fn a_hostile_chain_name_does_not_reach_the_terminal_raw() {
    let entry = vyrox_audit::Chain::genesis("\u{1b}[2J").seal(&Draft::event(NOW, "acme", "EVENT")).unwrap();
    let log = entry.to_line() + "\n";
    for command in ["verify", "head"] {
        let (code, text) = run(&[command, "-"], log.as_bytes());
        assert_eq!(code, 0);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn the_help_says_what_is_checked_and_what_cannot_be() {
    let (code, text) = run(&["--help"], b"");
    assert_eq!(code, 0);
    assert!(text.contains("WHAT CANNOT BE SEEN IN A LOG ALONE") && text.contains("EXIT CODES"), "{text}");
}
