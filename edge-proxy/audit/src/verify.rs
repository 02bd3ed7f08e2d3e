//! The verifier: recomputes every hash and every link of one or many chains.
//!
//! It uses nothing of the writer, so that one mistake cannot hide in both: its parsing, its canonical JSON and its hashes
//! are its own, over the raw bytes of each line. `verify.py` beside this crate is a second one in another language.
//!
//! What it finds: any changed byte, a removed, repeated, reordered or inserted line, a torn last line, a chain that does
//! not begin at its beginning. What it cannot find alone: entries removed from a chain's end, or a chain rewritten from
//! some entry to its end. For that, give it heads that were noted elsewhere ([`Verifier::expect`]).
//!
//! Two formats are read: version 2, in canonical form only, and the published version 1 (the eight published fields, in
//! any order; such entries form one unnamed chain). Published entries of the form `{"timestamp","entry":{..}}` are not.

mod json;
mod problem;

pub use problem::{Failure, Problem};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 1024 * 1024;
const FIRST_LINK: [u8; 64] = [b'0'; 64];
const TEXTS: [&str; 4] = ["tenant_id", "action_type", "host", "approved_by"];

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Entries in all chains.
    pub entries: u64,
    /// The chains, by name.
    pub chains: Vec<ChainReport>,
}

/// One verified chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChainReport {
    /// Its name; empty for entries of the published format, which have none.
    pub chain: String,
    /// Its entries.
    pub entries: u64,
    /// The number of the first one read: 0 unless a part was verified.
    pub first_seq: u64,
    /// The number of the last.
    pub last_seq: u64,
    /// The hash of the last, 64 hex digits.
    pub head: String,
}

/// A head that was noted elsewhere: a chain that is whole still holds this entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedHead {
    /// The chain; `None`: whichever holds it.
    pub chain: Option<String>,
    /// The entry's number.
    pub seq: u64,
    /// The entry's hash.
    pub hash: String,
}

/// Takes lines, of as many chains as there are, in one stream.
#[derive(Debug, Default)]
pub struct Verifier {
    chains: BTreeMap<String, ChainReport>,
    expected: Vec<ExpectedHead>,
    partial: bool,
}

impl Verifier {
    /// A verifier that wants every chain from its first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets chains begin anywhere: for a part of a log, whose earlier entries are elsewhere.
    #[must_use]
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// Requires an entry to be there.
    #[must_use]
    pub fn expect(mut self, head: ExpectedHead) -> Self {
        self.expected.push(head);
        self
    }

    /// Verifies the files `audit-*.jsonl` of a directory, in the order of their names.
    ///
    /// # Errors
    /// [`Failure`] for the first line that is wrong.
    pub fn directory(&mut self, dir: &Path) -> Result<(), Failure> {
        let unreadable = |source| Failure::at(&dir.display().to_string(), 0, Problem::Unreadable(source));
        let mut files: Vec<PathBuf> = Vec::new();
        for item in std::fs::read_dir(dir).map_err(unreadable)? {
            let path = item.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("audit-") && name.ends_with(".jsonl") {
                files.push(path);
            }
        }
        files.sort_unstable();
        files.iter().try_for_each(|path| self.file(path))
    }

    /// Verifies one file.
    ///
    /// # Errors
    /// [`Failure`] for the first line that is wrong.
    pub fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| Failure::at(&name, 0, Problem::Unreadable(source)))?;
        self.reader(BufReader::new(file), &name)
    }

    /// Verifies a stream; `name` is for the failure's text.
    ///
    /// # Errors
    /// [`Failure`] for the first line that is wrong.
    pub fn reader(&mut self, mut reader: impl BufRead, name: &str) -> Result<(), Failure> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line);
            match read.map_err(|source| Failure::at(name, number, Problem::Unreadable(source)))? {
                0 => break,
                read if read as u64 > MAX_LINE => return Err(Failure::at(name, number, Problem::TooLong)),
                _ => {}
            }
            let result = match line.strip_suffix(b"\n") {
                Some(whole) => self.line(whole),
                None => Err((Problem::TornLine, None)),
            };
            result.map_err(|(problem, chain)| Failure { chain, ..Failure::at(name, number, problem) })?;
        }
        Ok(())
    }

    /// One line, without its newline. The error says which chain, if that much could be read.
    fn line(&mut self, line: &[u8]) -> Result<(), (Problem, Option<String>)> {
        let entry = json::parse(line).map_err(|problem| (problem, None))?;
        let chain = entry.get("chain").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.entry(line, entry, &chain).map_err(|problem| (problem, Some(chain)))
    }

    fn entry(&mut self, line: &[u8], mut entry: Map<String, Value>, chain: &str) -> Result<(), Problem> {
        let seq = number_of(&entry)?;
        for field in TEXTS {
            entry.get(field).and_then(Value::as_str).ok_or(Problem::MissingField(field))?;
        }
        entry.get("timestamp").and_then(Value::as_i64).ok_or(Problem::MissingField("timestamp"))?;
        entry.get("dry_run").and_then(Value::as_bool).ok_or(Problem::MissingField("dry_run"))?;
        // Version 2 has one spelling, so that no byte of a line can change unseen. Version 1 had several.
        if seq.is_some() && json::canonical(&entry) != line {
            return Err(Problem::NotCanonical);
        }
        let Some(Value::String(hash)) = entry.remove("hash") else { return Err(Problem::MissingField("hash")) };
        let content = json::canonical(&entry);
        let Some(Value::String(previous)) = entry.remove("previous_hash") else {
            return Err(Problem::MissingField("previous_hash"));
        };
        if digest(&previous, &content) != hash {
            return Err(Problem::HashMismatch);
        }
        self.follow(chain, seq, &previous, hash)
    }

    /// Whether a sound entry follows on what its chain has so far.
    fn follow(&mut self, chain: &str, seq: Option<u64>, previous: &str, hash: String) -> Result<(), Problem> {
        self.expected.retain(|head| {
            let named = head.chain.as_deref().is_none_or(|name| name == chain);
            !(named && seq.is_none_or(|seq| seq == head.seq) && head.hash == hash)
        });
        let Some(state) = self.chains.get_mut(chain) else {
            let first_seq = seq.unwrap_or(0);
            if !self.partial && first_seq != 0 {
                return Err(Problem::SequenceGap { expected: 0, found: first_seq });
            }
            if first_seq == 0 && previous.as_bytes() != FIRST_LINK && !(self.partial && seq.is_none()) {
                return Err(Problem::BrokenLink);
            }
            let report =
                ChainReport { chain: chain.to_owned(), entries: 1, first_seq, last_seq: first_seq, head: hash };
            self.chains.insert(chain.to_owned(), report);
            return Ok(());
        };
        let expected = state.last_seq.saturating_add(1);
        let found = seq.unwrap_or(expected);
        if found != expected || found == state.last_seq {
            return Err(Problem::SequenceGap { expected, found });
        }
        if previous != state.head {
            return Err(Problem::BrokenLink);
        }
        *state = ChainReport { entries: state.entries + 1, last_seq: found, head: hash, ..state.clone() };
        Ok(())
    }

    /// The report, once everything has been read.
    ///
    /// # Errors
    /// [`Problem::HeadMissing`] if an expected head was not met.
    pub fn finish(self) -> Result<Report, Failure> {
        if let Some(head) = self.expected.into_iter().next() {
            let problem = Problem::HeadMissing { seq: head.seq, hash: head.hash };
            return Err(Failure { chain: head.chain, ..Failure::at("", 0, problem) });
        }
        let chains: Vec<ChainReport> = self.chains.into_values().collect();
        Ok(Report { entries: chains.iter().map(|chain| chain.entries).sum(), chains })
    }
}

/// Verifies a log directory.
///
/// # Errors
/// [`Failure`] for the first line that is wrong.
pub fn directory(dir: &Path) -> Result<Report, Failure> {
    let mut verifier = Verifier::new();
    verifier.directory(dir)?;
    verifier.finish()
}

/// Verifies a stream of lines; `name` is for the failure's text.
///
/// # Errors
/// [`Failure`] for the first line that is wrong.
pub fn reader(reader: impl BufRead, name: &str) -> Result<Report, Failure> {
    let mut verifier = Verifier::new();
    verifier.reader(reader, name)?;
    verifier.finish()
}

/// The entry's number, `None` for the published format, which has neither numbers nor chains nor a version.
fn number_of(entry: &Map<String, Value>) -> Result<Option<u64>, Problem> {
    if !["schema_version", "chain", "seq"].iter().any(|field| entry.contains_key(*field)) {
        return Ok(None);
    }
    match entry.get("schema_version").ok_or(Problem::MissingField("schema_version"))?.as_u64() {
        Some(2) => {}
        _ => return Err(Problem::UnknownSchema),
    }
    entry.get("chain").and_then(Value::as_str).ok_or(Problem::MissingField("chain"))?;
    entry.get("seq").and_then(Value::as_u64).map(Some).ok_or(Problem::MissingField("seq"))
}

fn digest(previous: &str, content: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update("|");
    hasher.update(content);
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests;
