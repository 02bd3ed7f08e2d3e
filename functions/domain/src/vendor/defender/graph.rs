//! Graph's `alerts_v2` object, fetched or posted by a Logic App, and the published shape, which is a subset of it.

use super::super::draft::{Draft, Required};
use super::super::fields::{
    account, at, basename, first_text, first_valid, path_in_folder, platform_of_name, platform_of_path, status, text,
};
use super::super::{NormaliseError, Reception};
use super::evidence::{device, of_type};
use super::first_of;
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(alert: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let process = of_type(alert, "processEvidence").next();
    let file = of_type(alert, "fileEvidence").next();
    // Without a process the file is what the alert is about; beside a process it may be any other file.
    let image =
        process.map_or_else(|| file.and_then(|file| file.get("fileDetails")), |process| process.get("imageFile"));
    let image = image.unwrap_or(&Value::Null);
    let process = process.unwrap_or(&Value::Null);
    let device = device(alert);
    let process_name = text(image, &["fileName"]);
    let process_path = path_in_folder(text(image, &["filePath"]), process_name.as_deref());
    let draft = Draft {
        raw_id: text(alert, &["id"]),
        timestamp: at(alert, &["createdDateTime"]).and_then(timestamp::parse),
        hostname: device.hostname,
        username: user(process).or_else(|| of_type(alert, "userEvidence").find_map(user)),
        process_name: process_name.or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(process, &["processCommandLine"]),
        sha256: first_valid(image, &[&["sha256"]]),
        sha1: first_valid(image, &[&["sha1"]]),
        tactic: text(alert, &["category"]),
        technique: first_of(alert, &["mitreTechniques"]),
        severity: text(alert, &["severity"]).map(|word| VendorSeverity::from_word(&word)),
        device_id: device.id.and_then(|id| id.parse().ok()),
        process_id: first_valid(process, &[&["processId"]]),
        platform: device
            .os
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: first_text(
            process,
            &[&["parentProcessImageFile", "fileName"], &["parentProcessImageFile", "filePath"]],
        ),
        title: first_text(alert, &[&["title"], &["description"]]),
        status: status(alert, &[&["classification"], &["status"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Defender, Required { raw_id: "id", timestamp: "createdDateTime" }, reception)
}

fn user(evidence: &Value) -> Option<String> {
    let user = evidence.get("userAccount")?;
    account(text(user, &["domainName"]), text(user, &["accountName"])).or_else(|| text(user, &["userPrincipalName"]))
}
