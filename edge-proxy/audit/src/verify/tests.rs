use super::*;
use crate::{Chain, Draft};
use serde_json::json;

/// Entries 0..`count` of a chain, as lines with their newline.
fn lines(chain: &str, count: usize) -> Vec<String> {
    let mut chain = Chain::genesis(chain);
    (0..count)
        .map(|index| {
            let mut draft = Draft::event(1_700_000_000, "acme", "EVENT");
            draft.host = format!("wörkstation-{index}");
            draft.detail.insert("n".into(), json!({"count": index, "list": [1, null, "\u{1}\t"]}));
            let entry = chain.seal(&draft).unwrap();
            chain.advance(&entry);
            entry.to_line() + "\n"
        })
        .collect()
}

fn failure(log: &str) -> (u64, &'static str) {
    let failure = reader(log.as_bytes(), "log").unwrap_err();
    (failure.line, failure.problem.code())
}

#[test]
fn a_changed_byte_anywhere_is_found_in_its_line() {
    let log = lines("lane", 3).concat().into_bytes();
    let mut line = 1;
    for position in 0..log.len() {
        for change in [log[position] ^ 1, log[position] ^ 0x20, b'\n', b' ', b'0', 0xff] {
            if change == log[position] {
                continue;
            }
            let mut altered = log.clone();
            altered[position] = change;
            match reader(altered.as_slice(), "log") {
                Ok(_) => panic!("byte {position} became {change:#x} unseen"),
                Err(failure) => assert_eq!(failure.line, line, "byte {position} became {change:#x}: {failure}"),
            }
        }
        line += u64::from(log[position] == b'\n');
    }
}

#[test]
fn an_inserted_or_removed_byte_anywhere_is_found() {
    let log = lines("lane", 2).concat().into_bytes();
    for position in 0..log.len() {
        let mut shorter = log.clone();
        shorter.remove(position);
        assert!(reader(shorter.as_slice(), "log").is_err(), "byte {position} removed");
        for extra in [b' ', b'\n', b'0'] {
            let mut longer = log.clone();
            longer.insert(position, extra);
            assert!(reader(longer.as_slice(), "log").is_err(), "{extra:#x} inserted at {position}");
        }
    }
}

#[test]
fn removed_swapped_repeated_and_cut_lines_are_found() {
    let all = lines("lane", 5);
    for gone in 0..4 {
        let mut left = all.clone();
        left.remove(gone);
        assert_eq!(failure(&left.concat()), (gone as u64 + 1, "sequence_gap"), "line {} removed", gone + 1);
    }
    let mut swapped = all.clone();
    swapped.swap(1, 2);
    assert_eq!(failure(&swapped.concat()), (2, "sequence_gap"));
    let mut repeated = all.clone();
    repeated.insert(2, all[1].clone());
    assert_eq!(failure(&repeated.concat()), (3, "sequence_gap"));
    let mut cut = all.clone();
    cut[2].truncate(40);
    assert_eq!(failure(&cut.concat()), (3, "not_json"));
    assert_eq!(failure(all.concat().trim_end()), (5, "torn_line"));
}

#[test]
fn an_entry_replaced_by_another_sound_one_breaks_the_link_behind_it() {
    let mut all = lines("lane", 3);
    let entry = crate::Entry::from_line(all[0].trim_end().as_bytes()).unwrap();
    let forged = Chain::resume("lane", 0, entry.hash()).seal(&Draft::event(1, "acme", "FORGED")).unwrap();
    all[1] = forged.to_line() + "\n";
    assert_eq!(failure(&all.concat()), (3, "broken_link"));
}

#[test]
fn many_chains_may_be_interleaved_in_one_stream() {
    let (a, b) = (lines("a", 3), lines("b", 2));
    let report = reader([&a[0], &b[0], &a[1], &b[1], &a[2]].map(String::as_str).concat().as_bytes(), "log").unwrap();
    let seen: Vec<_> = report.chains.iter().map(|c| (c.chain.as_str(), c.entries, c.first_seq, c.last_seq)).collect();
    assert_eq!(seen, [("a", 3, 0, 2), ("b", 2, 0, 1)]);
    assert_eq!(report.entries, 5);
    let failed = reader([&a[0], &b[0], &a[2]].map(String::as_str).concat().as_bytes(), "log").unwrap_err();
    assert_eq!((failed.line, failed.chain.as_deref()), (3, Some("a")));
}

#[test]
fn a_part_of_a_chain_verifies_only_if_that_is_asked_for() {
    let part = lines("lane", 5)[2..].concat();
    assert_eq!(failure(&part), (1, "sequence_gap"));
    let mut verifier = Verifier::new().partial();
    verifier.reader(part.as_bytes(), "log").unwrap();
    assert_eq!(verifier.finish().unwrap().chains[0].first_seq, 2);
}

#[test]
fn removed_last_lines_are_seen_only_against_a_head_noted_elsewhere() {
    let all = lines("lane", 5);
    let head = crate::Entry::from_line(all[4].trim_end().as_bytes()).unwrap();
    let expect = |log: &str, chain: Option<&str>| {
        let expected = ExpectedHead { chain: chain.map(str::to_owned), seq: 4, hash: head.hash().to_owned() };
        let mut verifier = Verifier::new().expect(expected);
        verifier.reader(log.as_bytes(), "log").unwrap();
        verifier.finish()
    };
    assert!(reader(all[..4].concat().as_bytes(), "log").is_ok(), "alone, a shorter chain is a sound chain");
    assert_eq!(expect(&all[..4].concat(), None).unwrap_err().problem.code(), "head_missing");
    assert!(expect(&all.concat(), None).is_ok());
    assert!(expect(&all.concat(), Some("lane")).is_ok());
    assert!(expect(&all.concat(), Some("another")).is_err());
    assert!(expect(&lines("lane", 9).concat(), None).is_ok(), "a chain that has grown since still holds it");
}

#[test]
fn published_entries_verify_in_any_order_of_fields() {
    let mut previous = "0".repeat(64);
    let mut log = String::new();
    for host in ["a", "b"] {
        let content = format!(
            r#"{{"action_type":"HOST_ISOLATION","approved_by":"approver","dry_run":false,"host":"{host}","previous_hash":"{previous}","tenant_id":"acme","timestamp":1700000000}}"#
        );
        let hash = digest(&previous, content.as_bytes(), b"");
        log += &format!(
            r#"{{"timestamp":1700000000,"tenant_id":"acme","action_type":"HOST_ISOLATION","host":"{host}","approved_by":"approver","dry_run":false,"previous_hash":"{previous}","hash":"{hash}"}}"#
        );
        log.push('\n');
        previous = hash;
    }
    let report = reader(log.as_bytes(), "log").unwrap();
    assert_eq!((report.entries, report.chains[0].chain.as_str()), (2, ""));
    assert_eq!(report.chains[0].head, previous);
    assert_eq!(failure(&log.replace("\"host\":\"b\"", "\"host\":\"c\"")), (2, "hash_mismatch"));
    assert_eq!(failure(&log.replace("\"host\":\"b\"", "\"host\":\"c\",\"host\":\"b\"")), (2, "duplicate_key"));
    assert_eq!(failure(log.split_once('\n').unwrap().1), (1, "broken_link"));
}

#[test]
fn an_endless_line_is_refused_without_being_read_to_its_end() {
    let endless = std::io::BufReader::new(std::io::repeat(b'a'));
    assert_eq!(reader(endless, "log").unwrap_err().problem.code(), "too_long");
}

/// Every source of the verifier and of its program, so that a file that is added is read, too.
#[test]
fn the_verifier_uses_nothing_of_the_writer() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source.join("verify")];
    let mut files = vec![source.join("verify.rs"), source.join("main.rs")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()) {
            let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
            if path.is_dir() {
                folders.push(path)
            } else if !is_test {
                files.push(path)
            }
        }
    }
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.contains("crate::") || line.contains("vyrox_")) {
            let own = ["crate::verify::", "vyrox_audit::verify::", "pub(crate)"];
            assert!(own.iter().any(|own| line.contains(own)), "{}: {line}", file.display());
        }
    }
}

#[test]
fn a_hostile_file_name_does_not_write_to_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("audit-\u{1b}[2J.jsonl"), "junk\n").unwrap();
    let text = directory(dir.path()).unwrap_err().to_string();
    assert!(!text.contains('\u{1b}') && text.contains("audit-?[2J.jsonl:1: not a JSON object"), "{text}");
}
