//! A process is ended in a real-time response session: once, never queued, and the session always ends.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use support::vendors::{Sent, aimed, falcon, send, with_falcon};
use support::{AID, Harness};
use vyrox_contract::{Outcome, Verification};
use vyrox_edr_standin::{Change, Falcon, FalconOptions, Fault, Host, On};

const PID: u32 = 5260;

fn process() -> Value {
    json!({"vendor": "crowdstrike", "device_id": AID, "process_id": PID})
}

async fn kill(edr: &Falcon) -> Sent {
    let dir = tempfile::tempdir().unwrap();
    send(dir.path(), with_falcon(dir.path(), edr), false, aimed("PROCESS_KILL", process())).await
}

fn count(edr: &Falcon, change: Change) -> usize {
    edr.calls().iter().filter(|call| call.change == change && call.accepted).count()
}

#[tokio::test]
async fn a_process_is_killed_once_and_the_session_ends() {
    let edr = falcon().await;
    edr.add_process(AID, PID);
    let sent = kill(&edr).await;
    let found = (sent.status, sent.receipt.outcome, sent.receipt.verification);
    assert_eq!(found, (200, Outcome::Executed, Verification::Confirmed), "{}", sent.receipt.detail);
    assert!(!edr.has_process(AID, PID));
    let order: Vec<Change> = edr.calls().iter().map(|call| call.change).collect();
    assert_eq!(order, [Change::OpenSession, Change::Kill, Change::CloseSession]);
    assert_eq!(edr.calls()[1].pid, Some(PID));
    assert_eq!(sent.entries[0].detail()["process_id"], PID, "the log says what was killed");
    assert_eq!(sent.entries[1].detail()["vendor_reference"], json!(sent.receipt.vendor_reference.unwrap()));
    assert!(sent.receipt.detail.contains("trace"), "{}", sent.receipt.detail);
}

#[tokio::test]
async fn a_command_that_completes_with_an_error_text_did_not_kill() {
    let edr = falcon().await;
    let sent = kill(&edr).await;
    assert_eq!((sent.status, sent.receipt.outcome), (502, Outcome::Failed));
    assert!(sent.receipt.detail.contains("process identifier 5260"), "{}", sent.receipt.detail);
    assert_eq!(count(&edr, Change::CloseSession), 1);
}

#[tokio::test]
async fn nothing_is_queued_for_a_host_that_is_offline() {
    let edr = falcon().await;
    edr.add_process(AID, PID);
    edr.set_offline(AID);
    let sent = kill(&edr).await;
    assert_eq!((sent.receipt.outcome, count(&edr, Change::Kill)), (Outcome::Failed, 0), "{}", sent.receipt.detail);
    assert!(sent.receipt.detail.contains("40407"), "{}", sent.receipt.detail);
}

#[tokio::test]
async fn a_kill_is_never_sent_again_after_a_lost_answer_and_the_session_ends_all_the_same() {
    for (fault, kills, expected) in [
        (Fault::HangAfterActing, 1, Outcome::Ambiguous),
        (Fault::DropAfterActing, 1, Outcome::Ambiguous),
        (Fault::ServerErrorAfterActing, 1, Outcome::Ambiguous),
        (Fault::WrongShape, 1, Outcome::Ambiguous),
        (Fault::Empty, 1, Outcome::Ambiguous),
        (Fault::Hang, 0, Outcome::Ambiguous),
        (Fault::Drop, 0, Outcome::Ambiguous),
        (Fault::ServerError, 0, Outcome::Ambiguous),
        (Fault::Forbidden, 0, Outcome::Failed),
    ] {
        let edr = falcon().await;
        edr.add_process(AID, PID);
        edr.inject(On::Command, fault.clone());
        let sent = kill(&edr).await;
        assert_eq!(sent.receipt.outcome, expected, "{fault:?}: {}", sent.receipt.detail);
        assert_eq!((count(&edr, Change::Kill), count(&edr, Change::CloseSession)), (kills, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_around_the_kill_does_not_hide_what_became_of_it() {
    // The session cannot be opened: nothing was killed.
    let edr = falcon().await;
    edr.inject(On::Session, Fault::ServerError);
    let sent = kill(&edr).await;
    assert_eq!((sent.receipt.outcome, count(&edr, Change::Kill)), (Outcome::Failed, 0));
    // The result is asked for again.
    let edr = falcon().await;
    edr.add_process(AID, PID);
    edr.inject(On::CommandStatus, Fault::Drop);
    edr.inject(On::CommandStatus, Fault::ServerError);
    edr.inject(On::CommandStatus, Fault::Empty);
    let sent = kill(&edr).await;
    assert_eq!((sent.receipt.outcome, sent.receipt.verification), (Outcome::Executed, Verification::Confirmed));
    assert_eq!(count(&edr, Change::Kill), 1);
}

#[tokio::test]
async fn what_cannot_be_a_process_number_gets_nowhere_near_the_vendor() {
    let (dir, edr) = (tempfile::tempdir().unwrap(), falcon().await);
    let proxy = Harness::start(with_falcon(dir.path(), &edr)).await;
    for number in
        [json!(0), json!(1_719_309_930_613_520_072_u64), json!(-1), json!("5260; calc"), json!("5260"), json!(1.5)]
    {
        let target = json!({"vendor": "crowdstrike", "device_id": AID, "process_id": number});
        let (status, _) = proxy.execute(aimed("PROCESS_KILL", target)).await;
        assert_eq!(status, 422, "{number}");
    }
    let (status, _) = proxy.execute(aimed("PROCESS_KILL", json!({"vendor": "crowdstrike", "device_id": AID}))).await;
    assert_eq!(status, 422, "no number");
    let (status, _) = proxy
        .rollback(|action| {
            aimed("PROCESS_KILL", process())(action);
            action["request_id"] = json!("req-2");
        })
        .await;
    assert_eq!(status, 501, "nothing brings a process back");
    let (status, _) = proxy
        .execute(|action| {
            aimed("NETWORK_QUARANTINE", process())(action);
            action["request_id"] = json!("req-3");
        })
        .await;
    assert_eq!(status, 501, "containment is more than was asked for");
    assert_eq!(edr.requests(), 0);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_host_is_looked_up_by_its_name_if_it_is_the_only_one() {
    let edr = falcon().await;
    edr.add_process(AID, PID);
    let dir = tempfile::tempdir().unwrap();
    let target = json!({"vendor": "crowdstrike", "process_id": PID});
    let sent = send(dir.path(), with_falcon(dir.path(), &edr), false, aimed("PROCESS_KILL", target)).await;
    assert_eq!(sent.receipt.outcome, Outcome::Executed, "{}", sent.receipt.detail);
    let hosts = ["0a", "0b"].map(|byte| Host { aid: byte.repeat(16), hostname: "ws-01".into() });
    let edr = Falcon::start(FalconOptions { hosts: hosts.into(), ..FalconOptions::default() }).await.unwrap();
    for (name, reason) in [("ws-01", "several"), ("ws-02", "no device")] {
        let dir = tempfile::tempdir().unwrap();
        let target = json!({"vendor": "crowdstrike", "hostname": name});
        let sent = send(dir.path(), with_falcon(dir.path(), &edr), false, aimed("HOST_ISOLATION", target)).await;
        assert_eq!(sent.receipt.outcome, Outcome::Failed);
        assert!(sent.receipt.detail.contains(reason), "{}", sent.receipt.detail);
    }
    assert!(edr.calls().is_empty());
}
