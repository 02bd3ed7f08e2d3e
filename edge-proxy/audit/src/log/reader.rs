//! Reading a log beside its writer: by number, by its index, and the check of the index against the log.

use super::index::{self, Index, Mark, RECORD, Record, Sound};
use super::read::{self, Entries, Placed};
use super::{LogError, Segment, files};
use crate::{Entry, EntryError, MAX_LINE_BYTES};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use vyrox_contract::AuditHead;

/// A log as others than its writer see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    dir: PathBuf,
}

impl Reader {
    /// Of the log in `dir`, which need not be open.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The entry with this number, from a day's file that is not archived; `None` if there is none there. With the index
    /// of its day these are a few short reads, without it the day's file is read up to the entry.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Damaged`].
    pub fn entry(&self, seq: u64) -> Result<Option<Entry>, LogError> {
        for file in files::list(&self.dir)?.into_iter().rev().filter(|file| !file.is_archived()) {
            let Some(first) = first(&file.path)? else { continue };
            if first.seq() > seq {
                continue;
            }
            if let Some(entry) = indexed(&file.path, seq - first.seq())?.filter(|entry| entry.seq() == seq) {
                return Ok(Some(entry));
            }
            // No index of it: written while the disk was full, perhaps.
            let segment = Segment { path: file.path, len: u64::MAX };
            let found = Entries::new(Ok(vec![segment]), i64::MIN).find(|read| match read {
                Ok(entry) => entry.seq() >= seq,
                Err(_) => true,
            });
            return found.transpose().map(|entry| entry.filter(|entry| entry.seq() == seq));
        }
        Ok(None)
    }

    /// Reads every entry of `segments` stamped `since` or later, checks its hash, its link and that the index says of it
    /// what it says, and returns how many there were. As long as the log; for the background: it ends early once `go_on`
    /// says no.
    ///
    /// # Errors
    /// The first [`LogError::Damaged`], or [`LogError::Index`].
    pub fn check(&self, segments: Vec<Segment>, since: i64, go_on: &dyn Fn() -> bool) -> Result<u64, LogError> {
        let (mut checked, mut previous) = (0, None);
        for segment in read::window(segments, since) {
            let path = segment.path.clone();
            let mut entries = Entries::new(Ok(vec![segment]), i64::MIN).following(previous.take());
            let mut records = File::open(index::path(&path)).ok().map(BufReader::new);
            while let Some(Placed { entry, offset }) = entries.step()? {
                if !go_on() {
                    return Ok(checked);
                }
                checked += 1;
                let mut bytes = [0; RECORD];
                let Some(known) = &mut records else { continue };
                match known.read_exact(&mut bytes) {
                    Ok(()) if Record::decode(&bytes) == (Record { mark: Mark::of(&entry), offset }) => {}
                    Ok(()) => return Err(LogError::Index(index::path(&path))),
                    // It ends before the log does, which is allowed.
                    Err(_) => records = None,
                }
            }
            previous = entries.last_read();
        }
        Ok(checked)
    }
}

/// Hands out the mark of every entry of a day's file, oldest first, from its index; what that lacks is read from the file
/// and added to it.
#[inline]
pub(super) fn marks(segment: &Segment, mut visit: impl FnMut(u64, Mark)) -> Result<(), LogError> {
    let Some(first) = first(&segment.path)? else { return Ok(()) };
    let (_, expected) = settle(segment)?;
    let scanned = index::scan(&segment.path, |number, record| visit(first.seq() + number, record.mark))?;
    if scanned.len < expected { Err(LogError::Index(index::path(&segment.path))) } else { Ok(()) }
}

/// Brings the index of a day's file up to the end of the file. Returns it, and how many records it has.
pub(super) fn settle(segment: &Segment) -> Result<(Index, u64), LogError> {
    let path = &segment.path;
    let mut sound = last_of(path)?;
    let mut at = end_of(path, &sound)?;
    if at.is_none() {
        // The end of the index is not what it should be: how much of it is?
        sound = index::scan(path, |_, _| ())?;
        at = end_of(path, &sound)?;
    }
    if at.is_none() {
        sound = Sound::default();
    }
    let mut index = Index::open(path, &sound)?;
    let (offset, previous) = at.unwrap_or((0, None));
    if offset < segment.len {
        let mut entries = Entries::resume(path, offset, segment.len)?.following(previous);
        let mut records = Vec::new();
        while let Some(Placed { entry, offset }) = entries.step()? {
            records.push(Record { mark: Mark::of(&entry), offset });
            if records.len() == 1024 {
                index.add(records.drain(..)).map_err(LogError::io("write", &index::path(path)))?;
            }
        }
        index.add(records.into_iter()).map_err(LogError::io("write", &index::path(path)))?;
    }
    let len = index.len;
    Ok((index, len))
}

/// The last record of an index, without reading the rest.
fn last_of(log: &Path) -> Result<Sound, LogError> {
    let path = index::path(log);
    let read = || -> io::Result<Sound> {
        let mut file = File::open(&path)?;
        let len = file.metadata()?.len() / RECORD as u64;
        if len == 0 {
            return Ok(Sound::default());
        }
        let mut bytes = [0; RECORD];
        file.seek(SeekFrom::Start((len - 1) * RECORD as u64))?;
        file.read_exact(&mut bytes)?;
        Ok(Sound { len, check: Record::check_of(&bytes), last: Some(Record::decode(&bytes)) })
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Sound::default()),
        other => other.map_err(LogError::io("read", &path)),
    }
}

/// Where the line of the last record ends, and its entry, if the record is of the log that stands there.
fn end_of(log: &Path, sound: &Sound) -> Result<Option<(u64, Option<AuditHead>)>, LogError> {
    let Some(last) = sound.last else { return Ok(Some((0, None))) };
    let Some(first) = first(log)? else { return Ok(None) };
    let Ok(Some(entry)) = line_at(log, last.offset) else { return Ok(None) };
    let is_it = entry.seq() == first.seq() + (sound.len - 1) && Mark::of(&entry) == last.mark;
    let head = AuditHead { seq: entry.seq(), hash: entry.hash().to_owned() };
    Ok(is_it.then(|| (last.offset + entry.to_line().len() as u64 + 1, Some(head))))
}

/// The first entry of a day's file.
pub(super) fn first(log: &Path) -> Result<Option<Entry>, LogError> {
    line_at(log, 0)
}

/// The entry of record `number` of a day's index; `None` without one.
fn indexed(log: &Path, number: u64) -> Result<Option<Entry>, LogError> {
    let read = || -> io::Result<Record> {
        let mut bytes = [0; RECORD];
        let mut file = File::open(index::path(log))?;
        file.seek(SeekFrom::Start(number * RECORD as u64))?;
        file.read_exact(&mut bytes)?;
        Ok(Record::decode(&bytes))
    };
    let Ok(record) = read() else { return Ok(None) };
    // If the index points to nowhere, the file itself is asked.
    Ok(line_at(log, record.offset).ok().flatten())
}

/// The entry whose line begins at `offset`; `None` at the end of the file.
fn line_at(log: &Path, offset: u64) -> Result<Option<Entry>, LogError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(offset))?;
        BufReader::with_capacity(1024, file).take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
        Ok(line)
    };
    let line = read().map_err(LogError::io("read", log))?;
    if line.is_empty() {
        return Ok(None);
    }
    let entry = line.strip_suffix(b"\n").ok_or(EntryError::NotCanonical).and_then(Entry::from_line);
    entry.map(Some).map_err(|source| LogError::Damaged { file: log.to_owned(), line: 1, source })
}
