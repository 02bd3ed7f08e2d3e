//! The alert of Defender for Endpoint's own API (`GET /api/alerts/{id}`).

use super::super::draft::{Draft, Required};
use super::super::fields::{
    account, at, basename, elements, first_text, first_valid, path_in_folder, platform_of_path, status, text,
};
use super::super::{NormaliseError, Reception};
use super::first_of;
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(alert: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let of = |kind: &'static str| {
        elements(alert, &["evidence"])
            .iter()
            .find(move |item| text(item, &["entityType"]).is_some_and(|name| name.eq_ignore_ascii_case(kind)))
    };
    let process = of("Process").unwrap_or(&Value::Null);
    let file = of("Process").or_else(|| of("File")).unwrap_or(&Value::Null);
    let process_name = text(file, &["fileName"]);
    let process_path = path_in_folder(text(file, &["filePath"]), process_name.as_deref());
    let draft = Draft {
        raw_id: text(alert, &["id"]),
        timestamp: at(alert, &["alertCreationTime"]).and_then(timestamp::parse),
        hostname: text(alert, &["computerDnsName"]),
        username: account(text(alert, &["relatedUser", "domainName"]), text(alert, &["relatedUser", "userName"]))
            .or_else(|| of("User").and_then(user))
            .or_else(|| user(process)),
        process_name: process_name.or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(process, &["processCommandLine"]),
        sha256: first_valid(file, &[&["sha256"]]),
        sha1: first_valid(file, &[&["sha1"]]),
        tactic: text(alert, &["category"]),
        technique: first_of(alert, &["mitreTechniques"]),
        severity: text(alert, &["severity"]).map(|word| VendorSeverity::from_word(&word)),
        device_id: first_valid(alert, &[&["machineId"]]),
        process_id: first_valid(process, &[&["processId"]]),
        platform: process_path.as_deref().and_then(platform_of_path),
        process_path,
        parent_process: first_text(process, &[&["parentProcessFileName"], &["parentProcessFilePath"]]),
        title: first_text(alert, &[&["title"], &["description"]]),
        status: status(alert, &[&["classification"], &["status"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Defender, Required { raw_id: "id", timestamp: "alertCreationTime" }, reception)
}

fn user(evidence: &Value) -> Option<String> {
    account(text(evidence, &["domainName"]), text(evidence, &["accountName"]))
        .or_else(|| text(evidence, &["userPrincipalName"]))
}
