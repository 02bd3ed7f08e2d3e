//! Polling, receipts and enrolment against a relay of the documented shape.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::edr::{Edr, Mood};
use support::{
    Harness, NOW, TestClock, action, config, entries, eventually, live, platform, proxy_signer, signed_at, signed_by,
};
use vyrox_contract::{Envelope, Outcome, Poll, Receipt, Rotation, VerifyingKey};
use vyrox_edge_proxy::rotate::{Rotated, rotate};
use vyrox_edge_proxy::{Clock as _, Config, EnrolError, enrol};

#[derive(Default)]
struct Told {
    /// Handed out until a receipt comes.
    actions: Vec<Value>,
    polls: Vec<Poll>,
    receipts: Vec<Receipt>,
    /// Answered instead, as long as it is there.
    poll_status: Option<u16>,
    receipt_status: Option<u16>,
    /// Receipts that were answered with that.
    refused: usize,
    next_poll_seconds: Value,
    enrolments: Vec<Value>,
    /// The first is taken, and its answer lost.
    rotations: Vec<VerifyingKey>,
}

#[derive(Clone)]
struct Relay {
    url: String,
    told: Arc<Mutex<Told>>,
}

impl Relay {
    async fn start() -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let router = Router::new()
            .route("/proxy/v1/poll", post(poll))
            .route("/proxy/v1/receipts", post(receipts))
            .route("/proxy/v1/enrol", post(enrolment))
            .route("/proxy/v1/rotate", post(rotation))
            .with_state(Arc::clone(&told));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, told }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Told) -> T) -> T {
        look(&mut self.told.lock().unwrap())
    }

    fn polled(&self, mut config: Config) -> Config {
        config.relay_url = Some(self.url.clone());
        config.poll.min = Duration::from_millis(10);
        config.poll.max = Duration::from_millis(50);
        config
    }
}

type Shared = State<Arc<Mutex<Told>>>;

fn status(code: u16) -> Response {
    StatusCode::from_u16(code).unwrap().into_response()
}

async fn poll(State(told): Shared, Json(envelope): Json<Envelope>) -> Response {
    let mut told = told.lock().unwrap();
    told.polls.push(envelope.verify::<Poll>(&[proxy_signer().verifying_key()]).unwrap().parse().unwrap());
    match told.poll_status {
        Some(code) => status(code),
        None if told.actions.is_empty() => status(204),
        None => Json(json!({"actions": told.actions, "next_poll_seconds": told.next_poll_seconds})).into_response(),
    }
}

async fn receipts(State(told): Shared, Json(envelope): Json<Envelope>) -> Response {
    let mut told = told.lock().unwrap();
    if let Some(code) = told.receipt_status {
        told.refused += 1;
        return status(code);
    }
    told.receipts.push(envelope.verify::<Receipt>(&[proxy_signer().verifying_key()]).unwrap().parse().unwrap());
    told.actions.clear();
    Json(json!({"status": "recorded"})).into_response()
}

async fn rotation(State(told): Shared, Json(envelope): Json<Envelope>) -> Response {
    let mut told = told.lock().unwrap();
    let rotation: Rotation = envelope.verify(&[proxy_signer().verifying_key()]).unwrap().parse().unwrap();
    let new = VerifyingKey::from_text(&rotation.public_key).unwrap();
    assert!(envelope.verify::<Rotation>(std::slice::from_ref(&new)).is_ok(), "signed by both");
    told.rotations.push(new);
    if told.rotations.len() == 1 { status(503) } else { rotated() }
}

/// The platform has a second key to come.
fn rotated() -> Response {
    let keys = [platform().verifying_key().to_text(), proxy_signer().verifying_key().to_text()];
    Json(json!({"status": "rotated", "platform_keys": keys})).into_response()
}

async fn enrolment(State(told): Shared, Json(body): Json<Value>) -> Response {
    if body["token"] != "one-time" {
        return status(401);
    }
    told.lock().unwrap().enrolments.push(body);
    let keys = [platform().verifying_key().to_text()];
    Json(json!({"tenant_id": "acme", "proxy_id": "proxy-1", "platform_keys": keys})).into_response()
}

#[tokio::test]
async fn a_receipt_that_cannot_be_read_for_a_while_is_posted_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let (relay, edr) = (Relay::start().await, Edr::start(Mood::Fine).await);
    relay.with(|told| told.receipt_status = Some(503));
    let proxy = Harness::start(relay.polled(live(dir.path(), &edr.url))).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    eventually("it is tried", || relay.with(|told| told.refused > 0)).await;
    let files = std::fs::read_dir(dir.path().join("audit")).unwrap().map(|file| file.unwrap().path());
    let day = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "jsonl")).unwrap();
    // What stands there now opens, and every read of it fails.
    let aside = dir.path().join("aside");
    std::fs::rename(&day, &aside).unwrap();
    std::fs::create_dir(&day).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    relay.with(|told| told.receipt_status = None);
    tokio::time::sleep(Duration::from_millis(300)).await;
    std::fs::remove_dir(&day).unwrap();
    std::fs::rename(&aside, &day).unwrap();
    eventually("the receipt arrives", || relay.with(|told| !told.receipts.is_empty())).await;
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_polled_action_takes_every_step_and_its_receipt_is_posted() {
    let dir = tempfile::tempdir().unwrap();
    let (relay, edr) = (Relay::start().await, Edr::start(Mood::Fine).await);
    relay.with(|told| told.actions = vec![json!(signed_by(&platform(), &action()))]);
    let proxy = Harness::start(relay.polled(live(dir.path(), &edr.url))).await;
    eventually("the receipt arrives", || relay.with(|told| !told.receipts.is_empty())).await;
    proxy.running.shutdown().await;
    relay.with(|told| {
        let receipt = &told.receipts[0];
        assert_eq!((receipt.request_id.as_str(), receipt.outcome), ("req-1", Outcome::Executed));
        assert_eq!((told.polls[0].issued_at, told.polls[0].tenant_id.as_str()), (NOW, "acme"));
        assert!(told.polls.iter().all(|poll| poll.nonce.len() == 32));
    });
    assert_eq!(edr.changes(), 1);
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn an_action_that_is_handed_out_again_is_reported_again_and_done_once() {
    let dir = tempfile::tempdir().unwrap();
    let (relay, edr) = (Relay::start().await, Edr::start(Mood::Fine).await);
    relay.with(|told| {
        told.actions = vec![json!(signed_by(&platform(), &action()))];
        told.receipt_status = Some(503);
    });
    let proxy = Harness::start(relay.polled(live(dir.path(), &edr.url))).await;
    eventually("it is handed out many times", || relay.with(|told| told.polls.len() > 10)).await;
    relay.with(|told| told.receipt_status = None);
    eventually("the receipt arrives", || relay.with(|told| !told.receipts.is_empty())).await;
    // A relay that lost what it knew: acknowledged once is not reported for ever.
    relay.with(|told| told.actions = vec![json!(signed_by(&platform(), &action()))]);
    eventually("the receipt arrives again", || relay.with(|told| told.receipts.len() > 1)).await;
    proxy.running.shutdown().await;
    assert_eq!(edr.changes(), 1);
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn receipts_that_were_never_taken_are_posted_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    relay.with(|told| told.receipt_status = Some(503));
    let proxy = Harness::start(relay.polled(config(dir.path()))).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 200, "a push is reported to the relay too");
    proxy.running.shutdown().await;
    assert!(relay.with(|told| told.receipts.is_empty()));
    relay.with(|told| told.receipt_status = None);
    let proxy = Harness::start(relay.polled(config(dir.path()))).await;
    eventually("the receipt arrives", || relay.with(|told| told.receipts.len() == 1)).await;
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_receipt_that_no_relay_took_for_weeks_is_not_compressed_away_and_is_posted_after_a_restart() {
    const DAY: i64 = 24 * 3600;
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    let config = relay.polled(config(dir.path()));
    let asked = async |id: &'static str, later: i64| {
        let proxy = Harness::start_after(&config, later).await;
        let (status, _) = proxy
            .execute(|action| {
                action["request_id"] = json!(id);
                signed_at(action, NOW + later);
            })
            .await;
        assert_eq!(status, 200);
        proxy
    };
    let proxy = asked("taken", 0).await;
    eventually("the first receipt arrives", || relay.with(|told| told.receipts.len() == 1)).await;
    proxy.running.shutdown().await;
    relay.with(|told| told.receipt_status = Some(503));
    asked("waits", DAY).await.running.shutdown().await;
    let proxy = asked("waits-too", 14 * DAY).await;
    let compressed = dir.path().join("audit/audit-2023-11-14.jsonl.gz");
    eventually("the day of what was taken is compressed", || compressed.exists()).await;
    // And the next one, if it were to be.
    tokio::time::sleep(Duration::from_millis(500)).await;
    proxy.running.shutdown().await;
    relay.with(|told| told.receipt_status = None);
    let proxy = asked("new", 14 * DAY + 60).await;
    eventually("all that waited arrive", || relay.with(|told| told.receipts.len() == 4)).await;
    proxy.running.shutdown().await;
    let posted =
        relay.with(|told| told.receipts.iter().map(|receipt| receipt.request_id.to_string()).collect::<Vec<_>>());
    assert_eq!(posted, ["taken", "waits", "waits-too", "new"]);
    vyrox_audit::verify::directory(&dir.path().join("audit")).unwrap();
}

#[tokio::test]
async fn a_receipt_that_the_relay_will_never_take_does_not_hold_up_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    relay.with(|told| told.receipt_status = Some(422));
    let proxy = Harness::start(relay.polled(config(dir.path()))).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    let metrics = async || proxy.http.get(format!("{}/metrics", proxy.url)).send().await.unwrap().text().await.unwrap();
    for _ in 0..500 {
        if metrics().await.contains("vyrox_proxy_receipts_waiting 0") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    relay.with(|told| told.receipt_status = None);
    assert_eq!(proxy.execute(|action| action["request_id"] = json!("req-2")).await.0, 200);
    eventually("the second arrives", || relay.with(|told| told.receipts.len() == 1)).await;
    assert_eq!(relay.with(|told| told.receipts[0].request_id.to_string()), "req-2");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_revoked_proxy_keeps_asking_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    relay.with(|told| told.poll_status = Some(401));
    let proxy = Harness::start(relay.polled(config(dir.path()))).await;
    eventually("it asks more than once", || relay.with(|told| told.polls.len() > 2)).await;
    relay.with(|told| {
        told.poll_status = None;
        told.actions = vec![json!(signed_by(&platform(), &action()))];
    });
    eventually("the receipt arrives", || relay.with(|told| !told.receipts.is_empty())).await;
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_relay_cannot_make_the_proxy_do_what_the_platform_did_not_sign() {
    let dir = tempfile::tempdir().unwrap();
    let (relay, edr) = (Relay::start().await, Edr::start(Mood::Fine).await);
    let mut stale = action();
    stale["issued_at"] = json!(NOW - 31);
    relay.with(|told| {
        told.actions = vec![json!(signed_by(&proxy_signer(), &action())), json!(signed_by(&platform(), &stale))];
    });
    let proxy = Harness::start(relay.polled(live(dir.path(), &edr.url))).await;
    eventually("they are handed out", || relay.with(|told| told.polls.len() > 3)).await;
    proxy.running.shutdown().await;
    assert_eq!(edr.with(|falcon| (falcon.reads, falcon.changes.len())), (0, 0));
    assert!(relay.with(|told| told.receipts.is_empty()));
}

#[tokio::test]
async fn an_envelope_that_cannot_be_read_does_not_cost_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    let mut damaged = json!(signed_by(&platform(), &action()));
    damaged["signatures"] = json!("none");
    relay.with(|told| {
        let good = json!(signed_by(&platform(), &action()));
        told.actions = vec![damaged, Value::Null, json!({"payloadType": 1}), json!([[]]), good];
        told.next_poll_seconds = json!("soon");
    });
    let proxy = Harness::start(relay.polled(config(dir.path()))).await;
    eventually("the receipt of the good one arrives", || relay.with(|told| !told.receipts.is_empty())).await;
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn a_relay_that_hands_out_heaps_is_listened_to_for_a_while_only() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    relay.with(|told| {
        told.actions = vec![json!("junk"); 500];
        told.actions.push(json!(signed_by(&platform(), &action())));
    });
    let proxy = Harness::start(relay.polled(config(dir.path()))).await;
    eventually("it is handed out", || relay.with(|told| told.polls.len() > 2)).await;
    proxy.running.shutdown().await;
    assert!(relay.with(|told| told.receipts.is_empty()), "what stands behind the bound waits for the next answer");
}

#[tokio::test]
async fn receipts_outlive_a_gateway_that_denies_or_does_not_find_the_relay() {
    let dir = tempfile::tempdir().unwrap();
    for code in [403, 404] {
        let relay = Relay::start().await;
        relay.with(|told| told.receipt_status = Some(code));
        let proxy = Harness::start(relay.polled(config(&dir.path().join(code.to_string())))).await;
        assert_eq!(proxy.execute(|_| ()).await.0, 200);
        eventually("it is refused", || relay.with(|told| told.refused > 1)).await;
        relay.with(|told| told.receipt_status = None);
        eventually("the receipt arrives", || relay.with(|told| told.receipts.len() == 1)).await;
        proxy.running.shutdown().await;
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn enrolment_makes_a_key_and_a_configuration_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    let relay = Relay::start().await;
    let wrong = enrol(&relay.url, "used-up", &home, NOW).await;
    assert!(matches!(wrong, Err(EnrolError::Refused)), "and it says that the token is no good: {wrong:?}");
    let enrolled = enrol(&relay.url, "one-time", &home, TestClock::new().now()).await.unwrap();
    assert_eq!((enrolled.tenant_id.as_str(), enrolled.proxy_id.as_str()), ("acme", "proxy-1"));
    assert_eq!((mode(&home), mode(&home.join("proxy-key.pem"))), (0o700, 0o600));
    relay.with(|told| {
        let sent = VerifyingKey::from_text(told.enrolments[0]["public_key"].as_str().unwrap()).unwrap();
        assert_eq!(sent, enrolled.signer.verifying_key());
        let proof = told.enrolments[0]["proof"].as_str().unwrap();
        assert!(vyrox_contract::proves_possession("one-time", &sent, proof), "the key's owner asks");
    });
    let loaded = Config::load(Some(&enrolled.config_file), &Default::default()).unwrap();
    assert!(loaded.dry_run);
    assert_eq!(loaded.relay_url.as_deref(), Some(relay.url.as_str()));
    assert_eq!(loaded.platform_keys, [platform().verifying_key()]);
    assert_eq!(loaded.audit_dir, home.join("audit"));
    let again = enrol(&relay.url, "one-time", &home, NOW).await;
    assert!(matches!(again, Err(EnrolError::AlreadyEnrolled(_))), "nothing is overwritten");
}

#[tokio::test]
async fn a_rotation_is_signed_by_both_keys_and_takes_the_same_key_again_after_a_lost_answer() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start().await;
    let file = dir.path().join("proxy-key.pem");
    std::fs::write(&file, proxy_signer().to_pem()).unwrap();
    let mut config = relay.polled(config(dir.path()));
    config.signing_key_file = Some(file.clone());
    let pushed = |config: &Config| Config { relay_url: None, ..config.clone() };
    let running = Harness::start(pushed(&config)).await;
    let lost = rotate(&config, NOW).await.unwrap_err();
    assert!(lost.to_string().contains("trying again is safe"), "{lost}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), proxy_signer().to_pem(), "still the old one");
    let Rotated { signer: new, old_file, platform_keys } = rotate(&config, NOW).await.unwrap();
    assert_eq!(platform_keys, [platform().verifying_key(), proxy_signer().verifying_key()], "told, and not taken over");
    relay.with(|told| assert_eq!(told.rotations, [new.verifying_key(), new.verifying_key()]));
    assert_eq!((std::fs::read_to_string(&file).unwrap(), mode(&file)), (new.to_pem(), 0o600));
    assert_eq!(std::fs::read_to_string(old_file).unwrap(), proxy_signer().to_pem());
    config.signer = new.clone();
    running.running.reload(Ok(pushed(&config))).await;
    let (_, body) = running.execute(|_| ()).await;
    let envelope: Envelope = serde_json::from_value(body["receipt"].clone()).unwrap();
    assert!(envelope.verify::<Receipt>(&[new.verifying_key()]).is_ok(), "signed with the new key, without a restart");
}

#[tokio::test]
async fn enrolment_over_plain_http_is_refused_off_loopback() {
    let dir = tempfile::tempdir().unwrap();
    let refused = enrol("http://relay.example.com", "one-time", dir.path(), NOW).await;
    assert!(matches!(refused, Err(EnrolError::Plaintext)));
    assert!(!dir.path().join("proxy-key.pem").exists());
}
