//! The object of Threats v2.1: `threatInfo`, `agentRealtimeInfo`, `agentDetectionInfo`, `indicators`.

use super::super::draft::{Draft, Required};
use super::super::fields::{
    at, basename, elements, first_text, first_valid, platform_of_name, platform_of_path, status, text,
};
use super::super::{NormaliseError, Reception};
use super::severity::of_confidence;
use crate::alert::NormalizedAlert;
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(payload: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let threat = payload.get("threatinfo").unwrap_or(&Value::Null);
    let process_path = text(threat, &["filepath"]);
    let tactics = || elements(payload, &["indicators"]).iter().flat_map(|indicator| elements(indicator, &["tactics"]));
    let draft = Draft {
        raw_id: text(payload, &["id"]).or_else(|| text(threat, &["threatid"])),
        timestamp: [(threat, "identifiedat"), (threat, "createdat"), (payload, "createdat")]
            .into_iter()
            .find_map(|(value, key)| at(value, &[key]).and_then(timestamp::parse)),
        hostname: first_text(
            payload,
            &[&["agentrealtimeinfo", "agentcomputername"], &["agentrealtimeinfo", "computername"]],
        ),
        username: text(threat, &["processuser"])
            .or_else(|| text(payload, &["agentdetectioninfo", "agentlastloggedinusername"])),
        process_name: process_path.as_deref().and_then(basename).or_else(|| text(threat, &["threatname"])),
        process_cmdline: text(threat, &["maliciousprocessarguments"]),
        sha256: first_valid(threat, &[&["sha256"]]),
        sha1: first_valid(threat, &[&["sha1"]]),
        tactic: tactics().find_map(|tactic| text(tactic, &["name"])),
        technique: tactics()
            .flat_map(|tactic| elements(tactic, &["techniques"]))
            .find_map(|used| text(used, &["name"])),
        severity: Some(of_confidence(
            text(threat, &["confidencelevel"]).as_deref(),
            text(threat, &["mitigationstatus"]).as_deref(),
        )),
        device_id: first_valid(payload, &[&["agentrealtimeinfo", "agentid"]]),
        threat_id: first_valid(threat, &[&["threatid"]]).or_else(|| first_valid(payload, &[&["id"]])),
        platform: first_text(
            payload,
            &[
                &["agentrealtimeinfo", "agentostype"],
                &["agentrealtimeinfo", "agentosname"],
                &["agentdetectioninfo", "agentosname"],
            ],
        )
        .and_then(|name| platform_of_name(&name))
        .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: text(threat, &["originatorprocess"]).filter(|name| is_process(name)),
        title: text(threat, &["threatname"]),
        status: status(threat, &[&["analystverdict"], &["mitigationstatus"], &["incidentstatus"]]),
        ..Draft::default()
    };
    let required = Required { raw_id: "id or threatInfo.threatId", timestamp: "threatInfo.identifiedAt or createdAt" };
    draft.finish(Vendor::Sentinelone, required, reception)
}

/// The originator may be prose about another machine; a process is one word, or a path, or ends in `.exe`.
fn is_process(name: &str) -> bool {
    !name.contains(char::is_whitespace) || name.contains(['\\', '/']) || name.to_ascii_lowercase().ends_with(".exe")
}
