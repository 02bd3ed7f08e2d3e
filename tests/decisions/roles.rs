//! Who may?

use crate::{ANNA, assert_refused};
use vyrox_domain::custom_id::Verb;
use vyrox_domain::tenant::TenantStatus;
use vyrox_tests::{ClickBody, Desk, ROLE};

/// Every button of a card, refused to whoever this is.
async fn refused(who: impl Fn(ClickBody) -> ClickBody, sentence: &str) {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    for verb in [Verb::Approve, Verb::Deny, Verb::Investigate, Verb::Release, Verb::Reopen] {
        let click = who(desk.click(alert, verb, ANNA, &[ROLE]).await);
        assert_refused(&desk, alert, &desk.post(&click).await, sentence).await;
    }
    assert_eq!(desk.entries("CLICK_REFUSED").await, 5, "each is entered");
    desk.end().await;
}

#[tokio::test]
async fn an_approver_may() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let click = desk.click(alert, Verb::Approve, ANNA, &["800000000000000009", ROLE]).await;
    let said = desk.post(&click).await;
    assert!(said.kind() == 7 && said.content().contains("APPROVED"), "{said:?}");
    assert_eq!((desk.entries("APPROVED").await, desk.items("ACTION#").await), (1, 1));
    desk.end().await;
}

#[tokio::test]
async fn nobody_without_a_role_may_not_even_deny() {
    refused(|click| click.with("/member/roles", Vec::<String>::new()), "approver role").await;
}

#[tokio::test]
async fn another_role_may_not() {
    refused(|click| click.with("/member/roles", vec!["800000000000000009"]), "approver role").await;
}

#[tokio::test]
async fn everyones_role_may_not() {
    refused(|click| click.with("/member/roles", vec![vyrox_tests::GUILD]), "approver role").await;
}

#[tokio::test]
async fn an_administrator_without_the_role_may_not() {
    let administrator = |click: ClickBody| {
        click.with("/member/roles", vec!["800000000000000009"]).with("/member/permissions", "2251799813685247")
    };
    refused(administrator, "approver role").await;
}

#[tokio::test]
async fn an_empty_list_of_roles_is_nobody() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    desk.set(|tenant| tenant.approver_roles.clear()).await;
    for roles in [&[ROLE][..], &[]] {
        let click = desk.click(alert, Verb::Approve, ANNA, roles).await;
        assert_refused(&desk, alert, &desk.post(&click).await, "approver role").await;
    }
    desk.end().await;
}

#[tokio::test]
async fn a_role_that_was_taken_from_the_list_may_not() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    desk.set(|tenant| tenant.approver_roles = vec!["800000000000000009".parse().unwrap()]).await;
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
    assert_refused(&desk, alert, &desk.post(&click).await, "approver role").await;
    desk.end().await;
}

#[tokio::test]
async fn a_bot_may_not() {
    refused(|click| click.with("/member/user/bot", true), "may not decide").await;
}

#[tokio::test]
async fn a_pending_member_may_not() {
    refused(|click| click.with("/member/pending", true), "may not decide").await;
}

#[tokio::test]
async fn a_timed_out_member_may_not() {
    let timed_out =
        |click: ClickBody| click.with("/member/communication_disabled_until", "2099-01-01T00:00:00.000000+00:00");
    refused(timed_out, "may not decide").await;
}

#[tokio::test]
async fn nobody_of_a_suspended_tenant_may() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    desk.set(|tenant| tenant.status = TenantStatus::Suspended).await;
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
    assert_refused(&desk, alert, &desk.post(&click).await, "may not decide").await;
    desk.end().await;
}

#[tokio::test]
async fn whoever_is_refused_over_and_over_is_not_entered_each_time() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let mut last = String::new();
    for _ in 0..30 {
        let click = desk.click(alert, Verb::Approve, ANNA, &[]).await;
        last = desk.post(&click).await.content().to_owned();
    }
    assert!(last.contains("too often"), "{last}");
    assert_eq!(desk.entries("CLICK_REFUSED").await, 21, "twenty, and one that stands for all others");
    // Another member, and the same one a minute later, are not affected; nor is a good click.
    let other = desk.post(&desk.click(alert, Verb::Approve, crate::BERT, &[]).await).await;
    assert!(other.content().contains("approver role"), "{other:?}");
    desk.clock.advance(60);
    let later = desk.post(&desk.click(alert, Verb::Approve, ANNA, &[]).await).await;
    assert!(later.content().contains("approver role"), "{later:?}");
    desk.end().await;
}
