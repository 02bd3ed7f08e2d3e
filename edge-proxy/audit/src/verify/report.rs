//! What a verifier is told beforehand, shows on its way and reports at its end.

use serde_json::{Map, Value};

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Entries in all chains.
    pub entries: u64,
    /// The chains, by name.
    pub chains: Vec<ChainReport>,
    /// Checkpoints among the entries.
    pub checkpoints: u64,
    /// Whether their signatures were checked: whether a key was given.
    pub signatures_checked: bool,
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
    /// The last entry that a checkpoint covers; entries behind it rest on the chain alone.
    pub covered: Option<u64>,
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

/// An entry that has been verified, as [`Verifier::watch`](super::Verifier::watch) shows it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'e> {
    /// Its chain; empty for the published format.
    pub chain: &'e str,
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: &'e str,
    /// Its fields, without `hash` and `previous_hash`.
    pub fields: &'e Map<String, Value>,
}

impl Seen<'_> {
    /// A text of its fields; empty if there is none.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Something of its detail; null if there is none.
    #[must_use]
    pub fn detail(&self, name: &str) -> &Value {
        &self.fields.get("detail").unwrap_or(&Value::Null)[name]
    }
}
