//! The days that a report is about.

use time::Date;
use time::format_description::FormatItem;
use time::macros::format_description;

const DAY: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]");
const DAY_SECONDS: i64 = 86_400;

/// Whole days in UTC, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    from: Date,
    to: Date,
}

impl Period {
    /// `None` if the last day is before the first.
    pub(super) fn new(from: Date, to: Date) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// Whether it holds this time, unix seconds.
    pub(super) fn holds(self, at: i64) -> bool {
        let start = self.from.midnight().assume_utc().unix_timestamp();
        let last = self.to.midnight().assume_utc().unix_timestamp();
        (start..last + DAY_SECONDS).contains(&at)
    }

    /// The first day as `YYYY-MM-DD`.
    pub(super) fn first(self) -> String {
        written(self.from)
    }

    /// The last day as `YYYY-MM-DD`.
    pub(super) fn last(self) -> String {
        written(self.to)
    }

    /// How many days.
    pub(super) fn days(self) -> i64 {
        (self.to - self.from).whole_days() + 1
    }

    /// Which of its days this is, from 0; only for a time that it holds.
    pub(super) fn day_of(self, at: i64) -> i64 {
        (at - self.from.midnight().assume_utc().unix_timestamp()).div_euclid(DAY_SECONDS)
    }

    /// The day with this number, from 0, as `YYYY-MM-DD`.
    pub(super) fn day(self, number: i64) -> String {
        self.from.checked_add(time::Duration::days(number)).map(written).unwrap_or_default()
    }
}

/// A day as it is given: `YYYY-MM-DD`.
pub(super) fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, DAY).map_err(|error| format!("not a day like 2026-01-31: {error}"))
}

fn written(day: Date) -> String {
    day.format(DAY).expect("every date has a year, a month and a day")
}

#[cfg(test)]
mod tests {
    use super::{Period, day};

    #[test]
    fn both_days_are_in_it_from_midnight_to_midnight() {
        let period = Period::new(day("2023-11-14").unwrap(), day("2023-11-15").unwrap()).unwrap();
        let first = 1_699_920_000;
        assert_eq!(
            [first - 1, first, first + 2 * 86_400 - 1, first + 2 * 86_400].map(|at| period.holds(at)),
            [false, true, true, false]
        );
        assert_eq!((period.days(), period.day_of(first + 86_400), period.day(1)), (2, 1, "2023-11-15".to_owned()));
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_none() {
        assert_eq!(Period::new(day("2023-11-15").unwrap(), day("2023-11-14").unwrap()), None);
        assert!(day("14.11.2023").is_err() && day("2023-02-30").is_err());
    }
}
