use crate::stand::{Stand, acme};
use serde_json::json;
use std::sync::Arc;
use vyrox_audit::Draft;
use vyrox_contract::{AlertId, Vendor};
use vyrox_domain::alert::{NormalizedAlert, alert_id};
use vyrox_domain::record::AlertRecord;
use vyrox_platform::evidence::{About, Part, Sealer};
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::table::SortKey;

async fn store(stand: &Stand, raw_id: &str, received_at: i64, title: &str) -> AlertId {
    let id = alert_id(&acme(), Vendor::Crowdstrike, raw_id);
    let alert: NormalizedAlert = serde_json::from_value(json!({
        "tenant_id": "acme", "id": id, "source": "crowdstrike", "raw_id": raw_id, "timestamp": received_at,
        "hostname": "ws-01", "title": title, "vendor_severity": "HIGH", "received_at": received_at, "revision": 0,
    }))
    .unwrap();
    let ledger = Ledger::new(stand.table(), "test", Arc::clone(&stand.clock));
    let change = Change::put(SortKey::alert(id), &AlertRecord::received(alert), Expect::Absent);
    ledger.commit(&acme(), &[change], &Draft::event(received_at, "acme", "ALERT_ACCEPTED")).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_alerts_come_first_and_no_more_than_were_asked_for() {
    let stand = Stand::with_tenant().await;
    let mut ids = Vec::new();
    for index in 0..5 {
        ids.push(store(&stand, &format!("ldt:{index}"), 1_700_000_000 + index, "Test").await);
    }
    let listed = stand.json(&["alert", "list", "acme", "--limit", "2"]).await;
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|record| record["alert"]["id"].clone()).collect();
    assert_eq!(listed, [json!(ids[4]), json!(ids[3])]);
    assert_eq!(stand.ok(&["alert", "list", "acme"]).await.lines().count(), 6, "a header and five");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alerts_text_cannot_write_to_the_terminal() {
    let stand = Stand::with_tenant().await;
    let hostile = "harmless\u{1b}[2J\u{202e}gpj.exe";
    let id = store(&stand, "ldt:1", 1_700_000_000, hostile).await.to_string();
    for text in [stand.ok(&["alert", "list", "acme"]).await, stand.ok(&["alert", "show", "acme", &id]).await] {
        assert!(text.contains("⟦U+001B⟧") && text.contains("⟦U+202E⟧"), "{text:?}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("2023-11-14 22:13:20 UTC") && text.contains("waits for a verdict"), "{text}");
    }
    assert_eq!(
        stand.json(&["alert", "show", "acme", &id]).await["alert"]["title"],
        hostile,
        "JSON has the text itself"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_not_there_is_said_to_be_not_there() {
    let stand = Stand::with_tenant().await;
    let id = store(&stand, "ldt:1", 1_700_000_000, "Test").await.to_string();
    stand.ok(&["tenant", "create", "other", "--name", "Other"]).await;
    stand.run(&["alert", "show", "other", &id]).await.refused(2, "no alert");
    stand.run(&["alert", "list", "nobody"]).await.refused(2, "no tenant nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_read_whole_and_each_reading_is_in_the_audit() {
    let stand = Stand::with_tenant().await;
    let id = store(&stand, "ldt:1", 1_700_000_000, "Test").await;
    let name = id.to_string();
    stand.run(&["alert", "evidence", "acme", &name]).await.refused(2, "no stored payload of revision 0");
    let key = &stand.provisioned.key("SecretsKey").unwrap().arn;
    let sealer = Sealer::new(stand.clients.kms.clone(), key, Arc::clone(&stand.clock));
    let payload = r#"{"command_line":"whoami\u001b[2J","n":18446744073709551616}"#;
    let tenant = acme();
    let about = About { tenant_id: &tenant, alert_id: id, revision: 0 };
    let sealed = sealer.seal(&about, payload, Part::Whole, 4_096).await.unwrap();
    let ledger = Ledger::new(stand.table(), "test", Arc::clone(&stand.clock));
    let change = Change::put_bytes(SortKey::evidence(id, 0), sealed);
    ledger.commit(&acme(), &[change], &Draft::event(1_700_000_000, "acme", "CHANGED_BY_TEST")).await.unwrap();

    let read = stand.json(&["alert", "evidence", "acme", &name, "--operator", "duty officer"]).await;
    assert_eq!((&read["text"], &read["cut"], &read["revision"]), (&json!(payload), &json!(false), &json!(0)));
    let entry = stand.entry("acme", "EVIDENCE_READ").await;
    assert_eq!((&entry["alert_id"], &entry["detail"]["revision"]), (&json!(name), &json!(0)));
    assert_eq!(
        stand.ok(&["alert", "evidence", "acme", &name]).await.trim_end(),
        payload,
        "for a pipe: the payload alone"
    );
    let entries = stand.audit("acme").await;
    assert_eq!(entries.iter().filter(|entry| entry["action_type"] == "EVIDENCE_READ").count(), 2, "each reading");
    stand.run(&["alert", "evidence", "acme", &name, "--revision", "7"]).await.refused(2, "revision 7");
}
