//! Break-glass: one alone, loudly.

use crate::{ANNA, BERT, assert_refused, press};
use vyrox_domain::custom_id::Verb;
use vyrox_domain::record::{Decision, Manner};
use vyrox_tests::{Desk, ROLE};

#[tokio::test]
async fn one_approver_with_a_reason_decides_where_two_are_wanted_and_everybody_is_told() {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.quorum = 2).await;
    let alert = desk.ask().await;
    let form = desk.command_form(alert, Verb::BreakGlassForm, ANNA, &[("reason", "it spreads @everyone")]).await;
    let said = desk.post(&form).await;
    assert!(said.kind() == 4 && !said.is_whispered(), "everybody sees it: {said:?}");
    assert!(said.content().contains(&format!("<@&{ROLE}>")) && said.content().contains("BREAK-GLASS"), "{said:?}");
    assert!(said.content().contains(r"it spreads \@everyone"), "{said:?}");
    assert_eq!(said.callback["data"]["allowed_mentions"]["roles"][0], ROLE);
    let record = desk.record(alert).await;
    assert!(matches!(record.decision, Some(Decision::Approved { manner: Manner::BreakGlass, .. })), "{record:?}");
    let entries = desk.audit().await;
    let entry = entries.iter().find(|entry| entry.action_type() == "APPROVED_BY_BREAK_GLASS").unwrap();
    assert_eq!(
        (entry.detail()["break_glass"].as_bool(), entry.detail()["reason"].as_str()),
        (Some(true), Some("it spreads @everyone"))
    );
    assert_eq!(desk.items("ACTION#").await, 1);
    assert_eq!(desk.post(&form).await.callback, said.callback, "the same answer to the same interaction");
    let late = press(&desk, alert, Verb::Approve, BERT).await;
    assert!(late.kind() == 7 && late.text().contains("BREAK-GLASS"), "the card says it, too: {late:?}");
    desk.end().await;
}

#[tokio::test]
async fn without_a_reason_nothing_is_decided() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let form = desk.command_form(alert, Verb::BreakGlassForm, ANNA, &[("reason", " ")]).await;
    assert_refused(&desk, alert, &desk.post(&form).await, "reason is needed").await;
    desk.end().await;
}

#[tokio::test]
async fn without_the_role_nothing_is_decided() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let form = desk.command_form(alert, Verb::BreakGlassForm, ANNA, &[("reason", "x")]).await;
    let form = form.with("/member/roles", Vec::<String>::new());
    assert_refused(&desk, alert, &desk.post(&form).await, "approver role").await;
    desk.end().await;
}

#[tokio::test]
async fn whoever_is_enrolled_gives_their_code() {
    let desk = Desk::start().await;
    desk.enrol(ANNA).await;
    let alert = desk.ask().await;
    let form = desk.command_form(alert, Verb::BreakGlassForm, ANNA, &[("reason", "x")]).await;
    assert_refused(&desk, alert, &desk.post(&form).await, "code is wrong").await;
    let code = desk.code();
    let form = desk.command_form(alert, Verb::BreakGlassForm, ANNA, &[("reason", "x"), ("totp", &code)]).await;
    assert!(desk.post(&form).await.content().contains("BREAK-GLASS"));
    desk.end().await;
}

#[tokio::test]
async fn it_goes_through_a_frozen_time() {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.policy.freeze = std::iter::once("sun-sat 00:00-24:00".parse().unwrap()).collect()).await;
    let alert = desk.ask().await;
    let form = desk.command_form(alert, Verb::BreakGlassForm, ANNA, &[("reason", "it spreads")]).await;
    assert!(desk.post(&form).await.content().contains("BREAK-GLASS"));
    desk.end().await;
}

#[tokio::test]
async fn an_expired_question_is_not_opened_by_it() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let form = desk.command_form(alert, Verb::BreakGlassForm, ANNA, &[("reason", "x")]).await;
    desk.clock.advance(900);
    assert_refused(&desk, alert, &desk.post(&form).await, "expired").await;
    desk.end().await;
}

#[tokio::test]
async fn no_other_form_counts_without_its_card() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    for verb in [Verb::ApproveForm, Verb::DenyForm] {
        let form = desk.command_form(alert, verb, ANNA, &[("reason", "x")]).await;
        assert_refused(&desk, alert, &desk.post(&form).await, "does not belong").await;
    }
    desk.end().await;
}
