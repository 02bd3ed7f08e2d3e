//! The flat threat of API v2.0, whose `fileContentHash` is a SHA-1.

use super::super::draft::{Draft, Required};
use super::super::fields::{at, basename, first_text, first_valid, platform_of_name, platform_of_path, text};
use super::super::{NormaliseError, Reception};
use super::severity::of_confidence;
use crate::alert::NormalizedAlert;
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(threat: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let process_path = text(threat, &["filePath"]);
    let draft = Draft {
        raw_id: text(threat, &["id"]),
        timestamp: at(threat, &["createdAt"])
            .and_then(timestamp::parse)
            .or_else(|| at(threat, &["createdDate"]).and_then(timestamp::parse)),
        hostname: text(threat, &["agentComputerName"]),
        username: text(threat, &["username"]),
        process_name: text(threat, &["fileDisplayName"]).or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(threat, &["maliciousProcessArguments"]),
        sha256: first_valid(threat, &[&["fileSha256"]]),
        sha1: first_valid(threat, &[&["fileContentHash"]]),
        severity: Some(of_confidence(
            text(threat, &["confidenceLevel"]).as_deref(),
            text(threat, &["mitigationStatus"]).as_deref(),
        )),
        device_id: first_valid(threat, &[&["agentId"]]),
        threat_id: first_valid(threat, &[&["id"]]),
        platform: text(threat, &["agentOsType"])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        title: first_text(threat, &[&["threatName"], &["description"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Sentinelone, Required { raw_id: "id", timestamp: "createdAt" }, reception)
}
