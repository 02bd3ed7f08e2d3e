//! The flat threat of API v2.0, whose `fileContentHash` is a SHA-1.

use super::super::draft::{Draft, Required};
use super::super::fields::{at, basename, first_text, first_valid, platform_of_name, platform_of_path, status, text};
use super::super::{NormaliseError, Reception};
use super::severity::of_confidence;
use crate::alert::NormalizedAlert;
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(threat: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let process_path = text(threat, &["filepath"]);
    let draft = Draft {
        raw_id: text(threat, &["id"]),
        timestamp: at(threat, &["createdat"])
            .and_then(timestamp::parse)
            .or_else(|| at(threat, &["createddate"]).and_then(timestamp::parse)),
        hostname: text(threat, &["agentcomputername"]),
        username: text(threat, &["username"]),
        process_name: text(threat, &["filedisplayname"]).or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(threat, &["maliciousprocessarguments"]),
        sha256: first_valid(threat, &[&["filesha256"]]),
        sha1: first_valid(threat, &[&["filecontenthash"]]),
        severity: Some(of_confidence(
            text(threat, &["confidencelevel"]).as_deref(),
            text(threat, &["mitigationstatus"]).as_deref(),
        )),
        device_id: first_valid(threat, &[&["agentid"]]),
        threat_id: first_valid(threat, &[&["id"]]),
        platform: text(threat, &["agentostype"])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        title: first_text(threat, &[&["threatname"], &["description"]]),
        status: status(threat, &[&["mitigationstatus"], &["incidentstatus"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Sentinelone, Required { raw_id: "id", timestamp: "createdAt" }, reception)
}
