//! What is asked of SentinelOne, and what each of its answers counts as.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::vendors::{AGENT, Sent, THREAT, aimed, send, sentinelone, sentinelone_that_lists_after, with_sentinelone};
use support::{Harness, NOW};
use vyrox_audit::log::Log;
use vyrox_audit::{Draft, Phase};
use vyrox_contract::{Outcome, Verification};
use vyrox_edr_standin::{Agent, Effect, Fault, On, Sentinelone, SentineloneOptions};

fn host() -> Value {
    json!({"vendor": "sentinelone", "device_id": AGENT})
}

fn threat(measure: Option<&str>) -> Value {
    let mut target = json!({"vendor": "sentinelone", "device_id": AGENT, "threat_id": THREAT});
    if let Some(measure) = measure {
        target["measure"] = json!(measure);
    }
    target
}

async fn one(edr: &Sentinelone, kind: &str, target: Value) -> Sent {
    let dir = tempfile::tempdir().unwrap();
    send(dir.path(), with_sentinelone(dir.path(), edr), false, aimed(kind, target)).await
}

fn effects(edr: &Sentinelone, action: &str) -> usize {
    edr.effects().iter().filter(|effect| effect.action == action && effect.accepted).count()
}

#[tokio::test]
async fn an_agent_is_disconnected_and_connected_again() {
    let (dir, edr) = (tempfile::tempdir().unwrap(), sentinelone().await);
    let proxy = Harness::start(with_sentinelone(dir.path(), &edr)).await;
    let (_, body) = proxy.execute(aimed("HOST_ISOLATION", host())).await;
    let receipt = support::receipt(&body);
    assert_eq!((receipt.outcome, receipt.verification), (Outcome::Executed, Verification::Confirmed), "{body}");
    assert_eq!(edr.network_status(AGENT), Some("disconnected"));
    let again = |action: &mut Value| {
        aimed("HOST_ISOLATION", host())(action);
        action["request_id"] = json!("req-2");
    };
    let (_, body) = proxy.execute(again).await;
    assert_eq!(support::receipt(&body).outcome, Outcome::Already);
    let (_, body) = proxy.rollback(aimed("HOST_ISOLATION", host())).await;
    let receipt = support::receipt(&body);
    assert_eq!((receipt.outcome, receipt.verification), (Outcome::RolledBack, Verification::Confirmed));
    assert_eq!(edr.network_status(AGENT), Some("connected"));
    let effect = |action: &str| Effect { action: action.into(), target: AGENT.into(), detail: None, accepted: true };
    assert_eq!(edr.effects(), [effect("disconnect"), effect("connect")]);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_threat_is_killed_or_quarantined_and_only_a_quarantine_is_given_back() {
    let edr = sentinelone().await;
    let killed = one(&edr, "PROCESS_KILL", threat(None)).await;
    assert_eq!((killed.receipt.outcome, killed.receipt.verification), (Outcome::Executed, Verification::Confirmed));
    assert_eq!(killed.entries[0].detail()["threat_id"], THREAT, "the log says what was killed");
    let again = one(&edr, "PROCESS_KILL", threat(None)).await;
    assert_eq!(again.receipt.outcome, Outcome::Already);
    let quarantined = one(&edr, "PROCESS_KILL", threat(Some("quarantine"))).await;
    assert_eq!(quarantined.receipt.outcome, Outcome::Executed);
    let dir = tempfile::tempdir().unwrap();
    let release = aimed("PROCESS_KILL", threat(Some("quarantine")));
    let restored = send(dir.path(), with_sentinelone(dir.path(), &edr), true, release).await;
    assert_eq!(
        (restored.receipt.outcome, restored.receipt.verification),
        (Outcome::RolledBack, Verification::Confirmed)
    );
    let actions: Vec<String> = edr.effects().into_iter().map(|effect| effect.action).collect();
    assert_eq!(actions, ["kill", "quarantine", "un-quarantine"]);
    let dir = tempfile::tempdir().unwrap();
    let release = send(dir.path(), with_sentinelone(dir.path(), &edr), true, aimed("PROCESS_KILL", threat(None))).await;
    assert_eq!((release.status, release.receipt.outcome), (501, Outcome::Refused), "nothing brings a process back");
}

#[tokio::test]
async fn what_this_vendor_cannot_do_is_501_and_asks_nothing_of_it() {
    let edr = sentinelone().await;
    for (kind, target) in [("NETWORK_QUARANTINE", host()), ("PROCESS_KILL", threat(Some("restrict_code")))] {
        let sent = one(&edr, kind, target).await;
        assert_eq!((sent.status, sent.receipt.outcome), (501, Outcome::Refused), "{kind}");
    }
    for target in [
        json!({"vendor": "sentinelone", "device_id": AGENT}),
        json!({"vendor": "sentinelone", "device_id": "abc", "threat_id": THREAT}),
    ] {
        assert_eq!(one(&edr, "PROCESS_KILL", target).await.status, 422);
    }
    assert_eq!(edr.requests(), 0);
}

#[tokio::test]
async fn affected_0_is_settled_by_a_new_look_and_is_never_executed() {
    let edr = sentinelone().await;
    edr.set_offline(AGENT);
    let sent = one(&edr, "HOST_ISOLATION", host()).await;
    assert_eq!((sent.status, sent.receipt.outcome), (502, Outcome::Failed), "{}", sent.receipt.detail);
    assert!(sent.receipt.detail.contains("changed nothing"), "{}", sent.receipt.detail);
    assert_eq!((effects(&edr, "disconnect"), edr.effects().len()), (0, 1));
}

#[tokio::test]
async fn a_mitigation_that_the_agent_could_not_do_is_a_failure() {
    let edr = sentinelone().await;
    edr.add_threat("77", AGENT, "failed");
    let target = json!({"vendor": "sentinelone", "device_id": AGENT, "threat_id": "77"});
    let sent = one(&edr, "PROCESS_KILL", target).await;
    assert_eq!((sent.receipt.outcome, sent.receipt.verification), (Outcome::Failed, Verification::Contradicted));
}

#[tokio::test]
async fn a_threat_of_another_device_is_not_touched() {
    let agents = [("1", "ws-01"), ("2", "dc-01")].map(|(id, name)| Agent { id: id.into(), name: name.into() });
    let edr = Sentinelone::start(SentineloneOptions { agents: agents.into(), ..Default::default() }).await.unwrap();
    edr.add_threat("9", "2", "success");
    let sent = one(&edr, "PROCESS_KILL", json!({"vendor": "sentinelone", "device_id": "1", "threat_id": "9"})).await;
    assert_eq!(sent.receipt.outcome, Outcome::Failed);
    assert!(sent.receipt.detail.contains("another device"), "{}", sent.receipt.detail);
    let unknown = one(&edr, "PROCESS_KILL", json!({"vendor": "sentinelone", "device_id": "1", "threat_id": "8"})).await;
    assert!(unknown.receipt.detail.contains("no threat"), "{}", unknown.receipt.detail);
    assert!(edr.effects().is_empty());
}

#[tokio::test]
async fn an_isolation_survives_every_fault_and_happens_once() {
    for fault in [
        Fault::HangAfterActing,
        Fault::DropAfterActing,
        Fault::ServerErrorAfterActing,
        Fault::WrongShape,
        Fault::Empty,
        Fault::Torn,
        Fault::Hang,
        Fault::Drop,
        Fault::ServerError,
        Fault::RateLimited(Duration::ZERO),
    ] {
        let edr = sentinelone().await;
        edr.inject(On::Action, fault.clone());
        let sent = one(&edr, "HOST_ISOLATION", host()).await;
        let found = (sent.receipt.outcome, sent.receipt.verification, effects(&edr, "disconnect"));
        assert_eq!(found, (Outcome::Executed, Verification::Confirmed, 1), "{fault:?}: {}", sent.receipt.detail);
    }
}

#[tokio::test]
async fn how_an_earlier_attempt_ended_is_not_taken_for_this_ones_end() {
    for measure in [None, Some("quarantine")] {
        let action = measure.unwrap_or("kill");
        for (late, ends, expected) in [
            (300, "success", (Outcome::Executed, Verification::Confirmed)),
            (300, "failed", (Outcome::Failed, Verification::Contradicted)),
            // It is never listed while the proxy looks.
            (60_000, "success", (Outcome::Executed, Verification::Unconfirmed)),
        ] {
            let edr = sentinelone_that_lists_after(Duration::from_millis(late)).await;
            edr.add_threat(THREAT, AGENT, ends);
            edr.add_attempt(THREAT, action, "failed");
            let sent = one(&edr, "PROCESS_KILL", threat(measure)).await;
            let found = (sent.receipt.outcome, sent.receipt.verification);
            assert_eq!(found, expected, "{action} {late} {ends}: {}", sent.receipt.detail);
            assert_eq!(effects(&edr, action), 1);
        }
    }
}

#[tokio::test]
async fn a_kill_is_never_sent_again_after_a_lost_answer() {
    for (fault, expected) in [
        // It happened, and the threat shows it.
        (Fault::HangAfterActing, Outcome::Executed),
        (Fault::DropAfterActing, Outcome::Executed),
        (Fault::ServerErrorAfterActing, Outcome::Executed),
        (Fault::WrongShape, Outcome::Executed),
        (Fault::Empty, Outcome::Executed),
        // Nothing shows; it could still happen.
        (Fault::Hang, Outcome::Ambiguous),
        (Fault::Drop, Outcome::Ambiguous),
        (Fault::ServerError, Outcome::Ambiguous),
        // It certainly did not happen.
        (Fault::RateLimited(Duration::ZERO), Outcome::Executed),
        (Fault::Forbidden, Outcome::Failed),
    ] {
        let edr = sentinelone().await;
        edr.inject(On::Action, fault.clone());
        let sent = one(&edr, "PROCESS_KILL", threat(None)).await;
        assert_eq!(sent.receipt.outcome, expected, "{fault:?}: {}", sent.receipt.detail);
        assert_eq!(effects(&edr, "kill"), usize::from(expected == Outcome::Executed), "{fault:?}");
    }
}

#[tokio::test]
async fn refusals_have_their_reason() {
    for (on, fault, reason) in [
        (On::Action, Fault::Forbidden, "Disconnect From Network"),
        (On::Details, Fault::Forbidden, "Endpoints: View"),
        (On::Details, Fault::WrongShape, "not understood"),
        (On::Action, Fault::Redirect("http://127.0.0.1:9/".into()), "HTTP 308"),
    ] {
        let edr = sentinelone().await;
        // A read is repeated once.
        edr.inject(on, fault.clone());
        edr.inject(on, fault.clone());
        let sent = one(&edr, "HOST_ISOLATION", host()).await;
        assert_eq!((sent.status, sent.receipt.outcome), (502, Outcome::Failed), "{on:?} {fault:?}");
        assert!(sent.receipt.detail.contains(reason), "{on:?} {fault:?}: {}", sent.receipt.detail);
        assert!(edr.effects().is_empty());
    }
    let edr =
        Sentinelone::start(SentineloneOptions { api_token: "another".into(), ..Default::default() }).await.unwrap();
    let sent = one(&edr, "HOST_ISOLATION", host()).await;
    assert!(sent.receipt.detail.contains("credentials"), "{}", sent.receipt.detail);
}

#[tokio::test]
async fn a_host_is_looked_up_by_its_name_if_it_is_the_only_one() {
    let edr = sentinelone().await;
    let sent = one(&edr, "HOST_ISOLATION", json!({"vendor": "sentinelone"})).await;
    assert_eq!(sent.receipt.outcome, Outcome::Executed, "{}", sent.receipt.detail);
    assert_eq!(edr.network_status(AGENT), Some("disconnected"));
    let agents = ["1", "2"].map(|id| Agent { id: id.into(), name: "ws-01".into() });
    let edr = Sentinelone::start(SentineloneOptions { agents: agents.into(), ..Default::default() }).await.unwrap();
    for (name, reason) in [("ws-01", "several"), ("ws-02", "no device")] {
        let sent = one(&edr, "HOST_ISOLATION", json!({"vendor": "sentinelone", "hostname": name})).await;
        assert_eq!(sent.receipt.outcome, Outcome::Failed);
        assert!(sent.receipt.detail.contains(reason), "{}", sent.receipt.detail);
    }
    assert!(edr.effects().is_empty());
}

#[tokio::test]
async fn an_interrupted_kill_is_looked_at_after_the_restart_and_never_done_again() {
    for (happened, verification) in [(true, Verification::Confirmed), (false, Verification::None)] {
        let (dir, edr) = (tempfile::tempdir().unwrap(), sentinelone().await);
        if happened {
            one(&edr, "PROCESS_KILL", threat(None)).await;
        }
        let mut log = Log::open(&dir.path().join("audit"), "proxy-1", "acme", NOW - 5).unwrap().log;
        let mut intent = Draft::event(NOW - 5, "acme", "PROCESS_KILL");
        (intent.phase, intent.host, intent.request_id) = (Phase::Intent, support::HOST.into(), Some("req-1".into()));
        let target = threat(None);
        intent.detail = target.as_object().unwrap().clone();
        intent.detail.insert("operation".into(), json!("execute"));
        log.append(NOW - 5, &[intent]).unwrap();
        drop(log);
        let proxy = Harness::start(with_sentinelone(dir.path(), &edr)).await;
        proxy.ready().await;
        let (_, body) = proxy.execute(aimed("PROCESS_KILL", threat(None))).await;
        let receipt = support::receipt(&body);
        assert_eq!((&body["status"], receipt.outcome), (&json!("replayed"), Outcome::Ambiguous), "{body}");
        assert_eq!(receipt.verification, verification, "{}", receipt.detail);
        assert_eq!(effects(&edr, "kill"), usize::from(happened));
        proxy.running.shutdown().await;
    }
}
