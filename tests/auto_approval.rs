//! Is anything ever contained without somebody having been asked? Only a LOW alert, only while a named person's opt-in is
//! proven and in force, and only for a while. A new test goes here if it is about what was allowed in advance.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::time::Duration;
use vyrox_contract::AlertId;
use vyrox_domain::action::ActionState;
use vyrox_domain::record::{AlertRecord, Decision, Manner};
use vyrox_domain::verdict::VerdictLevel;
use vyrox_edr_standin::{Change as EdrChange, HostStatus};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Versioned};
use vyrox_tests::{APPROVER, ONLOOKER, Stage, TEXT, WHOLE, said};

/// An alert on SRV-DB-01 that triage finds LOW. The rules find the scenario harmless; here they were less sure.
async fn low(stage: &Stage) -> AlertId {
    let alert = stage.fire("admin-inventory").await;
    stage.until("it has a verdict", alert, |record| record.verdict.is_some()).await;
    let Versioned { value: mut record, version } = stage.stored(alert).await;
    record.verdict.as_mut().unwrap().verdict = VerdictLevel::Low;
    let put = Change::put(SortKey::alert(alert), &record, Expect::Version(version)).expiring(record.expires_at());
    stage.commit(&stage.tenant(), &[put]).await;
    let message = json!({"tenant_id": stage.tenant(), "alert_id": alert, "revision": record.alert.revision});
    stage.send("AlertsQueue", &message.to_string()).await;
    alert
}

async fn opt_in(stage: &Stage, member: &str) -> String {
    let entered =
        [("days", WHOLE, json!(7)), ("minutes", WHOLE, json!(60)), ("reason", TEXT, json!("nobody is here at night"))];
    said(&stage.ask(member, &["auto-approve", "on"], &entered).await)
}

/// Nothing comes of an alert, though there was time for it.
async fn assert_left_alone(stage: &Stage, alert: AlertId) {
    tokio::time::sleep(Duration::from_secs(4)).await;
    let record = stage.record(alert).await;
    assert_eq!((&record.decision, &record.containment, &record.posted), (&None, &None, &None), "{record:?}");
    assert_eq!(stage.edr_calls(EdrChange::Contain), 0);
    assert_eq!(stage.snapshot().await.keys("ACTION#").count(), 0);
}

async fn kinds(stage: &Stage) -> Vec<String> {
    stage.audit().await.iter().map(|entry| entry.action_type().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_until_a_named_approver_says_so() {
    let stage = Stage::live().await;
    assert!(said(&stage.ask(APPROVER, &["status"], &[]).await).contains("people are always asked"));
    let alert = low(&stage).await;
    assert!(opt_in(&stage, ONLOOKER).await.contains("approver roles"));
    assert_left_alone(&stage, alert).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_it_a_low_alert_is_contained_in_that_persons_name_and_can_be_released() {
    for stage in [Stage::live().await, Stage::live_push().await] {
        let answer = opt_in(&stage, APPROVER).await;
        assert!(answer.contains("in your name") && answer.contains("nobody is here at night"), "{answer}");
        assert!(said(&stage.ask(APPROVER, &["status"], &[]).await).contains("60 minutes each"));
        let alert = low(&stage).await;
        let record = stage.contained(alert).await;
        assert_eq!(record.containment.as_ref().unwrap().state, ActionState::Executed);
        assert_eq!((record.votes.len(), record.votes[0].user_id.to_string()), (1, APPROVER.to_owned()));
        assert!(matches!(record.decision, Some(Decision::Approved { manner: Manner::OptIn { .. }, .. })));
        assert!(record.containment.as_ref().unwrap().lease_until.is_some(), "it ends by itself");
        assert_eq!(stage.host("SRV-DB-01"), HostStatus::Contained);
        let card = stage.card_saying(alert, "CONTAINED").await;
        for part in ["without asking", "Nobody was asked", &format!("In the name of <@{APPROVER}>")] {
            assert!(card.text().contains(part), "{part}: {}", card.text());
        }
        assert_eq!(card.labels(), ["Release", "Investigate"]);
        let audit = stage.audit().await;
        let entry = audit.iter().find(|entry| entry.action_type() == "APPROVED_BY_OPT_IN").unwrap();
        let given = audit.iter().find(|entry| entry.action_type() == "OPT_IN_GIVEN").unwrap();
        assert_eq!(entry.detail()["opt_in"], given.detail()["interaction_id"]);
        assert_eq!((entry.approved_by(), entry.detail()["user_id"].as_str()), (given.approved_by(), Some(APPROVER)));
        // The same message again: once is enough.
        let message = json!({"tenant_id": stage.tenant(), "alert_id": alert, "revision": record.alert.revision});
        stage.send("AlertsQueue", &message.to_string()).await;
        stage.press(APPROVER, &card, "Release").await;
        stage.card_saying(alert, "RELEASED").await;
        assert_eq!((stage.edr_calls(EdrChange::Contain), stage.entries(alert, "APPROVED_BY_OPT_IN").await), (1, 1));
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_for_nothing_worse() {
    let stage = Stage::live().await;
    opt_in(&stage, APPROVER).await;
    let critical = stage.fire("credential-dump").await;
    let card = stage.card(critical).await;
    assert_eq!(card.labels()[..2], ["Approve", "Deny"]);
    assert_eq!((stage.record(critical).await.decision, stage.edr_calls(EdrChange::Contain)), (None, 0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_takes_it_back_whoever_allowed_it() {
    let stage = Stage::live().await;
    assert!(said(&stage.ask(APPROVER, &["auto-approve", "off"], &[]).await).contains("Nothing is allowed in advance"));
    opt_in(&stage, APPROVER).await;
    let off = said(&stage.ask(vyrox_tests::ADMINISTRATOR, &["auto-approve", "off"], &[]).await);
    assert!(off.contains("Nothing is approved in advance any more"), "{off}");
    assert!(said(&stage.ask(APPROVER, &["status"], &[]).await).contains("people are always asked"));
    assert_left_alone(&stage, low(&stage).await).await;
    assert_eq!(kinds(&stage).await.iter().filter(|kind| kind.starts_with("OPT_IN_")).count(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_or_forged_one_allows_nothing() {
    let stage = Stage::live().await;
    opt_in(&stage, APPROVER).await;
    let read = async || {
        let found = stage.system.table.read::<Value>(&stage.tenant(), &SortKey::opt_in(), stage.now()).await;
        found.unwrap().unwrap().value
    };
    let genuine = read().await;
    let changes: [fn(&mut Value); 4] = [
        |opt_in| opt_in["expires_at"] = json!(opt_in["expires_at"].as_i64().unwrap() + 86_400),
        |opt_in| opt_in["by"]["user_id"] = json!(ONLOOKER),
        |opt_in| opt_in["lease_seconds"] = json!(86_400),
        |opt_in| {
            let body = opt_in["proof"]["body"].as_str().unwrap().replace(APPROVER, ONLOOKER);
            opt_in["proof"]["body"] = json!(body);
        },
    ];
    for change in changes {
        let mut forged = genuine.clone();
        change(&mut forged);
        stage.commit(&stage.tenant(), &[Change::put(SortKey::opt_in(), &forged, Expect::Anything)]).await;
        assert_left_alone(&stage, low(&stage).await).await;
    }
    stage.commit(&stage.tenant(), &[Change::put(SortKey::opt_in(), &genuine, Expect::Anything)]).await;
    stage.clock.advance(7 * 24 * 3_600);
    assert_left_alone(&stage, low(&stage).await).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_somebody_writes_into_the_table_is_not_signed_without_an_opt_in() {
    let stage = Stage::live().await;
    opt_in(&stage, APPROVER).await;
    let alert = low(&stage).await;
    let record: AlertRecord = stage.contained(alert).await;
    let calls = stage.edr_calls(EdrChange::Contain);
    // The same decision again for another alert, after the opt-in was taken back.
    stage.ask(APPROVER, &["auto-approve", "off"], &[]).await;
    let request = record.containment.unwrap().request_id;
    let Versioned { value: mut action, .. } = stage.action(&request).await.unwrap();
    (action.state, action.receipt, action.delivered_at) = (ActionState::Pending, None, None);
    let outbox = SortKey::outbox(action.plan.proxy_id(), &request);
    stage
        .commit(
            &stage.tenant(),
            &[
                Change::put(SortKey::action(&request), &action, Expect::Anything),
                Change::put(outbox, &request, Expect::Anything),
            ],
        )
        .await;
    stage
        .wait("it is refused", async || {
            stage
                .audit()
                .await
                .iter()
                .any(|entry| entry.action_type() == "ACTION_REFUSED" && entry.request_id() == Some(request.as_str()))
        })
        .await;
    assert_eq!(stage.edr_calls(EdrChange::Contain), calls);
    stage.end().await;
}
