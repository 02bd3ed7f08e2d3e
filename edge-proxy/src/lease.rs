//! Isolations that end by themselves. The platform signs a length; this proxy keeps the deadline, releases the host when it
//! has passed, and tries again until the EDR has taken it.
//!
//! ```text
//! isolated with a lease ----------> deadline --release--> rolled back, or failed: again after 1, 2, 4 ... 60 minutes
//!    | isolated again, later deadline: the later one counts
//!    | isolated again without a lease: it does not end by itself any more
//!    | released by a person: nothing is left to do
//! ```
//!
//! An outcome that gives, moves or ends a lease says so in its entry, so that a start reads those entries only. So does one of
//! a release that did not work, and it says all that the next attempt needs: a lease that nobody can end is told of anew with
//! every attempt, and the days before need not be kept within a start's reach.
//! The table holds what the outcomes in the audit log say, read by the same function while the proxy runs and when it
//! starts: deadlines that passed while it was down are kept then.

use crate::edr::Ending;
use crate::hosts::is_same_host;
use crate::receipt::word;
use crate::subject::{Key, Subject};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::{Mutex, MutexGuard, PoisonError};
use vyrox_audit::Entry;
use vyrox_audit::log::{LogError, Reader};
use vyrox_contract::{Action, AlertId, Approver, Operation, Outcome, ProxyId, RequestId, TenantId, Verification};

/// The first pause after a release that did not work, in seconds; it doubles up to the longest.
const FIRST_PAUSE: i64 = 60;
const LONGEST_PAUSE: i64 = 3600;
/// How long a release that was handed over is left alone, in seconds, if nothing is heard of it.
const AT_WORK: i64 = 120;

/// An isolation that was done with a lease and is in the audit log. Made only by [`Leases::see`].
#[derive(Debug, Clone)]
pub struct Lease {
    isolation: Subject,
    until: i64,
    attempts: u32,
    /// Not released before this, unix seconds.
    due: i64,
    /// The number of the entry that a start can know it by.
    told_by: u64,
}

/// What an outcome does to a device's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It has one until then, unix seconds.
    Until(i64),
    /// It has none any more.
    Ends,
    /// Nothing.
    Nothing,
}

/// The leases in force, one for a device: in a dry run also those of hosts that were isolated before it, for afterwards.
#[derive(Debug)]
pub struct Leases {
    held: Mutex<Vec<Lease>>,
    dry_run: bool,
}

impl Leases {
    /// None. Those of the other mode (`dry_run` or not) are not ended.
    pub fn new(dry_run: bool) -> Self {
        Self { held: Mutex::default(), dry_run }
    }

    /// From the log: `entries` are the numbers of those that tell of leases, oldest first.
    ///
    /// # Errors
    /// The log's.
    pub fn rebuild(log: &Reader, entries: Vec<u64>, dry_run: bool) -> Result<Self, LogError> {
        let leases = Self::new(dry_run);
        for seq in entries {
            if let Some(entry) = log.entry(seq)? {
                leases.revive(&entry);
                leases.see(&entry);
            }
        }
        Ok(leases)
    }

    /// A release that did not work, of a lease whose isolation is out of reach by now.
    fn revive(&self, entry: &Entry) {
        let Some(mut subject) = self.subject(entry) else { return };
        if let (Some(until), Some(request_id)) = (subject.lease_until, subject.lease_of.take()) {
            subject.key = Key { request_id, operation: Operation::Execute };
            let mut held = self.lock();
            if subject.target.is_some() && of_device(&held, &subject, None).is_none() {
                held.push(Lease::of(subject, until, entry.seq()));
            }
        }
    }

    /// What an outcome does to the device's lease. It is written with the outcome.
    pub fn effect(&self, subject: &Subject, ending: &Ending) -> Effect {
        let outcome = ending.kind;
        let held = self.lock();
        let before = of_device(&held, subject, ending.device_id.as_ref()).map(|at| &held[at]);
        let until = deadline(subject, outcome, before);
        let ends = match subject.key.operation {
            Operation::Execute => contains(outcome) && until.is_none(),
            Operation::Rollback => releases(outcome, Some(ending.verification)),
        };
        match (until, before) {
            (Some(until), _) => Effect::Until(until),
            (None, Some(_)) if ends => Effect::Ends,
            (None, Some(before)) if subject.lease_of.as_ref() == Some(before.isolation()) => {
                Effect::Until(before.until)
            }
            (None, _) => Effect::Nothing,
        }
    }

    /// Takes note of an entry of the audit log; only outcomes say something.
    pub fn see(&self, entry: &Entry) {
        // Most entries: without a lease there is nothing to move or to end.
        if !entry.detail().contains_key("lease_until") && self.is_empty() {
            return;
        }
        let Some(subject) = self.subject(entry) else { return };
        let (Some(_), Some(outcome)) = (&subject.target, entry.outcome()) else { return };
        let verification = entry.detail().get("verification").and_then(Value::as_str).and_then(word);
        let mut held = self.lock();
        let known = of_device(&held, &subject, None);
        match (subject.key.operation, word(outcome)) {
            (Operation::Execute, Some(outcome)) if contains(outcome) => {
                known.map(|at| held.swap_remove(at));
                if let Some(until) = subject.lease_until {
                    held.push(Lease::of(subject, until, entry.seq()));
                }
            }
            (Operation::Rollback, Some(outcome)) if releases(outcome, verification) => {
                known.map(|at| held.swap_remove(at));
            }
            (Operation::Rollback, _) if subject.lease_of.is_some() => {
                if let Some(lease) = known.map(|at| &mut held[at]) {
                    if subject.lease_until == Some(lease.until) {
                        lease.told_by = entry.seq();
                    }
                    lease.attempts = attempt(subject.key.request_id.as_str()).unwrap_or(lease.attempts);
                    let doubled = 1_i64 << lease.attempts.saturating_sub(1).min(6);
                    lease.due = entry.timestamp().saturating_add((FIRST_PAUSE * doubled).min(LONGEST_PAUSE));
                }
            }
            _ => {}
        }
    }

    /// What an entry is about. A live proxy has no use for what a dry run has played.
    fn subject(&self, entry: &Entry) -> Option<Subject> {
        Subject::of_entry(entry).filter(|subject| self.dry_run || !subject.dry_run)
    }

    /// The leases whose release is due at `now` (unix seconds). Each is handed out once until something is heard of it.
    pub fn due(&self, now: i64) -> Vec<Lease> {
        let mut held = self.lock();
        let due = held.iter_mut().filter(|lease| lease.due <= now && lease.isolation.dry_run == self.dry_run);
        let hand_out = |lease: &mut Lease| {
            let copy = lease.clone();
            lease.due = now.saturating_add(AT_WORK);
            copy
        };
        due.map(hand_out).collect()
    }

    /// The number of the oldest entry that the next start needs to know all of them.
    pub(crate) fn needed(&self) -> Option<u64> {
        self.lock().iter().map(|lease| lease.told_by).min()
    }

    /// How many are in force.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn of(isolation: Subject, until: i64, told_by: u64) -> Self {
        Self { isolation, until, attempts: 0, due: until, told_by }
    }

    /// The isolation that it belongs to.
    pub fn isolation(&self) -> &RequestId {
        &self.isolation.key.request_id
    }

    /// The release, with a request id of its own for every attempt. `now` in unix seconds. `None` if the log's entry about
    /// the isolation does not hold what a release needs.
    pub(crate) fn release(&self, owner: (&TenantId, &ProxyId), now: i64) -> Option<Action> {
        let digest = Sha256::digest(format!("{} {}", self.isolation(), self.until));
        let id = format!("lease-{}-{}", self.attempts.saturating_add(1), hex::encode(&digest[..12]));
        let isolation = &self.isolation;
        // The very device that was isolated, whatever the name that it was found by is a name of by now.
        let mut target = isolation.target.clone()?;
        target.device_id = isolation.device_id().and_then(|id| id.parse().ok()).or(target.device_id);
        Some(Action {
            request_id: id.parse().ok()?,
            tenant_id: owner.0.clone(),
            proxy_id: owner.1.clone(),
            alert_id: isolation.alert_id.as_deref()?.parse::<AlertId>().ok()?,
            operation: Operation::Rollback,
            action_type: isolation.action_type.parse().ok()?,
            target,
            approved_by: vec![Approver { id: "lease".to_owned(), name: "the lease".to_owned() }],
            approved_at: now,
            issued_at: now,
            expires_at: now.saturating_add(AT_WORK),
            plan_digest: String::new(),
            lease_seconds: None,
            checkpoint: None,
        })
    }
}

const fn contains(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Executed | Outcome::Already | Outcome::Ambiguous | Outcome::DryRun)
}

/// A host that the EDR shows contained all the same is tried again.
fn releases(outcome: Outcome, verification: Option<Verification>) -> bool {
    matches!(outcome, Outcome::RolledBack | Outcome::Already | Outcome::DryRun)
        && verification != Some(Verification::Contradicted)
}

/// The deadline that an isolation's outcome has: the later one of its own and of the lease that it extends. A device that
/// somebody else had isolated already is not given a deadline.
fn deadline(subject: &Subject, outcome: Outcome, before: Option<&Lease>) -> Option<i64> {
    let own = subject.lease_until.filter(|_| subject.key.operation == Operation::Execute)?;
    let before = before.map(|lease| lease.until);
    match outcome {
        Outcome::Already => before.map(|until| until.max(own)),
        outcome if contains(outcome) => Some(before.unwrap_or(own).max(own)),
        _ => None,
    }
}

/// Where the lease of a subject's device is: the same by its id in the vendor's form, signed or `found` by the EDR; where one
/// of the two has none, as in a dry run, by its name, with a domain or without.
fn of_device(held: &[Lease], subject: &Subject, found: Option<&String>) -> Option<usize> {
    let target = subject.target.as_ref()?;
    // Asked of every action: most proxies hold no lease most of the time.
    let id = (!held.is_empty()).then(|| subject.device_id().or_else(|| found.cloned())).flatten();
    held.iter().position(|Lease { isolation, .. }| {
        let Some(known) = &isolation.target else { return false };
        let is_same = match (isolation.device_id(), &id) {
            (Some(known), Some(id)) => known == *id,
            _ => is_same_host(known.hostname.as_str(), target.hostname.as_str()),
        };
        isolation.dry_run == subject.dry_run && known.vendor == target.vendor && is_same
    })
}

/// The number in a request id of ours.
fn attempt(request_id: &str) -> Option<u32> {
    request_id.strip_prefix("lease-")?.split('-').next()?.parse().ok()
}
