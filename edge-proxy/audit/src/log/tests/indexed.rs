//! The index beside a log.

use super::*;

/// What the index says of each entry, by number.
fn marks(log: &Log) -> Vec<(u64, Mark)> {
    let mut marks = Vec::new();
    log.marks(|seq, mark| marks.push((seq, mark))).unwrap();
    marks
}

#[test]
fn the_index_knows_every_entry_and_finds_it_by_number() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = four_days(dir.path());
    let all = marks(&log);
    assert_eq!(all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), Vec::from_iter(0..12));
    let about_actions: Vec<u64> = all.iter().filter(|(_, mark)| mark.subject.is_some()).map(|(seq, _)| *seq).collect();
    assert_eq!(about_actions, [1, 4, 7, 10]);
    assert_eq!(all[4].1.subject, Some(SubjectDigest::of("request-1", "execute")));
    let reader = log.reader();
    for seq in 0..12 {
        assert_eq!(reader.entry(seq).unwrap().unwrap().seq(), seq);
    }
    assert_eq!(reader.entry(12).unwrap(), None);
    assert_eq!(reader.check(log.segments().unwrap(), i64::MIN, &|| true).unwrap(), 12);
}

#[test]
fn an_index_that_is_missing_short_stale_or_broken_is_made_good_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = four_days(dir.path());
    let expected = marks(&log);
    drop(log);
    let path = |day: u32| dir.path().join(format!("audit-2023-11-{day}.idx"));
    let good = std::fs::read(path(18)).unwrap();
    let mut zeros = good[..32].to_vec();
    zeros.extend([0; 64]);
    let cases: [(&str, Option<Vec<u8>>); 6] = [
        ("missing", None),
        ("empty", Some(Vec::new())),
        ("short", Some(good[..32].to_vec())),
        ("torn", Some(good[..50].to_vec())),
        ("with a hole at its end", Some(zeros)),
        ("of another day", Some(std::fs::read(path(17)).unwrap())),
    ];
    for (what, bytes) in cases {
        match bytes {
            None => std::fs::remove_file(path(18)).unwrap(),
            Some(bytes) => std::fs::write(path(18), bytes).unwrap(),
        }
        let log = open(dir.path()).log;
        assert_eq!(marks(&log), expected, "{what}");
        assert_eq!(log.reader().entry(11).unwrap().unwrap().seq(), 11, "{what}");
        assert_eq!(std::fs::read(path(18)).unwrap(), good, "{what}");
    }
    // Broken in its middle: said so, and made anew.
    let mut broken = good;
    broken[40] ^= 1;
    std::fs::write(path(18), &broken).unwrap();
    let mut log = open(dir.path()).log;
    assert!(matches!(log.marks(|_, _| ()), Err(LogError::Index(_))));
    assert_eq!(log.reader().entry(10).unwrap().unwrap().seq(), 10, "the log is asked");
    log.discard_indexes().unwrap();
    assert_eq!(marks(&log), expected);
}

#[test]
fn an_index_or_a_log_that_was_altered_is_found_by_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = four_days(dir.path());
    let check = || log.reader().check(log.segments().unwrap(), i64::MIN, &|| true);
    // An index that is consistent in itself and forgets an action: as someone would write it who wants it done again.
    let path = dir.path().join("audit-2023-11-17.jsonl");
    let good = std::fs::read(index::path(&path)).unwrap();
    let mut records = Vec::new();
    index::scan(&path, |_, record| records.push(record)).unwrap();
    records[1].mark.subject = None;
    Index::open(&path, &Sound::default()).unwrap().add(records.into_iter()).unwrap();
    assert!(matches!(check(), Err(LogError::Index(_))));
    std::fs::write(index::path(&path), good).unwrap();
    assert_eq!(check().unwrap(), 12);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("wörk", "wörd", 1)).unwrap();
    assert!(matches!(check(), Err(LogError::Damaged { line: 1, .. })));
    std::fs::write(&path, text.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    assert!(matches!(check(), Err(LogError::Damaged { .. })), "a day that does not follow on the day before it");
}

#[test]
fn the_index_goes_on_after_failures_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, faults) = open_faulty(dir.path());
    log.append(NOON, &[draft("a")]).unwrap();
    faults.full.store(true, Ordering::Relaxed);
    log.append(NOON, &[draft("b"), draft("c")]).unwrap_err();
    log.append(NOON + DAY, &[draft("b")]).unwrap_err();
    faults.full.store(false, Ordering::Relaxed);
    log.append(NOON + DAY, &[draft("d"), draft("e")]).unwrap();
    log.append(NOON + DAY, &[draft("f")]).unwrap();
    assert_eq!(log.reader().check(log.segments().unwrap(), i64::MIN, &|| true).unwrap(), 4);
    assert_eq!(marks(&log).len(), 4);
}
