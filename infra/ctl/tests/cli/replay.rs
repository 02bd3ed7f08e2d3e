//! `alert replay`: judged again, and nothing done again.

use crate::stand::said;
use serde_json::Value;
use std::process::Stdio;
use tokio::process::Command;
use vyrox_contract::AlertId;
use vyrox_domain::record::Decision;
use vyrox_edr_standin::Change;
use vyrox_tests::{APPROVER, Options, Stage};

async fn replay(stage: &Stage, arguments: &[&str]) -> crate::stand::Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
    command.args(["alert", "replay", "demo"]).args(arguments).arg("--json").env_clear().stdin(Stdio::null());
    command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    said(command.env("AWS_ENDPOINT_URL", &stage.system.endpoints.aws_endpoint_url).output().await.unwrap())
}

async fn judged_twice(stage: &Stage, alert: AlertId) {
    stage.wait("it is judged again", async || stage.entries(alert, "VERDICT_RECORDED").await == 2).await;
    stage.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decided_alert_is_judged_again_and_nothing_is_done_again() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    let before = stage.contained(alert).await;
    stage.card_saying(alert, "CONTAINED").await;
    stage.quiet().await;

    let told = replay(&stage, &[&alert.to_string()]).await.json();
    assert_eq!(told[0]["decided"], true);
    judged_twice(&stage, alert).await;
    let after = stage.record(alert).await;
    assert_eq!((&after.decision, &after.votes, &after.offer), (&before.decision, &before.votes, &before.offer));
    assert_eq!((&after.containment, after.verdict.is_some()), (&before.containment, true));
    for (kind, times) in [("APPROVED", 1), ("RECEIPT_RECORDED", 1), ("CARD_POSTED", 1), ("ALERT_REPLAYED", 1)] {
        assert_eq!(stage.entries(alert, kind).await, times, "{kind}");
    }
    assert_eq!(stage.edr_calls(Change::Contain), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_question_is_asked_anew_and_what_was_counted_is_not_any_more() {
    let stage = Stage::start(Options { quorum: 2, live: true, ..Options::default() }).await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    assert_eq!(stage.record(alert).await.votes.len(), 1);
    let id = alert.to_string();
    replay(&stage, &[&id]).await.refused(2, "not count any more");
    // The plan expires later than the first one, so it is another one.
    stage.clock.advance(5);
    replay(&stage, &[&id, "--yes"]).await.json();
    judged_twice(&stage, alert).await;
    let record = stage.record(alert).await;
    assert_eq!((record.votes.len(), record.decision.is_none(), record.plan().is_some()), (0, true, true));
    let (role, button) = (stage.approver_role().await, card.custom_id("Approve"));
    let old = stage.click_body(vyrox_tests::SECOND_APPROVER, &[&role], &card, &button).await;
    let answered = stage.post_click(&old).await;
    assert!(answered.ephemeral, "the button of before: {answered:?}");
    assert_eq!(stage.record(alert).await.votes.len(), 0);
    assert!(!matches!(stage.record(alert).await.decision, Some(Decision::Approved { .. })));
    replay(&stage, &[&AlertId::from_bytes([9; 16]).to_string()]).await.refused(2, "no alert");
    let nobody: Vec<Value> = stage.system.discord.messages();
    assert_eq!(nobody.iter().filter(|message| vyrox_tests::message_of(message, alert)).count(), 1);
    stage.end().await;
}
