//! The alert of a STAR rule as the REST API has it (`cloud-detection/alerts`): the activity's alert, by the same id, with
//! the process's own id beside it.

use super::super::draft::{Draft, Required};
use super::super::fields::{at, basename, first_text, first_valid, platform_of_name, platform_of_path, status, text};
use super::super::{NormaliseError, Reception};
use super::severity::of_rule;
use crate::alert::NormalizedAlert;
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(alert: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let process = alert.get("sourceprocessinfo").unwrap_or(&Value::Null);
    let process_path = text(process, &["filepath"]);
    let draft = Draft {
        raw_id: text(alert, &["alertinfo", "alertid"]),
        timestamp: ["createdat", "reportedat"]
            .iter()
            .find_map(|key| at(alert, &["alertinfo", *key]).and_then(timestamp::parse)),
        hostname: first_text(alert, &[&["agentrealtimeinfo", "name"], &["agentdetectioninfo", "name"]]),
        username: text(process, &["user"]),
        process_name: text(process, &["name"]).or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(process, &["commandline"]),
        sha256: first_valid(process, &[&["filehashsha256"]]),
        sha1: first_valid(process, &[&["filehashsha1"]]),
        severity: text(alert, &["ruleinfo", "severity"]).map(|word| of_rule(&word)),
        device_id: first_valid(alert, &[&["agentrealtimeinfo", "id"]]),
        process_id: first_valid(process, &[&["pid"]]),
        platform: first_text(alert, &[&["agentrealtimeinfo", "os"], &["agentdetectioninfo", "osfamily"]])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: first_text(
            alert,
            &[&["sourceparentprocessinfo", "name"], &["sourceparentprocessinfo", "filepath"]],
        ),
        parent_cmdline: text(alert, &["sourceparentprocessinfo", "commandline"]),
        title: first_text(alert, &[&["ruleinfo", "name"], &["ruleinfo", "description"]]),
        status: status(alert, &[&["alertinfo", "analystverdict"], &["alertinfo", "incidentstatus"]]),
        ..Draft::default()
    };
    let required = Required { raw_id: "alertInfo.alertId", timestamp: "alertInfo.createdAt" };
    draft.finish(Vendor::Sentinelone, required, reception)
}
