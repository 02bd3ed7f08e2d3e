//! What an alert came in as: kept redacted, compressed, sealed and bounded, shown to whoever investigates, and to nobody
//! else. A new test goes here if the question is what of a payload is kept, and who can read it.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use ed25519_dalek::Signer as _;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;
use vyrox_contract::{AlertId, TenantId, Vendor};
use vyrox_domain::redact::Personal;
use vyrox_interactions::{Interactions, router};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock as _;
use vyrox_platform::config::{self, Aws};
use vyrox_platform::evidence::{About, Evidence, EvidenceError, MOST_STORED, Opener, Part, Sealer};
use vyrox_platform::rate::Limits;
use vyrox_platform::table::SortKey;
use vyrox_tests::{APPROVER, Bench, Fault, Hop, ONLOOKER, Stage};

const LIMITS: Limits = Limits { tenant: 60_000, source: 60_000 };

fn changed(body: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    change(&mut body);
    body.to_string().into_bytes()
}

async fn bytes(bench: &Bench, tenant: &str, alert: AlertId, revision: u32) -> Vec<u8> {
    let key = SortKey::evidence(alert, revision);
    let found = bench.table.read_bytes(&tenant.parse().unwrap(), &key, bench.clock.now()).await.unwrap();
    found.expect("there is evidence")
}

async fn open(
    bench: &Bench,
    tenant: &str,
    alert: AlertId,
    revision: u32,
    stored: &[u8],
) -> Result<Evidence, EvidenceError> {
    let opener = Opener::new(bench.direct.kms.clone(), bench.key());
    let tenant: TenantId = tenant.parse().unwrap();
    opener.open(&About { tenant_id: &tenant, alert_id: alert, revision }, stored).await
}

async fn evidence(bench: &Bench, tenant: &str, alert: AlertId) -> Evidence {
    open(bench, tenant, alert, 0, &bytes(bench, tenant, alert, 0).await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_kept_redacted_and_sealed_for_its_own_alert_alone() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(LIMITS);
    let exact = "18446744073709551616";
    let body = changed(&bench.body(), |body| {
        body["process"]["command_line"] = json!("net user svc P@ssw0rd! /add");
        body["extra"] = json!({"n": 0, "api_key": "k-123", "mail": "eve@example.org"});
    });
    let body = String::from_utf8(body).unwrap().replace("\"n\":0", &format!("\"n\":{exact}"));
    let reply = bench.deliver(&ingest, body.as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.json());
    let alert = reply.alert_id();
    let stored = bytes(&bench, "acme", alert, 0).await;
    let opened = open(&bench, "acme", alert, 0, &stored).await.unwrap();
    assert_eq!((opened.part, opened.is_cut(), opened.bytes), (Part::Whole, false, opened.text.len()));
    let text = &opened.text;
    assert!(text.contains("net user svc [redacted:password] /add") && text.contains("[redacted:key]"), "{text}");
    assert!(text.contains(exact) && text.contains("eve@example.org"), "{text}");
    assert!(!text.contains("P@ssw0rd") && !text.contains("k-123"), "{text}");
    for word in ["net user", "command_line", "P@ssw0rd", "WS-042"] {
        assert!(!stored.windows(word.len()).any(|window| window == word.as_bytes()), "{word} can be read");
    }

    // Moved to another revision, alert or tenant it does not open; nor does it changed.
    let other = AlertId::from_bytes([7; 16]);
    for (tenant, alert, revision) in [("acme", alert, 1), ("acme", other, 0), ("other", alert, 0)] {
        let moved = open(&bench, tenant, alert, revision, &stored).await;
        assert!(matches!(moved, Err(EvidenceError::Sealed(_))), "{moved:?}");
    }
    for index in [0, stored.len() / 2, stored.len() - 1] {
        let mut changed = stored.clone();
        changed[index] ^= 1;
        assert!(open(&bench, "acme", alert, 0, &changed).await.is_err(), "byte {index}");
    }
    // What the entry in the audit says is what is stored.
    let entries = bench.audit("acme").await;
    let entry = entries.iter().find(|entry| entry.action_type() == "ALERT_ACCEPTED").unwrap();
    assert_eq!(entry.detail()["evidence_sha256"], json!(hex::encode(sha256(&stored))));
    bench.end().await;
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_lives_as_long_as_its_alert_and_the_alert_stays_small() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(LIMITS);
    let noise: String = (0..150_000).map(|_| char::from(b'!' + vyrox_platform::random::bytes::<1>()[0] % 90)).collect();
    let body = changed(&bench.body(), |body| body["extra"] = json!(noise));
    assert!(body.len() < 256 * 1024);
    let alert = bench.deliver(&ingest, &body).await.alert_id();
    let stored = bytes(&bench, "acme", alert, 0).await;
    assert!(stored.len() <= MOST_STORED && stored.len() > MOST_STORED / 2, "{}", stored.len());
    let opened = open(&bench, "acme", alert, 0, &stored).await.unwrap();
    assert!(opened.is_cut() && opened.bytes >= 150_000, "{} of {}", opened.text.len(), opened.bytes);

    let item = async |key: SortKey| {
        let item = bench.direct.dynamodb.get_item().table_name(bench.provisioned.table("Table").unwrap());
        let item = item.key("tenant_id", aws_sdk_dynamodb::types::AttributeValue::S("acme".into()));
        let item = item.key("sk", aws_sdk_dynamodb::types::AttributeValue::S(key.as_str().into()));
        item.send().await.unwrap().item.unwrap()
    };
    let (record, evidence) = (item(SortKey::alert(alert)).await, item(SortKey::evidence(alert, 0)).await);
    assert_eq!(record["ttl"], evidence["ttl"]);
    assert!(record["body"].as_s().unwrap().len() < 3 * 1024, "the alert itself takes at most three write units");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_payload_has_evidence_of_its_own_and_a_retry_has_none() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(LIMITS);
    let body = bench.body();
    let alert = bench.deliver(&ingest, &body).await.alert_id();
    let first = bytes(&bench, "acme", alert, 0).await;
    assert_eq!(bench.deliver(&ingest, &body).await.json()["status"], "duplicate");
    assert_eq!(bytes(&bench, "acme", alert, 0).await, first, "a retry leaves it as it is");
    let second = changed(&body, |body| body["process"]["command_line"] = json!("whoami /all"));
    assert_eq!(bench.deliver(&ingest, &second).await.json()["status"], "queued");
    let stored = bytes(&bench, "acme", alert, 1).await;
    assert!(open(&bench, "acme", alert, 1, &stored).await.unwrap().text.contains("whoami /all"));
    assert_eq!(bytes(&bench, "acme", alert, 0).await, first);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_has_its_own_data_key_for_a_while_and_its_own_word_about_addresses() {
    let bench = Bench::start().await;
    bench.tenant("other", |tenant| tenant.evidence_personal = Personal::Emails).await;
    let ingest = bench.ingest(LIMITS);
    let mut alerts = Vec::new();
    for tenant in ["acme", "other", "acme", "other", "acme"] {
        let body = changed(&bench.body(), |body| body["mail"] = json!("to eve@example.org"));
        let reply = bench.deliver_as(tenant, Vendor::Crowdstrike, &ingest, &body).await;
        alerts.push((tenant, reply.alert_id()));
    }
    assert_eq!(bench.hop.seen("GenerateDataKey"), 2, "one for each tenant");
    for (tenant, alert) in alerts {
        let text = evidence(&bench, tenant, alert).await.text;
        assert_eq!(text.contains("eve@example.org"), tenant == "acme", "{tenant}: {text}");
        assert_eq!(text.contains("to [redacted:email]"), tenant == "other", "{tenant}: {text}");
    }
    bench.clock.advance(301);
    bench.deliver(&ingest, &bench.body()).await;
    assert_eq!(bench.hop.seen("GenerateDataKey"), 3, "after five minutes another one");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_seals_look_alike() {
    let bench = Bench::start().await;
    let sealer = Sealer::new(bench.direct.kms.clone(), bench.key(), bench.clock.clone());
    let tenant: TenantId = "acme".parse().unwrap();
    let about = About { tenant_id: &tenant, alert_id: AlertId::from_bytes([1; 16]), revision: 0 };
    let first = sealer.seal(&about, "the same text", Part::Whole, 1_000).await.unwrap();
    assert_ne!(sealer.seal(&about, "the same text", Part::Whole, 1_000).await.unwrap(), first);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_body_with_several_alerts_each_has_its_own_part() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(LIMITS);
    let alert = |id: &str, title: &str| {
        json!({"id": id, "title": title, "severity": "High", "machineId": "m", "computerDnsName": "ws-042",
            "alertCreationTime": "2027-01-15T08:00:00Z", "category": "Execution"})
    };
    let body = json!({"value": [alert("da-1", "the first title"), alert("da-2", "the second title")]}).to_string();
    let reply = bench.deliver_as("acme", Vendor::Defender, &ingest, body.as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.json());
    let ids: Vec<AlertId> = serde_json::from_value(reply.json()["alert_ids"].clone()).unwrap();
    for (id, (own, others)) in ids.into_iter().zip([("first", "second"), ("second", "first")]) {
        let opened = evidence(&bench, "acme", id).await;
        assert_eq!(opened.part, Part::Own);
        assert!(opened.text.contains(own) && !opened.text.contains(others), "{}", opened.text);
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn investigate_shows_the_payload_redacted_to_approvers_only_and_the_audit_says_so() {
    let stage = Stage::dry_run().await;
    let body = changed(&stage.body("credential-dump"), |body| {
        let line = body["process"]["command_line"].as_str().unwrap().to_owned();
        body["process"]["command_line"] = json!(format!("{line} & mysql -ps3cr3t-of-the-line db"));
        body["process"]["parent_command_line"] = json!("cmd /c net user svc s3cr3t-of-the-parent /add");
        body["extra"] = json!({"note": "```@everyone", "env": "PGPASSWORD=hunter2 psql"});
    });
    let alert = stage.deliver(&body).await.alert_id();
    let card = stage.card(alert).await;
    assert!(card.text().contains("mysql -p[redacted:password] db"), "{}", card.text());
    assert!(!card.text().contains("s3cr3t"), "{}", card.text());
    let refused = stage.press(ONLOOKER, &card, "Investigate").await;
    assert!(!format!("{refused:?}").contains("psql"), "{refused:?}");
    let shown = stage.press(APPROVER, &card, "Investigate").await;
    let text = format!("{shown:?}");
    assert!(shown.is_ephemeral() && text.contains("Payload, secrets redacted"), "{text}");
    assert!(text.contains("PGPASSWORD=[redacted:password] psql") && !text.contains("hunter2"), "{text}");
    assert!(!text.contains("s3cr3t"), "{text}");
    let entries = stage.audit().await;
    let entry = entries.iter().find(|entry| entry.action_type() == "INVESTIGATED").unwrap();
    assert_eq!(entry.detail()["payload"], "shown");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_payload_cannot_be_opened_the_rest_is_shown_in_time_and_says_so() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let hop = Hop::before(&stage.system.endpoints.aws_endpoint_url).await;
    let function = interactions(&stage, &hop).await;
    let role = stage.approver_role().await;
    for (operation, fault) in
        [("TrentService", Fault::Refused), ("TrentService", Fault::Throttled), ("TrentService", Fault::Hangs)]
    {
        hop.fail(operation, fault);
        let click = stage.click_body(APPROVER, &[&role], &card, &card.custom_id("Investigate")).await.0.to_string();
        let began = tokio::time::Instant::now();
        let text = signed(&stage, &function, &click).await;
        assert!(began.elapsed().as_millis() < 2_500, "{fault:?} took {:?}", began.elapsed());
        assert!(text.contains("It cannot be opened just now"), "{fault:?}: {text}");
        assert!(text.contains("comsvcs") && text.contains("Timeline"), "{fault:?}: {text}");
        hop.heal();
    }
    let click = stage.click_body(APPROVER, &[&role], &card, &card.custom_id("Investigate")).await.0.to_string();
    assert!(!signed(&stage, &function, &click).await.contains("cannot be opened"));
    stage.end().await;
}

/// interactions, behind a hop.
async fn interactions(stage: &Stage, hop: &Hop) -> Router {
    let resources = stage.resources().await;
    let config = config::Interactions {
        table: stage.system.endpoints.table_name.clone(),
        commands_queue_url: resources.queue_url("CommandsQueue").unwrap().to_owned(),
        cards_queue_url: resources.queue_url("CardsQueue").unwrap().to_owned(),
        actions_queue_url: resources.queue_url("ActionsQueue").unwrap().to_owned(),
        secrets_key_id: resources.key("SecretsKey").unwrap().arn.clone(),
        application_id: "500000000000000001".parse().unwrap(),
        public_keys: vec![stage.discord_key().verifying_key()],
        aws: Aws::local(&hop.url),
    };
    router(Arc::new(Interactions::new(&Clients::new(&config.aws), &config, stage.clock.clone())))
}

/// Posts a click to it, and returns what it says.
async fn signed(stage: &Stage, function: &Router, click: &str) -> String {
    let timestamp = stage.now().to_string();
    let signature = hex::encode(stage.discord_key().sign(format!("{timestamp}{click}").as_bytes()).to_bytes());
    let request = Request::post("/interactions")
        .header("x-signature-ed25519", signature)
        .header("x-signature-timestamp", timestamp)
        .body(Body::from(click.to_owned()))
        .unwrap();
    let response = function.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
