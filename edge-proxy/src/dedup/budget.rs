//! The blast-radius budget: how many isolations were begun in the last hour and the last day.

use std::collections::VecDeque;

const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 24 * HOUR;

/// When the isolations of the last day were begun, unix seconds, in order.
#[derive(Debug, Default)]
pub(super) struct Budget(VecDeque<i64>);

impl Budget {
    /// From the log, in whatever order.
    pub(super) fn of(mut begun: Vec<i64>) -> Self {
        begun.sort_unstable();
        Self(begun.into())
    }

    /// Takes one isolation if both limits allow it. `now` in unix seconds.
    pub(super) fn spend(&mut self, now: i64, per_hour: u32, per_day: u32) -> bool {
        let (hour, day) = (now.saturating_sub(HOUR), now.saturating_sub(DAY));
        while self.0.front().is_some_and(|at| *at <= day) {
            self.0.pop_front();
        }
        let last_hour = self.0.len() - self.0.partition_point(|at| *at <= hour);
        let allowed = last_hour < per_hour as usize && self.0.len() < per_day as usize;
        if allowed {
            // At the end, unless the clock has gone back.
            let at = self.0.partition_point(|at| *at <= now);
            self.0.insert(at, now);
        }
        allowed
    }

    /// Gives back one that was taken `at` that time.
    pub(super) fn give_back(&mut self, at: i64) {
        if let Ok(place) = self.0.binary_search(&at) {
            self.0.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn the_budget_counts_the_last_hour_and_the_last_day() {
        let mut budget = Budget::default();
        assert!(budget.spend(NOW, 2, 3));
        assert!(budget.spend(NOW + 1, 2, 3));
        assert!(!budget.spend(NOW + 2, 2, 3), "hour");
        assert!(budget.spend(NOW + 3600, 2, 3));
        assert!(!budget.spend(NOW + 7300, 2, 3), "day");
        assert!(budget.spend(NOW + 24 * 3600, 2, 3));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_a_clock_that_goes_back_gives_nothing_back() {
        let mut budget = Budget::of(vec![NOW, NOW - DAY, NOW - HOUR - 1]);
        assert!(!budget.spend(NOW, 1, 3), "one in the last hour");
        budget.give_back(NOW);
        assert!(budget.spend(NOW, 1, 3));
        assert!(!budget.spend(NOW - 7 * DAY, 1, 3), "what lies in the future counts");
    }
}
