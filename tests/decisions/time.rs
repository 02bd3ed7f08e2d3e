//! When is it too late, or not the time?

use crate::{ANNA, assert_refused, press};
use vyrox_domain::custom_id::Verb;
use vyrox_tests::{Desk, ROLE};

#[tokio::test]
async fn one_second_before_the_expiry_decides() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let expires_at = desk.record(alert).await.plan().unwrap().expires_at();
    desk.clock.advance(expires_at - 1 - desk.now());
    assert!(press(&desk, alert, Verb::Approve, ANNA).await.content().contains("APPROVED"));
    desk.end().await;
}

#[tokio::test]
async fn at_the_expiry_nothing_is_decided_and_the_card_says_so() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let expires_at = desk.record(alert).await.plan().unwrap().expires_at();
    desk.clock.advance(expires_at - desk.now());
    for verb in [Verb::Approve, Verb::Deny] {
        let said = press(&desk, alert, verb, ANNA).await;
        assert!(said.kind() == 7 && said.content().contains("EXPIRED"), "{said:?}");
    }
    assert_eq!((desk.record(alert).await.decision, desk.items("ACTION#").await), (None, 0));
    desk.end().await;
}

#[tokio::test]
async fn a_late_click_on_a_decided_card_gets_the_present_card() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let approve = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
    assert_eq!(press(&desk, alert, Verb::Deny, ANNA).await.kind(), 7);
    let said = desk.post(&approve).await;
    assert!(said.kind() == 7 && said.content().contains("DENIED") && said.content().contains(ANNA), "{said:?}");
    assert_eq!((desk.entries("DENIED").await, desk.entries("APPROVED").await), (1, 0));
    desk.end().await;
}

#[tokio::test]
async fn a_frozen_time_refuses_approvals_only() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    // 1,800,000,000 is Friday, 2027-01-15, 08:00 UTC.
    desk.set(|tenant| tenant.policy.freeze = std::iter::once("fri 08:00-09:00".parse().unwrap()).collect()).await;
    assert_refused(&desk, alert, &press(&desk, alert, Verb::Approve, ANNA).await, "frozen").await;
    assert!(press(&desk, alert, Verb::Deny, ANNA).await.content().contains("DENIED"));
    desk.end().await;
}
