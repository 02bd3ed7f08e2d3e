//! Two hundred clicks at once, and one interaction fifty times: exactly one action. `VYROX_RACES=100` repeats both a hundred
//! times.

use crate::{ANNA, BERT, press};
use std::collections::BTreeSet;
use vyrox_contract::AlertId;
use vyrox_domain::custom_id::Verb;
use vyrox_domain::record::Decision;
use vyrox_tests::{ClickBody, Desk, ROLE, races};

/// How many people click, and how often each.
const PEOPLE: usize = 20;
const CLICKS: usize = 10;
/// How often one interaction is delivered.
const DELIVERIES: usize = 50;

/// Ten clicks each of twenty people, every one with an interaction id of its own.
async fn clicks(desk: &Desk, alert: AlertId) -> Vec<ClickBody> {
    let mut clicks = Vec::new();
    for number in 0..PEOPLE * CLICKS {
        let user = (910_000_000_000_000_000 + number / CLICKS).to_string();
        clicks.push(desk.click(alert, Verb::Approve, &user, &[ROLE]).await);
    }
    clicks
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clicks_of_twenty_people_are_one_action() {
    for repetition in 0..races() {
        let desk = Desk::start().await;
        let alert = desk.ask().await;
        at_once(&desk, alert, &clicks(&desk, alert).await).await;
        press(&desk, alert, Verb::Approve, ANNA).await;
        assert_one_action(&desk, alert, 1, repetition).await;
        desk.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clicks_where_two_are_wanted_are_two_people_and_one_action() {
    for repetition in 0..races().div_ceil(10) {
        let desk = Desk::start().await;
        desk.set(|tenant| tenant.quorum = 2).await;
        let alert = desk.ask().await;
        at_once(&desk, alert, &clicks(&desk, alert).await).await;
        press(&desk, alert, Verb::Approve, ANNA).await;
        press(&desk, alert, Verb::Approve, BERT).await;
        assert_one_action(&desk, alert, 2, repetition).await;
        desk.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_interaction_fifty_times_is_one_action_and_one_answer() {
    for repetition in 0..races() {
        let desk = Desk::start().await;
        let alert = desk.ask().await;
        let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
        at_once(&desk, alert, &vec![click.clone(); DELIVERIES]).await;
        assert_eq!(desk.post(&click).await.kind(), 7, "and once more when all is over");
        assert_one_action(&desk, alert, 1, repetition).await;
        assert_eq!(desk.entries("CLICK_REFUSED").await, 0, "a repetition is no refusal");
        desk.end().await;
    }
}

/// Posts all at once. Each is answered with 200, by the card or in a whisper; a busy machine may have it be the whisper that
/// it took too long. No click that counted is told that it did not.
async fn at_once(desk: &Desk, alert: AlertId, clicks: &[ClickBody]) {
    let answers = futures::future::join_all(clicks.iter().map(|click| desk.post(click))).await;
    assert!(answers.iter().all(|said| said.status == 200 && [4, 7].contains(&said.kind())), "{answers:?}");
    for vote in desk.record(alert).await.votes {
        let counted = |click: &ClickBody| click.0["id"] == vote.interaction_id.to_string();
        let mut told = clicks.iter().zip(&answers).filter(|(click, _)| counted(click));
        assert!(told.any(|(_, said)| !said.content().contains("Nothing was recorded")), "{vote:?}");
    }
}

/// Everything is there once. (Whoever was too late on a busy machine has pressed again by now.)
async fn assert_one_action(desk: &Desk, alert: AlertId, people: usize, repetition: usize) {
    let record = desk.record(alert).await;
    let voters: BTreeSet<_> = record.votes.iter().map(|vote| vote.user_id).collect();
    assert!(matches!(record.decision, Some(Decision::Approved { .. })), "repetition {repetition}: {record:?}");
    assert_eq!((record.votes.len(), voters.len()), (people, people), "repetition {repetition}");
    assert_eq!((desk.items("ACTION#").await, desk.items("OUTBOX#").await), (1, 1), "repetition {repetition}");
    assert_eq!(desk.entries("APPROVED").await, 1, "repetition {repetition}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_many_cards_at_once_all_count() {
    let desk = Desk::start().await;
    let mut clicks = Vec::new();
    for number in 0..6 {
        let alert = desk.ask_about(&format!("WS-{number}")).await;
        let user = (910_000_000_000_000_000_u64 + number).to_string();
        clicks.push(desk.click(alert, Verb::Approve, &user, &[ROLE]).await);
    }
    let answers = futures::future::join_all(clicks.iter().map(|click| desk.post(click))).await;
    assert!(answers.iter().any(|said| said.kind() == 7), "{answers:?}");
    // Whoever was too late on a busy machine presses again.
    for click in &clicks {
        assert_eq!(desk.post(click).await.kind(), 7);
    }
    assert_eq!((desk.items("ACTION#").await, desk.entries("APPROVED").await), (6, 6));
    desk.end().await;
}

#[tokio::test]
async fn approve_and_deny_after_one_another_are_one_decision() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    press(&desk, alert, Verb::Approve, ANNA).await;
    assert!(press(&desk, alert, Verb::Deny, BERT).await.content().contains("APPROVED"));
    assert_eq!((desk.entries("APPROVED").await, desk.entries("DENIED").await), (1, 0));
    desk.end().await;
}
