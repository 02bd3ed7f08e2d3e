use crate::stand::{Said, Stand, said};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::process::Command;
use vyrox_contract::AlertId;
use vyrox_domain::trace::TraceId;
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_edr_standin::{Fault, On};
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
        "release to receipt",
    ];
    assert_eq!(stages, usual);
    assert_eq!(way["standing"], "RELEASED");

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

/// Where an alert stands, the events of its way, and the stages that it has behind it. The text says the same.
async fn told(stage: &Stage, alert: AlertId) -> (String, Vec<String>, Vec<String>) {
    let way = trace(stage, alert, &["--json"]).await.json();
    let text = trace(stage, alert, &[]).await.out;
    let list = |list: &str, name: &str| {
        let items = way[list].as_array().unwrap().iter();
        items.map(|item| item[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (standing, events, stages) =
        (way["standing"].as_str().unwrap().to_owned(), list("steps", "event"), list("stages", "name"));
    for part in [&standing].into_iter().chain(&events).chain(&stages) {
        assert!(text.contains(part.as_str()), "{part} is not in {text}");
    }
    assert!(way["steps"].as_array().unwrap().iter().all(|step| step["took_ms"].as_i64() >= Some(0)), "{way}");
    assert!(text.contains("began"), "{text}");
    (standing, events, stages)
}

fn has(events: &[String], event: &str) -> bool {
    events.iter().any(|other| other == event)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_has_become_of_an_alert_its_way_says_so_and_nothing_else() {
    let stage = Stage::live().await;
    let benign = stage.fire("software-update").await;
    stage.until("it is judged", benign, |record| record.verdict.is_some()).await;
    let (standing, events, stages) = told(&stage, benign).await;
    assert!(standing.starts_with("not shown, since it is "), "{standing}");
    assert_eq!(events, ["ALERT_ACCEPTED", "VERDICT_RECORDED"]);
    assert_eq!(stages, ["webhook to verdict"]);

    let denied = stage.fire("ransomware").await;
    let card = stage.card(denied).await;
    let (standing, events, stages) = told(&stage, denied).await;
    assert!(standing.starts_with("waits until 20") && standing.ends_with(" UTC for a decision"), "{standing}");
    assert_eq!((events.last().unwrap().as_str(), stages.len()), ("CARD_POSTED", 2));
    stage.press(APPROVER, &card, "Deny").await;
    let (standing, events, stages) = told(&stage, denied).await;
    assert_eq!(standing, "DENIED, nothing was done");
    assert!(has(&events, "DENIED") && stages == ["webhook to verdict", "verdict to card", "card to decision"]);

    let failed = stage.fire("lateral-psexec").await;
    let card = stage.card(failed).await;
    stage.system.falcon.inject(On::Action, Fault::Forbidden);
    stage.press(APPROVER, &card, "Approve").await;
    stage.contained(failed).await;
    let (standing, events, stages) = told(&stage, failed).await;
    assert_eq!(standing, "FAILED, the host is not contained");
    assert!(has(&events, "RECEIPT_RECORDED") && stages.contains(&"delivery to receipt".to_owned()), "{stages:?}");

    // A question that nobody answers, beside one that is approved and never asked for.
    let (ignored, expired) = (stage.fire("office-macro").await, stage.fire("credential-dump").await);
    stage.card(ignored).await;
    let card = stage.card(expired).await;
    let cut_off = stage.now();
    stage.change_proxy(|proxy| proxy.revoked_at = Some(cut_off)).await;
    stage.press(APPROVER, &card, "Approve").await;
    let (standing, events, stages) = told(&stage, expired).await;
    assert_eq!(standing, "APPROVED, waiting for the proxy");
    assert!(has(&events, "APPROVED") && !has(&events, "ACTION_DELIVERED"), "{events:?}");
    assert!(!stages.contains(&"approval to delivery".to_owned()));
    let id = stage.record(expired).await.containment.unwrap().request_id;
    let action = stage.action(&id).await.unwrap().value;
    stage.clock.advance(action.expires_at - stage.now());
    let message = json!({"tenant_id": stage.tenant(), "alert_id": expired, "request_id": id, "queued_at": cut_off});
    stage.send("ActionsQueue", &message.to_string()).await;
    stage.contained(expired).await;
    let (standing, events, stages) = told(&stage, expired).await;
    assert!(standing.starts_with("APPROVED, but the proxy did not ask for it in time"), "{standing}");
    assert!(has(&events, "ACTION_OVERDUE") && !stages.contains(&"approval to delivery".to_owned()), "{events:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_nobody_has_taken_up_yet_waits_for_its_verdict() {
    let stand = Stand::with_tenant().await;
    let url = format!("{}/webhook/crowdstrike/acme", stand.ingest().await);
    let secret = stand.json(&["source", "add", "acme", "crowdstrike"]).await["secret"].as_str().unwrap().to_owned();
    let body = include_str!("../../../../events/crowdstrike/ransomware.json");
    let request = vyrox_platform::http::client(std::time::Duration::from_secs(30)).unwrap().post(url).body(body);
    let request = request.header("content-type", "application/json");
    let signed = request.header(SIGNATURE_HEADER, sign(secret.as_bytes(), body.as_bytes()));
    let answer: Value = signed.send().await.unwrap().json().await.unwrap();
    let way = stand.json(&["trace", answer["alert_id"].as_str().unwrap(), "--tenant", "acme"]).await;
    assert_eq!((&way["standing"], &way["stages"]), (&json!("waits for a verdict"), &json!([])));
    let events: Vec<&Value> = way["steps"].as_array().unwrap().iter().map(|step| &step["event"]).collect();
    assert_eq!(events, ["ALERT_ACCEPTED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_about_an_alert_much_later_is_found_in_the_whole_audit() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("software-update").await;
    stage.until("it is judged", alert, |record| record.verdict.is_some()).await;
    // As if it had come in two days ago: what happens now is far behind the last that it knows.
    let stored = stage.stored(alert).await;
    stage.rewrite(stored, |record| record.alert.received_at -= 2 * 86_400).await;
    let events =
        async |more: &[&str]| trace(&stage, alert, &[&["--json"], more].concat()).await.json()["steps"].clone();
    assert_eq!(events(&[]).await, json!([]));
    assert!(trace(&stage, alert, &[]).await.out.contains("--whole"), "it says where to look");
    let all = events(&["--whole"]).await;
    assert!(all.as_array().unwrap().iter().any(|step| step["event"] == "VERDICT_RECORDED"), "{all}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_nobody_or_of_somebody_else_has_no_way() {
    let stand = Stand::with_tenant().await;
    let id = "0f2c9a3e-0000-5000-8000-000000000001";
    stand.run(&["trace", id, "--tenant", "acme"]).await.refused(2, "no alert");
    stand.run(&["trace", id, "--tenant", "nobody"]).await.refused(2, "no tenant nobody");
}
