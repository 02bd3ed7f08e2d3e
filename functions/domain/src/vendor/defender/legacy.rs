//! Graph v1 `security/alerts`. It has no machine id, so nothing can be contained from it.

use super::super::draft::{Draft, Required};
use super::super::fields::{
    account, at, basename, elements, first_text, first_valid, platform_of_name, platform_of_path, status, text,
};
use super::super::{NormaliseError, Reception};
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

pub(super) fn normalise(alert: &Value, reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let first = |key| elements(alert, &[key]).first().unwrap_or(&Value::Null);
    let (host, user, process) = (first("hostStates"), first("userStates"), first("processes"));
    let process_path = text(process, &["path"]);
    // One hash per process, and its type beside it.
    let hash = |kind: &str| {
        text(process, &["fileHash", "hashType"])
            .filter(|said| said.eq_ignore_ascii_case(kind))
            .and_then(|_| text(process, &["fileHash", "hashValue"]))
    };
    let draft = Draft {
        raw_id: text(alert, &["id"]),
        timestamp: ["eventDateTime", "createdDateTime"]
            .iter()
            .find_map(|key| at(alert, &[*key]).and_then(timestamp::parse)),
        hostname: first_text(host, &[&["fqdn"], &["netBiosName"]]),
        username: account(text(user, &["domainName"]), text(user, &["accountName"]))
            .or_else(|| text(user, &["userPrincipalName"])),
        process_name: text(process, &["name"]).or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(process, &["commandLine"]),
        sha256: hash("sha256").and_then(|digits| digits.parse().ok()),
        sha1: hash("sha1").and_then(|digits| digits.parse().ok()),
        tactic: text(alert, &["category"]),
        severity: text(alert, &["severity"]).map(|word| VendorSeverity::from_word(&word)),
        process_id: first_valid(process, &[&["processId"]]),
        platform: text(host, &["os"])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: text(process, &["parentProcessName"]),
        title: first_text(alert, &[&["title"], &["description"]]),
        status: status(alert, &[&["feedback"], &["status"]]),
        ..Draft::default()
    };
    draft.finish(Vendor::Defender, Required { raw_id: "id", timestamp: "eventDateTime" }, reception)
}
