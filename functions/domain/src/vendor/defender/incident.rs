//! A Sentinel incident: a title, a severity and tactics about alerts that are elsewhere. It names no host and no process.
//!
//! Three spellings: the SDK's snake_case, the REST resource's `properties`, and a Logic App's trigger around it (`object`).

use super::super::draft::{Draft, Required};
use super::super::fields::{at, first_text, has, status, text};
use super::super::{NormaliseError, Reception};
use super::first_of;
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

/// The incident itself, if this is one.
pub(super) fn recognise(payload: &Value) -> Option<&Value> {
    let incident = payload.get("object").unwrap_or(payload);
    let is_resource = text(incident, &["type"]).is_some_and(|kind| kind.to_ascii_lowercase().ends_with("/incidents"));
    let is_sdk = has(incident, &["additional_data"]) && has(incident, &["severity"]) && has(incident, &["title"]);
    (is_sdk || (is_resource && (has(incident, &["properties"]) || has(incident, &["title"])))).then_some(incident)
}

pub(super) fn normalise(incident: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let properties = incident.get("properties").unwrap_or(incident);
    let list = |key| {
        first_of(properties, &["additional_data", key]).or_else(|| first_of(properties, &["additionalData", key]))
    };
    let draft = Draft {
        // The name is the incident's UUID; `id` is the whole resource path.
        raw_id: first_text(incident, &[&["name"], &["id"]]),
        timestamp: ["created_time_utc", "createdTimeUtc", "first_activity_time_utc", "firstActivityTimeUtc"]
            .iter()
            .find_map(|key| at(properties, &[*key]).and_then(timestamp::parse)),
        tactic: list("tactics"),
        technique: list("techniques"),
        severity: text(properties, &["severity"]).map(|word| VendorSeverity::from_word(&word)),
        title: text(properties, &["title"]),
        status: status(properties, &[&["classification"], &["status"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Defender, Required { raw_id: "name", timestamp: "created_time_utc" }, reception)
}
