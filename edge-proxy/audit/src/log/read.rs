//! Reading the log back, entry by entry.

use super::{LogError, Segment, files};
use crate::{Entry, EntryError, MAX_LINE_BYTES};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom, Take};
use std::path::{Path, PathBuf};
use vyrox_contract::AuditHead;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The segments that can hold entries stamped `since` or later. An entry stands in the file of the day on which it was
/// written or a later one, never an earlier one. A day of slack is for entries that are stamped a little after they are
/// written. No such day: all of them.
pub(super) fn window(mut segments: Vec<Segment>, since: i64) -> Vec<Segment> {
    if let Ok(first) = files::day(since.saturating_sub(DAY_SECONDS)) {
        segments.retain(|segment| segment.path.file_name() >= files::path("".as_ref(), &first).file_name());
    }
    segments
}

pub(super) struct Entries {
    segments: std::vec::IntoIter<Segment>,
    failed: Option<LogError>,
    reading: Option<Reading>,
    previous: Option<AuditHead>,
    since: i64,
}

/// An entry and where its line begins in its file.
pub(super) struct Placed {
    pub(super) entry: Entry,
    pub(super) offset: u64,
}

struct Reading {
    lines: Take<BufReader<Box<dyn Read + Send>>>,
    path: PathBuf,
    line: u64,
    offset: u64,
}

impl Entries {
    pub(super) fn new(segments: Result<Vec<Segment>, LogError>, since: i64) -> Self {
        let (segments, failed) = match segments {
            Ok(segments) => (window(segments, since), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Self { segments: segments.into_iter(), failed, reading: None, previous: None, since }
    }

    /// The entries of one file from `offset`, where a line begins, to `end`.
    pub(super) fn resume(path: &Path, offset: u64, end: u64) -> Result<Self, LogError> {
        let open = || -> io::Result<Box<dyn Read + Send>> {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(Box::new(file))
        };
        let content = open().map_err(LogError::io("open", path))?;
        let lines = BufReader::with_capacity(64 * 1024, content).take(end - offset);
        let reading = Reading { lines, path: path.to_owned(), line: 0, offset };
        Ok(Self { reading: Some(reading), ..Self::new(Ok(Vec::new()), i64::MIN) })
    }

    /// Requires the first entry to follow on this one.
    pub(super) fn following(mut self, previous: Option<AuditHead>) -> Self {
        self.previous = previous;
        self
    }

    /// The entry that was read last.
    pub(super) fn last_read(self) -> Option<AuditHead> {
        self.previous
    }

    /// The next entry, however old.
    pub(super) fn step(&mut self) -> Result<Option<Placed>, LogError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            let Some(reading) = &mut self.reading else {
                let Some(segment) = self.segments.next() else { return Ok(None) };
                let content = files::open(&segment.path).map_err(LogError::io("open", &segment.path))?;
                let lines = BufReader::with_capacity(64 * 1024, content).take(segment.len);
                self.reading = Some(Reading { lines, path: segment.path, line: 0, offset: 0 });
                continue;
            };
            let mut line = Vec::new();
            let limit = MAX_LINE_BYTES as u64 + 1;
            let read = reading.lines.by_ref().take(limit).read_until(b'\n', &mut line);
            if read.map_err(LogError::io("read", &reading.path))? == 0 {
                self.reading = None;
                continue;
            }
            reading.line += 1;
            let offset = reading.offset;
            reading.offset += line.len() as u64;
            let entry = line.strip_suffix(b"\n").ok_or(EntryError::NotCanonical).and_then(Entry::from_line);
            let checked = entry.and_then(|entry| match &self.previous {
                Some(head) if head.seq.checked_add(1) != Some(entry.seq()) || head.hash != entry.previous_hash() => {
                    Err(EntryError::Link)
                }
                _ => Ok(entry),
            });
            let damaged = |source| LogError::Damaged { file: reading.path.clone(), line: reading.line, source };
            let entry = checked.map_err(damaged)?;
            self.previous = Some(AuditHead { seq: entry.seq(), hash: entry.hash().to_owned() });
            return Ok(Some(Placed { entry, offset }));
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some(Placed { entry, .. })) if entry.timestamp() < self.since => {}
                Ok(placed) => return placed.map(|placed| Ok(placed.entry)),
                Err(error) => {
                    // One error, then the end: what follows a damaged line has nothing to be checked against.
                    self.segments = Vec::new().into_iter();
                    self.reading = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
