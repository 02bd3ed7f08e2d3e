//! Microsoft's shapes, one behaviour each; whole payloads with their results are in `events/defender/`.

use super::*;
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::vendor::NormaliseError;
use serde_json::json;
use vyrox_contract::TenantId;

const MACHINE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";

fn read(payload: &Value) -> Known {
    let tenant: TenantId = "acme".parse().unwrap();
    normalise(payload, &Reception { tenant_id: &tenant, received_at: 1_700_000_100 })
}

fn alerts(payload: &Value) -> Vec<NormalizedAlert> {
    match read(payload).unwrap().unwrap() {
        Normalised::Alerts(alerts) => alerts,
        Normalised::Ignored { reason } => panic!("ignored: {reason}"),
    }
}

fn graph() -> Value {
    json!({
        "id": "da1_-1", "tenantId": "t", "severity": "high", "category": "DefenseEvasion", "title": "Hidden file",
        "mitreTechniques": ["T1564.001"], "createdDateTime": "2023-11-14T22:13:20.7211305Z", "serviceSource": "microsoftDefenderForEndpoint",
        "evidence": [
            {"@odata.type": "#microsoft.graph.security.deviceEvidence", "mdeDeviceId": MACHINE, "deviceDnsName": "ws-042.corp.example", "osPlatform": "Windows10"},
            {"@odata.type": "#microsoft.graph.security.processEvidence", "mdeDeviceId": MACHINE, "processId": 4780, "processCommandLine": "tool.exe -x",
             "imageFile": {"fileName": "tool.exe", "filePath": "C:\\Temp", "sha1": "ab".repeat(20), "sha256": "cd".repeat(32)},
             "parentProcessImageFile": {"fileName": "services.exe"}, "userAccount": {"accountName": "SYSTEM", "domainName": "NT AUTHORITY"}}
        ]
    })
}

#[test]
fn graphs_alert_yields_the_process_and_the_machine_it_ran_on() {
    let alert = alerts(&graph()).remove(0);
    assert_eq!(alert.device_id.unwrap().as_str(), MACHINE);
    assert_eq!(alert.hostname.as_deref(), Some("ws-042.corp.example"));
    assert_eq!(alert.process_id.unwrap().as_u32(), 4780);
    assert_eq!(alert.process_path.as_deref(), Some("C:\\Temp\\tool.exe"));
    assert_eq!(alert.username.as_deref(), Some("NT AUTHORITY\\SYSTEM"));
    assert_eq!(alert.technique.as_deref(), Some("T1564.001"));
    assert_eq!(alert.sha1.unwrap().as_str(), "ab".repeat(20));
}

#[test]
fn a_file_is_the_subject_only_where_there_is_no_process() {
    let file = json!({"@odata.type": "#microsoft.graph.security.fileEvidence", "fileDetails": {"fileName": "other.exe", "sha1": "ef".repeat(20)}});
    let mut payload = graph();
    payload["evidence"][1]["imageFile"] = json!(null);
    payload["evidence"].as_array_mut().unwrap().push(file);
    let alert = alerts(&payload).remove(0);
    assert_eq!((alert.process_name, alert.sha1), (None, None), "the file may be any other");
    payload["evidence"].as_array_mut().unwrap().remove(1);
    let alert = alerts(&payload).remove(0);
    assert_eq!(alert.process_name.as_deref(), Some("other.exe"));
    assert!(alert.sha1.is_some());
}

#[test]
fn words_that_are_not_known_do_not_fail_and_are_not_guessed() {
    for word in ["unknownFutureValue", "unknown", "severe"] {
        let mut payload = graph();
        payload["severity"] = json!(word);
        payload["category"] = json!("AnonymousLogin");
        let alert = alerts(&payload).remove(0);
        assert_eq!(alert.vendor_severity, VendorSeverity::Unknown, "{word}");
        assert_eq!(alert.tactic.as_deref(), Some("AnonymousLogin"));
    }
}

#[test]
fn the_published_subset_is_an_alert_without_a_machine() {
    let alert = alerts(&json!({"id": "da2", "tenantId": "acme", "title": "T", "severity": "Medium", "createdDateTime": "2023-11-14T22:13:20Z"})).remove(0);
    assert_eq!((alert.device_id, alert.hostname), (None, None));
    assert_eq!(alert.vendor_severity, VendorSeverity::Medium);
}

#[test]
fn notifications_are_acknowledged_and_say_that_the_alert_must_be_fetched() {
    let graph = json!({"value": [{"subscriptionId": "s", "clientState": "c", "changeType": "created", "resourceData": {"id": "da1"}}]});
    let grid = json!({"specversion": "1.0", "type": "Microsoft.Graph.AlertCreated", "id": "1", "data": {}});
    for payload in [graph, grid.clone(), json!([grid])] {
        match read(&payload).unwrap().unwrap() {
            Normalised::Ignored { reason } => assert!(reason.contains("fetch"), "{reason}"),
            Normalised::Alerts(alerts) => panic!("{alerts:?}"),
        }
    }
    let list = json!({"@odata.context": "x", "value": [graph_named("1"), graph_named("2")]});
    assert_eq!(alerts(&list).len(), 2);
}

fn graph_named(id: &str) -> Value {
    let mut payload = graph();
    payload["id"] = json!(id);
    payload
}

fn record(kind: &str, properties: &Value) -> Value {
    json!({"time": "2023-11-14T22:14:00Z", "tenantId": "t", "operationName": "Publish", "category": format!("AdvancedHunting-{kind}"), "properties": properties})
}

fn streamed() -> Vec<Value> {
    let inside = json!({"$id": "1", "ImageFile": {"$id": "2", "Host": {"$ref": "3"}}, "Host": {"$id": "3", "MachineId": MACHINE, "HostName": "ws-042"}});
    vec![
        record(
            "AlertInfo",
            &json!({"AlertId": "da3", "Timestamp": "2023-11-14 22:13:20.058183200", "Title": "Discovery", "Category": "Discovery", "Severity": "Medium",
            "AttackTechniques": "[\"Process Discovery (T1057)\"]"}),
        ),
        record(
            "AlertEvidence",
            &json!({"AlertId": "da3", "Timestamp": "2023-11-14T22:13:20Z", "EntityType": "User", "AccountName": "svc", "AccountDomain": "CORP"}),
        ),
        record(
            "AlertEvidence",
            &json!({"AlertId": "da3", "Timestamp": "2023-11-14T22:13:20Z", "EntityType": "Process", "DeviceId": null, "FileName": "tasklist.exe",
            "FolderPath": "C:\\Windows\\System32", "ProcessCommandLine": "tasklist /svc", "SHA1": "ab".repeat(20), "AdditionalFields": inside.to_string()}),
        ),
        record(
            "AlertEvidence",
            &json!({"AlertId": "da4", "Timestamp": "2023-11-14T22:13:21Z", "EntityType": "Machine", "DeviceId": MACHINE, "DeviceName": "ws-042.corp.example"}),
        ),
    ]
}

#[test]
fn the_records_of_one_alert_are_one_alert_and_links_inside_are_followed() {
    for body in [json!({"records": streamed()}), json!(streamed())] {
        let alerts = alerts(&body);
        assert_eq!(alerts.len(), 2);
        let alert = &alerts[0];
        assert_eq!((alert.raw_id.as_str(), alert.timestamp), ("da3", 1_700_000_000));
        assert_eq!(alert.device_id.as_ref().unwrap().as_str(), MACHINE);
        assert_eq!(alert.hostname.as_deref(), Some("ws-042"));
        assert_eq!(alert.username.as_deref(), Some("CORP\\svc"));
        assert_eq!(alert.process_cmdline.as_deref(), Some("tasklist /svc"));
        assert_eq!(alert.technique.as_deref(), Some("Process Discovery (T1057)"));
        assert_eq!(alert.tactic.as_deref(), Some("Discovery"));
        assert_eq!(alerts[1].hostname.as_deref(), Some("ws-042.corp.example"));
    }
}

#[test]
fn other_hunting_tables_are_ignored_and_a_record_without_an_id_is_refused() {
    let other = record("DeviceProcessEvents", &json!({"DeviceId": MACHINE}));
    assert!(matches!(read(&json!({"records": [other]})), Ok(Some(Normalised::Ignored { .. }))));
    assert!(matches!(
        read(&record("AlertInfo", &json!({}))),
        Err(NormaliseError::Field { field: "properties.AlertId" })
    ));
}

#[test]
fn the_full_name_of_the_processs_machine_is_taken_from_the_record_that_has_it() {
    let mut records = streamed();
    records[3]["properties"]["AlertId"] = json!("da3");
    let found = alerts(&json!(records));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].hostname.as_deref(), Some("ws-042.corp.example"));
    records[3]["properties"]["DeviceId"] = json!("1".repeat(40));
    let found = alerts(&json!(records));
    assert_eq!(found[0].hostname.as_deref(), Some("ws-042"), "another machine's name is not this machine's");
    assert_eq!(found[0].device_id.as_ref().unwrap().as_str(), MACHINE);
}

#[test]
fn two_machines_without_a_process_are_no_target() {
    let machine = |id: &str| {
        record(
            "AlertEvidence",
            &json!({"AlertId": "da5", "Timestamp": "2023-11-14T22:13:20Z", "EntityType": "Machine", "DeviceId": id, "DeviceName": id}),
        )
    };
    let alert = alerts(&json!([machine(MACHINE), machine(&"0".repeat(40))])).remove(0);
    assert_eq!((alert.device_id, alert.hostname), (None, None));
}

#[test]
fn the_endpoint_apis_alert_is_read() {
    let alert = alerts(&json!({"id": "da6", "alertCreationTime": "2023-11-14T22:13:20.1234567Z", "severity": "Informational", "category": "Execution",
        "machineId": MACHINE, "computerDnsName": "ws-042", "aadTenantId": "t", "mitreTechniques": ["T1059"], "relatedUser": {"userName": "svc", "domainName": "CORP"},
        "evidence": [{"entityType": "File", "fileName": "other.exe"}, {"entityType": "Process", "fileName": "tool.exe", "filePath": "C:\\Temp", "processId": 4711,
                      "processCommandLine": "tool.exe -x", "parentProcessFileName": "cmd.exe", "sha1": "ab".repeat(20)}]})).remove(0);
    assert_eq!(alert.process_name.as_deref(), Some("tool.exe"));
    assert_eq!(alert.process_id.unwrap().as_u32(), 4711);
    assert_eq!(alert.username.as_deref(), Some("CORP\\svc"));
    assert_eq!(alert.parent_process.as_deref(), Some("cmd.exe"));
}

#[test]
fn an_incident_is_an_alert_without_a_host_in_each_of_its_spellings() {
    let sdk = json!({"name": "6f0c", "title": "Chain", "severity": "High", "created_time_utc": "2023-11-14T22:13:20Z", "additional_data": {"tactics": ["Persistence"]}});
    let rest = json!({"name": "6f0c", "type": "Microsoft.SecurityInsights/Incidents",
        "properties": {"title": "Chain", "severity": "High", "createdTimeUtc": "2023-11-14T22:13:20Z", "additionalData": {"tactics": ["Persistence"]}}});
    let trigger = json!({"eventUniqueId": "e", "object": rest});
    let read = [sdk, rest, trigger].map(|payload| alerts(&payload).remove(0));
    assert_eq!(read[0], read[1]);
    assert_eq!(read[1], read[2]);
    assert_eq!(read[0].tactic.as_deref(), Some("Persistence"));
}
