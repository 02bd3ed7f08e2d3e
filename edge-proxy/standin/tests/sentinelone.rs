//! The SentinelOne stand-in as a client sees it.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{client, read};
use vyrox_edr_standin::{Agent, Fault, On, Sentinelone, SentineloneOptions};

const SETTLE: Duration = Duration::from_millis(60);

async fn console() -> Sentinelone {
    let agents = ["1", "2"].map(|id| Agent { id: id.into(), name: format!("WS-0{id}") });
    Sentinelone::start(SentineloneOptions { agents: agents.into(), settle: SETTLE, ..Default::default() })
        .await
        .unwrap()
}

async fn post(edr: &Sentinelone, path: &str, body: Value) -> (u16, Value) {
    let request = client().post(format!("{}/web/api/v2.1/{path}", edr.url())).json(&body);
    read(request.header("Authorization", "apitoken standin-api-token").send().await.unwrap()).await
}

async fn get(edr: &Sentinelone, path: &str) -> Value {
    let request = client().get(format!("{}/web/api/v2.1/{path}", edr.url()));
    read(request.header("Authorization", "ApiToken standin-api-token").send().await.unwrap()).await.1
}

#[tokio::test]
async fn an_agent_goes_through_the_states_between_and_is_affected_once() {
    let edr = console().await;
    let one = json!({"filter": {"ids": ["1"]}, "data": {}});
    let affected = |count: u64| (200, json!({"data": {"affected": count}, "errors": []}));
    assert_eq!(post(&edr, "agents/actions/disconnect", one.clone()).await, affected(1));
    assert_eq!(get(&edr, "agents?ids=1").await["data"][0]["networkStatus"], "disconnecting");
    assert_eq!(post(&edr, "agents/actions/disconnect", one.clone()).await, affected(0));
    tokio::time::sleep(SETTLE * 2).await;
    assert_eq!(get(&edr, "agents?ids=1").await["data"][0]["networkStatus"], "disconnected");
    assert_eq!(post(&edr, "agents/actions/connect", one).await, affected(1));
    assert_eq!(edr.network_status("2"), Some("connected"));
}

#[tokio::test]
async fn an_empty_filter_is_everybody() {
    let edr = console().await;
    for body in [json!({"data": {}}), json!({"filter": {}}), json!({"filter": {"ids": []}})] {
        post(&edr, "agents/actions/disconnect", body).await;
    }
    let (one, two) = (edr.network_status("1").unwrap(), edr.network_status("2").unwrap());
    assert!(one.starts_with("disconnect") && two.starts_with("disconnect"));
    assert_eq!(edr.effects().len(), 6);
}

#[tokio::test]
async fn a_search_tells_how_many_there_are() {
    let edr = console().await;
    let found = get(&edr, "agents?computerName=ws-01&isActive=true").await;
    assert_eq!((&found["data"][0]["id"], &found["pagination"]["totalItems"]), (&json!("1"), &json!(1)));
    let all = get(&edr, "agents?limit=1").await;
    assert_eq!((all["data"].as_array().unwrap().len(), &all["pagination"]["totalItems"]), (1, &json!(2)));
    edr.set_offline("1");
    assert_eq!(get(&edr, "agents?computerName=ws-01&isActive=true").await["pagination"]["totalItems"], 0);
}

#[tokio::test]
async fn a_threat_is_mitigated_after_a_while_and_unknown_ones_are_not_affected() {
    let edr = console().await;
    edr.add_threat("9", "1", "success");
    let body = |id: &str| json!({"filter": {"ids": [id]}});
    assert_eq!(post(&edr, "threats/mitigate/kill", body("9")).await.1["data"]["affected"], 1);
    assert_eq!(post(&edr, "threats/mitigate/kill", body("8")).await.1["data"]["affected"], 0);
    assert_eq!(get(&edr, "threats?ids=9").await["data"][0]["mitigationStatus"][0]["status"], "pending");
    tokio::time::sleep(SETTLE * 2).await;
    let threat = get(&edr, "threats?ids=9").await["data"][0].clone();
    assert_eq!(threat["mitigationStatus"][0], json!({"action": "kill", "status": "success", "latestReport": null}));
    assert_eq!(threat["threatInfo"]["mitigationStatus"], "mitigated");
    assert_eq!(post(&edr, "threats/mitigate/rollback-remediation", body("9")).await.0, 404, "never to be sent");
}

#[tokio::test]
async fn nothing_is_done_without_the_token_or_when_it_shall_fail() {
    let edr = console().await;
    let url = format!("{}/web/api/v2.1/agents/actions/disconnect", edr.url());
    for token in ["ApiToken wrong", "Bearer standin-api-token", ""] {
        let request = client().post(&url).json(&json!({"filter": {"ids": ["1"]}})).header("Authorization", token);
        let (status, body) = read(request.send().await.unwrap()).await;
        assert_eq!((status, body["errors"][0]["title"].as_str()), (401, Some("Authentication Failed")), "{token}");
    }
    edr.inject(On::Action, Fault::RateLimited(Duration::from_secs(1)));
    assert_eq!(post(&edr, "agents/actions/disconnect", json!({"filter": {"ids": ["1"]}})).await.0, 429);
    assert!(edr.effects().is_empty());
    edr.inject(On::Action, Fault::Empty);
    let lost = post(&edr, "agents/actions/disconnect", json!({"filter": {"ids": ["1"]}})).await;
    assert_eq!((lost, edr.effects().len()), ((200, Value::Null), 1), "it acted, and does not say so");
}
