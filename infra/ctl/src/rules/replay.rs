//! `vyroxctl rules replay`: a tenant's stored alerts under other rules. Reading only.

use super::choice::RuleChoice;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use serde::Serialize;
use serde_json::json;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::heuristics::{Observation, Ruleset, deterministic_level};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::verdict::{Confidence, DecidedBy, VerdictLevel};
use vyrox_platform::table::Prefix;

/// An alert that the other rules judge differently.
#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    alert: AlertId,
    received_at: i64,
    title: Option<String>,
    before: Judgement,
    after: Judgement,
    /// Rules that match now and did not.
    came: BTreeSet<String>,
    /// Rules that matched and do not now.
    went: BTreeSet<String>,
}

/// A verdict in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Judgement {
    verdict: VerdictLevel,
    confidence: Confidence,
    decided_by: DecidedBy,
}

/// What became of all alerts.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Tally {
    alerts: usize,
    without_verdict: usize,
    unchanged: usize,
    raised: usize,
    lowered: usize,
    same_level: usize,
}

pub(super) async fn replay(
    tenant: &TenantId,
    rules: &RuleChoice,
    as_json: bool,
    deployment: &Deployment,
) -> Result<(), CtlError> {
    deployment.tenant(tenant).await?;
    let (mut records, mut after) = (Vec::<AlertRecord>::new(), None);
    loop {
        let (page, next) = deployment.table.page(tenant, &Prefix::alerts(), after, deployment.now()).await?;
        records.extend(page.into_iter().map(|record| record.value));
        match next {
            Some(key) => after = Some(key),
            None => break,
        }
    }
    records.sort_by_key(|record| (Reverse(record.alert.received_at), record.alert.id));
    rules.with(|ruleset| Ok(report(ruleset, &records).print(as_json).map(drop)?))
}

fn report(ruleset: &Ruleset<'_>, records: &[AlertRecord]) -> Report {
    let mut tally = Tally { alerts: records.len(), ..Tally::default() };
    let mut differences = Vec::new();
    for record in records {
        match compare(ruleset, record) {
            None => tally.without_verdict += 1,
            Some(difference) => {
                let (before, after) = (&difference.before, &difference.after);
                match after.verdict.cmp(&before.verdict) {
                    std::cmp::Ordering::Greater => tally.raised += 1,
                    std::cmp::Ordering::Less => tally.lowered += 1,
                    std::cmp::Ordering::Equal if difference.is_one() => tally.same_level += 1,
                    std::cmp::Ordering::Equal => tally.unchanged += 1,
                }
                if difference.is_one() {
                    differences.push(difference);
                }
            }
        }
    }
    let rows: Vec<[String; 5]> = differences
        .iter()
        .map(|difference| {
            let changed = difference.came.iter().map(|id| format!("+{id}"));
            let changed: Vec<String> = changed.chain(difference.went.iter().map(|id| format!("-{id}"))).collect();
            [
                difference.alert.to_string(),
                difference.before.in_words(),
                difference.after.in_words(),
                changed.join(" "),
                table::or_dash(difference.title.as_ref()),
            ]
        })
        .collect();
    let mut text = table::columns(["ALERT", "BEFORE", "AFTER", "RULES", "TITLE"], &rows);
    text.push_str(&format!(
        "\n{} alerts under ruleset {}: {} raised, {} lowered, {} changed within their level, {} unchanged, {} without a verdict\n",
        tally.alerts,
        ruleset.version(),
        tally.raised,
        tally.lowered,
        tally.same_level,
        tally.unchanged,
        tally.without_verdict,
    ));
    text.push_str("AFTER is what the rules say alone; no model was asked, nothing was changed.\n");
    Report::new(json!({"ruleset": ruleset.version(), "tally": tally, "differences": differences}), text)
}

/// The alert's judgements; `None` if it has had none so far.
fn compare(ruleset: &Ruleset<'_>, record: &AlertRecord) -> Option<Difference> {
    let verdict = record.verdict.as_ref()?;
    let assessment = ruleset.evaluate(&Observation::from(&record.alert));
    let before: BTreeSet<&str> = verdict.evidence.iter().map(|item| item.rule_id.as_str()).collect();
    let after: BTreeSet<&str> = assessment.evidence.iter().map(|item| item.rule_id.as_str()).collect();
    let owned = |ids: &mut dyn Iterator<Item = &&str>| ids.map(|id| (*id).to_owned()).collect();
    Some(Difference {
        alert: record.alert.id,
        received_at: record.alert.received_at,
        title: record.alert.title.clone(),
        before: Judgement { verdict: verdict.verdict, confidence: verdict.confidence, decided_by: verdict.decided_by },
        after: Judgement {
            verdict: deterministic_level(assessment.confidence),
            confidence: assessment.confidence,
            decided_by: DecidedBy::Heuristics,
        },
        came: owned(&mut after.difference(&before)),
        went: owned(&mut before.difference(&after)),
    })
}

impl Difference {
    /// Whether it is one. A model's confidence cannot be compared with the rules'.
    fn is_one(&self) -> bool {
        let by_rules = self.before.decided_by == DecidedBy::Heuristics;
        self.before.verdict != self.after.verdict
            || (by_rules && self.before.confidence != self.after.confidence)
            || !self.came.is_empty()
            || !self.went.is_empty()
    }
}

impl Judgement {
    fn in_words(&self) -> String {
        let by = if self.decided_by == DecidedBy::Heuristics { "" } else { self.decided_by.as_str() };
        format!("{} {:.2} {by}", self.verdict, self.confidence.ratio()).trim_end().to_owned()
    }
}
