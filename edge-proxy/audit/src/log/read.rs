//! Reading the log back, entry by entry.

use super::{LogError, Segment, files};
use crate::{Entry, EntryError, MAX_LINE_BYTES};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Take};
use std::path::PathBuf;
use vyrox_contract::AuditHead;

const DAY_SECONDS: i64 = 24 * 60 * 60;

pub(super) struct Entries {
    segments: std::vec::IntoIter<Segment>,
    failed: Option<LogError>,
    reading: Option<Reading>,
    previous: Option<AuditHead>,
    since: i64,
}

struct Reading {
    lines: Take<BufReader<File>>,
    path: PathBuf,
    line: u64,
}

impl Entries {
    pub(super) fn new(segments: Result<Vec<Segment>, LogError>, since: i64) -> Self {
        let (segments, failed) = match segments {
            Ok(segments) => (segments, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut segments = segments;
        // An entry stands in the file of the day on which it was written or a later one, never an earlier one. A day of
        // slack is for entries that are stamped a little after they are written. No such day: the whole log.
        if let Ok(first) = files::day(since.saturating_sub(DAY_SECONDS)) {
            segments.retain(|segment| segment.path.file_name() >= files::path("".as_ref(), &first).file_name());
        }
        Self { segments: segments.into_iter(), failed, reading: None, previous: None, since }
    }

    /// The next entry, however old.
    fn step(&mut self) -> Result<Option<Entry>, LogError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            let Some(reading) = &mut self.reading else {
                let Some(segment) = self.segments.next() else { return Ok(None) };
                let file = File::open(&segment.path).map_err(LogError::io("open", &segment.path))?;
                let lines = BufReader::new(file).take(segment.len);
                self.reading = Some(Reading { lines, path: segment.path, line: 0 });
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
            return Ok(Some(entry));
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some(entry)) if entry.timestamp() < self.since => {}
                Ok(entry) => return entry.map(Ok),
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
