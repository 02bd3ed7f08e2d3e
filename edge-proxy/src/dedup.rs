//! Second step: has this been asked before. `Verified<Action> -> Fresh<Action>`.
//!
//! The table is the audit log, read at start: an intent or an outcome in it is known for the retention window. So a
//! restart forgets nothing, and there is no second store that could disagree with the log.

use crate::receipt;
use crate::subject::{Key, Subject};
use crate::verify::Verified;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vyrox_audit::log::LogError;
use vyrox_audit::{Entry, Phase};
use vyrox_contract::{Action, ProxyId, Receipt, TenantId};

/// An action that nobody has asked for before, claimed for this one asker. Made only by [`Ledger::claim`].
#[derive(Debug)]
pub struct Fresh<T> {
    verified: Verified<T>,
    pub(crate) claim: Claim,
}

impl<T> Fresh<T> {
    /// What was claimed.
    pub fn verified(&self) -> &Verified<T> {
        &self.verified
    }
}

/// The exclusive right to work on one key. Dropped before the intent is on disk, it gives back the key and what was taken
/// from the budget; after that both stay taken.
#[derive(Debug)]
pub struct Claim {
    ledger: Arc<Ledger>,
    subject: Subject,
    spent: Option<i64>,
    keep: bool,
}

impl Claim {
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Takes one isolation from the budget if both limits allow it. `now` in unix seconds.
    pub(crate) fn spend_isolation(&mut self, now: i64, per_hour: u32, per_day: u32) -> bool {
        let allowed = self.ledger.lock().spend_isolation(now, per_hour, per_day);
        self.spent = allowed.then_some(now);
        allowed
    }

    /// From now on something may have happened: dropping it gives nothing back.
    pub(crate) fn hold(&mut self) {
        self.keep = true;
    }

    /// Nothing has happened after all: dropping it gives everything back.
    pub(crate) fn release(&mut self) {
        self.keep = false;
    }

    /// The work has ended and is recorded.
    pub(crate) fn finish(mut self, receipt: Arc<Receipt>) {
        self.keep = true;
        self.ledger.lock().see(receipt.finished_at, self.subject.clone(), Some(receipt));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.keep {
            let mut table = self.ledger.lock();
            table.known.remove(&self.subject.key);
            if let Some(at) = table.isolations.iter().rposition(|at| Some(*at) == self.spent) {
                table.isolations.remove(at);
            }
        }
    }
}

/// The answer to a claim.
#[derive(Debug)]
pub enum Claimed {
    /// Yours.
    Fresh(Box<Fresh<Action>>),
    /// Someone is at it.
    InFlight,
    /// It has ended; this is what was recorded.
    Finished(Arc<Receipt>),
    /// The request id belongs to an action against something else.
    Taken,
}

/// Every request of the retention window, and the isolations of the last day.
#[derive(Debug)]
pub struct Ledger {
    table: Mutex<Table>,
    dry_run: bool,
    retention_seconds: i64,
}

#[derive(Debug, Default)]
struct Table {
    /// What each key was for, and its receipt once it has ended.
    known: HashMap<Key, (Subject, Option<Arc<Receipt>>)>,
    /// Every mention of a key by age, for forgetting it.
    ages: VecDeque<(i64, Key)>,
    /// When the isolations of the last day were begun.
    isolations: VecDeque<i64>,
}

/// What the log said at start.
#[derive(Debug)]
pub struct Rebuilt {
    /// The table.
    pub ledger: Arc<Ledger>,
    /// Intents without an outcome.
    pub unfinished: Vec<Claim>,
    /// What was reported, oldest first.
    pub receipts: Vec<Arc<Receipt>>,
}

impl Ledger {
    /// Reads the entries of the window. `dry_run` is this proxy's mode: isolations of the other mode do not count against
    /// its budget.
    ///
    /// # Errors
    /// The log's, on a damaged entry.
    pub fn rebuild(
        entries: impl Iterator<Item = Result<Entry, LogError>>,
        owner: (&TenantId, &ProxyId),
        dry_run: bool,
        retention_seconds: i64,
    ) -> Result<Rebuilt, LogError> {
        let mut table = Table::default();
        let mut open: BTreeMap<Key, Subject> = BTreeMap::new();
        let mut receipts = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Some(subject) = Subject::of_entry(&entry) else { continue };
            match entry.phase() {
                Phase::Intent => {
                    if subject.spends_budget(dry_run) {
                        table.isolations.push_back(entry.timestamp());
                    }
                    open.insert(subject.key.clone(), subject.clone());
                    table.see(entry.timestamp(), subject, None);
                }
                Phase::Outcome => {
                    let Some(receipt) = receipt::from_entry(&entry, owner.0, owner.1) else { continue };
                    let receipt = Arc::new(receipt);
                    open.remove(&subject.key);
                    table.see(entry.timestamp(), subject, Some(Arc::clone(&receipt)));
                    receipts.push(receipt);
                }
                Phase::Event => {}
            }
        }
        let ledger = Arc::new(Self { table: Mutex::new(table), dry_run, retention_seconds });
        let unfinished = open.into_values().map(|subject| ledger.held(subject)).collect();
        Ok(Rebuilt { ledger, unfinished, receipts })
    }

    /// Claims a verified action's key, atomically. `now` in unix seconds.
    pub fn claim(self: &Arc<Self>, verified: Verified<Action>, now: i64) -> Claimed {
        let subject = Subject::of(verified.value(), self.dry_run);
        let mut table = self.lock();
        table.forget_before(now.saturating_sub(self.retention_seconds));
        match table.known.get(&subject.key) {
            Some((known, _)) if !known.is_same_action(&subject) => Claimed::Taken,
            Some((_, None)) => Claimed::InFlight,
            Some((_, Some(receipt))) => Claimed::Finished(Arc::clone(receipt)),
            None => {
                table.see(now, subject.clone(), None);
                let mut claim = self.held(subject);
                claim.release();
                Claimed::Fresh(Box::new(Fresh { verified, claim }))
            }
        }
    }

    /// The right to end what was begun by someone who is no more.
    pub(crate) fn held(self: &Arc<Self>, subject: Subject) -> Claim {
        Claim { ledger: Arc::clone(self), subject, spent: None, keep: true }
    }

    pub(crate) fn is_in_flight(&self, key: &Key) -> bool {
        matches!(self.lock().known.get(key), Some((_, None)))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Forgets what had ended before `since`.
    fn forget_before(&mut self, since: i64) {
        while self.ages.front().is_some_and(|(at, _)| *at < since) {
            let Some((_, key)) = self.ages.pop_front() else { break };
            if matches!(self.known.get(&key), Some((_, Some(receipt))) if receipt.finished_at < since) {
                self.known.remove(&key);
            }
        }
    }

    fn see(&mut self, at: i64, subject: Subject, receipt: Option<Arc<Receipt>>) {
        self.ages.push_back((at, subject.key.clone()));
        self.known.insert(subject.key.clone(), (subject, receipt));
    }

    fn spend_isolation(&mut self, now: i64, per_hour: u32, per_day: u32) -> bool {
        let (hour, day) = (now.saturating_sub(3600), now.saturating_sub(24 * 3600));
        self.isolations.retain(|at| *at > day);
        let last_hour = self.isolations.iter().filter(|at| **at > hour).count();
        let allowed = last_hour < per_hour as usize && self.isolations.len() < per_day as usize;
        if allowed {
            self.isolations.push_back(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::tests::{NOW, config, verified};

    fn ledger() -> Arc<Ledger> {
        let config = config();
        let owner = (&config.tenant_id, &config.proxy_id);
        Ledger::rebuild(std::iter::empty(), owner, true, 7 * 24 * 3600).unwrap().ledger
    }

    #[test]
    fn a_key_is_claimed_once_and_given_back_only_before_the_intent() {
        let ledger = ledger();
        let Claimed::Fresh(first) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        assert!(matches!(ledger.claim(verified(|_| ()), NOW), Claimed::InFlight));
        drop(first);
        let Claimed::Fresh(second) = ledger.claim(verified(|_| ()), NOW) else { panic!("not given back") };
        let mut claim = second.claim;
        claim.hold();
        drop(claim);
        assert!(matches!(ledger.claim(verified(|_| ()), NOW), Claimed::InFlight));
    }

    #[test]
    fn a_release_may_carry_the_request_id_of_what_it_releases() {
        let ledger = ledger();
        let Claimed::Fresh(_execute) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        let release = ledger.claim(verified(|action| action["operation"] = "rollback".into()), NOW);
        assert!(matches!(release, Claimed::Fresh(_)));
    }

    #[test]
    fn what_has_ended_is_remembered_for_the_retention_time_and_then_forgotten() {
        let ledger = ledger();
        let Claimed::Fresh(fresh) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        let ended = NOW + 100;
        let receipt: Receipt = serde_json::from_value(serde_json::json!({
            "request_id": "req-1", "tenant_id": "acme", "proxy_id": "proxy-1", "outcome": "dry_run",
            "verification": "none", "detail": "", "finished_at": ended, "audit_head": {"seq": 1, "hash": "00"}
        }))
        .unwrap();
        fresh.claim.finish(Arc::new(receipt));
        let week = 7 * 24 * 3600;
        assert!(matches!(ledger.claim(verified(|_| ()), ended + week), Claimed::Finished(_)));
        assert!(matches!(ledger.claim(verified(|_| ()), ended + week + 1), Claimed::Fresh(_)));
    }

    #[test]
    fn an_id_that_was_used_for_one_device_is_no_answer_for_another() {
        let ledger = ledger();
        let Claimed::Fresh(_first) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        let other = verified(|action| action["target"]["device_id"] = "f".repeat(32).into());
        assert!(matches!(ledger.claim(other, NOW), Claimed::Taken));
    }

    #[test]
    fn the_budget_counts_the_last_hour_and_the_last_day() {
        let mut table = Table::default();
        assert!(table.spend_isolation(NOW, 2, 3));
        assert!(table.spend_isolation(NOW + 1, 2, 3));
        assert!(!table.spend_isolation(NOW + 2, 2, 3), "hour");
        assert!(table.spend_isolation(NOW + 3600, 2, 3));
        assert!(!table.spend_isolation(NOW + 7300, 2, 3), "day");
        assert!(table.spend_isolation(NOW + 24 * 3600, 2, 3));
    }

    #[test]
    fn what_did_not_happen_does_not_use_the_budget_up() {
        let ledger = ledger();
        for _ in 0..2 {
            let Claimed::Fresh(mut fresh) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
            assert!(fresh.claim.spend_isolation(NOW, 1, 1));
        }
    }
}
