//! Closed days, compressed.

use super::*;

#[test]
fn closed_days_are_compressed_still_verify_and_are_exported_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, bytes) = four_days(dir.path());
    let before_archiving = log.segments().unwrap();
    assert_eq!(log.unmarked_until().unwrap(), None);
    assert_eq!(log.archiver().archive(NOON + 2 * DAY, None, &|| true).unwrap(), 2);
    assert_eq!(log.archiver().archive(NOON + 2 * DAY, None, &|| true).unwrap(), 0, "once");
    assert_eq!(log.unmarked_until().unwrap(), Some(NOON + DAY + DAY / 2), "the end of the second day");
    let expected = [
        "audit-2023-11-15.jsonl.gz",
        "audit-2023-11-16.jsonl.gz",
        "audit-2023-11-17.idx",
        "audit-2023-11-17.jsonl",
        "audit-2023-11-18.idx",
        "audit-2023-11-18.jsonl",
        "lock",
    ];
    assert_eq!(names(dir.path()), expected);
    assert_eq!(export(&log), bytes);
    let late: Vec<u8> = before_archiving
        .iter()
        .flat_map(|segment| io::Read::bytes(segment.open().unwrap()).map(Result::unwrap).collect::<Vec<_>>())
        .collect();
    assert_eq!(late, bytes, "an export that was asked for before finds the compressed files");
    assert_eq!(
        log.entries_since(i64::MIN).map(|entry| entry.unwrap().seq()).collect::<Vec<_>>(),
        Vec::from_iter(0..12)
    );
    log.append(NOON + 5 * DAY, &[draft("goes on")]).unwrap();
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 13);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.py");
    match std::process::Command::new("python3").arg(&script).arg(dir.path()).output() {
        Ok(output) => assert!(String::from_utf8_lossy(&output.stdout).contains("OK  13 entries"), "{output:?}"),
        Err(_) => println!("SKIPPED: there is no python3"),
    }
    drop(log);
    assert_eq!(open(dir.path()).recovered.head.unwrap().seq, 12);
}

#[test]
fn the_newest_entry_is_never_compressed_away_whatever_the_date() {
    let dir = tempfile::tempdir().unwrap();
    let (log, bytes) = four_days(dir.path());
    // A newer day's file was begun, and the crash came before its first entry.
    std::fs::write(dir.path().join("audit-2023-11-19.jsonl"), "").unwrap();
    assert_eq!(log.archiver().archive(NOON + 100 * DAY, None, &|| true).unwrap(), 3);
    assert_eq!(export(&log), bytes);
    drop(log);
    assert_eq!(open(dir.path()).recovered.head.unwrap().seq, 11);
}

#[test]
fn the_day_with_an_entry_that_is_needed_and_what_follows_it_are_not_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = four_days(dir.path());
    // Three entries a day.
    for (needed, archived) in [(0, 0), (2, 0), (3, 1), (5, 0), (6, 1), (8, 0), (9, 1), (11, 0)] {
        let compressed = log.archiver().archive(NOON + 100 * DAY, Some(needed), &|| true).unwrap();
        assert_eq!(compressed, archived, "entry {needed}");
        assert_eq!(log.reader().entry(needed).unwrap().unwrap().seq(), needed, "it can be read by its number");
    }
    assert_eq!(
        log.archiver().archive(NOON + 100 * DAY, Some(0), &|| true).unwrap(),
        0,
        "what is gone holds up the rest"
    );
}

#[test]
fn a_crash_at_any_step_of_compressing_leaves_a_log_that_verifies_and_is_compressed_later() {
    let dir = tempfile::tempdir().unwrap();
    let (log, bytes) = four_days(dir.path());
    let (plain, packed) = (dir.path().join("audit-2023-11-15.jsonl"), dir.path().join("audit-2023-11-15.jsonl.gz"));
    let first = std::fs::read(&plain).unwrap();
    let whole = |log: &Log| {
        assert_eq!(verify::directory(dir.path()).unwrap().entries, 12);
        assert_eq!(export(log), bytes);
    };
    std::fs::write(dir.path().join("audit-2023-11-15.jsonl.gz.part"), b"half of it").unwrap();
    whole(&log);
    assert_eq!(log.archiver().archive(NOON + DAY, None, &|| true).unwrap(), 1);
    whole(&log);
    std::fs::write(&plain, &first).unwrap();
    whole(&log);
    assert_eq!(log.archiver().archive(NOON + DAY, None, &|| true).unwrap(), 1, "there twice: compared and removed");
    assert!(!plain.exists());
    whole(&log);
    // Someone's own file, or a compressed one that was altered: neither is removed.
    std::fs::write(&plain, first.to_ascii_uppercase()).unwrap();
    assert!(matches!(log.archiver().archive(NOON + DAY, None, &|| true), Err(LogError::Io { .. })));
    assert!(plain.exists() && packed.exists());
}

#[test]
fn an_altered_or_cut_compressed_day_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = four_days(dir.path());
    log.archiver().archive(NOON + DAY, None, &|| true).unwrap();
    let packed = dir.path().join("audit-2023-11-15.jsonl.gz");
    let bytes = std::fs::read(&packed).unwrap();
    for length in 0..bytes.len() {
        std::fs::write(&packed, &bytes[..length]).unwrap();
        assert!(verify::directory(dir.path()).is_err(), "cut at {length}");
        assert!(log.entries_since(i64::MIN).any(|entry| entry.is_err()) || length == 0, "cut at {length}");
    }
    let mut altered = bytes;
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    std::fs::write(&packed, &altered).unwrap();
    assert!(verify::directory(dir.path()).is_err());
}
