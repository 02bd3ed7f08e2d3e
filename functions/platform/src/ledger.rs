//! Changing state, always together with an audit entry: one DynamoDB transaction holds the changes and the entry, so
//! "every state change is in the audit before the response goes back" cannot be forgotten, and neither can one land
//! without the other.
//!
//! Commits that come at the same time, or while another one is under way, go together in one transaction: each is told its own
//! outcome, as if it had gone alone. That is so within a tenant, whose lane takes them in order, and between tenants
//! (`ledger/together.rs`).
//!
//! Each ledger (one per execution environment) writes a **lane** of its own per tenant: a hash chain with no other writer,
//! so there is no contention between instances. If a transaction's fate is unknown (a timeout), its lane may or may not
//! have grown; the ledger then leaves that lane as it is and starts a new one. Both verify.
//!
//! A lane's first entry is stored together with its [`LaneRecord`], by which a checkpoint finds it. A lane ends with the
//! entry `LANE_CLOSED`: the ledger's own, once the lane is old or the process ends ([`Ledger::close`]), or the next
//! checkpoint's, if its writer is gone or idle. The writer then finds its place taken and starts a new lane.

mod change;
mod lane;
mod line;
mod together;
pub(crate) mod transaction;

pub use change::{Change, Expect};
pub(crate) use lane::MOST_SECONDS as LONGEST_LANE;
pub use lane::{Closing, LANE_CLOSED, LaneRecord, close_idle};
pub(crate) use together::Together as Writes;

use crate::batch::chain;
use crate::clock::Clock;
use crate::line::GivenUp;
use crate::random;
use crate::table::{SortKey, Table};
use crate::{Class, Classified};
use lane::Lane;
use line::{Commit, Line, Waiting};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use transaction::{Attempt, Entered, transact};
use vyrox_audit::Draft;
use vyrox_contract::{AuditHead, TenantId};

/// The part of every entry's detail that tells when it was sealed, in milliseconds since 1970.
pub const AT_MILLIS: &str = "at_ms";
/// How often a transaction is tried again when another one was touching the same items at that moment.
const CONTENTION_RETRIES: u32 = 6;
/// The same for one of several commits, which go alone after that.
const RETRIES_TOGETHER: u32 = 1;

/// Nothing was changed, and nothing was audited.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The change with this index met an item other than expected. Read again and decide again.
    #[error("item {0} of the transaction has changed meanwhile")]
    Conflict(usize),
    /// DynamoDB did not answer, or not well; whether the transaction happened is unknown. Reading tells.
    #[error("the table cannot be written")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too many others were touching the same items. Nothing was written.
    #[error("too much contention on the same items")]
    Contended,
    /// DynamoDB does not take such an item, for its size for example.
    #[error("the table does not take such an item")]
    Invalid,
    /// The entry has no canonical form: a mistake of ours.
    #[error("audit entry cannot be sealed")]
    Seal(#[from] vyrox_audit::SealError),
}

impl Classified for CommitError {
    fn class(&self) -> Class {
        match self {
            Self::Conflict(_) | Self::Unavailable(_) | Self::Contended => Class::Retry,
            Self::Invalid | Self::Seal(_) => Class::Poison,
        }
    }
}

/// Writes one tenant's items, each time with an audit entry.
#[derive(Debug, Clone)]
pub struct Ledger {
    table: Table,
    clock: Arc<dyn Clock>,
    writer: &'static str,
    lanes: Arc<Mutex<HashMap<TenantId, Arc<Line>>>>,
}

impl Ledger {
    /// A ledger for `table`. `writer` is the function's name; it begins its lanes' ids.
    #[must_use]
    pub fn new(table: Table, writer: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock, writer, lanes: Arc::default() }
    }

    /// The function's name.
    #[must_use]
    pub const fn writer(&self) -> &'static str {
        self.writer
    }

    /// Makes the changes and enters the audit entry, all or nothing, and returns the lane's new head. The entry's time is in
    /// seconds; [`AT_MILLIS`] in its detail tells the millisecond at which it was sealed.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit(&self, tenant: &TenantId, changes: &[Change], event: &Draft) -> Result<AuditHead, CommitError> {
        self.commit_all(tenant, changes, std::slice::from_ref(event)).await
    }

    /// The same with several entries, one after the other: for changes to several things at once, each of which has its own
    /// history. At least one; DynamoDB takes 100 changes and entries together.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit_all(
        &self,
        tenant: &TenantId,
        changes: &[Change],
        events: &[Draft],
    ) -> Result<AuditHead, CommitError> {
        let is_own = |event: &Draft| event.tenant_id == tenant.as_str();
        debug_assert!(events.iter().all(is_own), "an event is entered under its own tenant");
        let mut events = events.to_vec();
        for event in &mut events {
            event.detail.insert(AT_MILLIS.to_owned(), json!(self.clock.now_millis()));
        }
        let given_up = |GivenUp| Err(CommitError::Unavailable("the commit that it went with was given up".into()));
        let line = self.line(tenant).await;
        let commit = Commit { changes: changes.to_vec(), events };
        let committed = line.0.wait(commit, async |mut lane| {
            self.ready(tenant, &mut lane).await;
            Box::pin(self.commit_together(tenant, &mut lane, line.next())).await;
            lane
        });
        committed.await.unwrap_or_else(given_up)
    }

    /// Makes a lane one that can be written to.
    async fn ready(&self, tenant: &TenantId, lane: &mut Lane) {
        if lane.is_due_to_close(self.clock.now()) {
            self.end(tenant, lane, Closing::Full).await;
        } else if lane.is_empty() {
            // Its age counts from its first entry.
            *lane = self.new_lane();
        }
    }

    /// Commits all of them in one transaction, and tells each what came of it. One whose items have changed meanwhile is told so
    /// and the others go without it; if it is not known whose fault it was, each goes alone.
    async fn commit_together(&self, tenant: &TenantId, lane: &mut Lane, mut together: Vec<Waiting>) {
        while together.len() > 1 {
            let changes: Vec<&Change> = together.iter().flat_map(|one| &one.want.changes).collect();
            let events: Vec<&Draft> = together.iter().flat_map(|one| &one.want.events).collect();
            match self.append(tenant, lane, (&changes, &events), RETRIES_TOGETHER).await {
                Ok(heads) => {
                    let mut heads = heads.into_iter();
                    for one in together.drain(..) {
                        let own = heads.by_ref().take(one.want.events.len()).last();
                        one.tell(own.ok_or(CommitError::Invalid));
                    }
                }
                Err(CommitError::Conflict(mut index)) => {
                    let whose = together.iter().position(|one| match index.checked_sub(one.want.changes.len()) {
                        Some(rest) => {
                            index = rest;
                            false
                        }
                        None => true,
                    });
                    let Some(whose) = whose else { break };
                    together.remove(whose).tell(Err(CommitError::Conflict(index)));
                }
                Err(CommitError::Unavailable(error)) => {
                    // Whether it happened is unknown for each of them.
                    let cause = chain(&*error);
                    for one in together.drain(..) {
                        one.tell(Err(CommitError::Unavailable(cause.clone().into())));
                    }
                }
                Err(CommitError::Contended | CommitError::Invalid | CommitError::Seal(_)) => break,
            }
        }
        for one in together {
            let (changes, events) =
                (one.want.changes.iter().collect::<Vec<_>>(), one.want.events.iter().collect::<Vec<_>>());
            let heads = self.append(tenant, lane, (&changes, &events), CONTENTION_RETRIES).await;
            let own = heads.and_then(|heads| heads.into_iter().last().ok_or(CommitError::Invalid));
            one.tell(own);
        }
    }

    /// Ends every lane with an entry that says so: for a process that stops. What fails is left to the next checkpoint.
    pub async fn close(&self) {
        let lanes: Vec<_> = self.lanes.lock().await.drain().collect();
        for (tenant, line) in lanes {
            self.end(&tenant, &mut *line.0.turn().await, Closing::Ended).await;
        }
    }

    async fn end(&self, tenant: &TenantId, lane: &mut Lane, why: Closing) {
        if lane.is_empty() {
            return;
        }
        // Whatever comes of it, nothing more is written to that lane by this ledger.
        let last = std::mem::replace(lane, self.new_lane());
        let now = self.clock.now();
        let entry = match last.chain().seal(&lane::closed(tenant, self.writer, why, now)) {
            Ok(entry) => entry,
            Err(error) => return tracing::error!(%tenant, %error, "a closing entry cannot be sealed"),
        };
        let at = SortKey::audit(entry.chain(), entry.seq());
        let ended = transact(
            &self.table,
            tenant,
            std::iter::empty(),
            &Entered { at: &at, entry: &entry, following: &[], with: &[] },
            now,
        )
        .await;
        if let Err(attempt) = ended {
            tracing::info!(%tenant, lane = last.id(), ?attempt, "lane is left for a checkpoint to close");
        }
    }

    /// The lane's head after each of the entries.
    async fn append(
        &self,
        tenant: &TenantId,
        lane: &mut Lane,
        (changes, events): (&[&Change], &[&Draft]),
        retries: u32,
    ) -> Result<Vec<AuditHead>, CommitError> {
        let mut contention = 0;
        loop {
            let entries = lane.seal(events)?;
            let (entry, following) = entries.split_first().ok_or(CommitError::Invalid)?;
            let at = SortKey::audit(entry.chain(), entry.seq());
            let opening = lane.opening();
            let entered = Entered { at: &at, entry, following, with: opening.as_slice() };
            // In a box: a request of the SDK's takes much of the stack of whoever waits for it.
            match Box::pin(transact(&self.table, tenant, changes.iter().copied(), &entered, self.clock.now())).await {
                Ok(()) => return Ok(entries.iter().map(|entry| lane.advance(entry)).collect()),
                Err(Attempt::Conflict(index)) => return Err(CommitError::Conflict(index)),
                // An earlier attempt of unknown fate did land, or a checkpoint has closed the lane: it ends there.
                Err(Attempt::Taken) => *lane = self.new_lane(),
                Err(Attempt::Contention) if contention < retries => {
                    contention += 1;
                    let jitter = u64::from(random::bytes::<1>()[0]) / 8;
                    tokio::time::sleep(std::time::Duration::from_millis(5 * (1 << contention) + jitter)).await;
                }
                Err(Attempt::Contention) => return Err(CommitError::Contended),
                Err(Attempt::Invalid) => return Err(CommitError::Invalid),
                Err(Attempt::Unknown(error)) => {
                    *lane = self.new_lane();
                    return Err(CommitError::Unavailable(error));
                }
            }
        }
    }

    async fn line(&self, tenant: &TenantId) -> Arc<Line> {
        let mut lanes = self.lanes.lock().await;
        Arc::clone(lanes.entry(tenant.clone()).or_insert_with(|| Arc::new(Line::before(self.new_lane()))))
    }

    fn new_lane(&self) -> Lane {
        Lane::new(&format!("{}-{}", self.writer, random::ulid(&*self.clock)), self.clock.now())
    }
}
