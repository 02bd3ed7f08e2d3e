//! The entity of Alerts API v2: snake_case, and the only Falcon shape with an operating system's process id.

use super::super::NormaliseError;
use super::super::Reception;
use super::super::draft::{Draft, Required};
use super::super::fields::{
    account, at, basename, elements, first_text, first_valid, platform_of_name, platform_of_path, status, text,
};
use super::severity::{Scale, severity};
use super::stream::{joined, preferred, said};
use crate::alert::NormalizedAlert;
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(alert: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let process_name = text(alert, &["filename"]);
    let process_path = joined(text(alert, &["filepath"]), process_name.as_deref());
    let draft = Draft {
        raw_id: text(alert, &["composite_id"]),
        timestamp: [&["timestamp"], &["created_timestamp"]]
            .iter()
            .find_map(|path| at(alert, *path).and_then(timestamp::parse)),
        hostname: first_text(alert, &[&["device", "hostname"], &["source_endpoint_host_name"], &["host_name"]]),
        username: account(text(alert, &["logon_domain"]), text(alert, &["user_name"])).or_else(|| {
            account(text(alert, &["source_account_domain"]), text(alert, &["source_account_name"]))
                .or_else(|| text(alert, &["source_account_upn"]))
        }),
        process_name: process_name.or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(alert, &["cmdline"]),
        sha256: first_valid(alert, &[&["sha256"]]),
        tactic: said(alert, &[&["tactic"], &["tactic_id"]]),
        technique: technique(alert),
        severity: Some(severity(
            Scale::Percent,
            text(alert, &["severity_name"]).as_deref(),
            text(alert, &["severity"]).and_then(|digits| digits.parse().ok()),
        )),
        device_id: first_valid(alert, &[&["device", "device_id"], &["agent_id"]]),
        process_id: first_valid(alert, &[&["local_process_id"]]),
        sha1: first_valid(alert, &[&["sha1"]]),
        platform: first_text(alert, &[&["device", "platform_name"], &["platform"]])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: first_text(alert, &[&["parent_details", "filename"], &["parent_details", "filepath"]]),
        parent_cmdline: text(alert, &["parent_details", "cmdline"]),
        title: first_text(alert, &[&["display_name"], &["name"], &["description"]]),
        status: status(alert, &[&["status"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Crowdstrike, Required { raw_id: "composite_id", timestamp: "timestamp" }, reception)
}

fn technique(alert: &Value) -> Option<String> {
    let attacks = elements(alert, &["mitre_attack"]).iter().filter_map(|attack| text(attack, &["technique_id"]));
    preferred(text(alert, &["technique_id"]).into_iter().chain(attacks).collect(), said(alert, &[&["technique"]]))
}
