//! Checkpoints: signed notes of where a tenant's lanes have got to, so that cutting, rewriting or dropping a lane shows.
//!
//! A checkpoint is an audit entry like any other, in a chain of its own, `checkpoints-<tenant>`, stored under
//! `CHECKPOINT#<n>`. Its detail names the lanes that have moved since the checkpoint before it, each with its head, and a
//! signature over all of it by a key that signs nothing else. Together the checkpoints hold every lane's latest head; no
//! single one grows with the number of lanes.
//!
//! ```text
//! {"action_type":"CHECKPOINT","chain":"checkpoints-acme","seq":7,"previous_hash":"..","hash":"..", ...
//!  "detail":{"lanes":[{"chain":"ingest-01J..","hash":"..","seq":41},
//!                     {"chain":"triage-01J..","closed":true,"hash":"..","kept_until":1900000000,"seq":12}],
//!            "open":3,
//!            "signature":{"keyid":"<64 hex>","sig":"<base64 DER>"}}}
//! ```

mod key;
mod publication;
mod retention;

pub use key::CheckpointKey;
pub use publication::{Publication, PublicationError, mark_published, published};
pub use retention::{forget_lane, lane_of, set_retention};

use crate::clock::Clock;
use crate::kms_key::KmsKeyError;
use crate::ledger::transaction::{Attempt, Entered, transact};
use crate::ledger::{Change, CommitError, Expect};
use crate::table::{SortKey, Table, TableError, Versioned};
use crate::{Class, Classified};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use vyrox_audit::{Chain, Draft, Entry};
use vyrox_contract::{AuditHead, Checkpoint, TenantId};

/// The most lanes that one checkpoint names: with their records they fit into one transaction of 100 items.
pub const MOST_LANES: usize = 90;

/// Where a lane has got to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneHead {
    /// The lane.
    pub chain: String,
    /// Its newest entry's number.
    pub seq: u64,
    /// Its newest entry's hash, 64 hex digits.
    pub hash: String,
    /// Whether that entry ends the lane.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// For a closed lane: when its entries may be gone, unix seconds; absent if they are kept for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<i64>,
}

/// Where the checkpoint lane ends, as stored under `HEAD#CHECKPOINT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCheckpoint {
    /// Its number.
    pub n: u64,
    /// Its hash, 64 hex digits.
    pub hash: String,
    /// How many lanes are covered and not closed.
    pub open: u64,
}

/// Why no checkpoint was made.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Reading.
    #[error("reading")]
    Table(#[from] TableError),
    /// Storing; also if another run was quicker.
    #[error("storing")]
    Commit(#[from] CommitError),
    /// Signing.
    #[error("signing")]
    Key(#[from] KmsKeyError),
}

impl Classified for CheckpointError {
    fn class(&self) -> Class {
        match self {
            Self::Table(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Key(error) => error.class(),
        }
    }
}

/// The name of a tenant's checkpoint lane.
#[must_use]
pub fn lane_name(tenant: &TenantId) -> String {
    format!("checkpoints-{tenant}")
}

/// A tenant's latest checkpoint, as it travels to proxies. `now` is unix seconds.
///
/// # Errors
/// [`TableError`].
pub async fn latest(table: &Table, tenant: &TenantId, now: i64) -> Result<Option<Checkpoint>, TableError> {
    let last = table.read::<LastCheckpoint>(tenant, &SortKey::last_checkpoint(), now).await?;
    Ok(last.map(|last| Checkpoint { n: last.value.n, hash: last.value.hash }))
}

/// The writer of checkpoint lanes.
#[derive(Debug, Clone)]
pub struct CheckpointLane {
    table: Table,
    key: CheckpointKey,
    clock: Arc<dyn Clock>,
}

impl CheckpointLane {
    /// A writer that signs with `key`.
    #[must_use]
    pub const fn new(table: Table, key: CheckpointKey, clock: Arc<dyn Clock>) -> Self {
        Self { table, key, clock }
    }

    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> &CheckpointKey {
        &self.key
    }

    /// Where the tenant's lane ends.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn last(&self, tenant: &TenantId) -> Result<Option<Versioned<LastCheckpoint>>, TableError> {
        self.table.read(tenant, &SortKey::last_checkpoint(), self.clock.now()).await
    }

    /// Signs and appends a checkpoint of these heads behind `last`, at most [`MOST_LANES`] of them, together with the
    /// lanes' own records. `open` is how many lanes are covered and open then.
    ///
    /// # Errors
    /// [`CheckpointError`]; a [`CommitError::Conflict`] if `last` is not the last one, or a record has changed.
    pub async fn append(
        &self,
        tenant: &TenantId,
        last: Option<&Versioned<LastCheckpoint>>,
        heads: &[LaneHead],
        open: u64,
        records: &[Change],
    ) -> Result<Entry, CheckpointError> {
        let name = lane_name(tenant);
        let chain =
            last.map_or_else(|| Chain::genesis(&name), |last| Chain::resume(&name, last.value.n, &last.value.hash));
        let now = self.clock.now();
        let mut event = Draft::event(now, tenant.as_str(), "CHECKPOINT");
        event.detail = Map::from_iter([("lanes".to_owned(), json!(heads)), ("open".to_owned(), json!(open))]);
        let unsigned = chain.seal(&event).map_err(CommitError::from)?;
        event.detail.insert("signature".to_owned(), self.key.sign_entry(&unsigned).await?);
        let entry = chain.seal(&event).map_err(CommitError::from)?;

        let pointer = LastCheckpoint { n: entry.seq(), hash: entry.hash().to_owned(), open };
        let expect = last.map_or(Expect::Absent, |last| Expect::Version(last.version));
        let mut changes = vec![Change::put(SortKey::last_checkpoint(), &pointer, expect)];
        changes.extend_from_slice(records);
        let at = SortKey::checkpoint(entry.seq());
        let entered = Entered { at: &at, entry: &entry, following: &[], with: &[] };
        match transact(&self.table, tenant, changes.iter(), &entered, now).await {
            Ok(()) => Ok(entry),
            Err(Attempt::Conflict(index)) => Err(CommitError::Conflict(index).into()),
            Err(Attempt::Taken) => Err(CommitError::Conflict(changes.len()).into()),
            Err(Attempt::Contention) => Err(CommitError::Contended.into()),
            Err(Attempt::Invalid) => Err(CommitError::Invalid.into()),
            Err(Attempt::Unknown(error)) => Err(CommitError::Unavailable(error).into()),
        }
    }
}

/// The number and the hash of an entry.
#[must_use]
pub fn head_of(entry: &Entry) -> AuditHead {
    AuditHead { seq: entry.seq(), hash: entry.hash().to_owned() }
}

/// What is signed of a checkpoint's entry: its canonical JSON without `hash` and without `detail.signature`.
fn signed_content(entry: &Entry) -> Vec<u8> {
    let mut content = serde_json::to_value(entry).expect("an entry has string keys and no floats");
    if let Value::Object(fields) = &mut content {
        fields.remove("hash");
        if let Some(Value::Object(detail)) = fields.get_mut("detail") {
            detail.remove("signature");
        }
    }
    vyrox_contract::canonical::to_bytes(&content).expect("an entry has a canonical form")
}
