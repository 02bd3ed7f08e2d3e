//! Beside each day's file a small one, `audit-2026-05-22.idx`, with one record of 32 bytes per entry: so a start learns
//! which actions are known without parsing the log, and the entry of a number is found with two reads.
//!
//! ```text
//! 0..8   digest of the request id and operation, 0 for an entry that is not about an action
//! 8..16  where the entry's line begins in the day's file
//! 16..24 timestamp, unix seconds
//! 24     phase and flags      25..28 zero
//! 28..32 check: over these 28 bytes and the check of the record before
//! ```
//!
//! The log is the authority. An index is written after the entries are synced, is never synced itself and never ahead of
//! them; what it lacks, or what does not hold together after a power cut, is read from the log again. [`check`] compares
//! all of it with the log.
//!
//! [`check`]: super::Reader::check

use super::{LogError, archive, disk};
use crate::{Entry, Phase};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub(super) const RECORD: usize = 32;
/// Read at once: fits the processor's cache, so that a million records cost one pass over memory that stays warm.
const CHUNK: usize = 8 * 1024 * RECORD;

const INTENT: u8 = 1;
const OUTCOME: u8 = 2;
const ROLLBACK: u8 = 4;
const DRY_RUN: u8 = 8;
const LEASED: u8 = 16;
const LEASE: [&str; 3] = ["lease_seconds", "lease_until", "lease_of"];

/// Which action an entry is about, in 64 bits. Two actions can have the same one, so a match is only a hint to read the
/// entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubjectDigest(u64);

impl SubjectDigest {
    /// Of a request id and the name of an operation.
    #[must_use]
    pub fn of(request_id: &str, operation: &str) -> Self {
        let digest = Sha256::new().chain_update(operation).chain_update([0]).chain_update(request_id).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        // 0 says "no action".
        Self(u64::from_le_bytes(first).max(1))
    }

    /// The bits, evenly spread: they need no hashing again.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }
}

/// What the index says about one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The action that it is about.
    pub subject: Option<SubjectDigest>,
    /// When, unix seconds.
    pub timestamp: i64,
    /// Where in the life of an action it stands.
    pub phase: Phase,
    /// Whether the action undoes.
    pub rollback: bool,
    /// Whether no EDR was to be called.
    pub dry_run: bool,
    /// Whether the entry tells of a lease: its detail has `lease_seconds`, `lease_until` or `lease_of`.
    pub leased: bool,
}

impl Mark {
    /// Of an entry.
    pub(super) fn of(entry: &Entry) -> Self {
        let operation = entry.detail().get("operation").and_then(|value| value.as_str());
        Self {
            subject: entry.request_id().zip(operation).map(|(id, operation)| SubjectDigest::of(id, operation)),
            timestamp: entry.timestamp(),
            phase: entry.phase(),
            rollback: operation == Some("rollback"),
            dry_run: entry.dry_run(),
            leased: LEASE.iter().any(|name| entry.detail().contains_key(*name)),
        }
    }

    fn flags(self) -> u8 {
        let phase = match self.phase {
            Phase::Intent => INTENT,
            Phase::Outcome => OUTCOME,
            Phase::Event => 0,
        };
        let flag = |set: bool, bit| if set { bit } else { 0 };
        phase | flag(self.rollback, ROLLBACK) | flag(self.dry_run, DRY_RUN) | flag(self.leased, LEASED)
    }
}

/// A record: the mark, and where the entry's line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) mark: Mark,
    pub(super) offset: u64,
}

impl Record {
    /// Its bytes, and the check for the next.
    fn encode(self, previous: u32) -> ([u8; RECORD], u32) {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.mark.subject.map_or(0, SubjectDigest::bits).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.mark.timestamp.to_le_bytes());
        bytes[24] = self.mark.flags();
        let check = check(&bytes, previous);
        bytes[28..].copy_from_slice(&check.to_le_bytes());
        (bytes, check)
    }

    #[inline]
    pub(super) fn check_of(bytes: &[u8; RECORD]) -> u32 {
        u32::from_le_bytes(bytes.as_chunks().0[7])
    }

    #[inline]
    pub(super) fn decode(bytes: &[u8; RECORD]) -> Self {
        let flags = bytes[24];
        let phase = match flags & (INTENT | OUTCOME) {
            INTENT => Phase::Intent,
            OUTCOME => Phase::Outcome,
            _ => Phase::Event,
        };
        let subject = word(bytes, 0);
        let mark = Mark {
            subject: (subject != 0).then_some(SubjectDigest(subject)),
            timestamp: i64::from_le_bytes(word(bytes, 2).to_le_bytes()),
            phase,
            rollback: flags & ROLLBACK != 0,
            dry_run: flags & DRY_RUN != 0,
            leased: flags & LEASED != 0,
        };
        Self { mark, offset: word(bytes, 1) }
    }
}

/// The word with this number, of four.
#[inline]
fn word(bytes: &[u8; RECORD], number: usize) -> u64 {
    u64::from_le_bytes(bytes.as_chunks().0[number])
}

/// Against holes and torn ends, not against people: those the chain finds.
#[inline]
fn check(bytes: &[u8; RECORD], previous: u32) -> u32 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let tail = u64::from(bytes[24]) << 32 | u64::from(previous);
    let mut state = tail ^ MULTIPLIER;
    for number in 0..3 {
        state = (state ^ word(bytes, number)).wrapping_mul(MULTIPLIER);
        state ^= state >> 29;
    }
    (state >> 32) as u32
}

/// The index file of a day's file.
pub(super) fn path(log: &Path) -> PathBuf {
    log.with_extension("idx")
}

/// An index that is being written.
#[derive(Debug)]
pub(super) struct Index {
    file: File,
    /// Records written.
    pub(super) len: u64,
    check: u32,
}

impl Index {
    /// Opens or creates the index of a day's file; `keep` records of it are right and stay, `check` being the last one's.
    pub(super) fn open(log: &Path, keep: &Sound) -> Result<Self, LogError> {
        let path = path(log);
        let open = || -> io::Result<File> {
            let file = disk::options().append(true).create(true).open(&path)?;
            file.set_len(keep.len * RECORD as u64)?;
            Ok(file)
        };
        Ok(Self { file: open().map_err(LogError::io("write", &path))?, len: keep.len, check: keep.check })
    }

    /// Adds records in one write.
    ///
    /// # Errors
    /// The system's. Then the index must not be written to again: it may end in part of a record.
    pub(super) fn add(&mut self, records: impl Iterator<Item = Record>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(records.size_hint().0 * RECORD);
        for record in records {
            let (encoded, check) = record.encode(self.check);
            bytes.extend_from_slice(&encoded);
            self.check = check;
            self.len += 1;
        }
        self.file.write_all(&bytes)
    }
}

/// How many whole records a day's index has.
pub(super) fn len(log: &Path) -> u64 {
    std::fs::metadata(path(log)).map_or(0, |metadata| metadata.len() / RECORD as u64)
}

/// How much of an index file holds together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sound {
    /// Records.
    pub(super) len: u64,
    /// The check of the last.
    pub(super) check: u32,
    /// The last.
    pub(super) last: Option<Record>,
}

/// Reads an index from its beginning as far as it holds together, and hands out every record with its place in the file.
/// No file is an empty one.
// Inlined with its caller's closure, as all on the way of a start's million records is: calls would be half of its time.
#[inline]
pub(super) fn scan(log: &Path, mut visit: impl FnMut(u64, Record)) -> Result<Sound, LogError> {
    let path = path(log);
    let mut sound = Sound::default();
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(sound),
        Err(error) => return Err(LogError::io("read", &path)(error)),
    };
    let mut chunk = vec![0; CHUNK];
    loop {
        let filled = archive::fill(&mut file, &mut chunk).map_err(LogError::io("read", &path))?;
        for bytes in chunk[..filled].as_chunks::<RECORD>().0 {
            let computed = check(bytes, sound.check);
            let record = Record::decode(bytes);
            let follows = sound.last.map_or(record.offset == 0, |last| record.offset > last.offset);
            if Record::check_of(bytes) != computed || !follows {
                return Ok(sound);
            }
            visit(sound.len, record);
            sound = Sound { len: sound.len + 1, check: computed, last: Some(record) };
        }
        if filled < CHUNK {
            return Ok(sound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> Record {
        let mark = Mark {
            subject: (!number.is_multiple_of(3)).then(|| SubjectDigest::of(&number.to_string(), "execute")),
            timestamp: 1_700_000_000 - i64::try_from(number).unwrap(),
            phase: [Phase::Intent, Phase::Outcome, Phase::Event][usize::try_from(number % 3).unwrap()],
            rollback: number.is_multiple_of(2),
            dry_run: number.is_multiple_of(5),
            leased: number.is_multiple_of(7),
        };
        Record { mark, offset: number * 700 }
    }

    #[test]
    fn records_are_read_as_they_were_written_and_a_torn_or_altered_one_ends_them() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("audit-2026-05-22.jsonl");
        let records: Vec<Record> = (0..20_000).map(record).collect();
        let mut index = Index::open(&log, &Sound::default()).unwrap();
        for part in records.chunks(777) {
            index.add(part.iter().copied()).unwrap();
        }
        let read = || {
            let mut read = Vec::new();
            let sound = scan(&log, |number, record| {
                assert_eq!(number, read.len() as u64);
                read.push(record);
            });
            assert_eq!(sound.unwrap().last, read.last().copied());
            read
        };
        assert_eq!(read(), records);
        let bytes = std::fs::read(path(&log)).unwrap();
        std::fs::write(path(&log), &bytes[..bytes.len() - 5]).unwrap();
        assert_eq!(read(), records[..19_999], "a torn record is none");
        for at in [0, 9, 17, 24, 29] {
            let mut altered = bytes.clone();
            altered[500 * RECORD + at] ^= 1;
            std::fs::write(path(&log), &altered).unwrap();
            assert_eq!(read(), records[..500], "byte {at}");
        }
        let mut hole = bytes.clone();
        hole[4096..8192].fill(0);
        std::fs::write(path(&log), &hole).unwrap();
        assert_eq!(read(), records[..128], "a page that a power cut lost");
        let sound = scan(&log, |_, _| ()).unwrap();
        let mut index = Index::open(&log, &sound).unwrap();
        index.add(records[128..].iter().copied()).unwrap();
        assert_eq!(std::fs::read(path(&log)).unwrap(), bytes, "goes on as if nothing had happened");
    }
}
