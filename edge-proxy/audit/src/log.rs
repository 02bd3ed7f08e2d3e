//! The proxy's log: daily files, appended to and synced before anyone is answered.
//!
//! ```text
//! DIR/audit-2026-05-22.jsonl   one entry per line; the day (UTC) on which it was written
//! DIR/audit-2026-05-23.jsonl   the chain goes on across files
//! DIR/audit-2026-05-22.idx     its index: which entry is about which action, and where its line is; derived
//! DIR/audit-2026-05-01.jsonl.gz  a day that nothing needs any more, compressed
//! DIR/torn-17.bin              what was cut at a start; entry 17, AUDIT_REPAIRED, tells of it
//! DIR/lock                     held while a Log is open, so that two processes cannot fork the chain
//! ```
//!
//! What a crash leaves behind, stage by stage:
//!
//! | crash | on disk | next start |
//! |---|---|---|
//! | before the write | nothing | nothing |
//! | inside the write | some whole lines, perhaps one torn line | the torn line is cut and an `AUDIT_REPAIRED` entry written; whole lines stay |
//! | after the write, before the sync | any of the above | the same; nobody had been told that the entries are stored |
//! | after the sync | all of it | nothing |
//! | while cutting a torn line | `torn.pending` | the repair is finished |
//! | before the index is written | the newest entries have no record | they are read from the log |
//! | while compressing a day | a part, or the day twice | it is compressed anew, or compared and removed once |
//!
//! A damaged line anywhere else is no crash. It is never repaired: [`Log::open`] refuses what it sees of it, and
//! [`Log::entries_since`] and the verifier see the rest.
//!
//! Opening reads the last line and the end of its day's index only, so its time does not depend on the log's length.
//! [`Log::marks`] reads 32 bytes for each entry that is not compressed; [`Reader::check`] reads all of them, in the background.

mod archive;
mod batch;
mod current;
mod disk;
mod error;
mod files;
mod index;
mod read;
mod reader;
mod repair;
mod tail;

pub use archive::Archiver;
pub use batch::Batch;
pub use error::LogError;
pub use index::{Mark, SubjectDigest};
pub use reader::Reader;

use crate::{Chain, Draft, Entry};
use current::Current;
use disk::{Disk, OsDisk};
use index::{Index, Record, Sound};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use vyrox_contract::AuditHead;

const LOCK_FILE: &str = "lock";

/// What opening found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The head that was found, before any repair entry; `None` for an empty log.
    pub head: Option<AuditHead>,
    /// The `AUDIT_REPAIRED` entry, if something was cut.
    pub repair: Option<Entry>,
}

impl Recovered {
    /// Bytes of a torn last line that were cut off.
    #[must_use]
    pub fn cut_bytes(&self) -> u64 {
        self.repair.as_ref().and_then(|entry| entry.detail().get("cut_bytes")?.as_u64()).unwrap_or(0)
    }
}

/// An open log and what opening it found.
#[derive(Debug)]
pub struct Opened {
    /// The log, ready to append.
    pub log: Log,
    /// What was found and mended.
    pub recovered: Recovered,
}

/// One file of a log, as far as it is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes up to the last whole batch. What stands behind that is not part of the log. Without meaning for
    /// a compressed file, which is whole.
    pub len: u64,
}

impl Segment {
    /// Its content: what [`len`](Self::len) covers, decompressed if need be.
    ///
    /// # Errors
    /// If the file cannot be opened. Reading it fails if its compressed form is damaged.
    pub fn open(&self) -> io::Result<impl io::Read + Send + use<>> {
        Ok(io::Read::take(files::open(&self.path)?, self.len))
    }
}

/// The one writer of a log directory.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    chain: Chain,
    current: Option<Current>,
    /// Of the current file; `None` until the first entry after a failure.
    index: Option<Index>,
    disk: Box<dyn Disk>,
    /// Held, never read: the lock ends with it.
    _lock: File,
}

impl Log {
    /// Opens or creates the log in `dir` for the chain `chain_id`, alone, and mends a torn last line. The entry about a
    /// repair is `tenant_for_events`' and stamped `now` (unix seconds).
    ///
    /// # Errors
    /// [`LogError`], in particular [`LogError::Locked`], [`LogError::Damaged`] and [`LogError::ForeignChain`].
    pub fn open(dir: &Path, chain_id: &str, tenant_for_events: &str, now: i64) -> Result<Opened, LogError> {
        Self::open_on(Box::new(OsDisk), dir, chain_id, tenant_for_events, now)
    }

    fn open_on(disk: Box<dyn Disk>, dir: &Path, chain_id: &str, tenant: &str, now: i64) -> Result<Opened, LogError> {
        disk::create_dir(dir).map_err(LogError::io("create", dir))?;
        disk::keep_private(dir, true).map_err(LogError::io("make private", dir))?;
        let lock = lock(dir)?;
        let files = files::list(dir)?;
        for file in &files {
            // Also the compressed ones: they are the log.
            disk::keep_private(&file.path, false).map_err(LogError::io("make private", &file.path))?;
        }
        let tail = tail::find(&files)?;
        let chain = match &tail.last {
            None => Chain::genesis(chain_id),
            Some(last) if last.chain() == chain_id => Chain::resume(chain_id, last.seq(), last.hash()),
            Some(last) => {
                return Err(LogError::ForeignChain {
                    dir: dir.to_owned(),
                    found: last.chain().to_owned(),
                    expected: chain_id.to_owned(),
                });
            }
        };
        repair::set_aside(dir, &*disk, tail.cut.as_ref())?;
        let newest = files.last().filter(|newest| !newest.is_archived());
        let current = newest.map(|newest| Current::open(&*disk, dir, newest.day.clone())).transpose()?;
        let mut log = Self { dir: dir.to_owned(), chain, current, index: None, disk, _lock: lock };
        log.reopen_index();
        let mut recovered = Recovered { head: log.head(), ..Recovered::default() };
        if let Some(draft) = repair::unreported(dir, tenant, now)? {
            recovered.repair = log.append(now, &[draft])?.into_iter().next();
            repair::reported(dir, log.head())?;
        }
        Ok(Opened { log, recovered })
    }

    /// Seals the drafts and appends them: one write and one sync for all of them. When this returns, they are on disk.
    /// The file is that of `now`'s day (unix seconds), or the newest there is if the clock went back.
    ///
    /// # Errors
    /// [`LogError`]. Then none of them is in the log and the chain has not advanced; the file is cut back to where it
    /// was, now or at the next call, so that a disk that was full and is freed again needs no restart.
    pub fn append<'a>(
        &mut self,
        now: i64,
        drafts: impl IntoIterator<Item = &'a Draft>,
    ) -> Result<Vec<Entry>, LogError> {
        let mut batch = self.batch();
        for (index, draft) in drafts.into_iter().enumerate() {
            batch.add(draft.clone()).map_err(|source| LogError::Draft { index, source })?;
        }
        batch.store(now)
    }

    /// Begins a batch. Nothing is in the log before it is stored.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Adds what has been stored to the index. A failure costs time at a later start or look-up, nothing else.
    fn note(&mut self, records: &[Record], stored: u64) {
        let Some(current) = &self.current else { return };
        let base = current.len() - stored;
        if base == 0 {
            self.index = Index::open(current.path(), &Sound::default()).ok();
        }
        let placed = records.iter().map(|record| Record { offset: base + record.offset, ..*record });
        match &mut self.index {
            Some(index) => {
                if index.add(placed).is_err() {
                    self.index = None;
                }
            }
            None => self.reopen_index(),
        }
    }

    /// Brings the current file's index up to its end, if that can be done.
    fn reopen_index(&mut self) {
        let segment =
            self.current.as_ref().map(|current| Segment { path: current.path().to_owned(), len: current.len() });
        self.index = segment.and_then(|segment| reader::settle(&segment).ok()).map(|(index, _)| index);
    }

    fn write(&mut self, now: i64, bytes: &[u8]) -> Result<(), LogError> {
        let today = files::day(now)?;
        let disk = &*self.disk;
        if let Some(current) = &mut self.current {
            // Before a new day's file is begun, too: only the newest file may end in something torn.
            current.cut_back(disk)?;
            if current.day() >= today.as_str() {
                return current.append(disk, bytes);
            }
        }
        self.current.insert(Current::open(disk, &self.dir, today)?).append(disk, bytes)
    }

    /// The newest entry; `None` for an empty log.
    #[must_use]
    pub fn head(&self) -> Option<AuditHead> {
        self.chain.head()
    }

    /// The entries with a timestamp of at least `since` (unix seconds), oldest first, read one by one, as they stand at
    /// this moment. Each is checked to follow on the one before it.
    pub fn entries_since(&self, since: i64) -> impl Iterator<Item = Result<Entry, LogError>> + use<> {
        read::Entries::new(self.segments(), since)
    }

    /// Hands out number and [`Mark`] of every entry of the days that are not compressed, oldest first. 32 bytes are read for
    /// each.
    ///
    /// # Errors
    /// [`LogError`]; [`LogError::Index`] after handing out some of a day's marks, if that day's index is broken in its
    /// middle.
    #[inline]
    pub fn marks(&self, mut visit: impl FnMut(u64, Mark)) -> Result<(), LogError> {
        let segments = self.segments()?;
        let mut plain = segments.iter().filter(|segment| segment.len != u64::MAX);
        plain.try_for_each(|segment| reader::marks(segment, &mut visit))
    }

    /// What was written up to then (unix seconds) is not among the [`marks`](Self::marks): it is compressed, or the log does
    /// not begin with its first entry any more. `None` if all of the log is among them.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn unmarked_until(&self) -> Result<Option<i64>, LogError> {
        let files = files::list(&self.dir)?;
        if let Some(archived) = files.iter().rfind(|file| file.is_archived()) {
            return Ok(archived.end());
        }
        for file in &files {
            if let Some(first) = reader::first(&file.path)? {
                return Ok((first.seq() > 0).then(|| first.timestamp()));
            }
        }
        Ok(None)
    }

    /// About how many marks [`marks`](Self::marks) hands out, for making room; 0 if nothing is indexed yet.
    #[must_use]
    pub fn marks_expected(&self) -> u64 {
        self.segments().unwrap_or_default().iter().map(|segment| index::len(&segment.path)).sum()
    }

    /// Removes every index; they are made anew from the log when they are needed.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn discard_indexes(&mut self) -> Result<(), LogError> {
        self.index = None;
        for file in files::list(&self.dir)? {
            let path = index::path(&file.path);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LogError::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        self.reopen_index();
        Ok(())
    }

    /// Reads this log while it is written to.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(&self.dir)
    }

    /// Compresses days of this log that nothing needs any more.
    #[must_use]
    pub fn archiver(&self) -> Archiver {
        Archiver::new(&self.dir)
    }

    /// The log's files, oldest first. Their concatenation, decompressed where need be, is the log, byte for byte.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn files(&self) -> Result<Vec<PathBuf>, LogError> {
        Ok(files::list(&self.dir)?.into_iter().map(|file| file.path).collect())
    }

    /// The log's files with the length up to which they are complete now, oldest first: what to send when the log is
    /// exported while it grows.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn segments(&self) -> Result<Vec<Segment>, LogError> {
        let complete = |file: files::Named| {
            if file.is_archived() {
                return Ok(Segment { path: file.path, len: u64::MAX });
            }
            let len = match std::fs::metadata(&file.path) {
                Ok(metadata) => metadata.len(),
                // Archived just now: a closed file, so all of it counts.
                Err(error) if error.kind() == io::ErrorKind::NotFound => u64::MAX,
                Err(error) => return Err(LogError::io("read", &file.path)(error)),
            };
            let good = self.current.as_ref().filter(|current| current.day() == file.day).map(Current::len);
            Ok(Segment { len: good.map_or(len, |good| good.min(len)), path: file.path })
        };
        files::list(&self.dir)?.into_iter().map(complete).collect()
    }
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join(LOCK_FILE);
    let file = disk::options().write(true).create(true).open(&path).map_err(LogError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(LogError::io("lock", &path)(source)),
    }
}

#[cfg(test)]
mod tests;
