//! The form that asks for a reason.

use crate::{ANNA, assert_refused, press};
use serde_json::json;
use vyrox_domain::custom_id::Verb;
use vyrox_domain::record::Decision;
use vyrox_domain::tenant::ReasonRule;
use vyrox_tests::Desk;

async fn desk(rule: ReasonRule) -> Desk {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.policy.reason = rule).await;
    desk
}

#[tokio::test]
async fn no_reason_is_asked_for_unless_the_policy_says_so() {
    let desk = desk(ReasonRule::None).await;
    let alert = desk.ask().await;
    assert_eq!(press(&desk, alert, Verb::Deny, ANNA).await.kind(), 7);
    desk.end().await;
}

#[tokio::test]
async fn the_form_is_the_first_answer_and_records_nothing() {
    let desk = desk(ReasonRule::Always).await;
    let alert = desk.ask().await;
    for (verb, form, title) in [(Verb::Approve, Verb::ApproveForm, "Approve"), (Verb::Deny, Verb::DenyForm, "Deny")] {
        let said = press(&desk, alert, verb, ANNA).await;
        assert_eq!(said.kind(), 9, "{said:?}");
        assert_eq!(said.callback["data"]["title"], title);
        assert_eq!(said.callback["data"]["custom_id"], json!(desk.id(alert, form).await));
        assert!(said.text().contains("WS-042") && said.text().contains("edge-1"), "it says what it is about: {said:?}");
    }
    assert_eq!((desk.record(alert).await.decision, desk.items("INTER#").await), (None, 0));
    desk.end().await;
}

#[tokio::test]
async fn a_reason_only_for_a_no() {
    let desk = desk(ReasonRule::Deny).await;
    let (one, other) = (desk.ask().await, desk.ask().await);
    assert_eq!(press(&desk, one, Verb::Approve, ANNA).await.kind(), 7);
    assert_eq!(press(&desk, other, Verb::Deny, ANNA).await.kind(), 9);
    desk.end().await;
}

#[tokio::test]
async fn a_form_with_labels_is_read() {
    let desk = desk(ReasonRule::Always).await;
    let alert = desk.ask().await;
    let form = desk.form(alert, Verb::ApproveForm, ANNA, &[("reason", "seen it *myself*")]).await;
    let said = desk.post(&form).await;
    assert!(said.kind() == 7 && said.content().contains("APPROVED"), "{said:?}");
    assert!(said.text().contains(r"seen it \\*myself\\*"), "on the card, harmless: {said:?}");
    let entries = desk.audit().await;
    let approved = entries.iter().find(|entry| entry.action_type() == "APPROVED").unwrap();
    assert_eq!(approved.detail()["reason"], "seen it *myself*", "in the audit as it was written");
    desk.end().await;
}

#[tokio::test]
async fn a_form_with_rows_is_read() {
    let desk = desk(ReasonRule::Deny).await;
    let alert = desk.ask().await;
    let row =
        json!([{"type": 1, "id": 1, "components": [{"type": 4, "id": 2, "custom_id": "reason", "value": "known"}]}]);
    let form = desk.form(alert, Verb::DenyForm, ANNA, &[]).await.with("/data/components", row);
    assert!(desk.post(&form).await.content().contains("DENIED"));
    let Some(Decision::Denied { by }) = desk.record(alert).await.decision else { panic!("it was denied") };
    assert_eq!(by.reason.as_deref(), Some("known"));
    desk.end().await;
}

#[tokio::test]
async fn an_empty_reason_decides_nothing() {
    let desk = desk(ReasonRule::Always).await;
    let alert = desk.ask().await;
    for reason in ["", "   \n"] {
        let form = desk.form(alert, Verb::ApproveForm, ANNA, &[("reason", reason)]).await;
        assert_refused(&desk, alert, &desk.post(&form).await, "reason is needed").await;
    }
    desk.end().await;
}

#[tokio::test]
async fn a_form_from_somebody_without_the_role_decides_nothing() {
    let desk = desk(ReasonRule::Always).await;
    let alert = desk.ask().await;
    let form = desk.form(alert, Verb::ApproveForm, ANNA, &[("reason", "x")]).await;
    let form = form.with("/member/roles", Vec::<String>::new());
    assert_refused(&desk, alert, &desk.post(&form).await, "approver role").await;
    desk.end().await;
}

#[tokio::test]
async fn a_form_that_was_opened_before_the_plan_changed_decides_nothing() {
    let desk = desk(ReasonRule::Always).await;
    let alert = desk.ask().await;
    let form = desk.form(alert, Verb::ApproveForm, ANNA, &[("reason", "x")]).await;
    desk.rewrite(alert, |record| record.offer = None).await;
    assert_refused(&desk, alert, &desk.post(&form).await, "plan has changed").await;
    desk.end().await;
}
