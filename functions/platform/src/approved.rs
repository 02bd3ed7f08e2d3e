//! What is written and queued when an action is approved, whoever approved it: a click on a card, two on a plan, or a person
//! in advance. And because of which alert a host was contained last, so that it is not acted on twice.

use crate::ledger::{Change, Expect};
use crate::table::{SortKey, Table, TableError, Versioned};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use vyrox_contract::{AlertId, Operation, TenantId};
use vyrox_domain::action::{ActionRecord, GRACE, Moments};
use vyrox_domain::approval::{ApprovedAction, holds_its_host};
use vyrox_domain::history::PastDecision;
use vyrox_domain::plan::Plan;
use vyrox_domain::record::AlertRecord;

/// How long after its expiry an action without a receipt is closed, in seconds.
const CLOSE_AFTER: i64 = 2;
/// An action outlives its approval window by this, so that a late receipt still finds it, in seconds.
const KEEP: i64 = 90 * 24 * 3_600;

/// The action, its place in the proxy's outbox and, if it contains the host, whose the host is from now on. `now` is unix
/// milliseconds.
#[must_use]
pub fn changes(action: &ApprovedAction, host: &HeldHost, now: i64) -> Vec<Change> {
    let moments = Moments { approved: Some(now), delivered: None };
    let (stored, now) = (ActionRecord { moments, ..ActionRecord::approved(action) }, now.div_euclid(1_000));
    let outbox = SortKey::outbox(action.plan().proxy_id(), action.request_id());
    let mut changes = vec![
        Change::put(SortKey::action(action.request_id()), &stored, Expect::Absent).expiring(now + KEEP),
        Change::put(outbox, action.request_id(), Expect::Anything).expiring(action.expires_at() + GRACE),
    ];
    if action.operation() == Operation::Execute {
        let held = Held { alert_id: action.alert_id() };
        let expect = host.version.map_or(Expect::Absent, Expect::Version);
        changes.push(Change::put(SortKey::held(action.plan().target()), &held, expect).expiring(now + KEEP));
    }
    changes
}

/// What is remembered of a decision under its alert's fingerprint, if it has one.
#[must_use]
pub fn remembered(record: &AlertRecord) -> Option<Change> {
    let (fingerprint, decision) = PastDecision::of(record)?;
    let key = SortKey::past_decision(&fingerprint, decision.at, decision.alert_id);
    Some(Change::put(key, &decision, Expect::Anything).expiring(record.expires_at()))
}

/// When the message comes that closes an action without a receipt.
#[must_use]
pub fn until_closed(action: &ApprovedAction, now: i64) -> Duration {
    let seconds = action.expires_at().saturating_sub(now).saturating_add(CLOSE_AFTER);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// As stored under `HELD#`, in the transaction of every approval: two alerts about one host cannot both be approved at once
/// without one of them seeing the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    /// Whose containment it is.
    alert_id: AlertId,
}

/// What is known of a plan's host.
#[derive(Debug, Clone, Copy)]
pub struct HeldHost {
    version: Option<u64>,
    /// The other alert because of which it is contained, or about to be.
    pub by: Option<AlertId>,
}

impl HeldHost {
    /// Looks a plan's host up at `now` (unix seconds).
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn of(table: &Table, tenant: &TenantId, plan: &Plan, now: i64) -> Result<Self, TableError> {
        let Some(Versioned { value: Held { alert_id }, version }) =
            table.read::<Held>(tenant, &SortKey::held(plan.target()), now).await?
        else {
            return Ok(Self { version: None, by: None });
        };
        let mut by = None;
        if alert_id != plan.alert_id() {
            let record = table.read::<AlertRecord>(tenant, &SortKey::alert(alert_id), now).await?;
            by = record.filter(|record| holds_its_host(&record.value)).map(|_| alert_id);
        }
        Ok(Self { version: Some(version), by })
    }
}
