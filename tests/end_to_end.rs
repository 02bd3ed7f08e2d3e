//! The way of an alert from its webhook to its outcome, on the whole system. A new test goes here if it tells a story with
//! a happy or at least an orderly ending; what is refused goes to `refusals.rs`, what is repeated or lost to `delivery.rs`.

use serde_json::{Value, json};
use vyrox_contract::Verification;
use vyrox_domain::action::ActionState;
use vyrox_domain::custom_id::CustomId;
use vyrox_domain::record::{Decision, Offer};
use vyrox_domain::verdict::{Confidence, DecidedBy, VerdictLevel};
use vyrox_edr_standin::{Change, Fault, HostStatus, On};
use vyrox_standins::llm::LlmMode;
use vyrox_tests::{APPROVER, Options, SECOND_APPROVER, Stage, message_of};

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_approved_in_dry_run_is_checked_and_recorded_and_the_edr_is_not_called() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    assert_eq!(card.labels(), ["Approve", "Deny", "Investigate"]);
    assert!(stage.record(alert).await.verdict.unwrap().verdict >= VerdictLevel::High);

    let outcome = stage.press(APPROVER, &card, "Approve").await;
    assert_eq!((outcome.kind(), &outcome.failure), (Some(7), &None), "{outcome:?}");
    let record = stage.contained(alert).await;
    assert_eq!(record.containment.as_ref().unwrap().state, ActionState::DryRun);
    assert!(matches!(record.decision, Some(Decision::Approved { .. })));
    let shown = stage.card_saying(alert, "dry run: checked and recorded").await;
    assert_eq!(shown.id(), card.id(), "the alert keeps its one message");
    assert_eq!(shown.labels(), ["Investigate"]);
    assert_eq!(stage.system.falcon.calls(), []);

    for kind in
        ["ALERT_ACCEPTED", "VERDICT_RECORDED", "CARD_POSTED", "APPROVED", "ACTION_DELIVERED", "RECEIPT_RECORDED"]
    {
        assert_eq!(stage.entries(alert, kind).await, 1, "{kind}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_approved_live_contains_the_host_and_reads_it_back_and_release_brings_it_back() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    let record = stage.contained(alert).await;
    let containment = record.containment.unwrap();
    assert_eq!(containment.state, ActionState::Executed);
    assert_eq!(containment.verification, Some(Verification::Confirmed));
    assert_eq!(stage.host("WS-042"), HostStatus::Contained);
    let card = stage.card_saying(alert, "CONTAINED").await;
    assert_eq!(card.labels(), ["Release", "Investigate"]);

    let outcome = stage.press(SECOND_APPROVER, &card, "Release").await;
    assert_eq!((outcome.kind(), &outcome.failure), (Some(7), &None), "{outcome:?}");
    let released = |state: ActionState| state == ActionState::RolledBack;
    let record = stage
        .until("the release has a receipt", alert, |record| {
            record.release.as_ref().is_some_and(|action| released(action.state))
        })
        .await;
    assert_eq!(record.release.unwrap().verification, Some(Verification::Confirmed));
    assert_eq!(stage.host("WS-042"), HostStatus::Normal);
    let card = stage.card_saying(alert, "RELEASED").await;
    assert_eq!(card.labels(), ["Investigate"]);
    assert_eq!((stage.edr_calls(Change::Contain), stage.edr_calls(Change::LiftContainment)), (1, 1));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_action_is_pushed_to_a_proxy_that_does_not_poll() {
    let stage = Stage::live_push().await;
    let alert = stage.fire("ransomware").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    let record = stage.contained(alert).await;
    assert_eq!(record.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.host("SRV-DB-01"), HostStatus::Contained);
    let stages = stage.system.timeline.stages();
    assert!(stages.iter().all(|entry| !entry.detail.starts_with("/proxy/v1/poll")), "{stages:#?}");
    stage.card_saying(alert, "CONTAINED").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_alert_does_nothing_and_says_so() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let outcome = stage.press(APPROVER, &card, "Deny").await;
    assert_eq!((outcome.kind(), &outcome.failure), (Some(7), &None), "{outcome:?}");
    assert!(card.text().contains("Approve does"), "{}", card.text());
    let shown = stage.card_saying(alert, "DENIED, nothing was done").await;
    assert!(!shown.text().contains("Approve does"), "nothing is on offer any more: {}", shown.text());
    assert_eq!(shown.labels(), ["Investigate"]);
    assert!(matches!(stage.record(alert).await.decision, Some(Decision::Denied { .. })));
    let items = stage.snapshot().await;
    assert_eq!(items.keys("ACTION#").chain(items.keys("OUTBOX#")).count(), 0);
    assert_eq!(stage.entries(alert, "DENIED").await, 1);
    assert_eq!(stage.host("WS-042"), HostStatus::Normal);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_alert_with_a_model_that_talks_nonsense_is_medium_at_one_half_and_cannot_be_approved() {
    let stage = Stage::dry_run().await;
    stage.system.llm.set_mode(LlmMode::Garbage);
    let alert = stage.fire("discovery-burst").await;
    let card = stage.card(alert).await;
    let verdict = stage.record(alert).await.verdict.unwrap();
    assert_eq!((verdict.verdict, verdict.confidence), (VerdictLevel::Medium, Confidence::HALF));
    assert_eq!(verdict.decided_by, DecidedBy::Fallback);
    assert_eq!(card.labels(), ["Investigate"]);
    assert!(stage.system.llm.requests().len() >= 2, "every model is asked before giving up");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn low_and_benign_alerts_are_recorded_without_a_card() {
    let stage = Stage::dry_run().await;
    let benign = stage.fire("software-update").await;
    stage.handled("notify", benign).await;
    assert_eq!(stage.record(benign).await.verdict.unwrap().verdict, VerdictLevel::Benign);

    // No scenario promises LOW, so an alert that triage took for something else becomes LOW before its card is requested.
    let low = stage.fire("admin-inventory").await;
    stage.handled("notify", low).await;
    let stored = stage.stored(low).await;
    stage.rewrite(stored, |record| record.verdict.as_mut().unwrap().verdict = VerdictLevel::Low).await;
    let again = json!({"tenant_id": stage.tenant(), "alert_id": low}).to_string();
    let before = stage.times_handled("notify", &again);
    stage.send("CardsQueue", &again).await;
    stage.wait("the card was asked for again", async || stage.times_handled("notify", &again) > before).await;

    assert_eq!(stage.system.discord.messages(), Vec::<Value>::new());
    assert_eq!(stage.entries(benign, "VERDICT_RECORDED").await, 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_without_a_device_gets_a_card_that_only_informs() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("no-device").await;
    let card = stage.card(alert).await;
    assert_eq!(card.labels(), ["Investigate"]);
    assert!(card.text().contains("names no device"), "{}", card.text());
    assert!(matches!(stage.record(alert).await.offer, Some(Offer::Nothing(_))));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn investigate_shows_the_evidence_to_the_one_who_asks() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let outcome = stage.press(APPROVER, &card, "Investigate").await;
    assert_eq!((outcome.kind(), outcome.is_ephemeral(), &outcome.failure), (Some(4), true, &None), "{outcome:?}");
    let answer = outcome.callback.unwrap().to_string();
    let evidence = &stage.record(alert).await.verdict.unwrap().evidence;
    assert!(!evidence.is_empty());
    for reason in evidence.iter().take(8) {
        assert!(answer.contains(&reason.rule_id), "{} in {answer}", reason.rule_id);
    }
    assert_eq!(stage.system.discord.ephemerals(APPROVER).len(), 1);
    assert_eq!(stage.system.discord.ephemerals(SECOND_APPROVER).len(), 0);
    assert_eq!(stage.entries(alert, "INVESTIGATED").await, 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_of_two_takes_two_different_people() {
    let stage = Stage::start(Options { live: true, quorum: 2, ..Options::default() }).await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let outcome = stage.press(APPROVER, &card, "Approve").await;
    assert_eq!((outcome.kind(), &outcome.failure), (Some(7), &None), "{outcome:?}");
    let outcome = stage.press(APPROVER, &card, "Approve").await;
    assert!(outcome.is_ephemeral() && outcome.content().unwrap().contains("already approved"), "{outcome:?}");
    let record = stage.record(alert).await;
    assert_eq!((record.votes.len(), &record.decision), (1, &None));
    assert_eq!(stage.snapshot().await.keys("ACTION#").count(), 0);

    stage.press(SECOND_APPROVER, &card, "Approve").await;
    let record = stage.contained(alert).await;
    assert_eq!(record.votes.len(), 2);
    let action = stage.action(&record.containment.unwrap().request_id).await.unwrap().value;
    let approvers: Vec<&str> = action.approved_by.iter().map(|approver| approver.id.as_str()).collect();
    assert_eq!(approvers, [APPROVER, SECOND_APPROVER]);
    assert_eq!(stage.host("WS-042"), HostStatus::Contained);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_alert_again_is_a_duplicate_with_the_same_id_and_one_entry() {
    let stage = Stage::dry_run().await;
    let body = stage.body("credential-dump");
    let first = stage.deliver(&body).await;
    assert_eq!(first.json()["status"], "queued");
    let alert = first.alert_id();
    stage.card(alert).await;
    for _ in 0..3 {
        let again = stage.deliver(&body).await;
        assert_eq!((again.status, again.json()["status"].as_str()), (202, Some("duplicate")));
        assert_eq!(again.alert_id(), alert);
    }
    assert_eq!(stage.entries(alert, "ALERT_ACCEPTED").await, 1);
    assert_eq!(stage.entries(alert, "VERDICT_RECORDED").await, 1);
    assert_eq!(stage.system.discord.messages().len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_payload_is_a_new_revision_and_the_old_button_no_longer_approves() {
    let stage = Stage::live().await;
    let body = stage.body("credential-dump");
    let alert = stage.deliver(&body).await.alert_id();
    let old = stage.card(alert).await;
    let old_button = old.custom_id("Approve");

    // The vendor corrects which machine it was.
    let mut changed: Value = serde_json::from_slice(&body).unwrap();
    changed["sensor"] = json!({"hostname": "SRV-DB-01", "agent_id": "9b2d4c6e8f0a41b3a5c7d9e1f3052749"});
    let reply = stage.deliver(changed.to_string().as_bytes()).await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (202, Some("queued")));
    assert_eq!(reply.alert_id(), alert);
    let new = stage.card_saying(alert, "revision 1").await;
    assert_eq!(new.id(), old.id(), "the alert keeps its one message");
    assert_ne!(new.custom_id("Approve"), old_button);
    assert_eq!(stage.entries(alert, "ALERT_REVISED").await, 1);

    // Somebody whose client still showed the old card.
    let role = stage.approver_role().await;
    let answered = stage.post_click(&stage.click_body(APPROVER, &[&role], &new, &old_button).await).await;
    assert_eq!((answered.kind, answered.ephemeral), (4, true), "{answered:?}");
    assert!(answered.content.contains("plan has changed"), "{answered:?}");
    assert_eq!(stage.record(alert).await.decision, None);

    stage.press(APPROVER, &new, "Approve").await;
    stage.contained(alert).await;
    assert_eq!(stage.host("SRV-DB-01"), HostStatus::Contained);
    assert_eq!(stage.host("WS-042"), HostStatus::Normal);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_button_on_a_card_is_about_its_own_alert() {
    let stage = Stage::dry_run().await;
    let (one, other) = (stage.fire("credential-dump").await, stage.fire("ransomware").await);
    for alert in [one, other] {
        let card = stage.card(alert).await;
        assert!(message_of(&card.message, alert));
        for label in card.labels() {
            assert_eq!(card.custom_id(label).parse::<CustomId>().unwrap().alert_id, alert, "{label}");
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_every_vendor_reach_the_channel_and_offer_what_the_proxy_can_do() {
    let stage = Stage::dry_run().await;
    let secret = stage.system.endpoints.webhook_secret.clone();
    let post = async |vendor: &str, body: &str| {
        let path = format!("/webhook/{vendor}/{}", stage.tenant());
        let signature = vyrox_domain::webhook::sign(secret.as_bytes(), body.as_bytes());
        stage.post(&path, body.as_bytes(), &[(vyrox_domain::webhook::SIGNATURE_HEADER, &signature)]).await
    };
    // An alert that the rules are sure of.
    let reply = post("sentinelone", include_str!("../events/sentinelone/published.json")).await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (202, Some("queued")));
    let alert = reply.alert_id();
    let card = stage.card(alert).await;
    assert_eq!(card.labels(), ["Approve", "Deny", "Investigate"], "{}", card.text());
    assert!(card.text().contains("SentinelOne"), "{}", card.text());
    // Several alerts in one body.
    let reply = post("sentinelone", include_str!("../events/sentinelone/threats-answer.json")).await;
    assert_eq!(reply.status, 202);
    let ids = reply.json()["alert_ids"].as_array().unwrap().len();
    assert!(ids > 1, "{}", reply.json());
    for (vendor, body) in [
        ("defender", include_str!("../events/defender/graph-alert.json")),
        ("generic", include_str!("../events/generic/wazuh-4-windows.json")),
    ] {
        let reply = post(vendor, body).await;
        assert_eq!((reply.status, reply.json()["status"].as_str()), (202, Some("queued")), "{vendor}");
        stage.until("a verdict", reply.alert_id(), |record| record.verdict.is_some()).await;
    }
    // A body at another vendor's door.
    let reply = post("defender", include_str!("../events/defender/misplaced-falcon.json")).await;
    assert_eq!(reply.status, 422);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_containment_that_failed_is_asked_about_again_and_done_on_a_new_approval() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.system.falcon.inject(On::Action, Fault::Forbidden);
    stage.press(APPROVER, &card, "Approve").await;
    let failed = stage.contained(alert).await;
    assert_eq!(failed.containment.unwrap().state, ActionState::Failed);
    let card = stage.card_saying(alert, "FAILED, the host is not contained").await;
    assert_eq!(card.labels(), ["Ask again", "Investigate"]);

    let outcome = stage.press(APPROVER, &card, "Ask again").await;
    assert_eq!((outcome.kind(), &outcome.failure), (Some(7), &None), "{outcome:?}");
    let card = stage.card_saying(alert, "isolate this host?").await;
    assert_eq!(card.labels(), ["Approve", "Deny", "Investigate"]);
    let outcome = stage.press(SECOND_APPROVER, &card, "Approve").await;
    assert_eq!((outcome.kind(), &outcome.failure), (Some(7), &None), "{outcome:?}");
    let record = stage.contained(alert).await;
    assert_eq!(record.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.host("WS-042"), HostStatus::Contained);
    assert_eq!(stage.entries(alert, "QUESTION_REOPENED").await, 1);
    assert_eq!(stage.entries(alert, "RECEIPT_RECORDED").await, 2);
    stage.end().await;
}
