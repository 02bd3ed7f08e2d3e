//! One plan for many hosts of a digest: always two people, everything that was shown, and each host once.

use crate::{ANNA, BERT, press};
use std::collections::BTreeSet;
use vyrox_contract::AlertId;
use vyrox_domain::action::ActionState;
use vyrox_domain::custom_id::Verb;
use vyrox_domain::record::{Decision, Manner};
use vyrox_domain::storm::MOST_HOSTS;
use vyrox_domain::tenant::{ReasonRule, StepUpRule};
use vyrox_tests::{Desk, Said, races};

const THREE: [&str; 3] = ["WS-1", "WS-2", "WS-3"];

async fn say(desk: &Desk, digest: AlertId, verb: Verb, user: &str) -> Said {
    let click = desk.click_on_plan(digest, verb, user).await;
    desk.post(&click).await
}

/// Every host was decided on together, by two people, with one action each.
async fn assert_carried_out(desk: &Desk, digest: AlertId, alerts: &[AlertId]) {
    for alert in alerts {
        let record = desk.record(*alert).await;
        let manner = match record.decision {
            Some(Decision::Approved { manner, .. }) => manner,
            ref other => panic!("{other:?}"),
        };
        assert!(matches!(manner, Manner::Joint { digest: of, .. } if of == digest), "{manner:?}");
        let people: BTreeSet<_> = record.votes.iter().map(|vote| vote.user_id).collect();
        assert_eq!((record.votes.len(), people.len()), (2, 2));
        assert!(record.containment.is_some());
    }
    assert_eq!((desk.items("ACTION#").await, desk.items("OUTBOX#").await), (alerts.len(), alerts.len()));
    assert_eq!((desk.entries("APPROVED").await, desk.items("JOINT#").await), (alerts.len(), 1));
}

#[tokio::test]
async fn two_approvers_carry_out_the_whole_plan_and_one_does_not() {
    let desk = Desk::start().await;
    let (digest, alerts) = desk.gather(&THREE).await;
    let first = say(&desk, digest, Verb::ApproveAll, ANNA).await;
    assert!(first.kind() == 7 && first.text().contains("1 of 2: a second approver is needed"), "{first:?}");
    assert_eq!((desk.items("ACTION#").await, desk.queued_actions().await), (0, 0), "whatever the tenant's quorum is");
    let again = say(&desk, digest, Verb::ApproveAll, ANNA).await;
    assert!(again.is_whispered() && again.content().contains("already approved this"), "{again:?}");
    let old = desk.click_on_plan(digest, Verb::ApproveAll, BERT).await;
    let second = desk.post(&old).await;
    assert!(second.kind() == 7 && second.text().matches("APPROVED, waiting for the proxy").count() == 3, "{second:?}");
    assert_carried_out(&desk, digest, &alerts).await;
    let entries = desk.audit().await;
    let approved = entries.iter().filter(|entry| entry.action_type() == "APPROVED");
    let hosts: Vec<&str> = approved.clone().map(|entry| entry.host()).collect();
    assert_eq!(hosts, THREE, "each host has its own entry");
    for (entry, alert) in approved.zip(&alerts) {
        let record = desk.record(*alert).await;
        assert_eq!(entry.request_id(), Some(record.containment.unwrap().request_id.as_str()));
        assert_eq!((entry.approved_by(), &entry.detail()["hosts"]), (record.votes[1].name.as_str(), &3.into()));
    }
    // The same click again, and another one too late: the card as it is, and nothing more.
    assert_eq!(desk.post(&old).await.callback, second.callback);
    let late = old.with("/id", "1700000000000000001").with("/member/user/id", "900000000000000009");
    assert_eq!(desk.post(&late).await.kind(), 7);
    assert_carried_out(&desk, digest, &alerts).await;
    desk.end().await;
}

#[tokio::test]
async fn one_no_ends_it_for_every_host() {
    let desk = Desk::start().await;
    let (digest, alerts) = desk.gather(&THREE).await;
    say(&desk, digest, Verb::ApproveAll, ANNA).await;
    let said = say(&desk, digest, Verb::DenyAll, BERT).await;
    assert!(said.kind() == 7 && said.text().matches("DENIED, nothing was done").count() == 3, "{said:?}");
    for alert in alerts {
        assert!(matches!(desk.record(alert).await.decision, Some(Decision::Denied { .. })));
    }
    assert_eq!((desk.items("ACTION#").await, desk.entries("DENIED").await), (0, 3));
    desk.end().await;
}

#[tokio::test]
async fn a_plan_of_which_one_host_has_changed_is_no_plan_any_more() {
    let desk = Desk::start().await;
    let (digest, alerts) = desk.gather(&THREE).await;
    say(&desk, digest, Verb::ApproveAll, ANNA).await;
    desk.rewrite(alerts[1], |record| record.offer = None).await;
    let said = say(&desk, digest, Verb::ApproveAll, BERT).await;
    assert!(said.is_whispered() && said.content().contains("plan has changed"), "{said:?}");
    assert_eq!(desk.items("ACTION#").await, 0);
    desk.end().await;
}

#[tokio::test]
async fn a_plan_of_which_one_host_was_decided_by_itself_is_no_plan_any_more() {
    let desk = Desk::start().await;
    let (digest, alerts) = desk.gather(&THREE).await;
    say(&desk, digest, Verb::ApproveAll, ANNA).await;
    assert_eq!(press(&desk, alerts[2], Verb::Approve, BERT).await.kind(), 7);
    let said = say(&desk, digest, Verb::ApproveAll, BERT).await;
    assert!(said.is_whispered() && said.content().contains("plan has changed"), "{said:?}");
    assert_eq!(desk.items("ACTION#").await, 1, "the one that was decided by itself");
    desk.end().await;
}

#[tokio::test]
async fn a_host_that_is_contained_because_of_another_alert_is_not_acted_on_twice() {
    let desk = Desk::start().await;
    let (digest, alerts) = desk.gather(&THREE).await;
    let other = desk.ask_about("WS-2").await;
    press(&desk, other, Verb::Approve, ANNA).await;
    let said = say(&desk, digest, Verb::ApproveAll, BERT).await;
    assert!(said.is_whispered() && said.content().contains("plan has changed"), "{said:?}");
    assert_eq!(desk.record(alerts[1]).await.decision, None);
    // It was released, so it may be asked about again.
    desk.rewrite(other, |record| record.containment.as_mut().unwrap().state = ActionState::Failed).await;
    for user in [ANNA, BERT] {
        assert_eq!(say(&desk, digest, Verb::ApproveAll, user).await.kind(), 7);
    }
    assert_eq!(desk.items("ACTION#").await, 4);
    desk.end().await;
}

#[tokio::test]
async fn it_expires_with_the_first_of_its_hosts() {
    let desk = Desk::start().await;
    let (digest, _) = desk.gather(&THREE).await;
    say(&desk, digest, Verb::ApproveAll, ANNA).await;
    let until = desk.digest(digest).await.asked.unwrap().plan.expires_at();
    desk.clock.advance(until - desk.now());
    let said = say(&desk, digest, Verb::ApproveAll, BERT).await;
    assert!(said.kind() == 7 && said.text().contains("EXPIRED, nothing was done"), "{said:?}");
    assert_eq!(desk.items("ACTION#").await, 0);
    desk.end().await;
}

#[tokio::test]
async fn it_is_frozen_bound_and_authorised_like_every_decision() {
    let desk = Desk::start().await;
    let (digest, _) = desk.gather(&THREE).await;
    let click = || desk.click_on_plan(digest, Verb::ApproveAll, ANNA);
    for (lie, sentence) in [
        (click().await.with("/member/roles", Vec::<String>::new()), "approver role"),
        (click().await.with("/message/id", "1999999"), "does not belong"),
        (click().await.with("/guild_id", "600000000000000009"), "does not belong"),
        (click().await.with("/channel_id", "700000000000000009"), "does not belong"),
        (click().await.with("/member/user/bot", true), "may not decide"),
    ] {
        let said = desk.post(&lie).await;
        assert!(said.is_whispered() && said.content().contains(sentence), "{sentence}: {said:?}");
    }
    desk.set(|tenant| {
        tenant.policy.freeze.insert("sun-sat 00:00-24:00".parse().unwrap());
    })
    .await;
    let said = say(&desk, digest, Verb::ApproveAll, ANNA).await;
    assert!(said.is_whispered() && said.content().contains("frozen"), "{said:?}");
    assert!(desk.digest(digest).await.asked.unwrap().votes.is_empty());
    desk.end().await;
}

#[tokio::test]
async fn its_form_asks_for_the_reason_and_the_code_and_names_every_host() {
    let desk = Desk::start().await;
    desk.set(|tenant| {
        tenant.policy.reason = ReasonRule::Always;
        tenant.policy.step_up = StepUpRule::Totp;
    })
    .await;
    desk.enrol(ANNA).await;
    let (digest, _) = desk.gather(&THREE).await;
    let form = say(&desk, digest, Verb::ApproveAll, ANNA).await;
    assert_eq!(form.kind(), 9);
    for part in ["WS-1", "WS-2", "WS-3", "reason", "totp"] {
        assert!(form.callback.to_string().contains(part), "{part}: {form:?}");
    }
    let sent = async |code: &str| {
        let inputs = [("reason", "a worm"), ("totp", code)].map(|(id, text)| {
            serde_json::json!({"type": 18, "id": 1, "component": {"type": 4, "id": 2, "custom_id": id, "value": text}})
        });
        let click = desk.click_on_plan(digest, Verb::ApproveAllForm, ANNA).await;
        desk.post(&click.with("/type", 5).with("/data/components", inputs.to_vec())).await
    };
    assert!(sent("000000").await.content().contains("code is wrong"));
    let said = sent(&desk.code()).await;
    assert!(said.kind() == 7 && said.text().contains("a worm"), "{said:?}");
    assert_eq!((desk.entries("JOINT_APPROVAL_COUNTED").await, desk.factor(ANNA).await.failures), (1, 0));
    desk.end().await;
}

#[tokio::test]
async fn the_largest_digest_fits_into_one_transaction() {
    let desk = Desk::start().await;
    let hosts: Vec<String> = (0..MOST_HOSTS).map(|host| format!("WS-{host:02}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let (digest, alerts) = desk.gather(&hosts).await;
    for user in [ANNA, BERT] {
        let said = say(&desk, digest, Verb::ApproveAll, user).await;
        assert!(said.kind() == 7 || said.content().contains("The card"), "{said:?}");
    }
    assert_carried_out(&desk, digest, &alerts).await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clicks_of_twenty_people_and_one_of_them_fifty_times_carry_it_out_once() {
    for _ in 0..races().div_ceil(10) {
        let desk = Desk::start().await;
        let (digest, alerts) = desk.gather(&THREE).await;
        let mut clicks = Vec::new();
        for number in 0..100 {
            let user = (910_000_000_000_000_000_u64 + number / 5).to_string();
            clicks.push(desk.click_on_plan(digest, Verb::ApproveAll, &user).await);
        }
        clicks.extend(vec![clicks[0].clone(); 49]);
        let (anna, bert) = (
            desk.click_on_plan(digest, Verb::ApproveAll, ANNA).await,
            desk.click_on_plan(digest, Verb::ApproveAll, BERT).await,
        );
        let answers = futures::future::join_all(clicks.iter().map(|click| desk.post(click))).await;
        assert!(answers.iter().all(|said| said.status == 200 && [4, 7].contains(&said.kind())), "{answers:?}");
        // Whoever was too late on a busy machine has pressed again by now.
        for click in [anna, bert] {
            desk.post(&click).await;
        }
        assert_carried_out(&desk, digest, &alerts).await;
        desk.end().await;
    }
}
