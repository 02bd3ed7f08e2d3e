//! Which entry each action ended with, by the digest of its key: 16 bytes for each.
//!
//! What the start learns is only appended, in the order of the log: a million entries cost one pass over memory. It is sorted
//! once, before it is asked for or in the background, whichever comes first.

use std::collections::{BTreeMap, VecDeque};

const DAY: i64 = 24 * 3600;
/// More seconds than two clocks that agree may differ.
const DISAGREEMENT: i64 = 60;

/// Digests, each with the number of the outcome's entry.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Of before the start.
    learned: Vec<(u64, u64)>,
    is_sorted: bool,
    /// Since the start.
    recent: BTreeMap<u64, u64>,
    /// The days that these are of, for forgetting the oldest.
    days: VecDeque<Day>,
    /// What ended up to then, unix seconds, may have been forgotten, or was never known.
    lost: Option<i64>,
}

#[derive(Debug)]
struct Day {
    /// Since 1970.
    number: i64,
    /// The number of its first entry.
    first: u64,
    /// When the last of it ended, unix seconds.
    last: i64,
}

impl Ended {
    /// With room for so many to be learned.
    pub(super) fn with_capacity(expected: usize) -> Self {
        Self { learned: Vec::with_capacity(expected), ..Self::default() }
    }

    /// Of before the start, in the order of the log.
    #[inline]
    pub(super) fn learn(&mut self, digest: u64, at: i64, seq: u64) {
        self.learned.push((digest, seq));
        self.note_day(at, seq);
    }

    /// Ended now.
    pub(super) fn add(&mut self, digest: u64, at: i64, seq: u64) {
        self.recent.insert(digest, seq);
        self.note_day(at, seq);
    }

    /// What ended up to `at` (unix seconds) is not known.
    pub(super) fn lose(&mut self, at: i64) {
        self.lost = self.lost.max(Some(at));
    }

    /// Whether something that was approved at `approved_at` (unix seconds) may have ended and not be known. An action ends
    /// after it was approved, by clocks that agreed when it was taken on.
    pub(super) fn may_have_lost(&self, approved_at: i64) -> bool {
        self.lost.is_some_and(|lost| approved_at <= lost.saturating_add(DISAGREEMENT))
    }

    /// The newest entry with this digest.
    pub(super) fn find(&mut self, digest: u64) -> Option<u64> {
        if let Some(seq) = self.recent.get(&digest) {
            return Some(*seq);
        }
        self.sort();
        let behind = self.learned.partition_point(|(known, _)| *known <= digest);
        self.learned[..behind].last().filter(|(known, _)| *known == digest).map(|(_, seq)| *seq)
    }

    /// Makes what was learned quick to find.
    pub(super) fn sort(&mut self) {
        if !self.is_sorted {
            self.learned.sort_unstable();
            self.is_sorted = true;
        }
    }

    /// Forgets one that ended `at` that time (unix seconds).
    pub(super) fn forget(&mut self, digest: u64, seq: u64, at: i64) {
        self.lose(at);
        if self.recent.get(&digest) == Some(&seq) {
            self.recent.remove(&digest);
        }
        self.learned.retain(|known| *known != (digest, seq));
    }

    /// Forgets the days that had ended before `since` (unix seconds). What is older, but not by its whole day, is for whoever
    /// reads the entry.
    pub(super) fn forget_before(&mut self, since: i64) {
        let mut first = None;
        while self.days.len() > 1 && (self.days[0].number + 1).saturating_mul(DAY) <= since {
            self.lost = self.lost.max(self.days.pop_front().map(|day| day.last));
            first = self.days.front().map(|day| day.first);
        }
        if let Some(first) = first {
            self.recent.retain(|_, seq| *seq >= first);
            self.learned.retain(|(_, seq)| *seq >= first);
        }
    }

    #[inline]
    fn note_day(&mut self, at: i64, seq: u64) {
        let number = at.div_euclid(DAY);
        match self.days.back_mut() {
            Some(day) if number <= day.number => day.last = day.last.max(at),
            _ => self.days.push_back(Day { number, first: seq, last: at }),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.learned.len() + self.recent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_and_what_came_later_is_found_and_the_newest_counts() {
        let mut ended = Ended::default();
        for (seq, digest) in [(1, 70), (3, 10), (5, 70), (7, 40)] {
            ended.learn(digest, 0, seq);
        }
        ended.add(10, 0, 9);
        let found: Vec<_> = [5, 10, 40, 70, 99].map(|digest| ended.find(digest)).into();
        assert_eq!(found, [None, Some(9), Some(7), Some(5), None]);
        ended.forget(40, 6, 0);
        assert_eq!(ended.find(40), Some(7), "another entry of the same digest");
        ended.forget(40, 7, 0);
        ended.forget(10, 9, 0);
        assert_eq!((ended.find(40), ended.find(10)), (None, Some(3)));
    }

    #[test]
    fn whole_days_are_forgotten() {
        let mut ended = Ended::default();
        ended.learn(1, 0, 1);
        ended.learn(2, DAY, 2);
        ended.add(3, 2 * DAY, 3);
        ended.forget_before(DAY - 1);
        assert_eq!(ended.len(), 3);
        assert!(!ended.may_have_lost(0));
        ended.forget_before(DAY);
        assert_eq!((ended.find(1), ended.find(2), ended.len()), (None, Some(2), 2));
        assert!(ended.may_have_lost(60) && !ended.may_have_lost(61), "it ended at 0");
        ended.forget_before(100 * DAY);
        assert_eq!((ended.find(3), ended.len()), (Some(3), 1), "the newest day stays");
    }
}
