//! Maintenance windows: times of the week at which hosts are left alone, because the people who work on them then would be
//! cut off, or would be taken for an attack.

use crate::hosts::ProtectedHosts;
use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// A window that comes every week, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Which hosts; names and patterns, as for protected hosts. Default all.
    #[serde(default = "every_host")]
    pub hosts: Vec<String>,
    /// The days on which it begins. Default all.
    #[serde(default = "every_day")]
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: TimeOfDay,
    /// When it ends. At or before `from`: on the next day.
    pub to: TimeOfDay,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Thu,
    Fri,
    Sat,
    Sun,
    Mon,
    Tue,
    Wed,
}

/// In the order of days since 1970-01-01, which was a Thursday.
const WEEK: [Weekday; 7] =
    [Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun, Weekday::Mon, Weekday::Tue, Weekday::Wed];

/// `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// Not a time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a time of the day (HH:MM)")]
pub struct NotATime;

impl TryFrom<String> for TimeOfDay {
    type Error = NotATime;
    fn try_from(text: String) -> Result<Self, NotATime> {
        let two = |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok());
        let (hour, minute) = text.split_once(':').ok_or(NotATime)?;
        match (two(hour).flatten(), two(minute).flatten()) {
            (Some(hour @ 0..=23), Some(minute @ 0..=59)) => Ok(Self(hour * 60 + minute)),
            _ => Err(NotATime),
        }
    }
}

impl From<TimeOfDay> for String {
    fn from(TimeOfDay(minutes): TimeOfDay) -> Self {
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Maintenance {
    /// Whether `host` is left alone at `now` (unix seconds).
    pub fn covers(&self, host: &str, now: i64) -> bool {
        self.is_open(now) && ProtectedHosts::new(&self.hosts).protects(host)
    }

    fn is_open(&self, now: i64) -> bool {
        let (from, to) = (i64::from(self.from.0) * MINUTE, i64::from(self.to.0) * MINUTE);
        let length = if to > from { to - from } else { to + DAY - from };
        // The window that began today, and the one that began yesterday and may last until now.
        [0, DAY].into_iter().any(|back| {
            let Some(then) = now.checked_sub(back) else { return false };
            let begun = then.rem_euclid(DAY) + back - from;
            let day = then.div_euclid(DAY).rem_euclid(7);
            let weekday = WEEK[usize::try_from(day).expect("a remainder of 7 is a small number")];
            (0..length).contains(&begun) && self.days.contains(&weekday)
        })
    }
}

fn every_host() -> Vec<String> {
    vec!["*".to_owned()]
}

fn every_day() -> Vec<Weekday> {
    WEEK.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14 is a Tuesday; midnight UTC.
    const TUESDAY: i64 = 1_699_920_000;
    const HOUR: i64 = 3600;

    fn window(toml: &str) -> Maintenance {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn a_window_is_open_from_its_beginning_up_to_its_end() {
        let window = window("days = ['tue']\nfrom = '08:00'\nto = '10:30'");
        for (at, open) in [(8 * HOUR - 1, false), (8 * HOUR, true), (10 * HOUR + 1799, true), (10 * HOUR + 1800, false)]
        {
            assert_eq!(window.covers("ws-01", TUESDAY + at), open, "{at}");
        }
        assert!(!window.covers("ws-01", TUESDAY + DAY + 9 * HOUR), "Wednesday");
        assert!(window.covers("ws-01", TUESDAY + 7 * DAY + 9 * HOUR), "every week");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let window = window("days = ['mon']\nfrom = '22:00'\nto = '02:00'");
        assert!(window.covers("ws-01", TUESDAY - 2 * HOUR) && window.covers("ws-01", TUESDAY + 2 * HOUR - 1));
        assert!(!window.covers("ws-01", TUESDAY + 2 * HOUR) && !window.covers("ws-01", TUESDAY + 22 * HOUR));
    }

    #[test]
    fn equal_times_are_a_whole_day_and_hosts_limit_it() {
        let window = window("hosts = ['srv-*']\nfrom = '00:00'\nto = '00:00'");
        assert!(window.covers("SRV-9.corp.example", TUESDAY) && window.covers("srv-1", TUESDAY + DAY - 1));
        assert!(!window.covers("ws-01", TUESDAY));
        for now in [i64::MIN, i64::MIN + 1, i64::MAX] {
            let _ = window.covers("srv-1", now);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["24:00", "12:60", "1:00", "12", "+1:00", "12:0 ", ""] {
            assert!(TimeOfDay::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(String::from(TimeOfDay::try_from("09:05".to_owned()).unwrap()), "09:05");
    }
}
