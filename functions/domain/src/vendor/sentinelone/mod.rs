//! SentinelOne. The shapes, in the order in which they are looked for:
//!
//! | shape | known by | file |
//! |---|---|---|
//! | Threats v2.1 object, alone or in `data` | `threatInfo` | [`threat`] |
//! | alert of a STAR rule, alone or in `data` | `alertInfo` with `ruleInfo` | [`rule_alert`] |
//! | activity (STAR rule 3608, new threats) | `activityType` | [`activity`] |
//! | Unified Alert, alone or in GraphQL's `data` | `detectedAt` with `analystVerdict` or `detectionSource` | [`unified`] |
//! | legacy flat v2.0 threat | `agentComputerName` | [`legacy`] |
//! | published Vyrox shape | `accountId` with `mitreTactic` or `agentRealtimeInfo` | [`published`] |
//!
//! Forwarders change the keys' case (Panther lowers all of it), so the document is read with its keys in lower case. A
//! threat that is mitigated, benign or resolved is still an alert; its status says so, and nothing is offered for it. An
//! `agentUuid` is not an agent id; only an agent id becomes the device.

mod activity;
mod legacy;
mod published;
mod rule_alert;
mod severity;
mod threat;
mod unified;

use super::fields::{at, elements, has};
use super::{Known, Reception, each, one};
use serde_json::{Map, Value};

/// What an unknown body is told.
pub(super) const HINT: &str = "neither threatInfo, alertInfo with ruleInfo, activityType, detectedAt with analystVerdict or detectionSource, \
                               accountId with agentRealtimeInfo or mitreTactic, nor agentComputerName";

enum Shape<'a> {
    Threat,
    RuleAlert,
    Activity,
    Unified,
    UnifiedEdges(&'a [Value]),
    Published,
    Legacy,
    Wrapped(&'a Value),
    Several(&'a [Value]),
}

fn shape(payload: &Value) -> Option<Shape<'_>> {
    if let Value::Array(items) = payload {
        return shape(items.first()?).map(|_| Shape::Several(items));
    }
    if payload.get("threatinfo").is_some_and(Value::is_object) {
        return Some(Shape::Threat);
    }
    if has(payload, &["alertinfo"]) && has(payload, &["ruleinfo"]) {
        return Some(Shape::RuleAlert);
    }
    if activity::recognises(payload) {
        return Some(Shape::Activity);
    }
    if has(payload, &["detectedat"]) && (has(payload, &["analystverdict"]) || has(payload, &["detectionsource"])) {
        return Some(Shape::Unified);
    }
    // The legacy threat has an accountId too, and its name of the computer is its own.
    if has(payload, &["agentcomputername"]) {
        return Some(Shape::Legacy);
    }
    if has(payload, &["accountid"]) && (has(payload, &["mitretactic"]) || has(payload, &["agentrealtimeinfo"])) {
        return Some(Shape::Published);
    }
    let data = payload.get("data")?;
    if let Some(edges) = at(data, &["alerts", "edges"]).and_then(Value::as_array) {
        return Some(Shape::UnifiedEdges(edges));
    }
    let inner = data.get("alert").unwrap_or(data);
    // One level only: `data` of `data` is nobody's answer. An empty answer is one all the same.
    let empty = inner.as_array().is_some_and(Vec::is_empty) && has(payload, &["pagination"]);
    (empty || (!has(inner, &["data"]) && shape(inner).is_some())).then_some(Shape::Wrapped(inner))
}

/// Whether the body is one of the vendor's, whatever route it came by.
pub(super) fn recognises(payload: &Value) -> bool {
    shape(&lowered(payload)).is_some()
}

/// The body's alerts; `None` if it is none of the vendor's shapes.
pub(super) fn normalise(payload: &Value, reception: &Reception<'_>) -> Known {
    read(&lowered(payload), reception)
}

fn read(payload: &Value, reception: &Reception<'_>) -> Known {
    let Some(shape) = shape(payload) else { return Ok(None) };
    match shape {
        Shape::Threat => threat::normalise(payload, reception).map(one),
        Shape::RuleAlert => rule_alert::normalise(payload, reception).map(one),
        Shape::Activity => activity::normalise(payload, reception).map(Some),
        Shape::Unified => unified::normalise(payload, reception).map(one),
        Shape::UnifiedEdges(edges) => {
            each(edges, |edge| unified::normalise(edge.get("node").unwrap_or(edge), reception).map(one))
        }
        Shape::Published => published::normalise(payload, reception).map(one),
        Shape::Legacy => legacy::normalise(payload, reception).map(one),
        Shape::Wrapped(inner) if inner.is_array() => each(elements(inner, &[]), |item| read(item, reception)),
        Shape::Wrapped(inner) => read(inner, reception),
        Shape::Several(items) => each(items, |item| read(item, reception)),
    }
}

/// The document with its keys in lower case; of two keys that then are one, the first counts.
fn lowered(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut map = Map::new();
            for (key, value) in object {
                map.entry(key.to_ascii_lowercase()).or_insert_with(|| lowered(value));
            }
            Value::Object(map)
        }
        Value::Array(items) => Value::Array(items.iter().map(lowered).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
