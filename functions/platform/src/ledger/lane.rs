//! A lane: one writer's hash chain, from its first entry to the one that closes it.

use crate::ledger::transaction::{Attempt, Entered, transact};
use crate::ledger::{Change, CommitError, Expect};
use crate::table::{Lookup, SortKey, Table};
use serde::{Deserialize, Serialize};
use serde_json::json;
use vyrox_audit::{Chain, Draft, Entry, SealError};
use vyrox_contract::{AuditHead, TenantId};

/// The entry that ends a lane.
pub const LANE_CLOSED: &str = "LANE_CLOSED";
/// A lane is closed by its own writer at the first entry after this many seconds, so that retention can begin.
pub(crate) const MOST_SECONDS: i64 = 6 * 3_600;
/// The same after this many entries.
const MOST_ENTRIES: u64 = 100_000;

/// Why a lane ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is old or long; its writer goes on in a new one.
    Full,
    /// Its writer stops.
    Ended,
    /// Nothing was written to it for a while: its writer is idle, or has crashed.
    Idle,
}

impl Closing {
    /// In a word, as the audit says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ended => "ended",
            Self::Idle => "idle",
        }
    }
}

/// What is known of a lane, as stored under `LANE#` from its first entry until its end is covered and its retention set.
/// Only a checkpoint changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneRecord {
    /// When its first entry was written, unix seconds.
    pub opened_at: i64,
    /// The newest entry that a checkpoint has covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<AuditHead>,
    /// When that entry was written, unix seconds.
    pub moved_at: i64,
    /// Whether the covered entry is the one that ends it.
    #[serde(default)]
    pub closed: bool,
    /// For a closed lane: when its entries may be gone, unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<i64>,
    /// What is wrong with it, if it does not verify (any more).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

impl LaneRecord {
    /// Of a lane that begins at `now` (unix seconds).
    #[must_use]
    pub const fn opened(now: i64) -> Self {
        Self { opened_at: now, covered: None, moved_at: now, closed: false, kept_until: None, broken: None }
    }

    /// The change that stores it.
    #[must_use]
    pub fn stored(&self, chain: &str, expect: Expect) -> Change {
        Change::put(SortKey::lane(chain), self, expect).known_as(Lookup::open_lanes())
    }
}

/// The entry that ends a lane. `by` is who writes it.
pub(crate) fn closed(tenant: &TenantId, by: &str, why: Closing, now: i64) -> Draft {
    let mut event = Draft::event(now, tenant.as_str(), LANE_CLOSED);
    event.detail.insert("by".to_owned(), json!(by));
    event.detail.insert("reason".to_owned(), json!(why.as_str()));
    event
}

/// Ends the lane `chain` behind `head`, in place of a writer that is idle or gone. `None` if that writer was quicker.
///
/// # Errors
/// [`CommitError`].
pub async fn close_idle(
    table: &Table,
    tenant: &TenantId,
    chain: &str,
    head: &AuditHead,
    now: i64,
) -> Result<Option<Entry>, CommitError> {
    let event = closed(tenant, "checkpoint", Closing::Idle, now);
    let entry = Chain::resume(chain, head.seq, &head.hash).seal(&event)?;
    let at = SortKey::audit(chain, entry.seq());
    match transact(
        table,
        tenant,
        std::iter::empty(),
        &Entered { at: &at, entry: &entry, following: &[], with: &[] },
        now,
    )
    .await
    {
        Ok(()) => Ok(Some(entry)),
        Err(Attempt::Conflict(_) | Attempt::Taken) => Ok(None),
        Err(Attempt::Contention) => Err(CommitError::Contended),
        Err(Attempt::Invalid) => Err(CommitError::Invalid),
        Err(Attempt::Unknown(error)) => Err(CommitError::Unavailable(error)),
    }
}

/// A lane as its writer sees it.
#[derive(Debug)]
pub(super) struct Lane {
    chain: Chain,
    opened_at: i64,
}

impl Lane {
    pub(super) fn new(id: &str, now: i64) -> Self {
        Self { chain: Chain::genesis(id), opened_at: now }
    }

    pub(super) const fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(super) fn id(&self) -> &str {
        self.chain.id()
    }

    /// What is to be entered, one after the other.
    pub(super) fn seal(&self, events: &[&Draft]) -> Result<Vec<Entry>, SealError> {
        let mut chain = self.chain.clone();
        let seal = |event| {
            let entry = chain.seal(event)?;
            chain.advance(&entry);
            Ok(entry)
        };
        events.iter().copied().map(seal).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chain.head().is_none()
    }

    pub(super) fn is_due_to_close(&self, now: i64) -> bool {
        let is_long = self.chain.head().is_some_and(|head| head.seq >= MOST_ENTRIES);
        is_long || (!self.is_empty() && now.saturating_sub(self.opened_at) > MOST_SECONDS)
    }

    /// What the first entry is stored with.
    pub(super) fn opening(&self) -> Option<Change> {
        self.is_empty().then(|| LaneRecord::opened(self.opened_at).stored(self.id(), Expect::Absent))
    }

    pub(super) fn advance(&mut self, entry: &Entry) -> AuditHead {
        self.chain.advance(entry);
        AuditHead { seq: entry.seq(), hash: entry.hash().to_owned() }
    }
}
