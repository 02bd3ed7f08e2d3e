//! `/vyrox stats`: alerts a day by verdict, as a chart, and how fast people decided.

use crate::chart::{self, Bar};
use crate::{Asked, Assist, AssistError, Reply};
use time::{Date, Duration, OffsetDateTime};
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::record::{AlertRecord, Decision};
use vyrox_domain::text::Shown;
use vyrox_domain::verdict::VerdictLevel;
use vyrox_platform::bot::Attachment;

/// The levels from the bottom of a bar to its top.
pub(crate) const LEVELS: [VerdictLevel; 5] =
    [VerdictLevel::Benign, VerdictLevel::Low, VerdictLevel::Medium, VerdictLevel::High, VerdictLevel::Critical];

impl Assist {
    pub(crate) async fn stats(&self, asked: &Asked, days: u16) -> Result<Reply, AssistError> {
        let alerts = self.alerts(asked).await?;
        let figures = Figures::of(&alerts.records, days, self.clock.now());
        let png = chart::draw(&figures.bars)?;
        let note = alerts.has_more.then(|| Shown::literal("Of the alerts that could be read; there are more."));
        let message = Ephemeral::panel(figures.line(), Tone::Neutral, "Stats", figures.text(note), figures.fields());
        Ok(Reply { message, files: vec![Attachment { name: "stats.png", kind: "image/png", bytes: png }] })
    }
}

/// The figures of the last days (UTC), today among them. Tests of ours are not counted.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    bars: Vec<Bar>,
    approved: usize,
    denied: usize,
    expired: usize,
    /// Seconds from an alert's arrival to its decision, sorted.
    waits: Vec<i64>,
}

impl Figures {
    fn of(records: &[AlertRecord], days: u16, now: i64) -> Self {
        let day = |at: i64| OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
        let today = day(now);
        let first = today - Duration::days(i64::from(days) - 1);
        let mut bars: Vec<Bar> = (0..days)
            .map(|index| Bar { label: label(first + Duration::days(i64::from(index))), counts: [0; 5] })
            .collect();
        let (mut approved, mut denied, mut expired, mut waits) = (0, 0, 0, Vec::new());
        for record in records.iter().filter(|record| !record.canary) {
            let index = usize::try_from((day(record.alert.received_at) - first).whole_days());
            let (Ok(index), Some(verdict)) = (index, &record.verdict) else { continue };
            let Some(bar) = bars.get_mut(index) else { continue };
            let level = LEVELS.iter().position(|level| *level == verdict.verdict).unwrap_or(0);
            bar.counts[level] += 1;
            let decided_at = match &record.decision {
                Some(Decision::Approved { at, .. }) => {
                    approved += 1;
                    Some(*at)
                }
                Some(Decision::Denied { by }) => {
                    denied += 1;
                    Some(by.at)
                }
                _ => None,
            };
            match decided_at {
                Some(at) => waits.push(at.saturating_sub(record.alert.received_at).max(0)),
                None => expired += usize::from(record.plan().is_some_and(|plan| now >= plan.expires_at())),
            }
        }
        waits.sort_unstable();
        Self { bars, approved, denied, expired, waits }
    }

    fn total(&self) -> usize {
        self.bars.iter().flat_map(|bar| bar.counts).sum()
    }

    fn line(&self) -> Shown {
        let plural = if self.bars.len() == 1 { " day (UTC)" } else { " days (UTC)" };
        let number = |number: usize| Shown::number(i64::try_from(number).unwrap_or(i64::MAX));
        Shown::join([
            number(self.total()).bold(),
            Shown::literal(" alerts in "),
            number(self.bars.len()),
            Shown::literal(plural),
        ])
    }

    fn text(&self, note: Option<Shown>) -> Shown {
        let median = self.waits.get(self.waits.len() / 2).map(|seconds| {
            Shown::join([
                Shown::literal("Half of the decisions came within "),
                Shown::number(seconds / 60),
                Shown::literal(" min "),
                Shown::number(seconds % 60),
                Shown::literal(" s of the alert."),
            ])
        });
        let none = Shown::literal("Nothing was decided by a person in this time.");
        Shown::lines([median.unwrap_or(none)].into_iter().chain(note))
    }

    fn fields(&self) -> Vec<(Shown, Shown)> {
        let number = |number: usize| Shown::number(i64::try_from(number).unwrap_or(i64::MAX));
        let verdicts = LEVELS.iter().enumerate().rev().map(|(index, level)| {
            let sum = self.bars.iter().map(|bar| bar.counts[index]).sum::<usize>();
            Shown::join([Shown::literal(level.as_str()), Shown::literal(": "), number(sum)])
        });
        let decided = [("approved: ", self.approved), ("denied: ", self.denied), ("expired: ", self.expired)];
        let decided = decided.into_iter().map(|(name, count)| Shown::join([Shown::literal(name), number(count)]));
        vec![(Shown::literal("Verdicts"), Shown::lines(verdicts)), (Shown::literal("Questions"), Shown::lines(decided))]
    }
}

/// A day below its bar.
fn label(date: Date) -> String {
    format!("{}/{}", date.day(), u8::from(date.month()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_700_000_000;

    fn record(age_days: i64, level: &str, canary: bool, decided_after: Option<i64>) -> AlertRecord {
        let at = NOW - age_days * 86_400;
        let mut record = json!({
            "alert": {"tenant_id": "acme", "id": "00000000-0000-4000-8000-000000000000", "source": "generic",
                "raw_id": "1", "timestamp": at, "vendor_severity": "HIGH", "received_at": at, "revision": 0},
            "content_digest": "", "canary": canary,
            "verdict": {"verdict": level, "confidence": 0.9, "decided_by": "heuristics", "evidence": [],
                "techniques": [], "suggested_action": "monitor", "ruleset": "1"},
        });
        if let Some(after) = decided_after {
            record["decision"] = json!({"approved": {"at": at + after}});
        }
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn days_levels_and_waits_are_counted_and_tests_are_not() {
        let records = [
            record(0, "CRITICAL", false, Some(90)),
            record(0, "CRITICAL", true, Some(1)),
            record(1, "LOW", false, None),
            record(2, "HIGH", false, Some(600)),
            record(3, "HIGH", false, Some(30)),
        ];
        let figures = Figures::of(&records, 3, NOW);
        assert_eq!(figures.total(), 3, "the test and what is older are left out");
        assert_eq!(figures.bars.iter().map(|bar| bar.label.as_str()).collect::<Vec<_>>(), ["12/11", "13/11", "14/11"]);
        assert_eq!(figures.bars[2].counts, [0, 0, 0, 0, 1]);
        assert_eq!((figures.approved, figures.waits.as_slice()), (2, &[90, 600][..]));
        assert!(figures.text(None).as_str().contains("10 min 0 s"));
    }
}
