//! What a verifier can find wrong.

use std::fmt;

/// What is wrong with a line, or with the whole.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotJson,
    /// An object with the same key twice: two readers could read two different things.
    #[error("a key occurs twice")]
    DuplicateKey,
    /// Not the canonical spelling of the entry that it holds.
    #[error("not in canonical form: the line was rewritten")]
    NotCanonical,
    /// A field is absent or of the wrong type.
    #[error("field {0} is missing or of the wrong type")]
    MissingField(&'static str),
    /// A number that is not an integer of 64 bits.
    #[error("holds a number that is not an integer")]
    Float,
    /// A version of the format that this verifier does not know.
    #[error("unknown schema_version")]
    UnknownSchema,
    /// The hash is not the hash of the content.
    #[error("hash does not match the content: the entry was altered")]
    HashMismatch,
    /// The previous hash is not that of the entry before.
    #[error("previous_hash is not the hash of the entry before: an entry was replaced")]
    BrokenLink,
    /// Entries are missing, repeated or out of order.
    #[error("entry {found} stands where {expected} belongs: entries were removed, repeated or reordered")]
    SequenceGap {
        /// The number that belongs here.
        expected: u64,
        /// The number that is here.
        found: u64,
    },
    /// The last line has no newline.
    #[error("the last line is torn")]
    TornLine,
    /// A line longer than any entry may be.
    #[error("line is too long to be an entry")]
    TooLong,
    /// An entry that was noted elsewhere is not there.
    #[error("entry {seq} with hash {hash} is not there: the chain was cut off or rewritten after that head was noted")]
    HeadMissing {
        /// Its number.
        seq: u64,
        /// Its hash.
        hash: String,
    },
    /// An entry of kind `CHECKPOINT` that is none: fields missing, of another tenant, or going back.
    #[error("not a checkpoint: {0}")]
    BadCheckpoint(&'static str),
    /// A checkpoint that none of the given keys has signed.
    #[error("not signed by a given key: the checkpoint was forged, or the key is another one's")]
    BadSignature,
    /// An entry that a checkpoint noted with another hash.
    #[error("checkpoint {n} noted another hash for this entry: the lane was rewritten")]
    CheckpointMismatch {
        /// The checkpoint.
        n: u64,
    },
    /// A checkpoint that stands behind entries that it covers, where it cannot be compared with them any more.
    #[error("stands behind entries that it covers: checkpoints come first")]
    LateCheckpoint,
    /// An entry behind the one that closed its lane.
    #[error("stands behind the entry that closed its lane")]
    ClosedLane,
    /// The operating system could not read it. Says nothing about the log.
    #[error("cannot be read")]
    Unreadable(#[source] std::io::Error),
}

impl Problem {
    /// A name for programs, the same in `verify.py` and in the vectors.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::DuplicateKey => "duplicate_key",
            Self::NotCanonical => "not_canonical",
            Self::MissingField(_) => "missing_field",
            Self::Float => "float",
            Self::UnknownSchema => "unknown_schema",
            Self::HashMismatch => "hash_mismatch",
            Self::BrokenLink => "broken_link",
            Self::SequenceGap { .. } => "sequence_gap",
            Self::TornLine => "torn_line",
            Self::TooLong => "too_long",
            Self::HeadMissing { .. } => "head_missing",
            Self::BadCheckpoint(_) => "bad_checkpoint",
            Self::BadSignature => "bad_signature",
            Self::CheckpointMismatch { .. } => "checkpoint_mismatch",
            Self::LateCheckpoint => "late_checkpoint",
            Self::ClosedLane => "closed_lane",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// The first thing found wrong, and where.
#[derive(Debug)]
pub struct Failure {
    /// The file, or the stream's name; empty if it concerns the whole.
    pub file: String,
    /// The line, from 1; 0 if it concerns the whole.
    pub line: u64,
    /// The chain, if that much could be read; empty for the published format, which has no names.
    pub chain: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl Failure {
    pub(super) fn at(file: &str, line: u64, problem: Problem) -> Self {
        // The names in a directory are as hostile as what is in the files: they must not write to a terminal either.
        let file = file.chars().map(|character| if character.is_control() { '?' } else { character }).collect();
        Self { file, line, chain: None, problem }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:", self.line)?;
            }
            f.write_str(" ")?;
        }
        write!(f, "{}", self.problem)?;
        match self.chain.as_deref() {
            None => Ok(()),
            Some("") => f.write_str(" (the unnamed chain)"),
            // Escaped: a hostile log must not write to a terminal.
            Some(chain) => write!(f, " (chain {chain:?})"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(source) => Some(source),
            _ => None,
        }
    }
}
