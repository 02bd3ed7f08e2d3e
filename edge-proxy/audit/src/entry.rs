//! One entry: what a writer knows ([`Draft`]) and what stands in the log ([`Entry`]).

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::ops::Range;
use vyrox_contract::canonical;
use vyrox_contract::strict::Strict;

/// The `previous_hash` of a chain's first entry: 64 zeros.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The longest line of a log in bytes, without its newline.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// The format written here. Version 1, the published one, has neither this field nor `chain` nor `seq`.
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// Where in the life of an action an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is about to be done. Written and synced before it is.
    Intent,
    /// It has ended; `outcome` says how.
    Outcome,
    /// Anything else that happened.
    Event,
}

/// What a writer knows about an entry before it is sealed into a chain.
#[derive(Debug, Clone)]
pub struct Draft {
    /// When it happened, unix seconds.
    pub timestamp: i64,
    /// Whose it is.
    pub tenant_id: String,
    /// The event's name: `HOST_ISOLATION`, `ALERT_ACCEPTED`, `CHECKPOINT`, ...
    pub action_type: String,
    /// The host concerned; empty if none.
    pub host: String,
    /// Who approved; empty if nobody had to.
    pub approved_by: String,
    /// Whether the EDR was left alone on purpose.
    pub dry_run: bool,
    /// Where in the action's life this stands.
    pub phase: Phase,
    /// The action's id.
    pub request_id: Option<String>,
    /// The alert's id.
    pub alert_id: Option<String>,
    /// How it ended, for [`Phase::Outcome`].
    pub outcome: Option<String>,
    /// Anything more. Integers only: floats have no canonical form.
    pub detail: Map<String, Value>,
}

impl Draft {
    /// An event without host, approver or detail.
    #[must_use]
    pub fn event(timestamp: i64, tenant_id: &str, action_type: &str) -> Self {
        Self {
            timestamp,
            tenant_id: tenant_id.to_owned(),
            action_type: action_type.to_owned(),
            host: String::new(),
            approved_by: String::new(),
            dry_run: false,
            phase: Phase::Event,
            request_id: None,
            alert_id: None,
            outcome: None,
            detail: Map::new(),
        }
    }
}

/// Why something is not an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not JSON, or not with the fields of an entry.
    #[error("not an audit entry")]
    Form(#[from] serde_json::Error),
    /// Not the canonical bytes of the entry that it holds.
    #[error("not in canonical form")]
    NotCanonical,
    /// Written by another version of the format.
    #[error("schema version is not {SCHEMA_VERSION}")]
    Schema,
    /// It holds a number that is not an integer.
    #[error("holds a number without a canonical form")]
    Number(#[from] canonical::CanonicalError),
    /// Its hash is not the hash of its content.
    #[error("hash does not match the content")]
    Hash,
    /// It does not follow on the entry before it.
    #[error("does not follow on the entry before it")]
    Link,
}

/// The fields as they stand in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    pub(crate) timestamp: i64,
    pub(crate) tenant_id: String,
    pub(crate) action_type: String,
    pub(crate) host: String,
    pub(crate) approved_by: String,
    pub(crate) dry_run: bool,
    pub(crate) previous_hash: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) hash: String,
    pub(crate) schema_version: u32,
    pub(crate) chain: String,
    pub(crate) seq: u64,
    pub(crate) phase: Phase,
    pub(crate) request_id: Option<String>,
    pub(crate) alert_id: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) detail: Map<String, Value>,
}

impl Fields {
    /// Appends the canonical line to `out` and returns the hash, which is computed, not taken from the field. After an
    /// error `out` is as it was.
    fn write_line(&self, out: &mut Vec<u8>) -> Result<String, canonical::CanonicalError> {
        let start = out.len();
        let place = self.write_members(out).inspect_err(|_| out.truncate(start))?;
        out[start] = b'{';
        out.push(b'}');
        let mut hasher = Sha256::new();
        hasher.update(self.previous_hash.as_bytes());
        hasher.update(b"|");
        hasher.update(&out[start..place.start]);
        hasher.update(&out[place.end..]);
        let digits = &mut out[place.end - 1 - GENESIS.len()..place.end - 1];
        hex::encode_to_slice(hasher.finalize(), digits).expect("a hash has 64 digits");
        Ok(String::from_utf8_lossy(digits).into_owned())
    }

    /// Appends every member with a comma before it, the hash with the digits of [`GENESIS`], and says where in `out` its
    /// member is: the line without it is what the hash is over.
    fn write_members(&self, out: &mut Vec<u8>) -> Result<Range<usize>, canonical::CanonicalError> {
        member("action_type", &self.action_type, out)?;
        member("alert_id", &self.alert_id, out)?;
        member("approved_by", &self.approved_by, out)?;
        member("chain", &self.chain, out)?;
        out.extend_from_slice(b",\"detail\":");
        canonical::append_object(&self.detail, out)?;
        member("dry_run", &self.dry_run, out)?;
        let before = out.len();
        member("hash", GENESIS, out)?;
        let place = before..out.len();
        member("host", &self.host, out)?;
        member("outcome", &self.outcome, out)?;
        member("phase", &self.phase, out)?;
        member("previous_hash", &self.previous_hash, out)?;
        member("request_id", &self.request_id, out)?;
        member("schema_version", &self.schema_version, out)?;
        member("seq", &self.seq, out)?;
        member("tenant_id", &self.tenant_id, out)?;
        member("timestamp", &self.timestamp, out)?;
        Ok(place)
    }
}

/// A member in canonical form, with the comma before it.
fn member(name: &str, value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    serde_json::to_writer(out, value)
}

/// An entry of a chain. Its hash is the hash of its content: that holds for every value of this type, also for one that
/// was deserialised. Whether it follows on another entry is for the reader of the whole chain to check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Fields")]
pub struct Entry(Fields);

impl Entry {
    /// Computes the hash and appends the line to `out`. `fields.hash` is overwritten. After an error `out` is as it was.
    pub(crate) fn seal(mut fields: Fields, out: &mut Vec<u8>) -> Result<Self, canonical::CanonicalError> {
        fields.hash = fields.write_line(out)?;
        Ok(Self(fields))
    }

    /// Reads a line of a log, without its newline. Only the canonical spelling is accepted.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn from_line(line: &[u8]) -> Result<Self, EntryError> {
        let fields: Fields = serde_json::from_slice(line)?;
        let mut canonical = Vec::with_capacity(line.len());
        let entry = Self::checked(fields, &mut canonical)?;
        if canonical == line { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }

    /// Its line in a log, without the newline: canonical JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = Vec::with_capacity(512);
        self.0.write_line(&mut line).expect("the hash was computed over the same fields in canonical form");
        String::from_utf8(line).expect("JSON is UTF-8")
    }

    fn checked(fields: Fields, out: &mut Vec<u8>) -> Result<Self, EntryError> {
        if fields.schema_version != SCHEMA_VERSION {
            return Err(EntryError::Schema);
        }
        if fields.write_line(out)? == fields.hash { Ok(Self(fields)) } else { Err(EntryError::Hash) }
    }

    /// When it happened, unix seconds.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.0.timestamp
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.0.tenant_id
    }

    /// The event's name.
    #[must_use]
    pub fn action_type(&self) -> &str {
        &self.0.action_type
    }

    /// The host concerned; empty if none.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Who approved; empty if nobody had to.
    #[must_use]
    pub fn approved_by(&self) -> &str {
        &self.0.approved_by
    }

    /// Whether the EDR was left alone on purpose.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.0.dry_run
    }

    /// The hash of the entry before it in its chain, 64 hex digits; [`GENESIS`] for the first.
    #[must_use]
    pub fn previous_hash(&self) -> &str {
        &self.0.previous_hash
    }

    /// Its own hash, 64 hex digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.0.hash
    }

    /// The version of the format: 2.
    #[must_use]
    pub fn schema_version(&self) -> u32 {
        self.0.schema_version
    }

    /// The chain that it belongs to.
    #[must_use]
    pub fn chain(&self) -> &str {
        &self.0.chain
    }

    /// Its number in the chain, from 0.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// Where in the action's life it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// The action's id.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The alert's id.
    #[must_use]
    pub fn alert_id(&self) -> Option<&str> {
        self.0.alert_id.as_deref()
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> Option<&str> {
        self.0.outcome.as_deref()
    }

    /// Anything more.
    #[must_use]
    pub fn detail(&self) -> &Map<String, Value> {
        &self.0.detail
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(Strict(from))?;
        Self::checked(fields, &mut Vec::new()).map_err(D::Error::custom)
    }
}

impl From<Entry> for Fields {
    fn from(entry: Entry) -> Self {
        entry.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use serde_json::json;

    fn entry() -> Entry {
        let mut draft = Draft::event(1_700_000_000, "acme", "HOST_ISOLATION");
        draft.host = "wörkstation-01\n".into();
        draft.detail.insert("count".into(), json!(3));
        Chain::genesis("proxy-1").seal(&draft).unwrap()
    }

    #[test]
    fn a_line_is_the_canonical_form_with_every_field_present() {
        let entry = entry();
        assert_eq!(
            entry.to_line(),
            format!(
                r#"{{"action_type":"HOST_ISOLATION","alert_id":null,"approved_by":"","chain":"proxy-1","detail":{{"count":3}},"dry_run":false,"hash":"{}","host":"wörkstation-01\n","outcome":null,"phase":"event","previous_hash":"{GENESIS}","request_id":null,"schema_version":2,"seq":0,"tenant_id":"acme","timestamp":1700000000}}"#,
                entry.hash()
            )
        );
        assert_eq!(Entry::from_line(entry.to_line().as_bytes()).unwrap(), entry);
    }

    #[test]
    fn the_hash_is_over_the_previous_hash_a_bar_and_the_canonical_content() {
        let entry = entry();
        let content = entry.to_line().replace(&format!(r#""hash":"{}","#, entry.hash()), "");
        assert_eq!(entry.hash(), hex::encode(Sha256::digest(format!("{GENESIS}|{content}"))));
    }

    #[test]
    fn an_entry_with_another_hash_version_or_spelling_is_refused() {
        let line = entry().to_line();
        let refused = |line: String| Entry::from_line(line.as_bytes()).unwrap_err();
        assert!(matches!(refused(line.replace("acme", "evil")), EntryError::Hash));
        assert!(matches!(refused(line.replace("_version\":2", "_version\":3")), EntryError::Schema));
        assert!(matches!(refused(line.replace("{\"count\"", "{ \"count\"")), EntryError::NotCanonical));
        assert!(matches!(refused(line.replace("\"count\":3", "\"count\":3.5")), EntryError::Number(_)));
        assert!(matches!(refused(line[..40].to_owned()), EntryError::Form(_)));
        let read = |line: &str| serde_json::from_str::<Entry>(line);
        assert!(read(&line).is_ok() && read(&line.replace("acme", "evil")).is_err());
        // The fields by their places, in the order of their declaration, and one of them twice.
        let fields: Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        let declared = "timestamp tenant_id action_type host approved_by dry_run previous_hash hash schema_version chain seq \
                        phase request_id alert_id outcome detail";
        let listed: Vec<_> = declared.split_whitespace().map(|name| fields[name].clone()).collect();
        assert!(read(&json!(listed).to_string()).is_err());
        assert!(read(&line.replace("\"count\":3", "\"count\":3,\"count\":3")).is_err());
    }
}
