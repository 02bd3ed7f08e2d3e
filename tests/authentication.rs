//! Who may deliver: every scheme through the real address, alone and together, fresh and stale, before and after a
//! rotation, and what all who may not are told. A new test goes here if it is about proving a delivery; senders that
//! somebody else wrote go to `published_contract.rs`, how long a refusal takes to `timing.rs`.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use vyrox_contract::Vendor;
use vyrox_domain::tenant::TenantStatus;
use vyrox_domain::webhook::{FRESHNESS, Scheme};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::source::{Credential, Kept, Previous};
use vyrox_platform::table::{Lookup, SortKey};
use vyrox_tests::{Reply, Stage, notification, proof};

const KEY: &str = "a-key-of-more-than-32-characters-for-every-scheme";
const NOTHING: [&str; 0] = [];

/// Gives a source one more credential with [`KEY`].
async fn give(stage: &Stage, vendor: Vendor, scheme: Scheme) {
    let kept = stage.kept(vendor, scheme, KEY.as_bytes()).await;
    let header = (scheme == Scheme::StaticHeader).then(|| "x-webhook-secret".to_owned());
    let credential = Credential { header, ..Credential::new(scheme, kept) };
    stage.change_source(vendor, |source| *source = source.clone().with(credential)).await;
}

async fn post(stage: &Stage, path: &str, body: &[u8], headers: &[(&'static str, String)]) -> Reply {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    stage.post(path, body, &headers).await
}

/// All that a sender sees of an answer, apart from what is different on every answer.
fn seen(reply: &Reply) -> (u16, Vec<u8>, BTreeMap<String, String>) {
    let headers = reply.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (reply.status, reply.body.clone(), headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scheme_is_accepted_at_once_on_one_source_and_the_audit_says_which_it_was() {
    let stage = Stage::dry_run().await;
    for scheme in Scheme::ALL.into_iter().skip(1) {
        give(&stage, Vendor::Crowdstrike, scheme).await;
    }
    let path = format!("/webhook/crowdstrike/{}", stage.tenant());
    for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::GraphClientState) {
        // The runner's own secret is the first scheme's.
        let key = if scheme == Scheme::VyroxHmac { stage.system.endpoints.webhook_secret.as_str() } else { KEY };
        for path in [path.as_str(), "/webhook/crowdstrike"] {
            let body = stage.body("software-update");
            let reply = post(&stage, path, &body, &proof(scheme, key.as_bytes(), &body, stage.now())).await;
            assert_eq!((reply.status, &reply.json()["status"]), (202, &json!("queued")), "{scheme} at {path}");
            let (alert, audit) = (reply.alert_id().to_string(), stage.audit().await);
            let entry = audit.iter().find(|entry| entry.alert_id() == Some(&alert)).unwrap();
            assert_eq!((entry.action_type(), &entry.detail()["scheme"]), ("ALERT_ACCEPTED", &json!(scheme)));
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_of_graph_is_authentic_if_every_item_has_the_state() {
    let stage = Stage::dry_run().await;
    give(&stage, Vendor::Defender, Scheme::GraphClientState).await;
    let (path, account) = (format!("/webhook/defender/{}", stage.tenant()), stage.tenant().to_string());
    for (states, path, status) in [
        (vec![KEY], path.as_str(), 202),
        (vec![KEY, KEY], &path, 202),
        (vec![KEY], "/webhook/defender", 202),
        (vec![KEY, "guessed"], &path, 401),
        (vec!["guessed"], &path, 401),
        (vec![], &path, 401),
        (vec![KEY], "/webhook/crowdstrike/demo", 401),
    ] {
        let reply = stage.post(path, &notification(&account, &states), &[]).await;
        assert_eq!(reply.status, status, "{states:?} at {path}");
        if status == 202 {
            assert_eq!(reply.json()["status"], "ignored", "it carries no alert");
        }
    }
    let entries = stage.audit().await;
    assert_eq!(entries.iter().filter(|entry| entry.action_type() == "DELIVERY_IGNORED").count(), 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_subscription_of_graph_is_answered_with_its_token_whoever_it_is() {
    let stage = Stage::dry_run().await;
    let query = "?validationToken=Validation%3a+Testing+client+application%20Request-Id%3A+0a1b-%3Cb%3E";
    let before = stage.snapshot().await;
    for path in ["/webhook/defender/demo", "/webhook/defender/nobody", "/webhook/defender/..%2F", "/webhook/defender"] {
        let reply = stage.post(&format!("{path}{query}"), b"", &[]).await;
        assert_eq!(reply.status, 200, "{path}");
        let text = String::from_utf8(reply.body.clone()).unwrap();
        assert_eq!(text, "Validation: Testing client application Request-Id: 0a1b-<b>", "{path}");
        let content: Vec<&str> =
            reply.headers.get_all("content-type").iter().map(|kind| kind.to_str().unwrap()).collect();
        assert!(matches!(content[..], [kind] if kind.starts_with("text/plain")), "{content:?}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["content-security-policy"], "default-src 'none'");
    }
    for (path, status) in [
        ("/webhook/crowdstrike/demo?validationToken=x", 401),
        ("/webhook/defender/demo?validationToken=", 400),
        ("/webhook/defender/demo?validationToken=a&validationToken=b", 400),
        ("/webhook/defender/demo?validationToken=a%0d%0aX-Injected:%201", 400),
        (&format!("/webhook/defender/demo?validationToken={}", "x".repeat(3_000)), 400),
        ("/webhook/defender/demo?other=x", 401),
    ] {
        assert_eq!(stage.post(path, b"{}", &[]).await.status, status, "{path}");
    }
    assert_eq!(stage.snapshot().await.changes_since(&before), NOTHING, "a handshake leaves nothing behind");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_who_is_refused_gets_the_same_answer_and_leaves_nothing_behind() {
    let stage = Stage::dry_run().await;
    stage.second_tenant("off", "600000000000000003", KEY, TenantStatus::Suspended).await;
    for scheme in [Scheme::CrowdstrikeHmac, Scheme::StaticHeader, Scheme::StandardWebhooks, Scheme::GraphClientState] {
        give(&stage, Vendor::Crowdstrike, scheme).await;
    }
    give(&stage, Vendor::Sentinelone, Scheme::Bearer).await;
    let body = stage.body("credential-dump");
    let path = format!("/webhook/crowdstrike/{}", stage.tenant());
    let now = stage.now();
    let made = |scheme, key: &str, at| proof(scheme, key.as_bytes(), &body, at);
    let twice = |scheme, at: usize| {
        let mut headers = made(scheme, KEY, now);
        headers.push(headers[at].clone());
        headers
    };
    let without = |scheme, at: usize| {
        let mut headers = made(scheme, KEY, now);
        headers.remove(at);
        headers
    };
    let other_body = |scheme| proof(scheme, KEY.as_bytes(), b"{}", now);
    let nobody =
        String::from_utf8(body.clone()).unwrap().replace(r#""customer_id":"demo""#, r#""customer_id":"nobody""#);
    let own = stage.system.endpoints.webhook_secret.clone();
    let (stale, ahead) = (now - FRESHNESS - 5, now + FRESHNESS + 60);
    type Case<'a> = (&'a str, &'a str, Vec<(&'static str, String)>);
    let mut cases: Vec<Case<'_>> = vec![
        ("nothing at all", &path, vec![]),
        ("a scheme that the source has not", &path, made(Scheme::Bearer, KEY, now)),
        ("a scheme that another source has", &path, made(Scheme::Bearer, KEY, now)),
        ("another scheme's key", &path, made(Scheme::VyroxHmac, KEY, now)),
        ("the key of another source", "/webhook/sentinelone/demo", made(Scheme::CrowdstrikeHmac, KEY, now)),
        ("a stale signature of crowdstrike", &path, made(Scheme::CrowdstrikeHmac, KEY, stale)),
        ("one from the future", &path, made(Scheme::CrowdstrikeHmac, KEY, ahead)),
        ("a stale standard webhook", &path, made(Scheme::StandardWebhooks, KEY, stale)),
        ("one from the future", &path, made(Scheme::StandardWebhooks, KEY, ahead)),
        ("crowdstrike's signature twice", &path, twice(Scheme::CrowdstrikeHmac, 0)),
        ("its time twice", &path, twice(Scheme::CrowdstrikeHmac, 1)),
        ("the static header twice", &path, twice(Scheme::StaticHeader, 0)),
        ("the standard signature twice", &path, twice(Scheme::StandardWebhooks, 2)),
        ("no time", &path, without(Scheme::CrowdstrikeHmac, 1)),
        ("no id", &path, without(Scheme::StandardWebhooks, 0)),
        ("another body's signature", &path, other_body(Scheme::CrowdstrikeHmac)),
        ("another body's standard signature", &path, other_body(Scheme::StandardWebhooks)),
        ("an unknown tenant", "/webhook/crowdstrike/nobody", made(Scheme::VyroxHmac, &own, now)),
        ("the tenant that nobody can be", "/webhook/crowdstrike/nobody.", made(Scheme::VyroxHmac, &own, now)),
        ("no tenant's id", "/webhook/crowdstrike/a%20b", made(Scheme::VyroxHmac, &own, now)),
        ("a suspended tenant's own key", "/webhook/crowdstrike/off", made(Scheme::VyroxHmac, KEY, now)),
        ("a tenant without such a source", "/webhook/generic/off", made(Scheme::VyroxHmac, KEY, now)),
    ];
    for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::GraphClientState) {
        cases.push(("a wrong key", &path, made(scheme, "guessed-guessed-guessed-guessed-guessed", now)));
    }
    let before = stage.snapshot().await;
    let reference = seen(&stage.post("/webhook/crowdstrike/never-heard-of", &body, &[]).await);
    assert_eq!((reference.0, reference.1.as_slice()), (401, br#"{"detail":"invalid signature"}"#.as_slice()));
    for (what, path, headers) in cases {
        assert_eq!(seen(&post(&stage, path, &body, &headers).await), reference, "{what}: {headers:?} at {path}");
    }
    let by_body = proof(Scheme::VyroxHmac, own.as_bytes(), nobody.as_bytes(), now);
    assert_eq!(seen(&post(&stage, "/webhook/crowdstrike", nobody.as_bytes(), &by_body).await), reference);
    assert_eq!(stage.snapshot().await.changes_since(&before), NOTHING, "stored, audited or counted");
    // What the cases vary is accepted when it is not varied.
    for scheme in [Scheme::CrowdstrikeHmac, Scheme::StandardWebhooks, Scheme::StaticHeader] {
        assert_eq!(post(&stage, &path, &body, &made(scheme, KEY, now)).await.status, 202, "{scheme}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_rotation_two_secrets_count_and_afterwards_one() {
    let stage = Stage::dry_run().await;
    let (old, new) = ("the-former-key-of-more-than-32-characters", "the-present-key-of-more-than-32-characters");
    let until = stage.now() + 3_600;
    for scheme in Scheme::ALL {
        let secret = stage.kept(Vendor::Crowdstrike, scheme, new.as_bytes()).await;
        let previous = Previous { secret: stage.kept(Vendor::Crowdstrike, scheme, old.as_bytes()).await, until };
        let header = (scheme == Scheme::StaticHeader).then(|| "x-webhook-secret".to_owned());
        let credential = Credential { scheme, header, secret, previous: Some(previous) };
        stage.change_source(Vendor::Crowdstrike, |source| *source = source.clone().with(credential)).await;
    }
    let path = format!("/webhook/crowdstrike/{}", stage.tenant());
    let status = async |scheme, key: &str| {
        let body = match scheme {
            Scheme::GraphClientState => notification("demo", &[key]),
            _ => stage.body("software-update"),
        };
        post(&stage, &path, &body, &proof(scheme, key.as_bytes(), &body, stage.now())).await.status
    };
    // Notifications are no CrowdStrike shape: authentic, and then not normalisable.
    let accepted = |scheme| if scheme == Scheme::GraphClientState { 422 } else { 202 };
    for scheme in Scheme::ALL {
        let answers = (status(scheme, old).await, status(scheme, new).await, status(scheme, KEY).await);
        assert_eq!(answers, (accepted(scheme), accepted(scheme), 401), "{scheme} during the rotation");
    }
    stage.clock.advance(3_601);
    for scheme in Scheme::ALL {
        assert_eq!(
            (status(scheme, old).await, status(scheme, new).await),
            (401, accepted(scheme)),
            "{scheme} after it"
        );
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_signature_header_of_crowdstrike_counts_instead_of_the_usual_one() {
    let stage = Stage::dry_run().await;
    let kept = stage.kept(Vendor::Crowdstrike, Scheme::CrowdstrikeHmac, KEY.as_bytes()).await;
    let header = Some("x-acme-signature".to_owned());
    let credential = Credential { header, ..Credential::new(Scheme::CrowdstrikeHmac, kept) };
    stage.change_source(Vendor::Crowdstrike, |source| *source = source.clone().with(credential)).await;
    let (path, body) = (format!("/webhook/crowdstrike/{}", stage.tenant()), stage.body("software-update"));
    let mut headers = proof(Scheme::CrowdstrikeHmac, KEY.as_bytes(), &body, stage.now());
    assert_eq!(post(&stage, &path, &body, &headers).await.status, 401);
    headers[0].0 = "X-Acme-Signature";
    assert_eq!(post(&stage, &path, &body, &headers).await.status, 202);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_was_stored_before_there_were_schemes_still_counts() {
    let stage = Stage::dry_run().await;
    let (tenant, vendor) = (stage.tenant(), Vendor::Generic);
    let key = stage.resources().await.key("SecretsKey").unwrap().id.clone();
    let encrypted = stage.function_clients().kms.encrypt().key_id(key);
    let encrypted = encrypted.encryption_context("tenant_id", tenant.as_str()).encryption_context("source", "generic");
    let sealed = encrypted.plaintext(KEY.as_bytes().to_vec().into()).send().await.unwrap().ciphertext_blob.unwrap();
    use base64::Engine as _;
    let sealed = base64::engine::general_purpose::STANDARD.encode(sealed.as_ref());
    let former = json!({"vendor": "generic", "account": "demo", "secret": sealed});
    let change = Change::put(SortKey::source(vendor), &former, Expect::Anything);
    stage.commit(&tenant, &[change.known_as(Lookup::account(vendor, "demo"))]).await;

    let body = include_bytes!("../events/generic/wazuh-4-windows.json");
    let path = format!("/webhook/generic/{tenant}");
    let reply = post(&stage, &path, body, &proof(Scheme::VyroxHmac, KEY.as_bytes(), body, stage.now())).await;
    assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_does_not_open_proves_nothing_and_the_others_still_count() {
    let stage = Stage::dry_run().await;
    give(&stage, Vendor::Crowdstrike, Scheme::Bearer).await;
    // Sealed for another source, as if somebody had copied it in the table.
    let foreign = stage.kept(Vendor::Sentinelone, Scheme::StaticHeader, KEY.as_bytes()).await;
    let header = Some("x-webhook-secret".to_owned());
    let moved = Credential { header, ..Credential::new(Scheme::StaticHeader, foreign) };
    let hash = stage.kept(Vendor::Crowdstrike, Scheme::Bearer, KEY.as_bytes()).await;
    let confused = Credential::new(Scheme::VyroxHmac, hash.clone());
    assert!(matches!(hash, Kept::Sha256(_)));
    stage.change_source(Vendor::Crowdstrike, |source| *source = source.clone().with(moved).with(confused)).await;
    let path = format!("/webhook/crowdstrike/{}", stage.tenant());
    for (scheme, status) in [(Scheme::StaticHeader, 401), (Scheme::VyroxHmac, 401), (Scheme::Bearer, 202)] {
        let body = stage.body("software-update");
        let reply = post(&stage, &path, &body, &proof(scheme, KEY.as_bytes(), &body, stage.now())).await;
        assert_eq!(reply.status, status, "{scheme}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_reads_its_bodies_by_its_own_field_map() {
    let stage = Stage::dry_run().await;
    let path = format!("/webhook/generic/{}", stage.tenant());
    let secret = stage.system.endpoints.webhook_secret.clone();
    let body = json!({
        "case": {"number": "C-1", "opened": stage.now()},
        "machine": "WS-042",
        "image": "C:\\Windows\\System32\\rundll32.exe",
        "points": 9,
    });
    let send = async |body: &Value| {
        let body = body.to_string().into_bytes();
        post(&stage, &path, &body, &proof(Scheme::VyroxHmac, secret.as_bytes(), &body, stage.now())).await
    };
    assert_eq!(send(&body).await.status, 422, "nobody knows this shape");
    let map = r#"
        when = ["case.number"]
        [fields]
        raw_id = "case.number"
        timestamp = "case.opened"
        hostname = "machine"
        process_name = "basename(image)"
        vendor_severity = "lookup(points, points)"
        [tables.points]
        "0-6" = "low"
        "7-10" = "high"
    "#;
    stage.change_source(Vendor::Generic, |source| source.field_map = Some(map.to_owned())).await;
    let reply = send(&body).await;
    assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
    let alert = stage.record(reply.alert_id()).await.alert;
    assert_eq!((alert.raw_id.as_str(), alert.hostname.as_deref()), ("C-1", Some("WS-042")));
    assert_eq!(alert.process_name.as_deref(), Some("rundll32.exe"));
    assert_eq!(json!(alert.vendor_severity), "HIGH");
    // The map counts for this source only, and a body that is not its is read as ever.
    assert_eq!(send(&json!({"id": 1})).await.status, 422);
    // A map that cannot be used is nobody's guess: nothing is accepted, and the sender tries again.
    stage.change_source(Vendor::Generic, |source| source.field_map = Some("[fields]".to_owned())).await;
    assert_eq!(send(&body).await.status, 503);
    stage.end().await;
}
