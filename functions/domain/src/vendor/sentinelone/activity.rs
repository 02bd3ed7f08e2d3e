//! Activities of the console: a STAR rule's alert (type 3608), and the detection of a threat (`threatId` with a confidence).
//! Other activities are not alerts.

use super::super::draft::{Draft, Required};
use super::super::fields::{
    at, basename, first_text, first_valid, has, platform_of_name, platform_of_path, status, text,
};
use super::super::{NormaliseError, Normalised, Reception};
use super::severity::{of_confidence, of_rule};
use crate::alert::NormalizedAlert;
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn recognises(payload: &Value) -> bool {
    has(payload, &["activitytype"])
}

pub(super) fn normalise(activity: &Value, reception: &Reception<'_>) -> Result<Normalised, NormaliseError> {
    let alert = if text(activity, &["activitytype"]).as_deref() == Some("3608") {
        star(activity, reception)?
    } else if text(activity, &["threatid"]).is_some() && text(activity, &["data", "confidencelevel"]).is_some() {
        threat(activity, reception)?
    } else {
        return Ok(Normalised::Ignored { reason: "activity is not a detection".to_owned() });
    };
    Ok(Normalised::Alerts(vec![alert]))
}

fn star(activity: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let data = activity.get("data").unwrap_or(&Value::Null);
    let process_path = text(data, &["sourceprocessfilepath"]);
    let draft = Draft {
        raw_id: text(data, &["alertid"]),
        timestamp: at(data, &["detectedat"])
            .and_then(timestamp::parse)
            .or_else(|| at(activity, &["createdat"]).and_then(timestamp::parse)),
        hostname: text(data, &["origagentname"]),
        username: text(data, &["sourceprocessusername"]),
        process_name: text(data, &["sourceprocessname"]),
        process_cmdline: text(data, &["sourceprocesscommandline"]),
        sha256: first_valid(data, &[&["sourceprocesssha256"], &["sourceprocessfilehashsha256"]]),
        sha1: first_valid(data, &[&["sourceprocesssha1"], &["sourceprocessfilehashsha1"]]),
        severity: text(data, &["severity"]).map(|word| of_rule(&word)),
        device_id: first_valid(activity, &[&["agentid"]]),
        platform: first_text(data, &[&["origagentosfamily"], &["origagentostype"]])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: text(data, &["sourceparentprocessname"]),
        parent_cmdline: text(data, &["sourceparentprocesscommandline"]),
        title: first_text(data, &[&["rulename"], &["ruledescription"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Sentinelone, Required { raw_id: "data.alertId", timestamp: "data.detectedAt" }, reception)
}

/// The threat's own id, so that this and the threat's object are one alert.
fn threat(activity: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let data = activity.get("data").unwrap_or(&Value::Null);
    let process_path = text(data, &["filepath"]);
    let hash = &["filecontenthash"][..];
    let draft = Draft {
        raw_id: text(activity, &["threatid"]),
        timestamp: at(activity, &["createdat"]).and_then(timestamp::parse),
        hostname: text(data, &["computername"]),
        username: text(data, &["username"]),
        process_name: text(data, &["filedisplayname"]).or_else(|| process_path.as_deref().and_then(basename)),
        sha256: first_valid(data, &[hash]),
        sha1: first_valid(data, &[hash]),
        severity: Some(of_confidence(
            text(data, &["confidencelevel"]).as_deref(),
            text(data, &["mitigationstatus"]).as_deref(),
        )),
        device_id: first_valid(activity, &[&["agentid"]]),
        threat_id: first_valid(activity, &[&["threatid"]]),
        platform: process_path.as_deref().and_then(platform_of_path),
        process_path,
        title: text(activity, &["primarydescription"]),
        status: status(data, &[&["mitigationstatus"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Sentinelone, Required { raw_id: "threatId", timestamp: "createdAt" }, reception)
}
