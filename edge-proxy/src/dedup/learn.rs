//! What a start learns from the index of the audit log, in one pass over it.

use super::budget::{Budget, DAY};
use super::ended::Ended;
use std::collections::BTreeMap;
use vyrox_audit::Phase;
use vyrox_audit::log::{Log, LogError, SubjectDigest};

/// What one pass over the index taught.
#[derive(Default)]
pub(super) struct Learned {
    pub(super) ended: Ended,
    pub(super) budget: Budget,
    /// The intents without an outcome, by digest.
    pub(super) open: BTreeMap<u64, u64>,
    /// The outcomes that are not in compressed days, oldest first.
    pub(super) outcomes: Vec<u64>,
    /// The entries that tell of leases, oldest first.
    pub(super) leases: Vec<u64>,
    /// The entries that are about no action, oldest first.
    pub(super) events: Vec<u64>,
}

/// Reads the index, made anew if it is broken. What ended before `since` is forgotten; isolations of the last day before
/// `now` (both unix seconds) count if they were of this mode.
pub(super) fn learn(log: &mut Log, since: i64, dry_run: bool, now: i64) -> Result<Learned, LogError> {
    match pass(log, since, dry_run, now) {
        Err(LogError::Index(path)) => {
            tracing::warn!(index = %path.display(), "an index of the audit log is made anew");
            log.discard_indexes()?;
            pass(log, since, dry_run, now)
        }
        other => other,
    }
}

/// All days that are not compressed: the window, and what is older and not over yet, as a lease, a receipt that waits, or
/// what it was doing when it went down for longer than the window.
fn pass(log: &Log, since: i64, dry_run: bool, now: i64) -> Result<Learned, LogError> {
    // An action is two entries.
    let expected = usize::try_from(log.marks_expected() / 2).unwrap_or(0);
    let mut learned = Learned { ended: Ended::with_capacity(expected), ..Learned::default() };
    learned.outcomes.reserve(expected);
    let mut isolations = Vec::new();
    // Most actions end before the next begins, so that only the others are worth a place in a table.
    let mut newest = None;
    let a_day_ago = now.saturating_sub(DAY);
    log.marks(|seq, mark| {
        if mark.leased {
            learned.leases.push(seq);
        }
        let Some(digest) = mark.subject.map(SubjectDigest::bits) else { return learned.events.push(seq) };
        match mark.phase {
            Phase::Intent => {
                if !mark.rollback && mark.dry_run == dry_run && mark.timestamp > a_day_ago {
                    isolations.push(mark.timestamp);
                }
                learned.open.extend(newest.replace((digest, seq)));
            }
            Phase::Outcome => {
                newest.take_if(|(intent, _)| *intent == digest);
                if !learned.open.is_empty() {
                    learned.open.remove(&digest);
                }
                if mark.timestamp >= since {
                    learned.ended.learn(digest, mark.timestamp, seq);
                } else {
                    learned.ended.lose(mark.timestamp);
                }
                learned.outcomes.push(seq);
            }
            Phase::Event => {}
        }
    })?;
    learned.open.extend(newest);
    if let Some(until) = log.unmarked_until()? {
        learned.ended.lose(until);
    }
    Ok(Learned { budget: Budget::of(isolations), ..learned })
}
