//! What is asked of Defender, and what each of its answers counts as.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::Harness;
use support::vendors::{MACHINE, SHA1, Sent, aimed, defender, send, with_defender};
use vyrox_contract::{Outcome, Verification};
use vyrox_edr_standin::{Defender, DefenderOptions, Fault, Machine, On};

fn host() -> Value {
    json!({"vendor": "defender", "device_id": MACHINE})
}

fn file() -> Value {
    json!({"vendor": "defender", "device_id": MACHINE, "sha1": SHA1})
}

fn restrict() -> Value {
    json!({"vendor": "defender", "device_id": MACHINE, "measure": "restrict_code"})
}

async fn one(edr: &Defender, kind: &str, target: Value) -> Sent {
    let dir = tempfile::tempdir().unwrap();
    send(dir.path(), with_defender(dir.path(), edr), false, aimed(kind, target)).await
}

fn effects(edr: &Defender) -> Vec<(String, Option<String>)> {
    let accepted = edr.effects().into_iter().filter(|effect| effect.accepted);
    accepted.map(|effect| (effect.action, effect.detail)).collect()
}

#[tokio::test]
async fn a_machine_is_isolated_and_released_again() {
    let (dir, edr) = (tempfile::tempdir().unwrap(), defender().await);
    let proxy = Harness::start(with_defender(dir.path(), &edr)).await;
    let (_, body) = proxy.execute(aimed("HOST_ISOLATION", host())).await;
    let receipt = support::receipt(&body);
    assert_eq!((receipt.outcome, receipt.verification), (Outcome::Executed, Verification::Confirmed), "{body}");
    assert_eq!(edr.isolation(MACHINE).as_deref(), Some("Full"));
    assert!(receipt.vendor_reference.unwrap().starts_with("00000000-0000-4000-8000-"), "the machine action's id");
    let again = |action: &mut Value| {
        aimed("HOST_ISOLATION", host())(action);
        action["request_id"] = json!("req-2");
    };
    assert_eq!(support::receipt(&proxy.execute(again).await.1).outcome, Outcome::Already);
    edr.expire_tokens();
    let (_, body) = proxy.rollback(aimed("HOST_ISOLATION", host())).await;
    let receipt = support::receipt(&body);
    assert_eq!((receipt.outcome, receipt.verification), (Outcome::RolledBack, Verification::Confirmed), "a new token");
    assert_eq!(edr.isolation(MACHINE), None);
    assert_eq!(effects(&edr), [("isolate".into(), Some("Full".into())), ("unisolate".into(), None)]);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn each_kind_of_action_is_exactly_one_call_of_the_vendors() {
    for (kind, target, execute, release) in [
        ("NETWORK_QUARANTINE", host(), ("isolate", Some("Selective")), Some("unisolate")),
        ("PROCESS_KILL", file(), ("StopAndQuarantineFile", Some(SHA1)), None),
        ("PROCESS_KILL", restrict(), ("restrictCodeExecution", None), Some("unrestrictCodeExecution")),
    ] {
        let edr = defender().await;
        let sent = one(&edr, kind, target.clone()).await;
        let found = (sent.receipt.outcome, sent.receipt.verification);
        assert_eq!(found, (Outcome::Executed, Verification::Confirmed), "{kind}: {}", sent.receipt.detail);
        assert_eq!(effects(&edr), [(execute.0.to_owned(), execute.1.map(str::to_owned))]);
        let dir = tempfile::tempdir().unwrap();
        let undone = send(dir.path(), with_defender(dir.path(), &edr), true, aimed(kind, target)).await;
        match release {
            Some(release) => {
                assert_eq!(undone.receipt.outcome, Outcome::RolledBack, "{kind}: {}", undone.receipt.detail);
                assert_eq!(effects(&edr)[1].0, release);
            }
            None => assert_eq!((undone.status, effects(&edr).len()), (501, 1), "{kind}"),
        }
    }
}

#[tokio::test]
async fn a_full_isolation_is_not_taken_for_a_selective_one() {
    let edr = defender().await;
    assert_eq!(one(&edr, "HOST_ISOLATION", host()).await.receipt.outcome, Outcome::Executed);
    let sent = one(&edr, "NETWORK_QUARANTINE", host()).await;
    assert_eq!(sent.receipt.outcome, Outcome::Executed, "{}", sent.receipt.detail);
    assert_eq!(effects(&edr).len(), 2);
}

#[tokio::test]
async fn accepted_is_not_done_until_the_action_says_so() {
    let edr = defender().await;
    edr.set_offline(MACHINE);
    let sent = one(&edr, "HOST_ISOLATION", host()).await;
    let found = (sent.status, sent.receipt.outcome, sent.receipt.verification);
    assert_eq!(found, (200, Outcome::Executed, Verification::Unconfirmed), "{}", sent.receipt.detail);
    for status in ["Failed", "TimeOut", "Cancelled"] {
        let edr = defender().await;
        edr.end_actions_with(status);
        let sent = one(&edr, "HOST_ISOLATION", host()).await;
        let found = (sent.status, sent.receipt.outcome, sent.receipt.verification);
        assert_eq!(found, (502, Outcome::Failed, Verification::Contradicted), "{status}");
        assert!(sent.receipt.detail.contains(status), "{}", sent.receipt.detail);
    }
}

#[tokio::test]
async fn what_somebody_else_has_asked_for_is_already_so_only_if_it_is_the_same() {
    let edr = defender().await;
    edr.ask_elsewhere(MACHINE, "isolate", Some("Full"));
    let sent = one(&edr, "HOST_ISOLATION", host()).await;
    assert_eq!((sent.receipt.outcome, sent.receipt.verification), (Outcome::Already, Verification::Confirmed));
    let edr = defender().await;
    edr.set_offline(MACHINE);
    edr.ask_elsewhere(MACHINE, "StopAndQuarantineFile", Some(&"77".repeat(20)));
    let sent = one(&edr, "PROCESS_KILL", file()).await;
    assert_eq!(sent.receipt.outcome, Outcome::Failed, "another file: {}", sent.receipt.detail);
    assert!(sent.receipt.detail.contains("ActiveRequestAlreadyExists"), "{}", sent.receipt.detail);
    assert!(sent.receipt.vendor_reference.is_some(), "the error's id");
    let edr = defender().await;
    edr.set_offline(MACHINE);
    edr.ask_elsewhere(MACHINE, "StopAndQuarantineFile", Some(SHA1));
    assert_eq!(one(&edr, "PROCESS_KILL", file()).await.receipt.outcome, Outcome::Already, "the same file");
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
        Fault::RateLimited(Duration::from_secs(1)),
    ] {
        let edr = defender().await;
        edr.inject(On::Action, fault.clone());
        let sent = one(&edr, "HOST_ISOLATION", host()).await;
        let found = (sent.receipt.outcome, sent.receipt.verification, effects(&edr).len());
        assert_eq!(found, (Outcome::Executed, Verification::Confirmed, 1), "{fault:?}: {}", sent.receipt.detail);
    }
}

#[tokio::test]
async fn a_stop_whose_answer_was_lost_is_found_by_its_request_id_and_never_sent_again() {
    for (fault, expected) in [
        (Fault::HangAfterActing, Outcome::Executed),
        (Fault::DropAfterActing, Outcome::Executed),
        (Fault::ServerErrorAfterActing, Outcome::Executed),
        (Fault::WrongShape, Outcome::Executed),
        (Fault::Empty, Outcome::Executed),
        (Fault::Hang, Outcome::Ambiguous),
        (Fault::Drop, Outcome::Ambiguous),
        (Fault::ServerError, Outcome::Ambiguous),
        (Fault::Forbidden, Outcome::Failed),
    ] {
        let edr = defender().await;
        edr.inject(On::Action, fault.clone());
        let sent = one(&edr, "PROCESS_KILL", file()).await;
        assert_eq!(sent.receipt.outcome, expected, "{fault:?}: {}", sent.receipt.detail);
        assert_eq!(effects(&edr).len(), usize::from(expected == Outcome::Executed), "{fault:?}");
    }
}

#[tokio::test]
async fn refusals_have_their_reason() {
    for (on, fault, reason) in [
        (On::Token, Fault::Forbidden, "credentials"),
        (On::Token, Fault::ServerError, "asked for a token"),
        (On::Action, Fault::Forbidden, "Machine.Isolate"),
        (On::Details, Fault::Forbidden, "Machine.Read.All"),
        (On::Details, Fault::Torn, "not understood"),
        (On::Action, Fault::RateLimited(Duration::from_secs(60)), "rate limit"),
        (On::Action, Fault::Redirect("http://127.0.0.1:9/".into()), "HTTP 308"),
    ] {
        let edr = defender().await;
        edr.inject(on, fault.clone());
        // A read is repeated once.
        edr.inject(on, fault.clone());
        let sent = one(&edr, "HOST_ISOLATION", host()).await;
        assert_eq!((sent.status, sent.receipt.outcome), (502, Outcome::Failed), "{on:?} {fault:?}");
        assert!(sent.receipt.detail.contains(reason), "{on:?} {fault:?}: {}", sent.receipt.detail);
        assert!(effects(&edr).is_empty());
    }
}

#[tokio::test]
async fn a_host_is_looked_up_by_its_name_if_it_is_the_only_one() {
    let edr = defender().await;
    let name = "ws-01.corp.example";
    let sent = one(&edr, "HOST_ISOLATION", json!({"vendor": "defender", "hostname": name})).await;
    assert_eq!(sent.receipt.outcome, Outcome::Executed, "{}", sent.receipt.detail);
    let machines = ["0a", "0b"].map(|byte| Machine { id: byte.repeat(20), name: "ws-01".into() });
    let edr = Defender::start(DefenderOptions { machines: machines.into(), ..Default::default() }).await.unwrap();
    for (name, reason) in [("ws-01", "several"), ("ws-02", "no device")] {
        let sent = one(&edr, "HOST_ISOLATION", json!({"vendor": "defender", "hostname": name})).await;
        assert_eq!(sent.receipt.outcome, Outcome::Failed);
        assert!(sent.receipt.detail.contains(reason), "{}", sent.receipt.detail);
    }
    let sent = one(&edr, "HOST_ISOLATION", json!({"vendor": "defender", "device_id": MACHINE})).await;
    assert!(sent.receipt.detail.contains("no device of this id"), "{}", sent.receipt.detail);
    assert!(effects(&edr).is_empty());
}
