//! Who and what is refused: deliveries, clicks, repetitions. A new test goes here if somebody asks for what is not theirs
//! to ask, or asks twice; malformed bodies go to `bad_input.rs`.
#![allow(clippy::unwrap_used)]

use ed25519_dalek::SigningKey;
use http_body_util::BodyExt as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use tower::ServiceExt as _;
use vyrox_domain::action::ActionState;
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_domain::record::Decision;
use vyrox_domain::tenant::TenantStatus;
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_edr_standin::Change;
use vyrox_interactions::{Interactions, router};
use vyrox_platform::aws::Clients;
use vyrox_platform::config::{self, Aws};
use vyrox_tests::{APPROVER, Card, ClickBody, ONLOOKER, Options, SECOND_APPROVER, Stage};

const NOTHING: [&str; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_that_is_not_proven_gets_the_same_401_and_leaves_nothing_behind() {
    let stage = Stage::dry_run().await;
    let other = stage.second_tenant("other", "600000000000000002", "the-other-secret", TenantStatus::Active).await;
    let off = stage.second_tenant("off", "600000000000000003", "the-third-secret", TenantStatus::Suspended).await;
    let body = stage.body("credential-dump");
    let ours = sign(stage.system.endpoints.webhook_secret.as_bytes(), &body);
    let wrong = sign(b"guessed", &body);
    let of_another_body = sign(stage.system.endpoints.webhook_secret.as_bytes(), b"{}");
    let of_another_tenant = sign(b"the-other-secret", &body);
    let of_the_suspended = sign(b"the-third-secret", &body);
    let (path, theirs) = (format!("/webhook/crowdstrike/{}", stage.tenant()), format!("/webhook/crowdstrike/{other}"));
    let suspended = format!("/webhook/crowdstrike/{off}");
    let bare = ours.trim_start_matches("sha256=").to_owned();
    let unknown_account =
        String::from_utf8(body.clone()).unwrap().replace("\"customer_id\":\"demo\"", "\"customer_id\":\"nobody\"");
    let unknown_signature = sign(stage.system.endpoints.webhook_secret.as_bytes(), unknown_account.as_bytes());
    assert_ne!(unknown_account.as_bytes(), body);

    let before = stage.snapshot().await;
    let cases: [(&str, &str, &[u8], &[&str]); 13] = [
        ("a wrong signature", &path, &body, &[&wrong]),
        ("another body's signature", &path, &body, &[&of_another_body]),
        ("another tenant's signature", &path, &body, &[&of_another_tenant]),
        ("no signature", &path, &body, &[]),
        ("an empty signature", &path, &body, &[""]),
        ("a signature without its scheme", &path, &body, &[&bare]),
        ("the signature twice", &path, &body, &[&ours, &ours]),
        ("a good signature beside a bad one", &path, &body, &[&ours, &wrong]),
        ("our signature at another tenant's path", &theirs, &body, &[&ours]),
        ("an unknown tenant in the path", "/webhook/crowdstrike/nobody", &body, &[&ours]),
        ("a path that is no tenant id", "/webhook/crowdstrike/..%2Fdemo", &body, &[&ours]),
        ("an unknown account in the body", "/webhook/crowdstrike", unknown_account.as_bytes(), &[&unknown_signature]),
        ("a suspended tenant's own signature", &suspended, &body, &[&of_the_suspended]),
    ];
    for (what, path, body, signatures) in cases {
        let headers: Vec<(&str, &str)> = signatures.iter().map(|signature| (SIGNATURE_HEADER, *signature)).collect();
        let reply = stage.post(path, body, &headers).await;
        assert_eq!(reply.status, 401, "{what}");
        assert_eq!(String::from_utf8_lossy(&reply.body), r#"{"detail":"invalid signature"}"#, "{what}");
        let names: BTreeSet<&str> = reply.headers.keys().map(|name| name.as_str()).collect();
        let reference: BTreeSet<String> = stage
            .post("/webhook/crowdstrike/nobody", b"{}", &[])
            .await
            .headers
            .keys()
            .map(|name| name.to_string())
            .collect();
        assert_eq!(names, reference.iter().map(String::as_str).collect(), "{what}");
    }
    assert_eq!(
        stage.snapshot().await.changes_since(&before),
        NOTHING,
        "a refusal that anyone can cause writes nothing"
    );

    // The next delivery that is proven enters how many were not.
    let reply = stage.deliver(&body).await;
    assert_eq!(reply.status, 202);
    let entries = stage.audit().await;
    let refused = entries.iter().find(|entry| entry.action_type() == "AUTHENTICATION_REFUSED").expect("it is entered");
    assert!(refused.detail()["count"].as_i64().is_some_and(|count| count >= 8), "{:?}", refused.detail());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_decides_only_by_an_approver_on_the_alerts_own_card() {
    let stage = Stage::live().await;
    stage.second_tenant("other", "600000000000000002", "the-other-secret", TenantStatus::Active).await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let elsewhere = stage.card(stage.fire("ransomware").await).await;
    let button = card.custom_id("Approve");
    let role = stage.approver_role().await;

    let outcome = stage.press(ONLOOKER, &card, "Approve").await;
    assert!(outcome.is_ephemeral() && outcome.content().unwrap().contains("approver role"), "{outcome:?}");
    let outcome = stage.press(ONLOOKER, &card, "Investigate").await;
    assert!(outcome.is_ephemeral() && outcome.content().unwrap().contains("approver role"), "{outcome:?}");

    let genuine = stage.click_body(APPROVER, &[&role], &card, &button).await;
    let fresh = async || {
        ClickBody(genuine.0.clone()).with("/id", stage.click_body(APPROVER, &[], &card, "x").await.0["id"].clone())
    };
    let cases = [
        ("nobody's roles", fresh().await.with("/member/roles", Vec::<String>::new()), "approver role"),
        ("another role", fresh().await.with("/member/roles", vec!["800000000000000009"]), "approver role"),
        ("a bot", fresh().await.with("/member/user/bot", true), "may not decide"),
        ("a screened member", fresh().await.with("/member/pending", true), "may not decide"),
        (
            "a member in time-out",
            fresh().await.with("/member/communication_disabled_until", "2099-01-01T00:00:00+00:00"),
            "may not decide",
        ),
        ("another application", fresh().await.with("/application_id", "500000000000000009"), "does not belong"),
        ("an unknown guild", fresh().await.with("/guild_id", "600000000000000009"), "does not belong"),
        ("another tenant's guild", fresh().await.with("/guild_id", "600000000000000002"), "does not belong"),
        ("another channel", fresh().await.with("/channel_id", "700000000000000009"), "does not belong"),
        ("another message", fresh().await.with("/message/id", elsewhere.id()), "does not belong"),
        (
            "another alert's button",
            fresh().await.with("/data/custom_id", elsewhere.custom_id("Approve")),
            "does not belong",
        ),
        ("another plan", fresh().await.with("/data/custom_id", other_plan(&button)), "plan has changed"),
        ("a release of nothing", fresh().await.with("/data/custom_id", as_release(&button)), "nothing to release"),
        ("a made-up button", fresh().await.with("/data/custom_id", "v1.ap.x.y"), "another version"),
        ("a direct message", fresh().await.without("guild_id"), "another version"),
    ];
    for (what, click, said) in cases {
        let answered = stage.post_click(&click).await;
        assert_eq!((answered.status, answered.kind, answered.ephemeral), (200, 4, true), "{what}: {answered:?}");
        assert!(answered.content.contains(said), "{what}: {answered:?}");
    }
    let record = stage.record(alert).await;
    assert_eq!((record.votes.len(), &record.decision), (0, &None));
    assert_eq!(stage.snapshot().await.keys("ACTION#").count(), 0);
    assert!(stage.entries(alert, "CLICK_REFUSED").await >= 9, "refusals on the alert are in its audit");

    // The same click without a lie decides, so it was the lies that were refused.
    assert_eq!(stage.post_click(&genuine).await.kind, 7);
    assert_eq!(stage.contained(alert).await.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.edr_calls(Change::Contain), 1);
    stage.end().await;
}

/// The same button for a plan of another digest.
fn other_plan(button: &str) -> String {
    let id: CustomId = button.parse().unwrap();
    CustomId { plan: "A".repeat(16), ..id }.to_string()
}

/// The button made into a release.
fn as_release(button: &str) -> String {
    let id: CustomId = button.parse().unwrap();
    CustomId { verb: Verb::Release, ..id }.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_did_not_sign_just_now_gets_an_empty_401() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let role = stage.approver_role().await;
    let click = stage.click_body(APPROVER, &[&role], &card, &card.custom_id("Approve")).await.0.to_string();
    let (key, now) = (stage.discord_key(), stage.now());
    let before = stage.snapshot().await;

    let stale = (now - 301).to_string();
    let early = (now + 330).to_string();
    let stranger = SigningKey::from_bytes(&[9; 32]);
    let mut replies = vec![
        ("a stale timestamp", stage.post_interaction(key, &stale, click.as_bytes()).await),
        ("a timestamp from the future", stage.post_interaction(key, &early, click.as_bytes()).await),
        ("another key", stage.post_interaction(&stranger, &now.to_string(), click.as_bytes()).await),
        ("no time at all", stage.post_interaction(key, "soon", click.as_bytes()).await),
        ("no signature", stage.post("/interactions", click.as_bytes(), &[]).await),
    ];
    let nonsense = [("x-signature-ed25519", "00"), ("x-signature-timestamp", "1")];
    replies.push(("a short signature", stage.post("/interactions", click.as_bytes(), &nonsense).await));
    for (what, reply) in replies {
        assert_eq!((reply.status, reply.body.len()), (401, 0), "{what}");
    }
    assert_eq!(stage.snapshot().await.changes_since(&before), NOTHING);
    let probe = stage.system.discord.probe().await.unwrap();
    assert!(probe.passed(), "{probe:?}");
    stage.end().await;
}

#[tokio::test]
async fn ping_is_answered_while_the_table_cannot_be_reached() {
    use ed25519_dalek::Signer as _;
    let key = SigningKey::from_bytes(&[3; 32]);
    // Port 9 on loopback: nobody is there.
    let aws = Aws::local("http://127.0.0.1:9");
    let config = config::Interactions {
        table: "none".to_owned(),
        secrets_key_id: "none".to_owned(),
        cards_queue_url: "http://127.0.0.1:9/cards".to_owned(),
        commands_queue_url: "http://127.0.0.1:9/commands".to_owned(),
        actions_queue_url: "http://127.0.0.1:9/actions".to_owned(),
        application_id: "1".parse().unwrap(),
        public_keys: vec![key.verifying_key()],
        aws: aws.clone(),
    };
    let clock = vyrox_local::clock::system();
    let timestamp = clock.now().to_string();
    let router = router(Arc::new(Interactions::new(&Clients::new(&aws), &config, clock)));
    let body = r#"{"id":"1","application_id":"1","type":1,"version":1,"token":"t"}"#;
    let signature = hex::encode(key.sign(format!("{timestamp}{body}").as_bytes()).to_bytes());
    let request = axum::http::Request::post("/interactions")
        .header("x-signature-ed25519", signature)
        .header("x-signature-timestamp", timestamp)
        .body(axum::body::Body::from(body))
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().as_ref(), br#"{"type":1}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_plan_cannot_be_approved() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let button = card.custom_id("Approve");
    let role = stage.approver_role().await;
    let expires_at = stage.record(alert).await.plan().unwrap().expires_at();
    stage.clock.advance(expires_at - stage.now());

    let answered = stage.post_click(&stage.click_body(APPROVER, &[&role], &card, &button).await).await;
    assert_eq!(answered.kind, 7, "the card is drawn anew: {answered:?}");
    assert!(answered.content.contains("EXPIRED"), "{answered:?}");
    let record = stage.record(alert).await;
    assert_eq!((record.votes.len(), &record.decision, &record.containment), (0, &None, &None));
    let shown = stage.card_saying(alert, "EXPIRED, nothing was done").await;
    assert_eq!(shown.labels(), ["Investigate"]);
    assert_eq!(stage.system.falcon.calls(), []);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_clicks_of_ten_people_at_once_are_one_decision_and_one_action() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let role = stage.approver_role().await;
    let clicks = clicks(&stage, &card, &role, |_| "Approve").await;
    let answers = at_once(&stage, &clicks).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert!(answers.iter().any(|(_, kind)| *kind == 7), "{answers:?}");
    let record = stage.contained(alert).await;
    assert_eq!(record.votes.len(), 1);

    // And once more when all is over: a double click by the same person, and a late one by another.
    for user in [record.votes[0].user_id.to_string().as_str(), SECOND_APPROVER] {
        let answered =
            stage.post_click(&stage.click_body(user, &[&role], &card, &card.custom_id("Approve")).await).await;
        assert_eq!((answered.status, answered.kind), (200, 7), "the present card: {answered:?}");
    }
    for kind in ["APPROVED", "ACTION_DELIVERED", "RECEIPT_RECORDED"] {
        assert_eq!(stage.entries(alert, kind).await, 1, "{kind}");
    }
    assert_eq!(stage.snapshot().await.keys("ACTION#").count(), 1);
    assert_eq!(stage.edr_calls(Change::Contain), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approve_and_deny_at_once_are_one_decision() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let role = stage.approver_role().await;
    let clicks = clicks(&stage, &card, &role, |number| if number % 2 == 0 { "Approve" } else { "Deny" }).await;
    let answers = at_once(&stage, &clicks).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let record = stage.record(alert).await;
    let approved = usize::from(matches!(record.decision, Some(Decision::Approved { .. })));
    assert!(record.decision.is_some());
    assert_eq!(stage.entries(alert, "APPROVED").await, approved);
    assert_eq!(stage.entries(alert, "DENIED").await, 1 - approved);
    assert_eq!(stage.snapshot().await.keys("ACTION#").count(), approved);
    if approved == 1 {
        stage.contained(alert).await;
    }
    assert_eq!(stage.edr_calls(Change::Contain), approved);
    stage.end().await;
}

/// Twenty clicks of ten approvers, each with an interaction id of its own.
async fn clicks(stage: &Stage, card: &Card, role: &str, label: impl Fn(usize) -> &'static str) -> Vec<ClickBody> {
    let mut clicks = Vec::new();
    for number in 0..20 {
        let user = format!("91000000000000000{}", number / 2);
        clicks.push(stage.click_body(&user, &[role], card, &card.custom_id(label(number))).await);
    }
    clicks
}

#[tokio::test(flavor = "multi_thread")]
async fn one_interaction_delivered_twenty_times_is_one_vote() {
    let stage = Stage::start(Options { quorum: 2, ..Options::default() }).await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let role = stage.approver_role().await;
    let click = stage.click_body(APPROVER, &[&role], &card, &card.custom_id("Approve")).await;
    let answers = at_once(&stage, &vec![click.clone(); 20]).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert_eq!(stage.post_click(&click).await.kind, 7, "a repetition is answered with the card");
    let record = stage.record(alert).await;
    assert_eq!((record.votes.len(), &record.decision), (1, &None));
    assert_eq!(stage.entries(alert, "APPROVAL_COUNTED").await, 1);
    assert_eq!(stage.entries(alert, "CLICK_REFUSED").await, 0, "a repetition is no refusal");
    stage.end().await;
}

/// Posts all clicks at the same time; status and callback type of each.
async fn at_once(stage: &Stage, clicks: &[ClickBody]) -> Vec<(u16, u64)> {
    let all = clicks.iter().map(async |click| {
        let answered = stage.post_click(click).await;
        (answered.status, answered.kind)
    });
    futures::future::join_all(all).await
}
