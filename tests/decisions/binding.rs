//! Is it this tenant's card, this plan, in this application?

use crate::{ANNA, assert_refused};
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_tests::{ClickBody, Desk, ROLE};

/// One lie in a good click, and what is said to it. Then the same click without the lie decides.
async fn refused(lie: impl FnOnce(ClickBody) -> ClickBody, sentence: &str) {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let click = lie(desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await);
    assert_refused(&desk, alert, &desk.post(&click).await, sentence).await;
    let truth = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
    assert_eq!(desk.post(&truth).await.kind(), 7, "it was the lie that was refused");
    desk.end().await;
}

#[tokio::test]
async fn a_click_in_a_direct_message_decides_nothing() {
    refused(|click| click.without("guild_id").without("member"), "another version").await;
}

#[tokio::test]
async fn another_application_decides_nothing() {
    refused(|click| click.with("/application_id", "500000000000000009"), "does not belong").await;
}

#[tokio::test]
async fn an_unknown_guild_decides_nothing() {
    refused(|click| click.with("/guild_id", "600000000000000009"), "does not belong").await;
}

#[tokio::test]
async fn a_foreign_tenants_guild_decides_nothing() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    desk.second_tenant("600000000000000002").await;
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await.with("/guild_id", "600000000000000002");
    assert_refused(&desk, alert, &desk.post(&click).await, "does not belong").await;
    desk.end().await;
}

#[tokio::test]
async fn a_foreign_channel_decides_nothing() {
    refused(|click| click.with("/channel_id", "700000000000000009"), "does not belong").await;
}

#[tokio::test]
async fn a_foreign_message_decides_nothing() {
    refused(|click| click.with("/message/id", "1999999"), "does not belong").await;
}

#[tokio::test]
async fn a_button_without_its_message_decides_nothing() {
    refused(|click| click.without("message"), "does not belong").await;
}

#[tokio::test]
async fn another_alerts_button_on_this_message_decides_nothing() {
    let desk = Desk::start().await;
    let (alert, other) = (desk.ask().await, desk.ask().await);
    let button = desk.id(other, Verb::Approve).await;
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await.with("/data/custom_id", button);
    assert_refused(&desk, other, &desk.post(&click).await, "does not belong").await;
    desk.end().await;
}

#[tokio::test]
async fn a_card_that_was_not_posted_yet_decides_nothing() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
    desk.rewrite(alert, |record| record.posted = None).await;
    assert_refused(&desk, alert, &desk.post(&click).await, "does not belong").await;
    desk.end().await;
}

#[tokio::test]
async fn a_changed_plan_is_said() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let id: CustomId = desk.id(alert, Verb::Approve).await.parse().unwrap();
    let other = CustomId { plan: "A".repeat(16), ..id }.to_string();
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await.with("/data/custom_id", other);
    assert_refused(&desk, alert, &desk.post(&click).await, "plan has changed").await;
    desk.end().await;
}

#[tokio::test]
async fn a_withdrawn_question_is_a_changed_plan() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
    desk.rewrite(alert, |record| record.offer = None).await;
    assert_refused(&desk, alert, &desk.post(&click).await, "plan has changed").await;
    desk.end().await;
}

#[tokio::test]
async fn a_button_of_another_version_is_said() {
    for button in ["v2.ap.x.y", "v1.xx.x.y", "approve"] {
        refused(|click| click.with("/data/custom_id", button), "another version").await;
    }
}

#[tokio::test]
async fn a_button_that_pretends_to_be_a_form_decides_nothing() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let form = desk.id(alert, Verb::ApproveForm).await;
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await.with("/data/custom_id", form);
    assert_refused(&desk, alert, &desk.post(&click).await, "does not belong").await;
    desk.end().await;
}

#[tokio::test]
async fn a_form_that_pretends_to_be_a_button_decides_nothing() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let button = desk.id(alert, Verb::Approve).await;
    let form = desk.form(alert, Verb::ApproveForm, ANNA, &[]).await.with("/data/custom_id", button);
    assert_refused(&desk, alert, &desk.post(&form).await, "does not belong").await;
    desk.end().await;
}

#[tokio::test]
async fn a_release_of_nothing_is_said() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let click = desk.click(alert, Verb::Release, ANNA, &[ROLE]).await;
    assert_refused(&desk, alert, &desk.post(&click).await, "nothing to release").await;
    desk.end().await;
}
