//! The verifier: recomputes every hash and every link of one or many chains.
//!
//! It uses nothing of the writer, so that one mistake cannot hide in both: its parsing, its canonical JSON and its hashes
//! are its own, over the raw bytes of each line. `verify.py` beside this crate is a second one in another language.
//!
//! What it finds: any changed byte, a removed, repeated, reordered or inserted line, a torn last line, a chain that does
//! not begin at its beginning, a lane that is not as a checkpoint says (cut, rewritten, dropped), a checkpoint that the
//! platform did not sign ([`Verifier::trust`]). What it cannot find alone: entries removed from the end of a chain that no
//! checkpoint covers, or such a chain rewritten from some entry to its end. For that, give it heads that were noted
//! elsewhere ([`Verifier::expect`]), or the other side's log ([`crosscheck`]).
//!
//! Two formats are read: version 2, in canonical form only, and the published version 1 (the eight published fields, in
//! any order; such entries form one unnamed chain). Published entries of the form `{"timestamp","entry":{..}}` are not.

mod checkpoint;
pub mod clock;
pub mod crosscheck;
mod envelope;
pub mod explain;
mod input;
mod json;
mod key;
mod problem;
mod report;

pub use envelope::Opened;
pub use key::{PublicKey, UnusableKey};
pub use problem::{Failure, Problem};
pub use report::{ChainReport, ExpectedHead, Report, Seen};

use checkpoint::Noted;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read as _};
use std::path::Path;

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 1024 * 1024;
const FIRST_LINK: [u8; 64] = [b'0'; 64];
const TEXTS: [&str; 4] = ["tenant_id", "action_type", "host", "approved_by"];

/// A chain as far as it has been read.
#[derive(Debug)]
struct Chain {
    report: ChainReport,
    closed: bool,
}

/// Told of every entry that was found sound.
type Watch<'a> = Box<dyn FnMut(Seen<'_>) + Send + 'a>;

/// Takes lines, of as many chains as there are, in one stream. Its memory grows with the number of chains, and with the
/// number of heads that checkpoints note; not with the number of entries.
#[derive(Default)]
pub struct Verifier<'a> {
    chains: BTreeMap<String, Chain>,
    expected: Vec<ExpectedHead>,
    noted: Noted,
    partial: bool,
    at: Option<i64>,
    watch: Option<Watch<'a>>,
}

impl fmt::Debug for Verifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("chains", &self.chains).finish_non_exhaustive()
    }
}

impl<'a> Verifier<'a> {
    /// A verifier that wants every chain from its first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires every checkpoint to be signed by one of the keys given so.
    #[must_use]
    pub fn trust(mut self, key: PublicKey) -> Self {
        self.noted.trust(key);
        self
    }

    /// Lets a lane be absent whose retention, as a checkpoint states it, has ended at this time (unix seconds). Without, no
    /// lane may be absent.
    #[must_use]
    pub const fn at(mut self, now: i64) -> Self {
        self.at = Some(now);
        self
    }

    /// Shows every verified entry, in the order of the stream.
    #[must_use]
    pub fn watch(mut self, watch: impl FnMut(Seen<'_>) + Send + 'a) -> Self {
        self.watch = Some(Box::new(watch));
        self
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

    /// Verifies what `path` names: a directory with `audit-*.jsonl`, a file, or `-` for standard input. Files may be
    /// compressed with gzip or zstd.
    ///
    /// # Errors
    /// [`Failure`] for the first line that is wrong.
    pub fn path(&mut self, path: &Path) -> Result<(), Failure> {
        if path == Path::new("-") {
            let stream = input::decompressed(std::io::stdin().lock());
            let stream = stream.map_err(|source| Failure::at("stdin", 0, Problem::Unreadable(source)))?;
            self.reader(stream, "stdin")
        } else if path.is_dir() {
            self.directory(path)
        } else {
            self.file(path)
        }
    }

    /// Verifies the files `audit-*.jsonl` of a directory, in the order of their names; compressed ones, too.
    ///
    /// # Errors
    /// [`Failure`] for the first line that is wrong.
    pub fn directory(&mut self, dir: &Path) -> Result<(), Failure> {
        let files = input::files(dir);
        let files = files.map_err(|source| Failure::at(&dir.display().to_string(), 0, Problem::Unreadable(source)))?;
        files.iter().try_for_each(|path| self.file(path))
    }

    /// Verifies one file.
    ///
    /// # Errors
    /// [`Failure`] for the first line that is wrong.
    pub fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display().to_string();
        let file = input::open(path).map_err(|source| Failure::at(&name, 0, Problem::Unreadable(source)))?;
        self.reader(file, &name)
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
        let spelled = json::canonical(&entry);
        // Version 2 has one spelling, so that no byte of a line can change unseen. Version 1 had several.
        if seq.is_some() && spelled.bytes != line {
            return Err(Problem::NotCanonical);
        }
        let Some(Value::String(hash)) = entry.remove("hash") else { return Err(Problem::MissingField("hash")) };
        let Some(Value::String(previous)) = entry.remove("previous_hash") else {
            return Err(Problem::MissingField("previous_hash"));
        };
        let (before, after) = spelled.around_hash();
        if digest(&previous, before, after) != hash {
            return Err(Problem::HashMismatch);
        }
        let number = self.follow(chain, seq, &previous, &hash)?;
        if seq.is_some() {
            self.close(chain, &entry)?;
            self.noted.meet(chain, number, &hash)?;
            let covered = self.noted.covered(chain);
            if let Some(known) = self.chains.get_mut(chain) {
                known.report.covered = covered;
            }
            if checkpoint::is_one(chain, &entry) {
                self.noted.take(number, &previous, &entry, |lane| self.chains.get(lane).map(|known| &known.report))?;
            }
        }
        if let Some(watch) = &mut self.watch {
            watch(Seen { chain, seq: number, hash: &hash, fields: &entry });
        }
        Ok(())
    }

    /// A lane that is closed does not go on.
    fn close(&mut self, chain: &str, entry: &Map<String, Value>) -> Result<(), Problem> {
        let Some(known) = self.chains.get_mut(chain) else { return Ok(()) };
        if known.closed {
            return Err(Problem::ClosedLane);
        }
        known.closed = entry.get("action_type").and_then(Value::as_str) == Some("LANE_CLOSED");
        Ok(())
    }

    /// Whether a sound entry follows on what its chain has so far; its number.
    fn follow(&mut self, chain: &str, seq: Option<u64>, previous: &str, hash: &str) -> Result<u64, Problem> {
        if !self.expected.is_empty() {
            self.expected.retain(|head| {
                let named = head.chain.as_deref().is_none_or(|name| name == chain);
                !(named && seq.is_none_or(|seq| seq == head.seq) && head.hash == hash)
            });
        }
        let Some(Chain { report, .. }) = self.chains.get_mut(chain) else {
            let first_seq = seq.unwrap_or(0);
            if !self.partial && first_seq != 0 {
                return Err(Problem::SequenceGap { expected: 0, found: first_seq });
            }
            if first_seq == 0 && previous.as_bytes() != FIRST_LINK && !(self.partial && seq.is_none()) {
                return Err(Problem::BrokenLink);
            }
            let report = ChainReport {
                chain: chain.to_owned(),
                entries: 1,
                first_seq,
                last_seq: first_seq,
                head: hash.to_owned(),
                covered: None,
            };
            self.chains.insert(chain.to_owned(), Chain { report, closed: false });
            return Ok(first_seq);
        };
        let expected = report.last_seq.saturating_add(1);
        let found = seq.unwrap_or(expected);
        if found != expected || found == report.last_seq {
            return Err(Problem::SequenceGap { expected, found });
        }
        if previous != report.head {
            return Err(Problem::BrokenLink);
        }
        report.entries += 1;
        report.last_seq = found;
        hash.clone_into(&mut report.head);
        Ok(found)
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
        let chains = self.chains;
        if !self.partial
            && let Some((chain, seq, hash)) = self.noted.missing(|chain| chains.contains_key(chain), self.at)
        {
            return Err(Failure { chain: Some(chain), ..Failure::at("", 0, Problem::HeadMissing { seq, hash }) });
        }
        let (checkpoints, signatures_checked) = self.noted.counted();
        let chains: Vec<ChainReport> = chains.into_values().map(|chain| chain.report).collect();
        let entries = chains.iter().map(|chain| chain.entries).sum();
        Ok(Report { entries, chains, checkpoints, signatures_checked })
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

fn digest(previous: &str, before: &[u8], after: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update("|");
    hasher.update(before);
    hasher.update(after);
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests;
