//! What could be read in two ways, or does not say what was asked for, is not believed.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Harness, NOW, action, config, entries, envelope, eventually, platform, proxy_signer};
use vyrox_contract::{Action, Ed25519Signer, Envelope, Payload as _, pre_authentication_encoding};
use vyrox_edge_proxy::rotate::rotate;
use vyrox_edge_proxy::{Config, EnrolError, enrol};

/// Exactly these bytes, signed by the platform.
fn sealed(payload: &str) -> String {
    let signature = platform().sign(&pre_authentication_encoding(Action::TYPE, payload.as_bytes()));
    let keyid = platform().verifying_key().id();
    serde_json::to_string(&Envelope::from_signature::<Action>(payload.as_bytes(), keyid, &signature)).unwrap()
}

/// The values of these members, in this order.
fn listed(object: &Value, names: &str) -> Value {
    names.split_whitespace().map(|name| object[name].clone()).collect()
}

#[tokio::test]
async fn an_action_is_an_object_of_objects_that_names_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let whole = action();
    let with = |member: &str, value: Value| {
        let mut changed = action();
        changed[member] = value;
        changed.to_string()
    };
    let text = whole.to_string();
    for payload in [
        listed(
            &whole,
            "request_id tenant_id proxy_id alert_id operation action_type target approved_by approved_at issued_at \
             expires_at plan_digest lease_seconds checkpoint",
        )
        .to_string(),
        with("target", listed(&whole["target"], "vendor device_id hostname process_id threat_id sha1 measure")),
        with("approved_by", json!([["100", "approver"]])),
        with("checkpoint", json!([1, "00"])),
        with("operation", json!({"execute": null})),
        text.replace("\"request_id\":", "\"request_id\":\"req-0\",\"request_id\":"),
        text.replace("\"hostname\":", "\"hostname\":\"other\",\"hostname\":"),
        text.replace("\"hostname\":", "\"hostname\":\"other\",\"host\\u006eame\":"),
    ] {
        assert_eq!(proxy.post("/execute", sealed(&payload)).await.0, 422, "{payload}");
    }
    assert!(entries(dir.path()).is_empty());
    assert_eq!(proxy.post("/execute", sealed(&text)).await.0, 200);
}

#[tokio::test]
async fn an_alert_has_one_spelling() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let id = action()["alert_id"].as_str().unwrap().to_owned();
    for other in [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")] {
        assert_eq!(proxy.execute(|action| action["alert_id"] = json!(other)).await.0, 422, "{other}");
    }
}

#[tokio::test]
async fn an_envelope_is_an_object_that_names_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let good = envelope(|_| ());
    let read: Value = serde_json::from_str(&good).unwrap();
    let mut inner = read.clone();
    inner["signatures"] = json!([listed(&read["signatures"][0], "keyid sig")]);
    for body in [
        listed(&read, "payloadType payload signatures").to_string(),
        inner.to_string(),
        good.replace("\"payload\":", "\"payload\":\"e30=\",\"payload\":"),
        good.replace("\"payload\":", "\"note\":1,\"note\":{\"a\":1},\"payload\":"),
    ] {
        assert_eq!(proxy.post("/execute", body.clone()).await.0, 400, "{body}");
    }
    assert_eq!(proxy.post("/execute", good).await.0, 200);
}

/// A relay that says the same to everything, by path, and counts what it was told.
#[derive(Clone, Default)]
struct Relay {
    says: Arc<Mutex<HashMap<String, (u16, String)>>>,
    told: Arc<Mutex<HashMap<String, usize>>>,
}

impl Relay {
    fn says(&self, path: &str, status: u16, body: &impl ToString) {
        self.says.lock().unwrap().insert(path.to_owned(), (status, body.to_string()));
    }

    fn told(&self, path: &str) -> usize {
        self.told.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    /// Where it listens.
    async fn start(&self) -> String {
        let answer = async |State(relay): State<Self>, Path(path): Path<String>, _: Bytes| {
            *relay.told.lock().unwrap().entry(path.clone()).or_default() += 1;
            let (status, body) = relay.says.lock().unwrap().get(&path).cloned().unwrap_or((204, String::new()));
            (axum::http::StatusCode::from_u16(status).unwrap(), body)
        };
        let router = Router::new().route("/proxy/v1/{path}", post(answer)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

fn polling(dir: &std::path::Path, url: String) -> Config {
    let mut config = config(dir);
    config.relay_url = Some(url);
    (config.poll.min, config.poll.max) = (Duration::from_millis(10), Duration::from_millis(20));
    config
}

#[tokio::test]
async fn a_receipt_is_acknowledged_by_an_object_or_nothing_and_not_by_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::default();
    let config = polling(dir.path(), relay.start().await);
    let proxy = Harness::start(config).await;
    let waiting = async || {
        let text = proxy.http.get(format!("{}/metrics", proxy.url)).send().await.unwrap().text().await.unwrap();
        text.lines().find_map(|line| line.strip_prefix("vyrox_proxy_receipts_waiting ")?.parse::<usize>().ok()).unwrap()
    };
    relay.says("receipts", 200, &"<html>welcome to the guest network</html>");
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    for body in
        ["<html>welcome to the guest network</html>", "7", r#"["recorded"]"#, r#"{"status":"ok","status":"recorded"}"#]
    {
        relay.says("receipts", 200, &body);
        let before = relay.told("receipts");
        eventually("it is posted again, and again", || relay.told("receipts") > before + 2).await;
        assert_eq!(waiting().await, 1, "{body}");
    }
    let taken = [(200, r#"{"status":"recorded"}"#), (200, "{}"), (200, ""), (204, "")];
    for (number, (status, body)) in taken.into_iter().enumerate() {
        relay.says("receipts", status, &body);
        while waiting().await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        relay.says("receipts", 503, &"");
        assert_eq!(proxy.execute(|action| action["request_id"] = format!("next-{number}").into()).await.0, 200);
        assert_eq!(waiting().await, 1, "before the next");
    }
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn work_is_an_object_that_names_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::default();
    let envelope: Value = serde_json::from_str(&envelope(|_| ())).unwrap();
    let config = polling(dir.path(), relay.start().await);
    let proxy = Harness::start(config).await;
    for body in [
        json!([[envelope], 2]).to_string(),
        format!("{{\"actions\":[],\"actions\":[{envelope}]}}"),
        json!({"actions": [listed(&envelope, "payloadType payload signatures")]}).to_string(),
    ] {
        relay.says("poll", 200, &body);
        let before = relay.told("poll");
        eventually("it is asked again, and again", || relay.told("poll") > before + 2).await;
        assert!(entries(dir.path()).is_empty(), "{body}");
    }
    relay.says("poll", 200, &json!({"actions": [envelope]}));
    eventually("the action is done", || entries(dir.path()).len() == 2).await;
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_key_is_replaced_by_the_relays_own_word_only() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::default();
    let mut config = polling(dir.path(), relay.start().await);
    let file = dir.path().join("proxy-key.pem");
    std::fs::write(&file, proxy_signer().to_pem()).unwrap();
    config.signing_key_file = Some(file.clone());
    for (status, body) in [(200, "{}"), (200, r#"{"status":"ok"}"#), (204, "")] {
        relay.says("rotate", status, &body);
        let refused = rotate(&config, NOW).await.unwrap_err();
        assert!(refused.to_string().contains("the old one stays in use"), "{status} {body}: {refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), proxy_signer().to_pem());
    }
    relay.says("rotate", 200, &json!({"status": "rotated", "platform_keys": []}));
    let rotated = rotate(&config, NOW).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rotated.signer.to_pem());
}

#[tokio::test]
async fn a_relay_that_names_this_proxys_own_key_as_the_platforms_enrols_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::default();
    let url = relay.start().await;
    let own = Ed25519Signer::from_seed(&[5; 32]);
    std::fs::write(dir.path().join("proxy-key.pem"), own.to_pem()).unwrap();
    let says = |keys: &[String]| json!({"tenant_id": "acme", "proxy_id": "proxy-1", "platform_keys": keys});
    let platform = platform().verifying_key().to_text();
    relay.says("enrol", 200, &says(&[platform.clone(), own.verifying_key().to_text()]));
    let refused = enrol(&url, "one-time", dir.path(), NOW).await;
    assert!(matches!(refused, Err(EnrolError::NoPlatformKey)), "{refused:?}");
    assert!(!dir.path().join("proxy.toml").exists());
    relay.says("enrol", 200, &says(&[platform]));
    assert!(enrol(&url, "one-time", dir.path(), NOW).await.is_ok());
}

#[tokio::test]
async fn a_start_refuses_this_proxys_own_key_as_the_platforms() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.platform_keys.push(proxy_signer().verifying_key());
    let clock = Arc::new(support::TestClock::new());
    let refused = vyrox_edge_proxy::Proxy::start(config, clock).await.err().unwrap();
    assert!(refused.to_string().contains("this proxy's own key"), "{refused}");
}
