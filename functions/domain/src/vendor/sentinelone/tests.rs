//! SentinelOne's shapes, one behaviour each; whole payloads with their results are in `events/sentinelone/`.

use super::*;
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::vendor::Normalised;
use serde_json::json;
use vyrox_contract::TenantId;

fn read(payload: &Value) -> Known {
    let tenant: TenantId = "acme".parse().unwrap();
    normalise(payload, &Reception { tenant_id: &tenant, received_at: 1_700_000_100 })
}

fn only(payload: &Value) -> NormalizedAlert {
    match read(payload).unwrap().unwrap() {
        Normalised::Alerts(mut alerts) => alerts.remove(0),
        Normalised::Ignored { reason } => panic!("ignored: {reason}"),
    }
}

fn threat() -> Value {
    json!({
        "id": "1570395776954206544",
        "threatInfo": {"threatId": "1570395776954206544", "identifiedAt": "2023-11-14T22:13:20.123456Z",
                       "confidenceLevel": "malicious", "mitigationStatus": "not_mitigated", "threatName": "tool.exe",
                       "filePath": "\\Device\\HarddiskVolume2\\Users\\Public\\tool.exe", "sha1": "ab".repeat(20), "sha256": null,
                       "originatorProcess": "Lateral Movement 192.0.2.3 from WS-017", "processUser": "CORP\\svc-app"},
        "agentRealtimeInfo": {"accountId": "1", "agentId": "1409000000000000001", "agentComputerName": "WS-042",
                              "agentOsType": "windows"},
        "agentDetectionInfo": {"agentUuid": "5f2e6a7b-0000-4000-8000-000000000001"},
        "indicators": [{"tactics": []}, {"tactics": [{"name": "Execution", "techniques": [{"name": "T1059"}]}]}]
    })
}

#[test]
fn a_threat_has_its_agents_id_as_device_and_its_own_as_what_is_killed() {
    let alert = only(&threat());
    assert_eq!(alert.device_id.unwrap().as_str(), "1409000000000000001");
    assert_eq!(alert.threat_id.unwrap().as_str(), "1570395776954206544");
    assert_eq!(alert.process_name.as_deref(), Some("tool.exe"));
    assert_eq!((alert.tactic.as_deref(), alert.technique.as_deref()), (Some("Execution"), Some("T1059")));
    assert_eq!(alert.vendor_severity, VendorSeverity::Critical);
    assert_eq!(alert.parent_process, None, "prose is no process");
    assert_eq!(alert.sha256, None);
}

#[test]
fn a_mitigated_threat_stays_an_alert_with_its_device() {
    let mut payload = threat();
    payload["threatInfo"]["mitigationStatus"] = json!("mitigated");
    payload["threatInfo"]["incidentStatus"] = json!("resolved");
    let alert = only(&payload);
    assert_eq!(alert.vendor_severity, VendorSeverity::High);
    assert!(alert.device_id.is_some());
}

#[test]
fn an_agents_uuid_is_not_its_id() {
    let mut payload = threat();
    payload["agentRealtimeInfo"]["agentId"] = json!("5f2e6a7b-0000-4000-8000-000000000001");
    assert_eq!(only(&payload).device_id, None);
    let unified = json!({"id": "018f2e6a-0000-7000-8000-000000000001", "externalId": "1570395776954206544", "detectedAt": "2023-11-14T22:13:20Z",
        "analystVerdict": "UNDEFINED", "severity": "HIGH", "assets": [{"name": "WS-042", "agentUuid": "5f2e6a7b00004000800000000001"}],
        "rawData": "{\"finding_info\":{\"attacks\":[{\"tactic\":{\"name\":\"stealth\"},\"technique\":{\"uid\":\"T1685\"}}]}}"});
    let alert = only(&unified);
    assert_eq!((alert.device_id, alert.threat_id), (None, None));
    assert_eq!((alert.tactic.as_deref(), alert.technique.as_deref()), (Some("stealth"), Some("T1685")));
    assert_eq!(alert.hostname.as_deref(), Some("WS-042"));
}

#[test]
fn a_rules_alert_is_read_whatever_the_case_of_its_keys() {
    let upper = json!({"activityType": 3608, "agentId": "1409000000000000001", "accountId": "1",
        "data": {"alertId": 1_570_395_776_954_206_544_u64, "detectedAt": 1_700_000_000_123_i64, "severity": "E_CRITICAL",
                 "ruleName": "Shell from a web server", "origAgentName": "LNX-BUILD-03", "sourceProcessName": "sh"}});
    let lower = json!({"activitytype": "3608", "agentid": "1409000000000000001", "accountid": "1",
        "data": {"alertid": "1570395776954206544", "detectedat": "2023-11-14T22:13:20Z", "severity": "E_CRITICAL",
                 "rulename": "Shell from a web server", "origagentname": "LNX-BUILD-03", "sourceprocessname": "sh"}});
    let (upper, lower) = (only(&upper), only(&lower));
    assert_eq!(upper, lower);
    assert_eq!(upper.raw_id, "1570395776954206544", "integers beyond 2^53 are exact");
    assert_eq!(upper.vendor_severity, VendorSeverity::Critical);
}

#[test]
fn the_rest_apis_alert_of_a_rule_is_the_activitys_alert_with_a_process_id() {
    let alert = only(
        &json!({"alertInfo": {"alertId": "1570395776954206544", "createdAt": "2023-11-14T22:13:20.257525Z"},
        "ruleInfo": {"name": "Shell from a web server", "severity": "Critical"},
        "agentRealtimeInfo": {"id": "1409000000000000001", "name": "LNX-BUILD-03", "os": "linux", "uuid": "5f2e6a7b-0000-4000-8000-000000000001"},
        "sourceProcessInfo": {"name": "sh", "pid": "4711", "commandline": "sh -i"}}),
    );
    assert_eq!(alert.raw_id, "1570395776954206544");
    assert_eq!(alert.process_id.unwrap().as_u32(), 4711);
    assert_eq!(alert.device_id.unwrap().as_str(), "1409000000000000001");
    assert_eq!(alert.vendor_severity, VendorSeverity::Critical);
}

#[test]
fn an_activity_about_a_detected_threat_is_the_threats_alert_and_others_are_none() {
    let detected = json!({"activitytype": "19", "threatid": "1570395776954206544", "agentid": "1409000000000000001",
        "createdat": "2023-11-14 22:13:20.703", "data": {"computername": "WS-042", "confidencelevel": "suspicious",
        "filecontenthash": "ab".repeat(20), "filedisplayname": "tool.exe", "filepath": "C:\\Temp\\tool.exe"}});
    let alert = only(&detected);
    assert_eq!(alert.id, only(&threat()).id);
    assert_eq!(alert.vendor_severity, VendorSeverity::Medium);
    let login = json!({"activityType": 27, "createdAt": "2023-11-14T22:13:20Z", "data": {"username": "analyst"}});
    assert!(matches!(read(&login), Ok(Some(Normalised::Ignored { .. }))));
}

#[test]
fn the_published_shape_is_read_with_either_name_of_the_process() {
    for name in ["fileName", "processName"] {
        let mut payload = json!({"id": "s1-1", "accountId": "acme", "createdAt": 1_700_000_000, "severity": "high",
            "agentRealtimeInfo": {"computerName": "WS-042", "agentId": "1409000000000000001"}, "commandLine": "tool.exe -x",
            "fileContentHash": "CD".repeat(32), "mitreTactic": "TA0004", "mitreTechnique": "T1068"});
        payload[name] = json!("tool.exe");
        let alert = only(&payload);
        assert_eq!(alert.process_name.as_deref(), Some("tool.exe"));
        assert_eq!(alert.sha256.unwrap().as_str(), "cd".repeat(32));
        assert_eq!(alert.sha1, None);
        assert_eq!(alert.vendor_severity, VendorSeverity::High);
    }
}

#[test]
fn an_answer_of_the_api_is_as_many_alerts_as_it_has() {
    let mut second = threat();
    second["id"] = json!("2");
    let answer = json!({"data": [threat(), second], "pagination": {"totalItems": 2}});
    assert!(matches!(read(&answer), Ok(Some(Normalised::Alerts(alerts))) if alerts.len() == 2));
    let empty = json!({"data": [], "pagination": {"totalItems": 0}});
    assert!(matches!(read(&empty), Ok(Some(Normalised::Ignored { .. }))));
    let mut broken = threat();
    broken["id"] = json!(null);
    broken["threatInfo"]["threatId"] = json!(null);
    assert!(read(&json!({"data": [threat(), broken]})).is_err(), "nothing is dropped in silence");
    assert!(matches!(read(&json!({"data": {"data": {"data": {}}}})), Ok(None)));
}

#[test]
fn the_flat_legacy_threat_is_read_and_its_hash_is_a_sha1() {
    let alert = only(
        &json!({"id": "1409000000000000009", "accountId": "1", "agentComputerName": "WS-042", "agentId": "1409000000000000001",
        "createdAt": "2023-11-14T22:13:20.5Z", "fileContentHash": "ab".repeat(20), "filePath": "C:\\Temp\\tool.exe", "mitigationStatus": "mitigated"}),
    );
    assert_eq!(alert.sha1.unwrap().as_str(), "ab".repeat(20));
    assert_eq!(alert.vendor_severity, VendorSeverity::Unknown);
}
