//! The steps of an alert's way, in the order of their times, and the stages between them. Pure.

use serde::Serialize;
use serde_json::Value;
use vyrox_audit::Entry;
use vyrox_platform::ledger::AT_MILLIS;

/// Whatever lets a containment be carried out.
const APPROVED: &[&str] = &["APPROVED", "APPROVED_BY_BREAK_GLASS", "APPROVED_BY_OPT_IN"];
/// Whatever a proxy reports about an action that it was handed.
const REPORTED: &[&str] = &["RECEIPT_RECORDED", "RECEIPT_CONTRADICTED"];
/// Where an alert is shown first.
const POSTED: &[&str] = &["CARD_POSTED", "DIGEST_POSTED"];

/// The stages, from one kind of entry to another: the first of each, the second not before the first.
const STAGES: [(&str, &[&str], &[&str]); 7] = [
    ("webhook to verdict", &["ALERT_ACCEPTED", "ALERT_REVISED"], &["VERDICT_RECORDED"]),
    ("verdict to card", &["VERDICT_RECORDED"], POSTED),
    ("card to decision", POSTED, &["APPROVED", "APPROVED_BY_BREAK_GLASS", "DENIED"]),
    ("approval to delivery", APPROVED, &["ACTION_DELIVERED"]),
    ("delivery to receipt", &["ACTION_DELIVERED"], REPORTED),
    ("receipt to card", REPORTED, &["CARD_EDITED", "CARD_POSTED"]),
    ("release to receipt", &["RELEASE_APPROVED"], REPORTED),
];

/// An alert's way.
#[derive(Debug, Serialize)]
pub(super) struct Journey {
    /// When the first step was entered, milliseconds since 1970; nothing if there is none (any more).
    pub(super) began_at_ms: Option<i64>,
    /// From the first step to the last, milliseconds.
    pub(super) took_ms: i64,
    /// What is usually asked.
    pub(super) stages: Vec<Stage>,
    /// Everything that was entered.
    pub(super) steps: Vec<Step>,
}

/// One entry of the audit.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// Milliseconds since 1970.
    pub(super) at_ms: i64,
    /// Since the first step.
    pub(super) offset_ms: i64,
    /// Since the step before.
    pub(super) took_ms: i64,
    /// Who entered it.
    pub(super) function: String,
    /// What.
    pub(super) event: String,
    /// More about it, in a few words; hostile text.
    pub(super) note: String,
    /// Where the whole entry is.
    pub(super) lane: String,
    /// Its number there.
    pub(super) seq: u64,
    /// The action that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
}

/// The time between two steps.
#[derive(Debug, Serialize)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) began_ms: i64,
    pub(super) took_ms: i64,
}

impl Journey {
    /// Of the entries about one alert, in any order.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        // Stable: entries of the same millisecond stay as their lanes have them.
        sorted.sort_by_key(|entry| at(entry));
        let began_at_ms = sorted.first().map(|entry| at(entry));
        let began = began_at_ms.unwrap_or(0);
        let mut before = began;
        let steps: Vec<Step> = sorted.into_iter().map(|entry| step(entry, began, &mut before)).collect();
        Self {
            began_at_ms,
            took_ms: steps.last().map_or(0, |step| step.offset_ms),
            stages: STAGES.iter().filter_map(|(name, from, to)| stage(&steps, name, from, to)).collect(),
            steps,
        }
    }
}

/// When an entry was sealed, milliseconds since 1970. Those of versions that did not say it have seconds.
fn at(entry: &Entry) -> i64 {
    entry.detail().get(AT_MILLIS).and_then(Value::as_i64).unwrap_or_else(|| entry.timestamp().saturating_mul(1_000))
}

fn step(entry: &Entry, began: i64, before: &mut i64) -> Step {
    let at_ms = at(entry);
    let took_ms = at_ms - std::mem::replace(before, at_ms);
    Step {
        at_ms,
        offset_ms: at_ms - began,
        took_ms,
        // `<function>-<ulid>`
        function: entry.chain().rsplit_once('-').map_or(entry.chain(), |(function, _)| function).to_owned(),
        event: entry.action_type().to_owned(),
        note: note(entry),
        lane: entry.chain().to_owned(),
        seq: entry.seq(),
        request_id: entry.request_id().map(str::to_owned),
    }
}

fn stage(steps: &[Step], name: &'static str, from: &[&str], to: &[&str]) -> Option<Stage> {
    let is = |step: &Step, kinds: &[&str]| kinds.contains(&step.event.as_str());
    let (index, first) = steps.iter().enumerate().find(|(_, step)| is(step, from))?;
    let last = steps[index + 1..].iter().find(|step| is(step, to))?;
    Some(Stage { name, began_ms: first.offset_ms, took_ms: last.offset_ms - first.offset_ms })
}

/// What a person wants to know beside the event's name.
fn note(entry: &Entry) -> String {
    let detail = |name: &str| match entry.detail().get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let words = match entry.action_type() {
        "ALERT_ACCEPTED" | "ALERT_REVISED" => vec![detail("source"), detail("scheme")],
        "VERDICT_RECORDED" => vec![
            entry.outcome().map(str::to_owned),
            detail("confidence_ten_thousandths")
                .and_then(|text| text.parse().ok())
                .map(|n: u32| format!("{} %", n / 100)),
            detail("decided_by").map(|by| format!("by {by}")),
        ],
        "ACTION_DELIVERED" => vec![detail("action"), detail("proxy_id").map(|proxy| format!("to {proxy}"))],
        "RECEIPT_RECORDED" | "RECEIPT_CONTRADICTED" | "LEASE_ENDED" | "LEASE_CONTRADICTED" => {
            vec![entry.outcome().map(str::to_owned), detail("verification")]
        }
        "ACTION_OVERDUE" => {
            vec![entry.outcome().map(str::to_owned), detail("proxy_id").map(|proxy| format!("to {proxy}"))]
        }
        "NOTICE_SENT" => vec![detail("notice")],
        _ => vec![entry.outcome().map(str::to_owned), Some(entry.approved_by().to_owned()), detail("reason")],
    };
    let words: Vec<String> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vyrox_audit::{Chain, Draft};

    /// Entries a second apart, in lanes of these functions.
    fn entries(kinds: &[(&str, &str)]) -> Vec<Entry> {
        let sealed = |(second, (function, kind)): (i64, &(&str, &str))| {
            let lane = Chain::genesis(&format!("{function}-01M8PH98DXA1JWCGQ167FHDN1A"));
            lane.seal(&Draft::event(1_700_000_000 + second, "acme", kind)).unwrap()
        };
        (0..).zip(kinds).map(sealed).collect()
    }

    fn stages(kinds: &[(&str, &str)]) -> Vec<&'static str> {
        let mut entries = entries(kinds);
        entries.reverse();
        Journey::of(&entries).stages.iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn what_was_allowed_in_advance_is_approved_before_it_is_shown() {
        let way = [
            ("ingest", "ALERT_ACCEPTED"),
            ("triage", "VERDICT_RECORDED"),
            ("triage", "APPROVED_BY_OPT_IN"),
            ("relay", "ACTION_DELIVERED"),
            ("relay", "RECEIPT_RECORDED"),
            ("notify", "CARD_POSTED"),
        ];
        let expected =
            ["webhook to verdict", "verdict to card", "approval to delivery", "delivery to receipt", "receipt to card"];
        assert_eq!(stages(&way), expected);
    }

    #[test]
    fn a_stage_that_has_not_ended_is_none() {
        let overdue = [("interactions", "APPROVED"), ("dispatch", "ACTION_OVERDUE"), ("notify", "CARD_EDITED")];
        assert_eq!(stages(&overdue), Vec::<&str>::new());
        assert_eq!(stages(&[("notify", "CARD_POSTED"), ("interactions", "DENIED")]), ["card to decision"]);
        let released =
            [("interactions", "RELEASE_APPROVED"), ("relay", "ACTION_DELIVERED"), ("relay", "RECEIPT_RECORDED")];
        assert_eq!(stages(&released), ["delivery to receipt", "release to receipt"]);
    }

    #[test]
    fn without_entries_there_is_no_beginning() {
        let nothing = Journey::of(&[]);
        assert!(nothing.began_at_ms.is_none() && nothing.steps.is_empty() && nothing.stages.is_empty());
    }
}
