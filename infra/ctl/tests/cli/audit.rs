use crate::stand::{Stand, acme};
use serde_json::Value;
use std::sync::Arc;
use vyrox_audit::Draft;
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::table::SortKey;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_verifies_and_holds_its_own_entry() {
    let stand = Stand::with_tenant().await;
    let file = stand.file("acme.jsonl");
    let name = file.to_str().unwrap();
    let told = stand.json(&["audit", "export", "acme", "--output", name]).await;
    let report = vyrox_audit::verify::reader(std::fs::read(&file).unwrap().as_slice(), "export").unwrap();
    assert_eq!(report.entries, 5, "created, activated, each with the end of its lane, and exported");
    assert_eq!(told["entries"], 5);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("AUDIT_EXPORTED").count(), 1);
    assert!(!stand.file("acme.jsonl.unfinished").exists());

    stand.run(&["audit", "export", "acme", "--output", name]).await.refused(2, "exists already");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    let verified = stand.json(&["audit", "verify", "acme"]).await;
    assert_eq!((&verified["ok"], &verified["entries"]), (&Value::Bool(true), &Value::from(6)));
    assert!(stand.ok(&["audit", "verify", "acme"]).await.contains("OK  6 entries in 3 lanes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_many_pages_is_one_stream() {
    let stand = Stand::with_tenant().await;
    let ledger = Ledger::new(stand.table(), "test", Arc::clone(&stand.clock));
    // DynamoDB ends a page at 1 MiB; these make more than two.
    for index in 0..24 {
        let mut event = Draft::event(1_700_000_000 + index, "acme", "ALERT_ACCEPTED");
        event.detail.insert("filling".to_owned(), "x".repeat(100_000).into());
        ledger.commit(&acme(), &[], &event).await.unwrap();
    }
    let lines = stand.ok(&["audit", "export", "acme"]).await;
    let report = vyrox_audit::verify::reader(lines.as_bytes(), "export").unwrap();
    assert_eq!(report.entries, 29);
    assert_eq!(stand.json(&["audit", "verify", "acme"]).await["entries"], 30, "the end of the export's own lane, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_is_found() {
    let stand = Stand::with_tenant().await;
    let mut entry = stand.entry("acme", "TENANT_ACTIVATED").await;
    let key = SortKey::audit(entry["chain"].as_str().unwrap(), entry["seq"].as_u64().unwrap());
    entry["detail"]["changed"] = Value::Null;
    // As somebody with access to the table would.
    let ledger = Ledger::new(stand.table(), "test", Arc::clone(&stand.clock));
    let change = Change::put(key, &entry, Expect::Anything);
    ledger.commit(&acme(), &[change], &Draft::event(stand.now(), "acme", "TEST")).await.unwrap();
    stand.run(&["audit", "verify", "acme"]).await.refused(1, "the entry was altered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_not_there_has_no_audit_and_gets_none() {
    let stand = Stand::with_tenant().await;
    let file = stand.file("nobody.jsonl");
    stand.run(&["audit", "export", "nobody"]).await.refused(2, "no tenant nobody");
    stand.run(&["audit", "export", "nobody", "--output", file.to_str().unwrap()]).await.refused(2, "no tenant");
    assert!(!file.exists());
    stand.run(&["audit", "verify", "nobody"]).await.refused(2, "no tenant nobody");
}
