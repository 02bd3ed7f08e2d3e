//! `vyroxctl rules explain`: one event, everything the rules saw in it.

use super::choice::RuleChoice;
use super::event::{Event, one_event};
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use serde_json::json;
use std::path::Path;
use vyrox_domain::heuristics::{Explanation, Ruleset, deterministic_level};
use vyrox_domain::verdict::Evidence;

/// `file` if it is given, or else `written`.
pub(super) fn explain(file: Option<&Path>, written: Event, rules: &RuleChoice, as_json: bool) -> Result<(), CtlError> {
    let event = match file {
        Some(file) => one_event(file)?,
        None => written,
    };
    rules.with(|ruleset| Ok(page(ruleset, &ruleset.explain(&event.observation())).print(as_json).map(drop)?))
}

fn page(ruleset: &Ruleset<'_>, explanation: &Explanation) -> Report {
    let level = deterministic_level(explanation.confidence);
    let mut text = table::fields(&[
        ("verdict", format!("{level} at {}", number(explanation.confidence.ratio()))),
        ("ruleset", ruleset.version().to_owned()),
        ("systems", explanation.platforms.join(", ")),
    ]);
    text.push_str("\nWhat was matched, in every form:\n");
    let forms: Vec<(&str, String)> =
        explanation.forms.iter().map(|form| (form.field, form.content.replace('\u{1}', " "))).collect();
    text.push_str(&table::fields(&forms));
    if explanation.forms.is_empty() {
        text.push_str("nothing: no field that rules look at\n");
    }
    text.push_str("\nRules that matched:\n");
    text.push_str(&table::columns(
        ["WEIGHT", "RULE", "FAMILY", "FIELD", "TEXT"],
        &explanation.matched.iter().map(row).collect::<Vec<_>>(),
    ));
    if !explanation.staged.is_empty() {
        text.push_str("\nOn trial, not counted:\n");
        text.push_str(&table::columns(
            ["WEIGHT", "RULE", "FAMILY", "FIELD", "TEXT"],
            &explanation.staged.iter().map(row).collect::<Vec<_>>(),
        ));
    }
    text.push_str("\nHow the confidence comes together (of each family the strongest rule, strongest first):\n");
    let steps: Vec<[String; 4]> = explanation
        .steps
        .iter()
        .map(|step| {
            let (weight, confidence) = (number(step.weight.ratio()), number(step.confidence.ratio()));
            [step.family.clone(), step.strongest.clone(), weight, confidence]
        })
        .collect();
    text.push_str(&table::columns(["FAMILY", "RULE", "WEIGHT", "CONFIDENCE"], &steps));
    let mut json = json!(explanation);
    json["verdict"] = json!(level);
    json["ruleset"] = json!(ruleset.version());
    Report::new(json, text)
}

fn row(evidence: &Evidence) -> [String; 5] {
    [
        number(evidence.weight.ratio()),
        evidence.rule_id.clone(),
        evidence.family.clone(),
        evidence.field.clone(),
        evidence.matched.clone(),
    ]
}

/// As the bands are written: four digits.
fn number(ratio: f64) -> String {
    format!("{ratio:.4}")
}
