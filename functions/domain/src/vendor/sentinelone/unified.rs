//! The Unified Alert of the GraphQL API. It names the agent by UUID only, which no containment call takes: it never yields a
//! device id, and its numeric `externalId` is not said to be a threat's.

use super::super::draft::{Draft, Required};
use super::super::fields::{
    at, basename, elements, first_text, first_valid, platform_of_name, platform_of_path, status, text,
};
use super::super::{NormaliseError, Reception};
use super::lowered;
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use std::borrow::Cow;
use vyrox_contract::Vendor;

pub(super) fn normalise(alert: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let raw = raw(alert);
    let attacks = || elements(&raw, &["finding_info", "attacks"]).iter();
    let asset = elements(alert, &["assets"]).first().or_else(|| alert.get("asset")).unwrap_or(&Value::Null);
    let process_path = text(alert, &["process", "file", "path"]);
    let draft = Draft {
        raw_id: text(alert, &["id"]),
        timestamp: at(alert, &["detectedat"]).and_then(timestamp::parse),
        hostname: text(asset, &["name"]),
        username: text(alert, &["process", "username"]),
        process_name: text(alert, &["process", "file", "name"]).or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(alert, &["process", "cmdline"]),
        sha256: first_valid(alert, &[&["process", "file", "sha256"]]),
        sha1: first_valid(alert, &[&["process", "file", "sha1"]]),
        tactic: attacks().find_map(|attack| {
            first_text(attack, &[&["tactic", "name"], &["tactic", "uid"]]).or_else(|| {
                elements(attack, &["tactics"]).iter().find_map(|tactic| first_text(tactic, &[&["name"], &["uid"]]))
            })
        }),
        technique: attacks().find_map(|attack| first_text(attack, &[&["technique", "uid"], &["technique", "name"]])),
        severity: text(alert, &["severity"]).map(|word| VendorSeverity::from_word(&word)),
        platform: first_text(asset, &[&["ostype"], &["osfamily"]])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: text(alert, &["process", "parentname"]),
        title: first_text(alert, &[&["name"], &["description"]]),
        status: status(alert, &[&["analystverdict"], &["status"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Sentinelone, Required { raw_id: "id", timestamp: "detectedAt" }, reception)
}

/// The original finding (OCSF), as an object or as a text that holds one.
fn raw(alert: &Value) -> Cow<'_, Value> {
    match alert.get("rawdata") {
        Some(Value::String(text)) => Cow::Owned(serde_json::from_str(text).map_or(Value::Null, |raw| lowered(&raw))),
        Some(value) => Cow::Borrowed(value),
        None => Cow::Owned(Value::Null),
    }
}
