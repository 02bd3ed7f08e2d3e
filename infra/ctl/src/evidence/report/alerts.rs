//! How many alerts came, what was decided, and how long it took.

use super::chart::{self, Series};
use super::page::Page;
use crate::evidence::facts::Facts;

const VERDICTS: [Series; 6] = [
    ("critical", "CRITICAL"),
    ("high", "HIGH"),
    ("medium", "MEDIUM"),
    ("low", "LOW"),
    ("benign", "BENIGN"),
    ("none", "no verdict in the period"),
];
/// More days than these are drawn as weeks.
const MOST_DAYS: i64 = 62;
/// How long a decision took: up to this many seconds, in words.
const WITHIN: [(i64, &str); 7] = [
    (60, "up to 1 minute"),
    (300, "up to 5 minutes"),
    (900, "up to 15 minutes"),
    (3_600, "up to 1 hour"),
    (14_400, "up to 4 hours"),
    (86_400, "up to 1 day"),
    (i64::MAX, "longer"),
];

pub(super) fn write(page: &mut Page, facts: &Facts) {
    page.markup("<h2>Alerts and decisions</h2><figure><figcaption>Alerts by verdict, for each ");
    let days = facts.period().days();
    let width = if days > MOST_DAYS { 7 } else { 1 };
    page.markup(if width == 1 { "day" } else { "week, named by its first day" }).markup("</figcaption>");
    let mut bars: Vec<(String, Vec<u64>)> =
        (0..(days + width - 1) / width).map(|bar| (facts.period().day(bar * width), vec![0; VERDICTS.len()])).collect();
    for (accepted, alert) in facts.accepted() {
        let word = alert.verdict.as_ref().map_or("", |(word, _)| word.as_str());
        let series = VERDICTS.iter().position(|(_, name)| *name == word).unwrap_or(VERDICTS.len() - 1);
        let bar = usize::try_from(facts.period().day_of(accepted.at) / width).unwrap_or(0);
        if let Some((_, values)) = bars.get_mut(bar) {
            values[series] += 1;
        }
    }
    chart::stacked(page, &VERDICTS, &bars);
    page.markup("</figure><div class=\"pair\"><figure><figcaption>What people decided</figcaption>");
    let decided = [
        ("Approved", facts.count(&["APPROVED"])),
        ("By break-glass", facts.count(&["APPROVED_BY_BREAK_GLASS"])),
        ("Allowed in advance", facts.count(&["APPROVED_BY_OPT_IN"])),
        ("Denied", facts.count(&["DENIED"])),
        ("Released", facts.count(&["RELEASE_APPROVED"])),
        ("Asked again", facts.count(&["QUESTION_REOPENED"])),
        ("Clicks refused", facts.count(&["CLICK_REFUSED", "CODE_REFUSED"])),
    ];
    chart::lying(page, "plain", &decided);
    page.markup("</figure><figure><figcaption>From the alert to the decision</figcaption>");
    let times = facts.decision_times();
    let mut above = i64::MIN;
    let within = WITHIN.map(|(most, name)| {
        let count = times.iter().filter(|time| **time > above && **time <= most).count() as u64;
        above = most;
        (name, count)
    });
    chart::lying(page, "plain", &within);
    page.markup("<p class=\"soft\">");
    match (quantile(&times, 50), quantile(&times, 90)) {
        (Some(half), Some(most)) => page.text(&format!(
            "{} alerts: half within {}, nine in ten within {}.",
            times.len(),
            span(half),
            span(most)
        )),
        _ => page.markup("No alert of the period was decided."),
    };
    page.markup("</p></figure></div>\n");
}

/// The value that so many in a hundred do not exceed; the values are sorted.
fn quantile(sorted: &[i64], percent: usize) -> Option<i64> {
    let place = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(place).copied()
}

/// A time span (seconds) as people say it.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::{quantile, span};

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let times: Vec<i64> = (1..=10).collect();
        assert_eq!([50, 90, 100].map(|percent| quantile(&times, percent)), [Some(5), Some(9), Some(10)]);
        assert_eq!((quantile(&[], 50), quantile(&[7], 50)), (None, Some(7)));
        assert_eq!([119, 120, 7_200].map(span), ["119 s", "2 min", "2 h"]);
    }
}
