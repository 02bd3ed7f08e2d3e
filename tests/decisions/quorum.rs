//! How many, who counts, and who cannot confirm themselves?

use crate::{ANNA, BERT, press};
use vyrox_domain::action::ActionState;
use vyrox_domain::custom_id::Verb;
use vyrox_domain::record::SecondWanted;
use vyrox_domain::tenant::Caps;
use vyrox_tests::Desk;

/// One yes is counted and shown; the same person again changes nothing; a second person decides.
async fn assert_takes_two(desk: &Desk, alert: vyrox_contract::AlertId, wanted: SecondWanted) {
    let said = press(desk, alert, Verb::Approve, ANNA).await;
    assert!(said.kind() == 7 && said.text().contains("1 of 2"), "{said:?}");
    let record = desk.record(alert).await;
    assert_eq!((record.votes.len(), &record.decision, record.second_wanted), (1, &None, Some(wanted)));
    let again = press(desk, alert, Verb::Approve, ANNA).await;
    assert!(again.kind() == 4 && again.content().contains("already approved"), "{again:?}");
    assert_eq!(desk.items("ACTION#").await, 0);
    let said = press(desk, alert, Verb::Approve, BERT).await;
    assert!(said.kind() == 7 && said.content().contains("APPROVED"), "{said:?}");
    assert_eq!(desk.items("ACTION#").await, 1);
}

#[tokio::test]
async fn a_quorum_of_two_is_two_people() {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.quorum = 2).await;
    let alert = desk.ask().await;
    assert_takes_two(&desk, alert, SecondWanted::Quorum).await;
    assert_eq!((desk.entries("APPROVAL_COUNTED").await, desk.entries("APPROVED").await), (1, 1));
    desk.end().await;
}

#[tokio::test]
async fn a_host_tagged_critical_takes_two_by_default() {
    let desk = Desk::start().await;
    desk.set(|tenant| {
        tenant.policy.host_tags.insert("critical".to_owned(), std::iter::once("dc-*".to_owned()).collect());
    })
    .await;
    let (workstation, controller) = (desk.ask_about("WS-042").await, desk.ask_about("DC-01").await);
    assert!(press(&desk, workstation, Verb::Approve, ANNA).await.content().contains("APPROVED"));
    let said = press(&desk, controller, Verb::Approve, ANNA).await;
    assert!(said.text().contains("takes two approvers") && said.text().contains("1 of 2"), "{said:?}");
    desk.end().await;
}

#[tokio::test]
async fn a_rule_for_the_kind_of_action_takes_two() {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.policy.two_approvers = std::iter::once("isolate".parse().unwrap()).collect()).await;
    let alert = desk.ask().await;
    assert_takes_two(&desk, alert, SecondWanted::Rule).await;
    desk.end().await;
}

#[tokio::test]
async fn a_person_past_their_cap_needs_a_second() {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.policy.caps = Caps { per_user: 2, hosts_per_hour: 20 }).await;
    for _ in 0..2 {
        let alert = desk.ask().await;
        assert!(press(&desk, alert, Verb::Approve, ANNA).await.content().contains("APPROVED"));
    }
    let alert = desk.ask().await;
    let said = press(&desk, alert, Verb::Approve, ANNA).await;
    assert!(said.text().contains("approved a lot"), "{said:?}");
    let other = desk.ask().await;
    assert!(press(&desk, other, Verb::Approve, BERT).await.content().contains("APPROVED"), "others are not");
    desk.clock.advance(600);
    let later = desk.ask().await;
    assert!(
        press(&desk, later, Verb::Approve, ANNA).await.content().contains("APPROVED"),
        "nor they, ten minutes later"
    );
    desk.end().await;
}

#[tokio::test]
async fn a_tenant_past_its_cap_of_hosts_needs_a_second() {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.policy.caps = Caps { per_user: 10, hosts_per_hour: 2 }).await;
    for host in ["WS-1", "WS-2"] {
        let alert = desk.ask_about(host).await;
        assert!(press(&desk, alert, Verb::Approve, ANNA).await.content().contains("APPROVED"));
    }
    let again = desk.ask_about("WS-2").await;
    assert!(press(&desk, again, Verb::Approve, BERT).await.content().contains("APPROVED"), "a host is counted once");
    let third = desk.ask_about("WS-3").await;
    let said = press(&desk, third, Verb::Approve, BERT).await;
    assert!(said.text().contains("many hosts"), "{said:?}");
    desk.end().await;
}

#[tokio::test]
async fn one_no_ends_it_even_where_two_are_wanted() {
    let desk = Desk::start().await;
    desk.set(|tenant| tenant.quorum = 2).await;
    let alert = desk.ask().await;
    press(&desk, alert, Verb::Approve, ANNA).await;
    assert!(press(&desk, alert, Verb::Deny, BERT).await.content().contains("DENIED"));
    assert!(press(&desk, alert, Verb::Approve, BERT).await.content().contains("DENIED"));
    assert_eq!(desk.items("ACTION#").await, 0);
    desk.end().await;
}

#[tokio::test]
async fn whoever_asked_for_a_release_cannot_confirm_it() {
    let desk = Desk::start().await;
    desk.set(|tenant| {
        tenant.policy.two_approvers.insert("release".parse().unwrap());
    })
    .await;
    let alert = desk.ask().await;
    press(&desk, alert, Verb::Approve, ANNA).await;
    desk.rewrite(alert, |record| record.containment.as_mut().unwrap().state = ActionState::Executed).await;
    let said = press(&desk, alert, Verb::Release, ANNA).await;
    assert!(said.kind() == 7 && said.text().contains("another approver has to press Release"), "{said:?}");
    let own = press(&desk, alert, Verb::Release, ANNA).await;
    assert!(own.is_whispered() && own.content().contains("yourself"), "{own:?}");
    assert_eq!(desk.items("ACTION#").await, 1, "the containment alone");
    let said = press(&desk, alert, Verb::Release, BERT).await;
    assert!(said.content().contains("release requested"), "{said:?}");
    assert_eq!((desk.entries("RELEASE_COUNTED").await, desk.entries("RELEASE_APPROVED").await), (1, 1));
    desk.end().await;
}
