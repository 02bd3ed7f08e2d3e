use super::*;
use crate::verify;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const NOON: i64 = 1_700_049_600; // 2023-11-15T12:00:00Z
const DAY: i64 = 86_400;

fn draft(host: &str) -> Draft {
    Draft { host: host.to_owned(), ..Draft::event(NOON, "acme", "HOST_ISOLATION") }
}

fn open(dir: &Path) -> Opened {
    // A test beside this one that is just starting a program holds every lock for a moment, too.
    for _ in 0..1000 {
        match Log::open(dir, "proxy-1", "acme", NOON) {
            Err(LogError::Locked(_)) => std::thread::sleep(std::time::Duration::from_millis(5)),
            opened => return opened.unwrap(),
        }
    }
    panic!("locked");
}

fn content(log: &Log) -> Vec<u8> {
    log.files().unwrap().iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}

#[derive(Debug, Default)]
struct Faults {
    writes: AtomicUsize,
    syncs: AtomicUsize,
    full: AtomicBool,
    sync_fails: AtomicBool,
    truncate_fails: AtomicBool,
}

/// The real disk, with faults to be switched on.
#[derive(Debug, Clone, Default)]
struct FaultyDisk(Arc<Faults>);

impl Disk for FaultyDisk {
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.0.writes.fetch_add(1, Ordering::Relaxed);
        if self.0.full.load(Ordering::Relaxed) {
            OsDisk.write(file, &bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        OsDisk.write(file, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::Relaxed);
        if self.0.sync_fails.load(Ordering::Relaxed) { Err(io::Error::other("sync")) } else { OsDisk.sync(file) }
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        if self.0.truncate_fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("truncate"));
        }
        OsDisk.truncate(file, len)
    }
}

fn open_faulty(dir: &Path) -> (Log, Arc<Faults>) {
    let disk = FaultyDisk::default();
    let faults = Arc::clone(&disk.0);
    (Log::open_on(Box::new(disk), dir, "proxy-1", "acme", NOON).unwrap().log, faults)
}

#[test]
fn the_chain_goes_on_across_restarts_and_days() {
    let dir = tempfile::tempdir().unwrap();
    for day in 0..3 {
        let mut log = open(dir.path()).log;
        log.append(NOON + day * DAY, &[draft("a"), draft("b")]).unwrap();
        log.append(NOON + day * DAY, &[]).unwrap();
    }
    let log = open(dir.path()).log;
    let names: Vec<_> = log.files().unwrap().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["audit-2023-11-15.jsonl", "audit-2023-11-16.jsonl", "audit-2023-11-17.jsonl"]);
    let report = verify::directory(dir.path()).unwrap();
    assert_eq!(report.chains.len(), 1);
    assert_eq!((report.entries, report.chains[0].last_seq), (6, 5));
    assert_eq!(log.head().unwrap(), AuditHead { seq: 5, hash: report.chains[0].head.clone() });
}

#[test]
fn a_clock_that_goes_back_does_not_write_into_an_older_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    log.append(NOON, &[draft("a")]).unwrap();
    log.append(NOON + DAY, &[draft("b")]).unwrap();
    log.append(NOON, &[draft("c")]).unwrap();
    drop(log);
    open(dir.path()).log.append(NOON, &[draft("d")]).unwrap();
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 4);
}

#[test]
fn a_batch_of_a_thousand_is_one_write_and_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, faults) = open_faulty(dir.path());
    log.append(NOON, &[draft("first")]).unwrap();
    let before = (faults.writes.load(Ordering::Relaxed), faults.syncs.load(Ordering::Relaxed));
    let entries = log.append(NOON, &vec![draft("x"); 1000]).unwrap();
    assert_eq!(entries.len(), 1000);
    assert_eq!(faults.writes.load(Ordering::Relaxed), before.0 + 1);
    assert_eq!(faults.syncs.load(Ordering::Relaxed), before.1 + 1);
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 1001);
}

#[test]
fn a_second_instance_is_refused_until_the_first_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    assert!(matches!(Log::open(dir.path(), "proxy-1", "acme", NOON), Err(LogError::Locked(_))));
    drop(first);
    open(dir.path());
}

#[test]
fn a_full_disk_fails_the_append_leaves_nothing_and_works_again_when_freed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, faults) = open_faulty(dir.path());
    log.append(NOON, &[draft("a")]).unwrap();
    let (head, bytes) = (log.head(), content(&log));
    faults.full.store(true, Ordering::Relaxed);
    let error = log.append(NOON, &[draft("b"), draft("c")]).unwrap_err();
    assert!(error.is_disk_full(), "{error:?}");
    assert_eq!((log.head(), content(&log)), (head, bytes));
    faults.full.store(false, Ordering::Relaxed);
    log.append(NOON, &[draft("d")]).unwrap();
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 2);
}

#[test]
fn a_disk_full_at_the_change_of_the_day_leaves_a_log_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, faults) = open_faulty(dir.path());
    log.append(NOON, &[draft("a")]).unwrap();
    faults.full.store(true, Ordering::Relaxed);
    log.append(NOON + DAY, &[draft("b")]).unwrap_err();
    drop(log);
    let opened = open(dir.path());
    assert_eq!(opened.recovered.head.unwrap().seq, 0, "found behind the empty newest file");
    let mut log = opened.log;
    log.append(NOON + DAY, &[draft("c")]).unwrap();
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 2);
}

#[test]
fn what_could_not_be_cut_back_is_cut_before_the_next_entry_and_never_read() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, faults) = open_faulty(dir.path());
    log.append(NOON, &[draft("a")]).unwrap();
    faults.full.store(true, Ordering::Relaxed);
    faults.truncate_fails.store(true, Ordering::Relaxed);
    log.append(NOON, &[draft("b")]).unwrap_err();
    assert_eq!(log.entries_since(0).map(|entry| entry.unwrap().seq()).collect::<Vec<_>>(), [0]);
    faults.full.store(false, Ordering::Relaxed);
    log.append(NOON + DAY, &[draft("c")]).unwrap_err();
    faults.truncate_fails.store(false, Ordering::Relaxed);
    log.append(NOON + DAY, &[draft("d")]).unwrap();
    assert_eq!(verify::directory(dir.path()).unwrap().entries, 2);
}

#[test]
fn an_entry_that_was_not_synced_is_not_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, faults) = open_faulty(dir.path());
    log.append(NOON, &[draft("a")]).unwrap();
    let bytes = content(&log);
    faults.sync_fails.store(true, Ordering::Relaxed);
    log.append(NOON, &[draft("b")]).unwrap_err();
    assert_eq!(content(&log), bytes);
    faults.sync_fails.store(false, Ordering::Relaxed);
    assert_eq!(log.append(NOON, &[draft("c")]).unwrap()[0].seq(), 1);
}

#[test]
fn a_draft_that_cannot_be_sealed_is_named_and_nothing_of_its_batch_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    let mut float = draft("b");
    float.detail.insert("x".into(), serde_json::json!(0.1));
    assert!(matches!(log.append(NOON, &[draft("a"), float]), Err(LogError::Draft { index: 1, .. })));
    assert_eq!(log.head(), None);
    assert!(log.files().unwrap().is_empty());
}

/// Every way in which a crash can cut the last batch short, inside a multi-byte character too.
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

#[test]
fn entries_since_a_time_come_oldest_first_from_no_more_files_than_needed() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    for day in 0..4 {
        let at = NOON + day * DAY;
        log.append(at, &[Draft::event(at, "acme", "A"), Draft::event(at + 60, "acme", "B")]).unwrap();
    }
    let seqs = |since| log.entries_since(since).map(|entry| entry.unwrap().seq()).collect::<Vec<_>>();
    assert_eq!(seqs(NOON + 2 * DAY + 1), [5, 6, 7]);
    assert_eq!(seqs(i64::MIN), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(seqs(i64::MAX), [0; 0]);
    std::fs::write(&log.files().unwrap()[0], b"not looked at").unwrap();
    assert_eq!(seqs(NOON + 2 * DAY), [4, 5, 6, 7]);
}

#[test]
fn segments_are_the_log_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    log.append(NOON, &[draft("a")]).unwrap();
    log.append(NOON + DAY, &[draft("b"), draft("c")]).unwrap();
    let mut export = Vec::new();
    for segment in log.segments().unwrap() {
        let bytes = std::fs::read(&segment.path).unwrap();
        export.extend_from_slice(&bytes[..usize::try_from(segment.len).unwrap()]);
    }
    assert_eq!(export, content(&log));
    assert_eq!(verify::reader(export.as_slice(), "export").unwrap().entries, 3);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(&dir.path().join("new")).log;
    log.append(NOON, &[draft("a")]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!((mode(&dir.path().join("new")), mode(&log.files().unwrap()[0])), (0, 0));
}

#[cfg(unix)]
#[test]
fn the_log_is_closed_to_everyone_but_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (log_dir, mode) =
        (dir.path().join("audit"), |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777);
    let mut log = open(&log_dir).log;
    log.append(NOON, &[draft("a")]).unwrap();
    let file = log.files().unwrap().remove(0);
    drop(log);
    assert_eq!((mode(&log_dir), mode(&file), mode(&log_dir.join("lock"))), (0o700, 0o600, 0o600));
    std::fs::set_permissions(&log_dir, std::fs::Permissions::from_mode(0o775)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o664)).unwrap();
    open(&log_dir);
    assert_eq!((mode(&log_dir), mode(&file)), (0o700, 0o600), "opened up by someone, closed again");
    std::fs::set_permissions(&log_dir, std::fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(matches!(Log::open(&log_dir, "proxy-1", "acme", NOON), Err(LogError::Io { .. })), "shared like /tmp");
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_of_the_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let elsewhere = dir.path().join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, dir.path().join("audit-2023-11-15.jsonl")).unwrap();
    assert!(matches!(Log::open(dir.path(), "proxy-1", "acme", NOON), Err(LogError::Io { .. })));
    assert!(!elsewhere.exists(), "and nothing is written through it");
}

#[test]
fn the_last_possible_number_is_an_end_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let last = Chain::resume("proxy-1", u64::MAX - 1, crate::entry::GENESIS).seal(&draft("a")).unwrap();
    let after = Chain::resume("proxy-1", u64::MAX, last.hash()).seal(&draft("b")).unwrap();
    let text = format!("{}\n{}\n", last.to_line(), after.to_line());
    std::fs::write(dir.path().join("audit-2023-11-15.jsonl"), &text).unwrap();
    let mut verifier = verify::Verifier::new().partial();
    assert!(verifier.reader(text.as_bytes(), "log").is_err(), "no number follows on the last");
    let log = open(dir.path()).log;
    assert!(matches!(log.entries_since(0).last(), Some(Err(LogError::Damaged { .. }))));
}

/// A log of four days with an entry about an action on each, and its bytes.
fn four_days(dir: &Path) -> (Log, Vec<u8>) {
    let mut log = open(dir).log;
    for day in 0..4 {
        let mut intent = Draft { phase: crate::Phase::Intent, ..draft("a") };
        intent.request_id = Some(format!("request-{day}"));
        intent.detail.insert("operation".into(), "execute".into());
        log.append(NOON + day * DAY, &[draft("wörk"), intent, draft("b")]).unwrap();
    }
    let bytes = content(&log);
    (log, bytes)
}

fn export(log: &Log) -> Vec<u8> {
    let mut bytes = Vec::new();
    for segment in log.segments().unwrap() {
        io::Read::read_to_end(&mut segment.open().unwrap(), &mut bytes).unwrap();
    }
    bytes
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = dir.read_dir().unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn closed_days_are_compressed_still_verify_and_are_exported_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, bytes) = four_days(dir.path());
    let before_archiving = log.segments().unwrap();
    assert_eq!(log.archiver().archive(NOON + 2 * DAY, None, &|| true).unwrap(), 2);
    assert_eq!(log.archiver().archive(NOON + 2 * DAY, None, &|| true).unwrap(), 0, "once");
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
