//! Second step: has this been asked before. `Verified<Action> -> Fresh<Action>`.
//!
//! The table is the audit log: an intent or an outcome in it is known for the retention window, and a restart forgets nothing.
//! In memory are the actions at work and, for each that has ended, 64 bits of its key with the number of its entry; the rest
//! is read from the log when it is asked for. What was approved before the memory begins is not done.

mod budget;
mod ended;
mod learn;

use crate::receipt::recall;
use crate::subject::{Key, Subject};
use crate::verify::Verified;
use budget::Budget;
use ended::Ended;
use learn::{Learned, learn};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vyrox_audit::log::{Log, LogError, Reader, SubjectDigest};
use vyrox_contract::{Action, Receipt};

/// An action that nobody is known to have asked for, claimed for this one asker. Made only by [`Ledger::claim`].
#[derive(Debug)]
pub struct Fresh<T> {
    verified: Verified<T>,
    claim: Claim,
    is_doubtful: bool,
}

impl<T> Fresh<T> {
    /// What was claimed.
    pub fn verified(&self) -> &Verified<T> {
        &self.verified
    }

    /// Whether it may have been done and forgotten: the clock was far ahead for a moment, or the log has lost its beginning.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// What the audit log says about it.
    pub(crate) fn subject(&self) -> &Subject {
        &self.claim.subject
    }

    /// Its claim.
    pub(crate) fn claim(&mut self) -> &mut Claim {
        &mut self.claim
    }

    /// Its claim, for good.
    pub(crate) fn into_claim(self) -> Claim {
        self.claim
    }
}

/// The exclusive right to work on one key. Dropped before the intent is on disk, it gives back the key and what was taken
/// from the budget; after that both stay taken.
#[derive(Debug)]
pub struct Claim {
    ledger: Arc<Ledger>,
    subject: Arc<Subject>,
    spent: Option<i64>,
    keep: bool,
}

impl Claim {
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Takes one isolation from the budget if both limits allow it. `now` in unix seconds.
    pub(crate) fn spend_isolation(&mut self, now: i64, per_hour: u32, per_day: u32) -> bool {
        let allowed = self.ledger.lock().budget.spend(now, per_hour, per_day);
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
    pub(crate) fn finish(mut self, receipt: &Receipt) {
        self.keep = true;
        let mut table = self.ledger.lock();
        table.working.remove(&self.subject.key);
        table.ended.add(digest(&self.subject.key), receipt.finished_at, receipt.audit_head.seq);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.keep {
            let mut table = self.ledger.lock();
            table.working.remove(&self.subject.key);
            if let Some(at) = self.spent {
                table.budget.give_back(at);
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
    /// It may have ended, and the log cannot be read.
    Unreadable(LogError),
}

/// Every request of the retention window, and the isolations of the last day.
#[derive(Debug)]
pub struct Ledger {
    table: Mutex<Table>,
    log: Reader,
    terms: Terms,
}

#[derive(Debug, Default)]
struct Table {
    /// What is being worked on, or was when the process before this one ended.
    working: HashMap<Key, Arc<Subject>>,
    ended: Ended,
    budget: Budget,
}

/// How a ledger decides.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// This proxy's mode: isolations of the other mode do not count against its budget.
    pub dry_run: bool,
    /// How long what has ended is remembered, in seconds.
    pub retention_seconds: i64,
}

/// What the log said at start.
#[derive(Debug)]
pub struct Rebuilt {
    /// The table.
    pub ledger: Arc<Ledger>,
    /// Intents without an outcome.
    pub unfinished: Vec<Claim>,
    /// The numbers of the outcomes that are not in compressed days, oldest first.
    pub outcomes: Vec<u64>,
    /// The numbers of the entries that tell of leases, oldest first.
    pub leases: Vec<u64>,
    /// The numbers of the entries that are about no action, oldest first.
    pub events: Vec<u64>,
}

impl Ledger {
    /// One that knows of nothing, about this log.
    pub fn empty(log: Reader, terms: Terms) -> Arc<Self> {
        Self::with(Table::default(), log, terms)
    }

    fn with(table: Table, log: Reader, terms: Terms) -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(table), log, terms })
    }

    /// Learns what the log's index says at `now` (unix seconds), and reads those entries that have no outcome.
    ///
    /// # Errors
    /// The log's, on a damaged entry.
    pub fn rebuild(log: &mut Log, terms: Terms, now: i64) -> Result<Rebuilt, LogError> {
        let since = now.saturating_sub(terms.retention_seconds);
        let Learned { ended, budget, open, outcomes, leases, events } = learn(log, since, terms.dry_run, now)?;
        let reader = log.reader();
        let intents = open.into_values().map(|seq| reader.entry(seq)).collect::<Result<Vec<_>, _>>()?;
        let subjects = intents.iter().flatten().filter_map(Subject::of_entry);
        let mut unfinished: Vec<_> = subjects.map(Arc::new).collect();
        unfinished.sort_unstable_by(|a, b| a.key.request_id.cmp(&b.key.request_id));
        let working = unfinished.iter().map(|subject| (subject.key.clone(), Arc::clone(subject))).collect();
        let ledger = Self::with(Table { working, ended, budget }, reader, terms);
        let unfinished = unfinished.into_iter().map(|subject| ledger.held(subject)).collect();
        Ok(Rebuilt { ledger, unfinished, outcomes, leases, events })
    }

    /// Claims a verified action's key, atomically. `now` in unix seconds.
    pub fn claim(self: &Arc<Self>, verified: Verified<Action>, now: i64) -> Claimed {
        let mut subject = Subject::of(verified.value(), self.terms.dry_run, now);
        subject.lease_of = verified.lease_of().cloned();
        let subject = Arc::new(subject);
        let (since, digest) = (now.saturating_sub(self.terms.retention_seconds), digest(&subject.key));
        let mut table = self.lock();
        table.ended.forget_before(since);
        if let Some(known) = table.working.get(&subject.key) {
            return if known.is_same_action(&subject) { Claimed::InFlight } else { Claimed::Taken };
        }
        let Some(seq) = table.ended.find(digest) else {
            // The end of a lease is asked for by this proxy alone, under an id for each attempt.
            let is_doubtful = subject.lease_of.is_none() && table.ended.may_have_lost(verified.value().approved_at);
            table.working.insert(subject.key.clone(), Arc::clone(&subject));
            drop(table);
            let mut claim = self.held(subject);
            claim.release();
            return Claimed::Fresh(Box::new(Fresh { verified, claim, is_doubtful }));
        };
        drop(table);
        // Outside the lock: others need not wait for the disk.
        match recall(&self.log, seq) {
            Ok(Some((_, receipt))) if receipt.finished_at < since => {
                self.lock().ended.forget(digest, seq, receipt.finished_at);
                self.claim(verified, now)
            }
            Ok(Some((known, receipt))) if known.key == subject.key && known.is_same_action(&subject) => {
                Claimed::Finished(receipt)
            }
            // Another action of this id, or of the same digest: refused rather than done.
            Ok(Some(_)) => Claimed::Taken,
            Ok(None) => Claimed::Unreadable(LogError::Index(format!("entry {seq}").into())),
            Err(error) => Claimed::Unreadable(error),
        }
    }

    /// Makes what the start learned quick to find, so that the first claim need not.
    pub(crate) fn settle(&self) {
        self.lock().ended.sort();
    }

    /// The right to end what was begun by someone who is no more.
    fn held(self: &Arc<Self>, subject: Arc<Subject>) -> Claim {
        Claim { ledger: Arc::clone(self), subject, spent: None, keep: true }
    }

    /// The right to end what a worker that has failed left; `None` if it left nothing.
    pub(crate) fn left_at_work(self: &Arc<Self>, key: &Key) -> Option<Claim> {
        let left = self.lock().working.get(key).map(Arc::clone);
        left.map(|subject| self.held(subject))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(key: &Key) -> u64 {
    SubjectDigest::of(key.request_id.as_str(), key.operation.as_str()).bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::tests::{NOW, verified};
    use vyrox_audit::Phase;

    const DAY: i64 = 24 * 3600;

    fn terms() -> Terms {
        Terms { dry_run: true, retention_seconds: 7 * DAY }
    }

    fn log(dir: &std::path::Path) -> Log {
        Log::open(dir, "proxy-1", "acme", NOW).unwrap().log
    }

    fn ledger() -> Arc<Ledger> {
        Ledger::empty(log(tempfile::tempdir().unwrap().path()).reader(), terms())
    }

    /// Writes an entry about the action of these tests into the log.
    fn write(log: &mut Log, request_id: &str, phase: Phase, at: i64) -> vyrox_audit::Entry {
        let subject = Subject::of(verified(|action| action["request_id"] = request_id.into()).value(), true, NOW);
        let mut detail = serde_json::Map::new();
        if phase == Phase::Outcome {
            detail.insert("verification".into(), "none".into());
            detail.insert("text".into(), "a test".into());
        }
        let mut draft = subject.draft("acme", at, phase, detail);
        draft.outcome = (phase == Phase::Outcome).then(|| "dry_run".into());
        log.append(at, &[draft]).unwrap().remove(0)
    }

    fn receipt(entry: &vyrox_audit::Entry) -> Receipt {
        crate::receipt::from_entry(entry).unwrap()
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
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        let ledger = Ledger::empty(log.reader(), terms());
        let Claimed::Fresh(fresh) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        let ended = NOW + 100;
        fresh.claim.finish(&receipt(&write(&mut log, "req-1", Phase::Outcome, ended)));
        let week = 7 * DAY;
        assert!(matches!(ledger.claim(verified(|_| ()), ended + week), Claimed::Finished(_)));
        let other = verified(|action| action["target"]["device_id"] = "f".repeat(32).into());
        assert!(matches!(ledger.claim(other, ended + week), Claimed::Taken));
        assert!(matches!(ledger.claim(verified(|_| ()), ended + week + 1), Claimed::Fresh(_)));
    }

    #[test]
    fn what_is_older_than_the_window_by_days_takes_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        let ledger = Ledger::empty(log.reader(), terms());
        for day in 0..30 {
            let (id, now) = (format!("req-{day}"), NOW + day * DAY);
            let action = verified(|action| action["request_id"] = id.clone().into());
            let Claimed::Fresh(fresh) = ledger.claim(action, now) else { panic!("not fresh") };
            fresh.claim.finish(&receipt(&write(&mut log, &id, Phase::Outcome, now)));
        }
        assert!(ledger.lock().ended.len() <= 9, "{}", ledger.lock().ended.len());
        assert!(ledger.lock().working.is_empty());
        let newest = verified(|action| action["request_id"] = "req-29".into());
        assert!(matches!(ledger.claim(newest, NOW + 30 * DAY), Claimed::Finished(_)));
    }

    #[test]
    fn a_start_knows_what_has_ended_what_has_not_and_what_the_budget_has_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        for (id, ends) in [("req-1", true), ("req-2", false), ("req-3", true)] {
            write(&mut log, id, Phase::Intent, NOW);
            if ends {
                write(&mut log, id, Phase::Outcome, NOW + 1);
            }
        }
        let Rebuilt { ledger, unfinished, outcomes, .. } = Ledger::rebuild(&mut log, terms(), NOW + 2).unwrap();
        assert_eq!(unfinished.iter().map(|claim| claim.subject.key.request_id.as_str()).collect::<Vec<_>>(), ["req-2"]);
        assert_eq!(outcomes, [1, 4]);
        let ask = |id: &str| ledger.claim(verified(|action| action["request_id"] = id.into()), NOW + 2);
        assert!(matches!(ask("req-1"), Claimed::Finished(receipt) if receipt.audit_head.seq == 1));
        assert!(matches!(ask("req-2"), Claimed::InFlight));
        let Claimed::Fresh(mut fresh) = ask("req-4") else { panic!("not fresh") };
        assert!(!fresh.claim.spend_isolation(NOW + 2, 3, 3), "three were begun");
        assert!(fresh.claim.spend_isolation(NOW + 2, 4, 4));
    }

    #[test]
    fn what_cannot_be_read_is_not_done_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        let ledger = Ledger::empty(log.reader(), terms());
        let Claimed::Fresh(fresh) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        fresh.claim.finish(&receipt(&write(&mut log, "req-1", Phase::Outcome, NOW)));
        let file = log.files().unwrap().remove(0);
        std::fs::write(&file, b"not an entry\n").unwrap();
        assert!(matches!(ledger.claim(verified(|_| ()), NOW), Claimed::Unreadable(_)));
        std::fs::write(&file, b"").unwrap();
        assert!(matches!(ledger.claim(verified(|_| ()), NOW), Claimed::Unreadable(_)));
    }

    #[test]
    fn an_id_that_was_used_for_one_device_is_no_answer_for_another() {
        let ledger = ledger();
        let Claimed::Fresh(_first) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        let other = verified(|action| action["target"]["device_id"] = "f".repeat(32).into());
        assert!(matches!(ledger.claim(other, NOW), Claimed::Taken));
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
