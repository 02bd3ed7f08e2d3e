mod archive;
mod indexed;
mod recovery;

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
