//! Pushes: what is answered, what is refused, what is never done. No EDR here; see `crowdstrike.rs`.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use support::{Harness, NOW, action, config, entries, envelope, platform, receipt, signed_by};
use vyrox_audit::Phase;
use vyrox_contract::{Ed25519Signer, Outcome, Verification};

fn set(pointer: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |action| *action.pointer_mut(pointer).expect("the field exists") = value
}

#[tokio::test]
async fn a_dry_run_checks_and_records_everything_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let (status, body) = proxy.execute(|action| action["checkpoint"] = json!({"n": 7, "hash": "cd".repeat(32)})).await;
    assert_eq!((status, &body["status"], &body["dry_run"]), (200, &json!("dry_run"), &json!(true)));
    let receipt = receipt(&body);
    assert_eq!((receipt.outcome, receipt.verification), (Outcome::DryRun, Verification::None));
    proxy.running.shutdown().await;

    let entries = entries(dir.path());
    assert_eq!(entries.iter().map(|entry| entry.phase()).collect::<Vec<_>>(), [Phase::Intent, Phase::Outcome]);
    assert_eq!(entries[0].detail()["checkpoint"]["n"], 7, "the cloud's checkpoint is in the proxy's chain");
    assert_eq!(entries[0].detail()["authenticated_by"], platform().verifying_key().id().as_str());
    assert_eq!((entries[0].request_id(), entries[0].approved_by()), (Some("req-1"), "approver"));
    assert!(entries.iter().all(vyrox_audit::Entry::dry_run));
    assert_eq!((receipt.audit_head.seq, receipt.audit_head.hash.as_str()), (1, entries[1].hash()));
}

#[tokio::test]
async fn a_p256_platform_key_is_believed_and_so_are_two_keys_during_a_rotation() {
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::EncodePublicKey as _;
    use vyrox_contract::{Action, Envelope, Payload as _, VerifyingKey, pre_authentication_encoding};
    let dir = tempfile::tempdir().unwrap();
    let secret = p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap();
    let spki = p256::ecdsa::VerifyingKey::from(&secret).to_public_key_der().unwrap();
    let key = VerifyingKey::from_spki(spki.as_bytes()).unwrap();
    let mut config = config(dir.path());
    config.platform_keys.push(key.clone());
    let proxy = Harness::start(config).await;
    let payload = serde_json::to_vec(&action()).unwrap();
    let signature: p256::ecdsa::Signature = secret.sign(&pre_authentication_encoding(Action::TYPE, &payload));
    let envelope = Envelope::from_signature::<Action>(&payload, key.id(), signature.to_der().as_bytes());
    assert_eq!(proxy.post("/execute", serde_json::to_string(&envelope).unwrap()).await.0, 200);
    assert_eq!(proxy.execute(set("/request_id", json!("other-key"))).await.0, 200);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_replay_gets_the_recorded_receipt_and_no_second_entry() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let (_, first) = proxy.execute(|_| ()).await;
    let (status, second) = proxy.execute(|_| ()).await;
    assert_eq!((status, &second["status"]), (200, &json!("replayed")));
    assert_eq!(first["receipt"], second["receipt"], "byte for byte");
    // Signed again at delivery, later: still the same action.
    proxy.clock.advance(60);
    let (_, third) = proxy.execute(set("/issued_at", json!(NOW + 60))).await;
    assert_eq!(third["status"], "replayed");
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn replay_after_restart_does_not_run_twice() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let (_, first) = proxy.execute(|_| ()).await;
    proxy.running.shutdown().await;
    let proxy = Harness::start(config(dir.path())).await;
    let (_, second) = proxy.execute(|_| ()).await;
    assert_eq!((&second["status"], &second["receipt"]), (&json!("replayed"), &first["receipt"]));
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn every_failure_of_authentication_is_the_same_401_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let stranger = serde_json::to_string(&signed_by(&Ed25519Signer::from_seed(&[2; 32]), &action())).unwrap();
    let mut pretender = signed_by(&Ed25519Signer::from_seed(&[2; 32]), &action());
    pretender.signatures[0].keyid = platform().verifying_key().id();
    let mut unsigned = signed_by(&platform(), &action());
    unsigned.signatures.clear();
    let mut retyped = signed_by(&platform(), &action());
    retyped.payload_type = "application/vnd.vyrox.receipt+json".into();
    let bodies = [
        stranger,
        serde_json::to_string(&pretender).unwrap(),
        serde_json::to_string(&unsigned).unwrap(),
        serde_json::to_string(&retyped).unwrap(),
    ];
    for body in bodies {
        assert_eq!(proxy.post("/execute", body).await, (401, json!({"detail": "invalid signature"})));
    }
    proxy.running.shutdown().await;
    assert!(
        !dir.path().join("audit").read_dir().unwrap().any(|f| f
            .unwrap()
            .path()
            .extension()
            .is_some_and(|e| e == "jsonl"))
    );
}

#[tokio::test]
async fn the_signature_covers_the_operation_and_a_misrouted_envelope_uses_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    assert_eq!(proxy.post("/rollback", envelope(|_| ())).await.0, 400);
    let release = envelope(|action| action["operation"] = json!("rollback"));
    assert_eq!(proxy.post("/execute", release).await.0, 400);
    assert_eq!(proxy.execute(|_| ()).await.0, 200, "the action is still there to be done");
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn what_is_for_someone_else_is_turned_away_without_a_trace_and_uses_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    for pointer in ["/tenant_id", "/proxy_id"] {
        let (status, body) = proxy.execute(set(pointer, json!("other"))).await;
        assert_eq!((status, body.get("receipt")), (403, None), "not even the receipt of our action of that id");
        let other = |action: &mut Value| {
            action["request_id"] = json!("theirs");
            *action.pointer_mut(pointer).unwrap() = json!("other");
        };
        assert_eq!(proxy.execute(other).await.0, 403);
    }
    assert_eq!(proxy.execute(set("/request_id", json!("theirs"))).await.0, 200, "the id is not used up");
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 4);
}

#[tokio::test]
async fn one_request_id_for_two_devices_is_a_conflict_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    let other = json!("f".repeat(32));
    assert_eq!(proxy.execute(set("/target/device_id", other.clone())).await.0, 409);
    proxy.running.shutdown().await;
    let proxy = Harness::start(config(dir.path())).await;
    let (status, body) = proxy.execute(set("/target/device_id", other)).await;
    assert_eq!((status, body.get("receipt")), (409, None), "no receipt that could be taken for this device's");
    assert_eq!(proxy.execute(|_| ()).await.1["status"], "replayed");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_replay_says_whether_it_was_a_dry_run_then_not_whether_it_would_be_now() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    assert_eq!(proxy.execute(|_| ()).await.1["dry_run"], true);
    proxy.running.shutdown().await;
    let proxy = Harness::start(support::live(dir.path(), "http://127.0.0.1:9")).await;
    let (_, body) = proxy.execute(|_| ()).await;
    assert_eq!((&body["status"], &body["dry_run"]), (&json!("replayed"), &json!(true)));
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn times_outside_the_window_are_410_however_they_overflow() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    for issued_at in [NOW - 31, NOW + 6, i64::MIN, i64::MIN + NOW, i64::MAX] {
        assert_eq!(proxy.execute(set("/issued_at", json!(issued_at))).await.0, 410, "{issued_at}");
    }
    for (number, approved_at) in [NOW - 3601, NOW + 6, i64::MIN, i64::MIN + NOW, i64::MAX].into_iter().enumerate() {
        let (status, body) = proxy
            .execute(|action| {
                action["request_id"] = json!(format!("age-{number}"));
                action["approved_at"] = json!(approved_at);
            })
            .await;
        assert_eq!((status, receipt(&body).outcome), (410, Outcome::Refused), "{approved_at}");
    }
    assert_eq!(proxy.execute(set("/expires_at", json!(NOW - 1))).await.0, 410);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn the_policy_refuses_with_a_recorded_and_signed_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.policy.protected_hosts = vec!["dc-*".into()];
    config.policy.max_isolations_per_hour = 1;
    config.policy.kill_switch_file = Some(dir.path().join("stop"));
    let proxy = Harness::start(config).await;
    let cases: [(&str, Value, u16, &str); 5] = [
        ("/approved_by", json!([]), 403, "nobody approved"),
        ("/action_type", json!("PROCESS_KILL"), 403, "not allowed"),
        ("/target/hostname", json!("DC-01.corp.example"), 403, "protected"),
        ("/target/vendor", json!("generic"), 501, "not supported"),
        ("/target/device_id", json!("abc"), 422, "vendor's form"),
    ];
    for (number, (pointer, value, code, reason)) in cases.into_iter().enumerate() {
        let (status, body) = proxy
            .execute(|action| {
                action["request_id"] = json!(format!("refused-{number}"));
                *action.pointer_mut(pointer).unwrap() = value;
            })
            .await;
        assert_eq!((status, &body["status"]), (code, &json!("refused")), "{pointer}");
        assert!(receipt(&body).detail.contains(reason), "{pointer}: {body}");
    }
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    let (status, body) = proxy.execute(set("/request_id", json!("over"))).await;
    assert_eq!((status, receipt(&body).detail.contains("budget")), (403, true));
    assert_eq!(proxy.rollback(|_| ()).await.0, 200, "a release costs nothing");
    std::fs::write(dir.path().join("stop"), "").unwrap();
    let (_, body) = proxy.rollback(set("/request_id", json!("stopped"))).await;
    assert!(receipt(&body).detail.contains("kill switch"));
    proxy.running.shutdown().await;
    let entries = entries(dir.path());
    assert_eq!(entries.iter().filter(|entry| entry.outcome() == Some("refused")).count(), 7);
    assert!(entries.iter().all(|entry| entry.tenant_id() == "acme"), "the chain has one owner");
}

#[tokio::test]
async fn the_budget_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.policy.max_isolations_per_hour = 1;
    let proxy = Harness::start(config.clone()).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    proxy.running.shutdown().await;
    let proxy = Harness::start(config).await;
    assert_eq!(proxy.execute(set("/request_id", json!("req-2"))).await.0, 403);
    proxy.clock.advance(3601);
    let (status, _) = proxy
        .execute(|action| {
            action["request_id"] = json!("req-3");
            for (field, value) in [("issued_at", NOW + 3601), ("approved_at", NOW + 3600), ("expires_at", NOW + 9999)] {
                action[field] = json!(value);
            }
        })
        .await;
    assert_eq!(status, 200);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn hostile_fields_forge_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    for (pointer, value) in [
        ("/request_id", json!("r".repeat(10_000))),
        ("/request_id", json!("a\n{\"forged\":true}")),
        ("/request_id", json!("../../etc/passwd")),
        ("/tenant_id", json!("")),
        ("/target/hostname", json!("ws-01; rm -rf /")),
        ("/target/hostname", json!("\u{1b}[2J")),
        ("/target/device_id", json!("0123456789abcdef0123456789abcdef/../all")),
        ("/approved_by/0/name", json!("approver\n2026 executed")),
    ] {
        let (status, body) = proxy.execute(set(pointer, value)).await;
        assert_eq!(status, 422, "{pointer}");
        assert!(!body.to_string().contains("rm -rf") && !body.to_string().contains('\u{1b}'), "{body}");
    }
    assert_eq!(proxy.post("/execute", "not json").await.0, 400);
    assert_eq!(proxy.post("/execute", "").await.0, 400);
    // A name may hold quotes and braces; in the log it is still one value of one line.
    let name = "a \"quoted\", {braced} name";
    assert_eq!(proxy.execute(set("/approved_by/0/name", json!(name))).await.0, 200);
    proxy.running.shutdown().await;
    let entries = entries(dir.path());
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].approved_by(), name);
}

#[tokio::test]
async fn one_signed_request_sent_many_times_at_once_runs_once() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let body = envelope(|_| ());
    let answers = futures::future::join_all((0..50).map(|_| proxy.post("/execute", body.clone()))).await;
    let fresh = answers.iter().filter(|(_, body)| body["status"] == "dry_run").count();
    let others = answers.iter().filter(|(status, body)| *status == 409 || body["status"] == "replayed").count();
    assert_eq!((fresh, others), (1, 49));
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn the_published_shared_secret_mode_takes_the_same_steps() {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    let secret = "a shared secret of more than 32 bytes";
    config.shared_secret = Some(vyrox_edge_proxy::Secret::new(secret.into()));
    config.policy.protected_hosts = vec!["dc-01".into()];
    let proxy = Harness::start(config).await;
    let send = async |path: &str, change: Value| {
        let mut body = json!({
            "nonce": "n-1", "tenant_id": "acme", "action_type": "HOST_ISOLATION", "host": "ws-01",
            "device_id": support::AID, "approved_by": "approver", "approved_at": NOW
        });
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let body = body.to_string();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let request = proxy.http.post(format!("{}{path}", proxy.url)).header("X-Vyrox-Signature", signature);
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(send("/execute", json!({})).await.1["status"], "dry_run");
    assert_eq!(send("/execute", json!({})).await.1["status"], "replayed");
    assert_eq!(send("/rollback", json!({})).await.0, 400, "a captured isolation is no release");
    assert_eq!(send("/rollback", json!({"operation": "rollback"})).await.1["status"], "dry_run");
    assert_eq!(send("/execute", json!({"nonce": "n-2", "tenant_id": "other"})).await.0, 403);
    assert_eq!(send("/execute", json!({"nonce": "n-3", "host": "dc-01"})).await.0, 403);
    assert_eq!(send("/execute", json!({"nonce": "n-4", "approved_by": ""})).await.0, 403);
    assert_eq!(send("/execute", json!({"nonce": "n-5", "approved_at": NOW - 31})).await.0, 410);
    assert_eq!(send("/execute", json!({"nonce": "n-6", "host": "x;y"})).await.0, 422);
    proxy.running.shutdown().await;
    entries(dir.path());
}
