//! The shape of Vyrox's own documentation and simulator, which differ in `fileName` and `processName` and in the case of
//! the severity.

use super::super::draft::{Draft, Required};
use super::super::fields::{at, first_text, first_valid, platform_of_name, platform_of_path, text};
use super::super::{NormaliseError, Reception};
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(payload: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let process_path = text(payload, &["filepath"]);
    let draft = Draft {
        raw_id: text(payload, &["id"]),
        timestamp: at(payload, &["createdat"]).and_then(timestamp::parse),
        hostname: first_text(
            payload,
            &[&["agentrealtimeinfo", "computername"], &["agentrealtimeinfo", "agentcomputername"]],
        ),
        username: first_text(payload, &[&["username"], &["username"]]),
        process_name: first_text(payload, &[&["filename"], &["processname"]]),
        process_cmdline: text(payload, &["commandline"]),
        // The field's name does not say which hash it is; its length does.
        sha256: first_valid(payload, &[&["filecontenthash"], &["sha256"]]),
        sha1: first_valid(payload, &[&["filecontenthash"], &["sha1"]]),
        tactic: text(payload, &["mitretactic"]),
        technique: text(payload, &["mitretechnique"]),
        severity: text(payload, &["severity"]).map(|word| VendorSeverity::from_word(&word)),
        device_id: first_valid(payload, &[&["agentrealtimeinfo", "agentid"]]),
        threat_id: first_valid(payload, &[&["threatid"]]),
        platform: text(payload, &["agentrealtimeinfo", "agentostype"])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        title: first_text(payload, &[&["threatname"], &["name"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Sentinelone, Required { raw_id: "id", timestamp: "createdAt" }, reception)
}
