//! What a start makes of a log that a crash, or somebody, has left.

use super::*;

#[test]
fn a_log_torn_at_any_byte_opens_with_every_whole_line_and_tells_of_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    log.append(NOON, &[draft("first")]).unwrap();
    let path = log.files().unwrap().remove(0);
    let synced = content(&log).len();
    log.append(NOON, &[draft("wörk\u{1F600}"), draft("last")]).unwrap();
    drop(log);
    let whole = std::fs::read(&path).unwrap();
    for length in synced..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
        let torn = whole[..length].rsplit(|byte| *byte == b'\n').next().unwrap();
        let opened = open(dir.path());
        assert_eq!(opened.recovered.cut_bytes(), torn.len() as u64, "cut at {length}");
        assert_eq!(opened.recovered.head.unwrap().seq, lines - 1, "cut at {length}");
        let report = verify::directory(dir.path()).unwrap();
        assert_eq!(report.entries, lines + u64::from(!torn.is_empty()), "cut at {length}");
        match opened.recovered.repair {
            None => assert!(torn.is_empty()),
            Some(repair) => {
                assert_eq!((repair.action_type(), repair.seq()), ("AUDIT_REPAIRED", lines));
                assert_eq!(repair.detail()["cut_bytes"], torn.len());
                assert_eq!(std::fs::read(dir.path().join(format!("torn-{lines}.bin"))).unwrap(), torn);
            }
        }
    }
}

#[test]
fn garbage_behind_the_last_entry_is_cut_even_if_it_ends_in_a_newline() {
    for garbage in [b"{\"half\n".as_slice(), b"\xff\xfe\n", b"\n", &[0; 5000]] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(dir.path()).log;
        log.append(NOON, &[draft("a")]).unwrap();
        let path = log.files().unwrap().remove(0);
        drop(log);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(garbage);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(open(dir.path()).recovered.cut_bytes(), garbage.len() as u64);
        assert_eq!(verify::directory(dir.path()).unwrap().entries, 2);
    }
}

#[test]
fn a_repair_that_was_itself_interrupted_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    log.append(NOON, &[draft("a")]).unwrap();
    drop(log);
    std::fs::write(dir.path().join("torn.pending"), b"{\"half").unwrap();
    assert_eq!(open(dir.path()).recovered.cut_bytes(), 6);
    assert_eq!(open(dir.path()).recovered.repair, None, "reported once");
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 2);
}

#[test]
fn a_log_whose_only_line_is_torn_begins_anew_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("audit-2023-11-15.jsonl"), b"{\"action_type\":\"HO").unwrap();
    let opened = open(dir.path());
    assert_eq!((opened.recovered.head, opened.recovered.repair.unwrap().seq()), (None, 0));
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 1);
}

#[test]
fn damage_that_no_crash_leaves_is_refused_with_file_and_line_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    log.append(NOON, &[draft("alpha"), draft("beta"), draft("gamma")]).unwrap();
    let path = log.files().unwrap().remove(0);
    drop(log);
    let good = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let cases = [
        (good.replace("gamma", "delta"), 3),
        (format!("{}{}{}", lines[0], "garbage\n", "torn"), 2),
        (format!("{good}{{}}\n"), 4),
    ];
    for (bad, expected) in cases {
        std::fs::write(&path, &bad).unwrap();
        match Log::open(dir.path(), "proxy-1", "acme", NOON) {
            Err(LogError::Damaged { file, line, .. }) => assert_eq!((file, line), (path.clone(), expected)),
            other => panic!("{other:?}"),
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), bad);
    }
    std::fs::write(&path, good.replace("beta", "zeta")).unwrap();
    let log = open(dir.path()).log;
    let read: Vec<_> = log.entries_since(0).collect();
    assert_eq!(read.len(), 2, "one sound entry, one error, the end");
    assert!(matches!(&read[1], Err(LogError::Damaged { line: 2, .. })));
    std::fs::write(&path, [lines[0], lines[2]].concat()).unwrap();
    assert!(matches!(
        log.entries_since(0).nth(1),
        Some(Err(LogError::Damaged { line: 2, source: crate::EntryError::Link, .. }))
    ));
}

#[test]
fn another_chains_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).log.append(NOON, &[draft("a")]).unwrap();
    assert!(matches!(Log::open(dir.path(), "proxy-2", "acme", NOON), Err(LogError::ForeignChain { .. })));
}

#[test]
fn a_file_changed_behind_the_writers_back_stops_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    log.append(NOON, &[draft("a")]).unwrap();
    let path = log.files().unwrap().remove(0);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(log.append(NOON, &[draft("b")]), Err(LogError::Changed(_))));
    std::fs::write(&path, bytes).unwrap();
    log.append(NOON, &[draft("c")]).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(log.append(NOON, &[draft("d")]), Err(LogError::Changed(_))));
}
