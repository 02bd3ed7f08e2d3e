//! Times at which nothing is contained.

use crate::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use vyrox_contract::UntrustedInput;

const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MINUTES_A_DAY: u16 = 24 * 60;

/// A time at which nothing is contained, in UTC. Kept as it was written:
///
/// * once: `2026-12-24T18:00:00Z/2026-12-27T06:00:00Z`
/// * every week: `sat-sun 00:00-24:00`, `fri 16:00-24:00`; a range of days may pass the week's end, one of hours not midnight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Freeze {
    text: String,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// Unix seconds; the end is outside.
    Once { from: i64, until: i64 },
    /// Days from 0 (Sunday), minutes of the day; the last day is inside, the last minute outside.
    Weekly { first: u8, last: u8, from: u16, until: u16 },
}

impl Freeze {
    /// Whether `now` (unix seconds) is in it.
    #[must_use]
    pub fn covers(&self, now: i64) -> bool {
        match self.when {
            When::Once { from, until } => (from..until).contains(&now),
            When::Weekly { first, last, from, until } => {
                // The first day of 1970 was a Thursday.
                let day = (now.div_euclid(86_400) + 4).rem_euclid(7);
                let minute = now.rem_euclid(86_400) / 60;
                let (first, last) = (i64::from(first), i64::from(last));
                let is_day = if first <= last { (first..=last).contains(&day) } else { day >= first || day <= last };
                is_day && (i64::from(from)..i64::from(until)).contains(&minute)
            }
        }
    }
}

impl FromStr for Freeze {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let when = if text.contains('/') { once(text) } else { weekly(text) };
        let when = when.ok_or(UntrustedInput {
            what: "freeze",
            reason: "it is neither FROM/UNTIL in RFC 3339 nor DAY[-DAY] HH:MM-HH:MM",
        })?;
        Ok(Self { text: text.to_owned(), when })
    }
}

fn once(text: &str) -> Option<When> {
    let (from, until) = text.split_once('/')?;
    let time = |text: &str| timestamp::parse(&Value::from(text)).filter(|_| text.contains('T'));
    let (from, until) = (time(from)?, time(until)?);
    (from < until).then_some(When::Once { from, until })
}

fn weekly(text: &str) -> Option<When> {
    let (days, hours) = text.split_once(' ')?;
    let day = |name: &str| DAYS.iter().position(|known| *known == name).and_then(|day| u8::try_from(day).ok());
    let (first, last) = match days.split_once('-') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(days)?, day(days)?),
    };
    let (from, until) = hours.split_once('-')?;
    let (from, until) = (minute(from)?, minute(until)?);
    (from < until).then_some(When::Weekly { first, last, from, until })
}

/// `HH:MM` as minutes; 24:00 is the day's end.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES_A_DAY).then_some(minute)
}

impl TryFrom<String> for Freeze {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Freeze> for String {
    fn from(freeze: Freeze) -> Self {
        freeze.text
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Friday, 2023-11-17, 22:13:20 UTC.
    const FRIDAY: i64 = 1_700_259_200;

    #[test]
    fn once_is_from_the_first_second_to_before_the_last() {
        let freeze: Freeze = "2023-11-17T22:13:20Z/2023-11-18T00:00:00Z".parse().unwrap();
        assert!(!freeze.covers(FRIDAY - 1) && freeze.covers(FRIDAY) && freeze.covers(FRIDAY + 6_399));
        assert!(!freeze.covers(FRIDAY + 6_400));
    }

    #[test]
    fn a_week_has_its_days_and_hours() {
        let covers = |text: &str, now| text.parse::<Freeze>().unwrap().covers(now);
        assert!(covers("fri 22:00-23:00", FRIDAY) && !covers("fri 22:14-23:00", FRIDAY));
        assert!(covers("fri-mon 00:00-24:00", FRIDAY) && covers("fri-mon 00:00-24:00", FRIDAY + 3 * 86_400));
        assert!(!covers("fri-mon 00:00-24:00", FRIDAY + 4 * 86_400));
        assert!(!covers("sat-sun 00:00-24:00", FRIDAY) && covers("sat-sun 00:00-24:00", FRIDAY + 6_400));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "fri",
            "fri 10:00",
            "fri 10:00-09:00",
            "fri 10:00-24:01",
            "fri 1:00-2:00",
            "friday 10:00-11:00",
            "fri 10:60-11:00",
            "/",
            "2023-11-18T00:00:00Z/2023-11-17T00:00:00Z",
            "1700000000/1700000001",
        ] {
            assert!(bad.parse::<Freeze>().is_err(), "{bad}");
        }
    }
}
