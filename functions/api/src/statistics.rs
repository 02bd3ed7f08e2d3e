//! `GET /api/v1/statistics`: counts of the last days, and how fast people decided.

use crate::Api;
use crate::caller::{Asked, Caller};
use crate::refusal::Refusal;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use vyrox_domain::access::Permission;
use vyrox_domain::record::{AlertRecord, Decision};
use vyrox_domain::verdict::VerdictLevel;
use vyrox_platform::table::Prefix;

/// As long as records are kept.
const MOST_DAYS: i64 = 90;
const USUAL_DAYS: i64 = 7;
/// How many alerts are looked at: what a request has time for. Beyond it the answer says that it is not complete.
const MOST_LOOKED_AT: usize = 20_000;
/// All levels, the worst first.
const LEVELS: [VerdictLevel; 5] =
    [VerdictLevel::Critical, VerdictLevel::High, VerdictLevel::Medium, VerdictLevel::Low, VerdictLevel::Benign];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    days: Option<i64>,
}

pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(span): Asked<Span>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.may(Permission::ReadStatistics)?;
    let days = span.days.unwrap_or(USUAL_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Refusal::Query(format!("days is not from 1 to {MOST_DAYS}")));
    }
    let now = api.clock.now();
    let mut figures = Figures::since(now - days * 86_400);
    let (mut after, mut looked_at) = (None, 0);
    let is_complete = loop {
        let (page, next) = api.table.page::<AlertRecord>(tenant, &Prefix::alerts(), after, now).await?;
        looked_at += page.len();
        page.iter().for_each(|record| figures.count(&record.value));
        match next {
            None => break true,
            Some(_) if looked_at >= MOST_LOOKED_AT => break false,
            next => after = next,
        }
    };
    let mut answer = figures.told();
    answer["days"] = json!(days);
    answer["complete"] = json!(is_complete);
    Ok(Json(answer))
}

/// What was counted. Tests of ours are not.
#[derive(Debug, Default)]
struct Figures {
    since: i64,
    alerts: u64,
    /// By the place in [`LEVELS`].
    verdicts: [u64; 5],
    approved: u64,
    denied: u64,
    /// Seconds from an alert's arrival to its decision.
    waits: Vec<i64>,
}

impl Figures {
    fn since(since: i64) -> Self {
        Self { since, ..Self::default() }
    }

    fn count(&mut self, record: &AlertRecord) {
        if record.canary || record.alert.received_at < self.since {
            return;
        }
        self.alerts += 1;
        let level = record.verdict.as_ref().map(|verdict| verdict.verdict);
        if let Some(place) = LEVELS.iter().position(|one| Some(*one) == level) {
            self.verdicts[place] += 1;
        }
        let at = match &record.decision {
            Some(Decision::Approved { at, .. }) => {
                self.approved += 1;
                *at
            }
            Some(Decision::Denied { by }) => {
                self.denied += 1;
                by.at
            }
            None => return,
        };
        self.waits.push(at.saturating_sub(record.alert.received_at).max(0));
    }

    /// The middle one, or between the middle two, rounded down.
    fn median_wait(&self) -> Option<i64> {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        let upper = *waits.get(waits.len() / 2)?;
        let lower = waits[(waits.len() - 1) / 2];
        Some(lower + (upper - lower) / 2)
    }

    fn told(&self) -> Value {
        let verdicts: BTreeMap<&str, u64> = LEVELS.iter().map(|level| level.as_str()).zip(self.verdicts).collect();
        json!({
            "since": self.since,
            "alerts": self.alerts,
            "verdicts": verdicts,
            "unjudged": self.alerts - self.verdicts.iter().sum::<u64>(),
            "decisions": {"approved": self.approved, "denied": self.denied},
            "median_seconds_to_decision": self.median_wait(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::record;

    #[test]
    fn verdicts_decisions_and_waits_are_counted_and_tests_and_older_ones_are_not() {
        let mut figures = Figures::since(1_000);
        for (received_at, level, decided_at) in [
            (999, Some("HIGH"), Some(1_005)),
            (1_000, Some("HIGH"), Some(1_010)),
            (1_001, Some("HIGH"), Some(1_041)),
            (1_002, Some("LOW"), None),
            (1_003, None, None),
        ] {
            figures.count(&record(received_at, level, decided_at));
        }
        figures.count(&AlertRecord { canary: true, ..record(1_004, Some("CRITICAL"), None) });
        let told = figures.told();
        assert_eq!((&told["alerts"], &told["unjudged"]), (&json!(4), &json!(1)));
        assert_eq!(told["verdicts"], json!({"CRITICAL": 0, "HIGH": 2, "MEDIUM": 0, "LOW": 1, "BENIGN": 0}));
        assert_eq!(told["decisions"], json!({"approved": 2, "denied": 0}));
        assert_eq!(told["median_seconds_to_decision"], 25);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let median = |waits: &[i64]| Figures { waits: waits.to_vec(), ..Figures::default() }.median_wait();
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7]), Some(7));
        assert_eq!(median(&[100, 1, 4]), Some(4));
        assert_eq!(median(&[1, 100, 4, 7]), Some(5));
    }
}
