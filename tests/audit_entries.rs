//! Whatever happens is in the audit: one run drives every kind of event once, and each must have its entry, in a lane that a
//! checkpoint covers. What `vyroxctl` changes is entered too; that is tested beside it (`infra/ctl/tests`).
//!
//! Here belongs: a new kind of event, as a line of the table.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use vyrox_audit::verify::Verifier;
use vyrox_checkpoint::Idle;
use vyrox_tests::{APPROVER, ONLOOKER, Options, SECOND_APPROVER, Stage};

/// What happens, and the entry that says so.
const EVENTS: [(&str, &str); 20] = [
    ("a tenant, its sources and secrets are set up", "TENANT_PROVISIONED"),
    ("an enrolment token is made", "ENROLMENT_CREATED"),
    ("a proxy enrols", "PROXY_ENROLLED"),
    ("a delivery is not proven (counted, entered with the next that is)", "AUTHENTICATION_REFUSED"),
    ("a delivery holds no alert", "DELIVERY_IGNORED"),
    ("an alert is accepted", "ALERT_ACCEPTED"),
    ("a verdict is reached", "VERDICT_RECORDED"),
    ("an alert is shown by itself, counted on another's card, or in a digest", "ALERT_PLACED"),
    ("a card is shown", "CARD_POSTED"),
    ("a card shows something new", "CARD_EDITED"),
    ("a click is refused", "CLICK_REFUSED"),
    ("a payload is looked at", "INVESTIGATED"),
    ("an approval is counted", "APPROVAL_COUNTED"),
    ("an approval decides", "APPROVED"),
    ("an action is signed and handed over", "ACTION_DELIVERED"),
    ("a receipt is taken", "RECEIPT_RECORDED"),
    ("a proxy's head has moved", "PROXY_HEAD"),
    ("a release is approved", "RELEASE_APPROVED"),
    ("an alert is denied", "DENIED"),
    ("heads are signed", "CHECKPOINT"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_event_has_its_entry() {
    let stage = Stage::start(Options { live: true, quorum: 2, ..Options::default() }).await;
    let path = format!("/webhook/crowdstrike/{}", stage.tenant());
    assert_eq!(stage.post(&path, &stage.body("credential-dump"), &[]).await.status, 401);
    assert_eq!(stage.deliver(&stage.body("not-an-alert")).await.status, 202);

    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let stranger = stage.click_body(ONLOOKER, &[], &card, &card.custom_id("Approve")).await;
    assert!(stage.post_click(&stranger).await.ephemeral, "refused");
    stage.press(APPROVER, &card, "Investigate").await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.press(SECOND_APPROVER, &card, "Approve").await;
    stage.contained(alert).await;
    let card = stage.card_saying(alert, "CONTAINED").await;
    stage.press(APPROVER, &card, "Release").await;
    stage.until("it is released", alert, |record| record.release.is_some()).await;
    let other = stage.fire("ransomware").await;
    let card = stage.card(other).await;
    stage.press(APPROVER, &card, "Deny").await;
    stage.wait("the proxy's head is entered", async || kinds(&stage).await.contains_key("PROXY_HEAD")).await;
    stage.wait("the card was drawn anew", async || kinds(&stage).await.contains_key("CARD_EDITED")).await;
    stage.system.checkpointer.tenant(&stage.tenant(), Idle::ByAge).await.unwrap();

    let found = kinds(&stage).await;
    let missing: Vec<_> = EVENTS.iter().filter(|(_, kind)| !found.contains_key(*kind)).collect();
    assert_eq!(missing, Vec::<&(&str, &str)>::new(), "found {found:?}");
    let known: BTreeSet<&str> = EVENTS.iter().map(|(_, kind)| *kind).chain(["LANE_CLOSED"]).collect();
    let unknown: Vec<_> = found.keys().filter(|kind| !known.contains(kind.as_str())).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "an entry that the table does not know");

    let lines = vyrox_local::cloud_audit(&stage.system.table, &stage.tenant()).await.unwrap();
    let mut verifier = Verifier::new();
    verifier.reader(lines.as_slice(), "cloud").unwrap();
    let report = verifier.finish().unwrap();
    let lanes = report.chains.iter().filter(|chain| !chain.chain.starts_with("checkpoints-"));
    assert!(lanes.clone().count() >= 5 && lanes.clone().all(|lane| lane.covered.is_some()), "{report:#?}");
    stage.end().await;
}

/// How often each kind of entry is there.
async fn kinds(stage: &Stage) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for entry in stage.audit().await {
        *kinds.entry(entry.action_type().to_owned()).or_default() += 1;
    }
    kinds
}
