//! The code of an authenticator app.

use crate::{ANNA, assert_refused, press};
use vyrox_contract::AlertId;
use vyrox_domain::custom_id::Verb;
use vyrox_domain::tenant::StepUpRule;
use vyrox_tests::{Desk, Said};

async fn desk() -> Desk {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.policy.step_up = StepUpRule::Totp).await;
    desk.enrol(ANNA).await;
    desk
}

async fn send(desk: &Desk, alert: AlertId, code: &str) -> Said {
    let form = desk.form(alert, Verb::ApproveForm, ANNA, &[("reason", ""), ("totp", code)]).await;
    desk.post(&form).await
}

#[tokio::test]
async fn the_right_code_decides() {
    let desk = desk().await;
    let alert = desk.ask().await;
    let said = press(&desk, alert, Verb::Approve, ANNA).await;
    assert!(said.kind() == 9 && said.text().contains("totp"), "{said:?}");
    assert!(send(&desk, alert, &desk.code()).await.content().contains("APPROVED"));
    let entries = desk.audit().await;
    let approved = entries.iter().find(|entry| entry.action_type() == "APPROVED").unwrap();
    assert_eq!(approved.detail()["step_up"], "totp");
    desk.end().await;
}

#[tokio::test]
async fn a_wrong_code_decides_nothing_and_is_counted_once_however_often_it_is_delivered() {
    let desk = desk().await;
    let alert = desk.ask().await;
    let form = desk.form(alert, Verb::ApproveForm, ANNA, &[("totp", "000000")]).await;
    for _ in 0..3 {
        assert_refused(&desk, alert, &desk.post(&form).await, "code is wrong").await;
    }
    assert_eq!(desk.factor(ANNA).await.failures, 1);
    assert_eq!(desk.entries("CLICK_REFUSED").await, 1);
    desk.end().await;
}

#[tokio::test]
async fn a_used_code_decides_nothing() {
    let desk = desk().await;
    let (one, other) = (desk.ask().await, desk.ask().await);
    let code = desk.code();
    assert_eq!(send(&desk, one, &code).await.kind(), 7);
    let said = send(&desk, other, &code).await;
    assert!(said.is_whispered() && said.content().contains("used before"), "{said:?}");
    assert_eq!(desk.record(other).await.decision, None);
    desk.clock.advance(30);
    assert_eq!(send(&desk, other, &desk.code()).await.kind(), 7, "the next one does");
    desk.end().await;
}

#[tokio::test]
async fn five_wrong_codes_lock_for_fifteen_minutes() {
    let desk = desk().await;
    desk.set(|tenant| tenant.approval_window.critical = 3_600).await;
    let alert = desk.ask().await;
    for failure in 1..=5 {
        let sentence = if failure < 5 { "code is wrong" } else { "15 minutes" };
        assert_refused(&desk, alert, &send(&desk, alert, "000000").await, sentence).await;
    }
    assert_refused(&desk, alert, &send(&desk, alert, &desk.code()).await, "15 minutes").await;
    assert_refused(&desk, alert, &press(&desk, alert, Verb::Approve, ANNA).await, "15 minutes").await;
    desk.clock.advance(15 * 60);
    assert_eq!(send(&desk, alert, &desk.code()).await.kind(), 7);
    desk.end().await;
}

#[tokio::test]
async fn whoever_is_not_enrolled_is_told_whom_to_ask() {
    let desk = desk().await;
    let alert = desk.ask().await;
    let said = press(&desk, alert, Verb::Approve, crate::BERT).await;
    assert_refused(&desk, alert, &said, "Ask an operator to enrol").await;
    desk.end().await;
}

#[tokio::test]
async fn within_the_grace_a_button_is_enough() {
    let desk = desk().await;
    desk.set(|tenant| tenant.policy.step_up_grace = 300).await;
    let (one, other, third) = (desk.ask().await, desk.ask().await, desk.ask().await);
    assert_eq!(send(&desk, one, &desk.code()).await.kind(), 7);
    assert_eq!(press(&desk, other, Verb::Approve, ANNA).await.kind(), 7);
    desk.clock.advance(300);
    assert_eq!(press(&desk, third, Verb::Approve, ANNA).await.kind(), 9, "and then the form again");
    desk.end().await;
}

#[tokio::test]
async fn a_no_takes_no_code() {
    let desk = desk().await;
    let alert = desk.ask().await;
    assert!(press(&desk, alert, Verb::Deny, ANNA).await.content().contains("DENIED"));
    desk.end().await;
}

#[tokio::test]
async fn one_form_sent_twice_at_once_uses_its_code_once_and_gets_one_answer() {
    let desk = desk().await;
    let alert = desk.ask().await;
    let code = desk.code();
    let form = desk.form(alert, Verb::ApproveForm, ANNA, &[("totp", &code)]).await;
    let answers = futures::future::join_all((0..10).map(|_| desk.post(&form))).await;
    // On a busy machine one may be told to look at the card instead.
    let told = |said: &Said| said.kind() == 7 || said.content().contains("will show whether it was recorded");
    assert!(answers.iter().all(told), "{answers:?}");
    assert_eq!(desk.post(&form).await.kind(), 7, "and once more when all is over");
    assert_eq!((desk.entries("APPROVED").await, desk.factor(ANNA).await.failures), (1, 0));
    desk.end().await;
}
