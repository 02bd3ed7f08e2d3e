//! The shape of Vyrox's own documentation and simulator.

use super::super::NormaliseError;
use super::super::Reception;
use super::super::draft::{Draft, Required};
use super::super::fields::{at, first_text, first_valid, platform_of_path, text};
use super::severity::{Scale, severity};
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(payload: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let process_path = first_text(payload, &[&["process", "file_path"], &["process", "path"]]);
    let draft = Draft {
        raw_id: text(payload, &["detect_id"]),
        timestamp: at(payload, &["timestamp"]).and_then(timestamp::parse),
        hostname: text(payload, &["sensor", "hostname"]),
        username: text(payload, &["process", "user_name"]),
        process_name: text(payload, &["process", "file_name"]),
        process_cmdline: text(payload, &["process", "command_line"]),
        sha256: first_valid(payload, &[&["process", "sha256"]]),
        tactic: text(payload, &["tactic"]),
        technique: text(payload, &["technique"]),
        severity: Some(published_severity(payload)),
        device_id: first_valid(payload, &[&["sensor", "agent_id"]]),
        sha1: first_valid(payload, &[&["process", "sha1"]]),
        platform: process_path.as_deref().and_then(platform_of_path),
        process_path,
        parent_process: first_text(payload, &[&["process", "parent_file_name"], &["process", "parent_process"]]),
        parent_cmdline: text(payload, &["process", "parent_command_line"]),
        title: first_text(payload, &[&["detect_name"], &["description"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Crowdstrike, Required { raw_id: "detect_id", timestamp: "timestamp" }, reception)
}

/// A word; or a number on Falcon's 0 to 100 scale where it leaves no doubt.
fn published_severity(payload: &Value) -> VendorSeverity {
    let value = at(payload, &["severity"]);
    severity(Scale::PercentAboveFive, value.and_then(Value::as_str), value.and_then(Value::as_u64))
}
