//! The verifier of the published documentation: it knows nothing of lanes, numbers or checkpoints, and takes a chain of ours as
//! it is, as long as its text is ASCII.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test code outside of a #[test] function")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use vyrox_audit::{Chain, Draft};

/// The published procedure: `hash = SHA-256(previous_hash + "|" + JSON with sorted keys and no white space)`, from 64 zeros.
const PUBLISHED: &str = r#"
import hashlib, json, sys
previous = "0" * 64
for line in sys.stdin:
    entry = json.loads(line)
    found = entry.pop("hash")
    content = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256((previous + "|" + content).encode()).hexdigest()
    if entry["previous_hash"] != previous or expected != found:
        sys.exit("broken")
    previous = found
"#;

fn log(host: &str) -> String {
    let mut chain = Chain::genesis("edge-1");
    let mut lines = String::new();
    for number in 0..3 {
        let mut draft = Draft { host: host.to_owned(), ..Draft::event(1_700_000_000, "acme", "HOST_ISOLATION") };
        draft.detail.insert("number".into(), number.into());
        let entry = chain.seal(&draft).unwrap();
        chain.advance(&entry);
        lines += &(entry.to_line() + "\n");
    }
    lines
}

fn accepts(log: &str) -> Option<bool> {
    let child = Command::new("python3").args(["-c", PUBLISHED]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else {
        println!("SKIPPED: there is no python3");
        return None;
    };
    // One that has seen enough may have closed its end.
    let _ = child.stdin.take().unwrap().write_all(log.as_bytes());
    Some(child.wait().unwrap().success())
}

#[test]
fn the_published_verifier_takes_our_ascii_logs_unchanged_and_finds_what_was_changed() {
    let log = log("workstation-01");
    assert_ne!(accepts(&log), Some(false));
    assert_ne!(accepts(&log.replacen("workstation-01", "workstation-02", 1)), Some(true));
    assert_ne!(accepts(log.split_once('\n').unwrap().1), Some(true), "the first entry is missing");
}
