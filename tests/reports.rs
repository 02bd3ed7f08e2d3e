//! What a proxy says that nobody asked for, or that does not fit: ends of leases, contradictions, a log that was cut, another
//! key. A new test goes here if the question is "what does the cloud make of a proxy's word?".
#![allow(clippy::unwrap_used)]

use serde_json::json;
use vyrox_contract::{AuditHead, Ed25519Signer, Envelope, Outcome, Poll, Receipt, Rotation, Verification};
use vyrox_domain::action::ActionState;
use vyrox_domain::contradiction::Contradiction;
use vyrox_edr_standin::{Change, HostStatus};
use vyrox_tests::{APPROVER, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn an_isolation_with_a_lease_says_until_when_ends_by_itself_and_the_card_says_so() {
    let stage = Stage::live().await;
    stage.change_profile(|tenant| tenant.lease_seconds = Some(8)).await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    assert!(card.text().contains("released automatically after"), "{}", card.text());
    stage.press(APPROVER, &card, "Approve").await;
    let containment = stage.contained(alert).await.containment.unwrap();
    assert_eq!(containment.contradictions, []);
    let until = containment.lease_until.unwrap();
    stage.card_saying(alert, &format!("<t:{until}:R>")).await;
    assert_eq!(stage.host("WS-042"), HostStatus::Contained);

    let is_released = |state: ActionState| state == ActionState::RolledBack;
    let record = stage
        .until("the lease has ended", alert, |record| {
            record.release.as_ref().is_some_and(|release| is_released(release.state))
        })
        .await;
    let release = record.release.unwrap();
    assert_eq!((release.requested_by, release.verification), (None, Some(Verification::Confirmed)));
    assert!(release.at >= until, "not before its end");
    let card = stage.card_saying(alert, "the lease has ended").await;
    assert_eq!(card.labels(), ["Investigate"]);
    assert_eq!(stage.host("WS-042"), HostStatus::Normal);
    assert_eq!((stage.edr_calls(Change::Contain), stage.edr_calls(Change::LiftContainment)), (1, 1));
    assert_eq!(stage.entries(alert, "LEASE_ENDED").await, 1);
    stage.end().await;
}

/// A receipt for an action that waits for a proxy which never hears of it.
async fn awaited(stage: &Stage, alert: vyrox_contract::AlertId) -> Receipt {
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    let pending = stage.record(alert).await.containment.unwrap();
    Receipt {
        request_id: pending.request_id,
        tenant_id: stage.tenant(),
        proxy_id: stage.proxy().await.value.id,
        outcome: Outcome::Executed,
        verification: Verification::Confirmed,
        detail: "the host is contained".to_owned(),
        vendor_reference: None,
        finished_at: stage.now(),
        audit_head: AuditHead { seq: 9, hash: "0".repeat(64) },
        operation: None,
        lease_until: None,
        lease_of: None,
        policy_digest: Some("1".repeat(64)),
        version: Some("0.1.0".to_owned()),
    }
}

async fn report(stage: &Stage, receipt: &Receipt) -> u16 {
    let body = serde_json::to_vec(&Envelope::seal(receipt, &stage.proxy_key())).unwrap();
    stage.post("/proxy/v1/receipts", &body, &[]).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_contradicts_its_plan_is_recorded_as_such_and_shown() {
    let stage = Stage::live_push().await;
    stage.change_proxy(|proxy| proxy.push_url = None).await;
    let alert = stage.fire("credential-dump").await;
    let mut receipt = awaited(&stage, alert).await;
    receipt.verification = Verification::Contradicted;
    receipt.lease_until = Some(stage.now() + 60);
    assert_eq!(report(&stage, &receipt).await, 200);
    let found = stage.record(alert).await.containment.unwrap().contradictions;
    assert_eq!(found, [Contradiction::EdrShowsOtherwise, Contradiction::Lease]);
    stage.card_saying(alert, "CONTRADICTION").await;
    assert_eq!(stage.entries(alert, "RECEIPT_CONTRADICTED").await, 1);
    let entries = stage.audit().await;
    let entry = entries.iter().find(|entry| entry.action_type() == "RECEIPT_CONTRADICTED").unwrap();
    assert_eq!(entry.detail()["contradictions"], json!(["edr_shows_otherwise", "lease"]));
    assert_eq!(entry.detail()["proxy_policy_digest"], json!("1".repeat(64)));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_whose_log_became_shorter_is_found_out_once() {
    let stage = Stage::live_push().await;
    stage.change_proxy(|proxy| proxy.push_url = None).await;
    let alert = stage.fire("credential-dump").await;
    let receipt = awaited(&stage, alert).await;
    assert_eq!(report(&stage, &receipt).await, 200);
    let poll = async |seq: u64, issued_at: i64| {
        let poll = Poll {
            proxy_id: receipt.proxy_id.clone(),
            tenant_id: stage.tenant(),
            issued_at,
            nonce: vyrox_platform::random::nonce(),
            audit_head: Some(AuditHead { seq, hash: "0".repeat(64) }),
            version: "0.1.0".to_owned(),
        };
        let body = serde_json::to_vec(&Envelope::seal(&poll, &stage.proxy_key())).unwrap();
        stage.post("/proxy/v1/poll", &body, &[]).await.status
    };
    let found = async || {
        let entries = stage.audit().await;
        entries.iter().filter(|entry| entry.action_type() == "PROXY_HEAD_WENT_BACK").count()
    };
    let at = stage.now();
    assert_eq!((poll(3, at).await, found().await), (204, 0), "signed before the receipt was written, perhaps");
    stage.clock.advance(61);
    let at = stage.now();
    assert_eq!((poll(9, at).await, found().await), (204, 0));
    assert_eq!(
        (poll(3, at).await, found().await),
        (204, 0),
        "of the same second as the newer one, perhaps overtaken by it"
    );
    assert_eq!((poll(3, at + 1).await, found().await), (204, 1));
    assert_eq!((poll(3, at + 2).await, found().await), (204, 1), "once");
    assert_eq!((poll(4, at + 3).await, found().await), (204, 2), "measured by what was seen before");
    assert_eq!((poll(10, at + 4).await, found().await), (204, 2), "until it is longer again");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_changes_its_key_without_a_gap_and_nobody_changes_it_for_the_proxy() {
    let stage = Stage::live_push().await;
    let (old, new) = (stage.proxy_key(), Ed25519Signer::from_seed(&[3; 32]));
    let stranger = Ed25519Signer::from_seed(&[4; 32]);
    let proxy_id = stage.proxy().await.value.id;
    let wish = |key: &Ed25519Signer, signers: &[&Ed25519Signer]| {
        let rotation = Rotation {
            proxy_id: proxy_id.clone(),
            tenant_id: stage.tenant(),
            issued_at: stage.now(),
            public_key: key.verifying_key().to_text(),
        };
        serde_json::to_vec(&Envelope::seal_by_all(&rotation, signers)).unwrap()
    };
    let rotate = async |body: Vec<u8>| stage.post("/proxy/v1/rotate", &body, &[]).await.status;
    let poll = async |key: &Ed25519Signer| {
        stage.post("/proxy/v1/poll", &serde_json::to_vec(&stage.poll(key).await).unwrap(), &[]).await.status
    };
    assert_eq!(rotate(wish(&new, &[&new])).await, 401, "the new key alone");
    assert_eq!(rotate(wish(&new, &[&stranger, &new])).await, 401, "a stranger's key vouches");
    assert_eq!(rotate(wish(&new, &[&old])).await, 400, "the new key has not signed");
    assert_eq!((poll(&old).await, poll(&new).await), (204, 401));

    assert_eq!(rotate(wish(&new, &[&old, &new])).await, 200);
    assert_eq!(rotate(wish(&new, &[&old, &new])).await, 200, "the answer was lost");
    assert_eq!((poll(&old).await, poll(&new).await), (204, 204), "both for a day");
    stage.clock.advance(24 * 3600 + 1);
    assert_eq!((poll(&old).await, poll(&new).await), (401, 204));
    let entries = stage.audit().await;
    assert_eq!(entries.iter().filter(|entry| entry.action_type() == "PROXY_KEY_ROTATED").count(), 1);
    let now = stage.now();
    stage.change_proxy(|proxy| proxy.revoked_at = Some(now)).await;
    assert_eq!(poll(&new).await, 401);
    assert_eq!(rotate(wish(&stranger, &[&new, &stranger])).await, 401, "a revoked proxy stays out");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_to_a_known_proxy_is_counted_and_entered_with_its_next_poll() {
    let stage = Stage::live_push().await;
    let (own, stranger) = (stage.proxy_key(), Ed25519Signer::from_seed(&[5; 32]));
    let post = async |route: &str, envelope: &Envelope| {
        stage.post(route, &serde_json::to_vec(envelope).unwrap(), &[]).await.status
    };
    let counts = async || {
        let entries = stage.audit().await;
        let refused = entries.into_iter().filter(|entry| entry.action_type() == "AUTHENTICATION_REFUSED");
        refused.map(|entry| (entry.detail()["source"].clone(), entry.detail()["count"].clone())).collect::<Vec<_>>()
    };
    let mut forged = stage.poll(&stranger).await;
    forged.signatures[0].keyid = own.verifying_key().id();
    for _ in 0..3 {
        assert_eq!(post("/proxy/v1/poll", &forged).await, 401);
    }
    assert_eq!(post("/proxy/v1/receipts", &forged).await, 401);
    assert_eq!(post("/proxy/v1/rotate", &forged).await, 401);
    assert_eq!(post("/proxy/v1/poll", &stage.poll(&stranger).await).await, 401, "a key that is nobody's");
    assert_eq!(counts().await, [], "not one by one");
    for _ in 0..2 {
        assert_eq!(post("/proxy/v1/poll", &stage.poll(&own).await).await, 204);
        assert_eq!(counts().await, [(json!("relay"), json!(5))], "as one number, once");
    }
    stage.end().await;
}
