//! Every EDR from its alert to the released host: the plan that the cloud makes is one that the proxy accepts and the vendor's
//! API takes. A new test goes here if it needs a vendor's stand-in and the whole system.
#![allow(clippy::unwrap_used)]

use vyrox_contract::{Vendor, Verification};
use vyrox_domain::action::ActionState;
use vyrox_edr_standin::{Fault, HostStatus, On};
use vyrox_local::scenario::{AGENTS, MACHINES, Scenario};
use vyrox_tests::{APPROVER, SECOND_APPROVER, Stage};

/// Whether the vendor shows the device of the scenario as cut off.
fn is_cut_off(stage: &Stage, vendor: Vendor) -> bool {
    let edrs = &stage.system.edrs;
    match vendor {
        Vendor::Crowdstrike => stage.host("WS-042") == HostStatus::Contained,
        Vendor::Sentinelone => edrs.sentinelone.network_status(AGENTS[0].1) == Some("disconnected"),
        Vendor::Defender => edrs.defender.isolation(MACHINES[0].1).as_deref() == Some("Full"),
        Vendor::Generic => panic!("it has no EDR"),
    }
}

async fn there_and_back(vendor: Vendor) {
    let stage = Stage::live().await;
    let alert = stage.fire(Scenario::of_vendor(vendor).unwrap().name).await;
    let card = stage.card(alert).await;
    assert_eq!(card.labels(), ["Approve", "Deny", "Investigate"], "{}", card.text());
    assert!(!is_cut_off(&stage, vendor));
    stage.press(APPROVER, &card, "Approve").await;
    let contained = stage.contained(alert).await.containment.unwrap();
    let found = (contained.state, contained.verification);
    assert_eq!(found, (ActionState::Executed, Some(Verification::Confirmed)), "{contained:?}");
    assert!(is_cut_off(&stage, vendor), "it is read back, and it is so");
    let log = stage.proxy_log();
    assert!(log.contains(&format!("\"vendor\":\"{vendor}\"")), "{log}");
    // The other vendors were not asked for anything.
    let edrs = &stage.system.edrs;
    let asked = (stage.system.falcon.requests(), edrs.sentinelone.requests(), edrs.defender.requests());
    let asked =
        [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender].into_iter().zip([asked.0, asked.1, asked.2]);
    assert!(asked.into_iter().all(|(asked, requests)| (asked == vendor) == (requests > 0)));

    let card = stage.card_saying(alert, "CONTAINED").await;
    stage.press(SECOND_APPROVER, &card, "Release").await;
    let released = |record: &vyrox_domain::record::AlertRecord| {
        record.release.as_ref().is_some_and(|release| release.state == ActionState::RolledBack)
    };
    stage.until("the release has a receipt", alert, released).await;
    assert!(!is_cut_off(&stage, vendor));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowdstrike_alert_is_approved_contained_read_back_and_released() {
    there_and_back(Vendor::Crowdstrike).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinelone_alert_is_approved_disconnected_read_back_and_connected() {
    there_and_back(Vendor::Sentinelone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defender_alert_is_approved_isolated_read_back_and_released() {
    there_and_back(Vendor::Defender).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinelone_that_affects_nothing_is_a_failure_on_the_card() {
    let stage = Stage::live().await;
    stage.system.edrs.sentinelone.set_offline(AGENTS[0].1);
    let alert = stage.fire("threat-credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    assert_eq!(stage.contained(alert).await.containment.unwrap().state, ActionState::Failed);
    let card = stage.card_saying(alert, "FAILED, the host is not contained").await;
    assert_eq!(card.labels(), ["Ask again", "Investigate"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defender_whose_answer_is_lost_has_isolated_once() {
    let stage = Stage::live().await;
    stage.system.edrs.defender.inject(On::Action, Fault::DropAfterActing);
    let alert = stage.fire("alert-credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    assert_eq!(stage.contained(alert).await.containment.unwrap().state, ActionState::Executed);
    let accepted = stage.system.edrs.defender.effects().into_iter().filter(|effect| effect.accepted).count();
    assert_eq!(accepted, 1);
    stage.end().await;
}
