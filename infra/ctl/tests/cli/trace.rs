use crate::stand::{Said, Stand, said};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::process::Command;
use vyrox_contract::AlertId;
use vyrox_domain::trace::TraceId;
use vyrox_tests::{APPROVER, SECOND_APPROVER, Stage};

async fn trace(stage: &Stage, alert: AlertId, more: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
    command.args(["trace", &alert.to_string(), "--tenant", stage.tenant().as_str()]).args(more).env_clear();
    command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    said(command.env("AWS_ENDPOINT_URL", &stage.system.endpoints.aws_endpoint_url).output().await.unwrap())
}

/// An alert from its webhook to the released host, beside another one that must not come up.
async fn released(stage: &Stage) -> AlertId {
    stage.fire("ransomware").await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.contained(alert).await;
    let card = stage.card_saying(alert, "CONTAINED").await;
    stage.press(SECOND_APPROVER, &card, "Release").await;
    stage.card_saying(alert, "RELEASED").await;
    // Entered a moment after Discord has it.
    let drawn = async || stage.entries(alert, "CARD_EDITED").await >= 2;
    stage.wait("the card's last state is entered", drawn).await;
    alert
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alerts_way_has_all_its_stages_in_order_with_their_times() {
    let stage = Stage::live().await;
    let alert = released(&stage).await;
    let way = trace(&stage, alert, &["--json"]).await.json();
    assert_eq!(way["trace_id"], TraceId::from(alert).to_string());

    let steps = way["steps"].as_array().unwrap();
    let events: Vec<&str> = steps.iter().map(|step| step["event"].as_str().unwrap()).collect();
    let expected = [
        ("ingest", "ALERT_ACCEPTED"),
        ("triage", "VERDICT_RECORDED"),
        ("notify", "CARD_POSTED"),
        ("interactions", "APPROVED"),
        ("relay", "ACTION_DELIVERED"),
        ("relay", "RECEIPT_RECORDED"),
        ("notify", "CARD_EDITED"),
        ("interactions", "RELEASE_APPROVED"),
        ("relay", "ACTION_DELIVERED"),
        ("relay", "RECEIPT_RECORDED"),
        ("notify", "CARD_EDITED"),
    ];
    let mut rest = steps.iter();
    for (function, event) in expected {
        let found = rest.find(|step| step["event"] == event && step["function"] == function);
        assert!(found.is_some(), "{event} of {function} in its place: {events:?}");
    }
    for pair in steps.windows(2) {
        let (before, after) = (&pair[0]["offset_ms"], &pair[1]["offset_ms"]);
        let took = after.as_i64().unwrap() - before.as_i64().unwrap();
        assert!(took >= 0 && pair[1]["took_ms"] == took, "{pair:?}");
    }
    assert_eq!(way["took_ms"], steps.last().unwrap()["offset_ms"]);

    let stages: Vec<&str> = way["stages"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let usual = [
        "webhook to verdict",
        "verdict to card",
        "card to decision",
        "approval to delivery",
        "delivery to receipt",
        "receipt to card",
    ];
    assert_eq!(stages, usual);

    let text = trace(&stage, alert, &[]).await.out;
    let places: Vec<usize> =
        usual.iter().map(|name| text.find(name).unwrap_or_else(|| panic!("{name} in {text}"))).collect();
    assert!(places.is_sorted() && text.contains('█') && text.contains(" ms"), "{text}");
    assert!(text.contains("executed, confirmed") && text.contains("CRITICAL"), "{text}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_way_is_one_trace_for_a_collector() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Deny").await;
    stage.card_saying(alert, "DENIED").await;
    let said = trace(&stage, alert, &["--otlp"]).await;
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let resources = document["resourceSpans"].as_array().unwrap();
    let spans: Vec<&Value> =
        resources.iter().flat_map(|resource| resource["scopeSpans"][0]["spans"].as_array().unwrap()).collect();
    let ids: BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len(), "every span has an id of its own");
    let roots: Vec<_> = spans.iter().filter(|span| span["parentSpanId"].is_null()).collect();
    assert_eq!(roots.len(), 1);
    let nanos = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
    for span in &spans {
        assert_eq!(span["traceId"], TraceId::from(alert).to_string());
        assert!(span["parentSpanId"].is_null() || span["parentSpanId"] == roots[0]["spanId"]);
        assert!(nanos(span, "startTimeUnixNano") <= nanos(span, "endTimeUnixNano"), "{span}");
        assert!(nanos(span, "startTimeUnixNano") >= nanos(roots[0], "startTimeUnixNano"), "{span}");
    }
    let services: BTreeSet<&str> = resources
        .iter()
        .map(|resource| resource["resource"]["attributes"][1]["value"]["stringValue"].as_str().unwrap())
        .collect();
    assert!(services.is_superset(&["ingest", "triage", "notify", "interactions"].into()), "{services:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_nobody_or_of_somebody_else_has_no_way() {
    let stand = Stand::with_tenant().await;
    let id = "0f2c9a3e-0000-5000-8000-000000000001";
    stand.run(&["trace", id, "--tenant", "acme"]).await.refused(2, "no alert");
    stand.run(&["trace", id, "--tenant", "nobody"]).await.refused(2, "no tenant nobody");
}
