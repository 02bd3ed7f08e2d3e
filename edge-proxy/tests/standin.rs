//! The proxy against a stand-in that checks every request as the vendor does.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use std::time::Duration;
use support::{AID, HOST, Harness, live, receipt};
use vyrox_contract::{Outcome, Receipt, Verification};
use vyrox_edge_proxy::{Config, Secret};
use vyrox_edr_standin::{Call, Change, Falcon, FalconOptions, Fault, Host, HostStatus, On};

async fn falcon() -> Falcon {
    let hosts = vec![Host { aid: AID.into(), hostname: HOST.to_uppercase() }];
    let settle = Duration::from_millis(60);
    Falcon::start(FalconOptions { hosts, settle, ..FalconOptions::default() }).await.unwrap()
}

fn config(dir: &std::path::Path, falcon: &Falcon) -> Config {
    let mut config = live(dir, &falcon.url());
    let edr = &mut config.edrs[0];
    (edr.client_id, edr.secret) = ("standin-client".into(), Secret::new("standin-secret".into()));
    edr.timing.confirm_for = Duration::from_secs(2);
    config
}

/// One isolation with one fault before it.
async fn isolate(fault: Option<(On, Fault)>) -> (Receipt, Falcon) {
    let dir = tempfile::tempdir().unwrap();
    let falcon = falcon().await;
    if let Some((on, fault)) = fault {
        falcon.inject(on, fault);
    }
    let proxy = Harness::start(config(dir.path(), &falcon)).await;
    let (_, body) = proxy.execute(|_| ()).await;
    proxy.running.shutdown().await;
    support::entries(dir.path());
    (receipt(&body), falcon)
}

fn contains(falcon: &Falcon) -> usize {
    falcon.calls().iter().filter(|call| call.change == Change::Contain).count()
}

#[tokio::test]
async fn a_host_is_isolated_and_released_again() {
    let dir = tempfile::tempdir().unwrap();
    let falcon = falcon().await;
    let proxy = Harness::start(config(dir.path(), &falcon)).await;
    let (_, body) = proxy.execute(|_| ()).await;
    assert_eq!((receipt(&body).outcome, receipt(&body).verification), (Outcome::Executed, Verification::Confirmed));
    assert_eq!(falcon.host_status(AID), Some(HostStatus::Contained));
    let (_, body) = proxy.rollback(|_| ()).await;
    assert_eq!((receipt(&body).outcome, receipt(&body).verification), (Outcome::RolledBack, Verification::Confirmed));
    assert_eq!(falcon.host_status(AID), Some(HostStatus::Normal));
    let expected = [Change::Contain, Change::LiftContainment];
    let calls = expected.map(|change| Call { change, aid: AID.into(), pid: None, accepted: true });
    assert_eq!(falcon.calls(), calls);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_after_acting_is_not_asked_for_again() {
    for fault in [Fault::HangAfterActing, Fault::DropAfterActing, Fault::ServerErrorAfterActing] {
        let (receipt, falcon) = isolate(Some((On::Action, fault.clone()))).await;
        let found = (receipt.outcome, receipt.verification, contains(&falcon));
        assert_eq!(found, (Outcome::Executed, Verification::Confirmed, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_request_that_was_lost_before_acting_is_sent_once_more() {
    for fault in [Fault::Hang, Fault::Drop, Fault::ServerError, Fault::RateLimited(Duration::from_secs(1))] {
        let (receipt, falcon) = isolate(Some((On::Action, fault.clone()))).await;
        let found = (receipt.outcome, receipt.verification, contains(&falcon));
        assert_eq!(found, (Outcome::Executed, Verification::Confirmed, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn what_the_vendor_refuses_is_a_failure() {
    let elsewhere = "http://127.0.0.1:9/".to_owned();
    for (on, fault) in [
        (On::Token, Fault::Forbidden),
        (On::Token, Fault::Hang),
        (On::Token, Fault::ServerError),
        (On::Token, Fault::Redirect(elsewhere.clone())),
        (On::Details, Fault::Forbidden),
        (On::Action, Fault::Forbidden),
        (On::Action, Fault::RateLimited(Duration::from_secs(60))),
        (On::Action, Fault::Redirect(elsewhere)),
    ] {
        let (receipt, falcon) = isolate(Some((on, fault.clone()))).await;
        assert_eq!((receipt.outcome, contains(&falcon)), (Outcome::Failed, 0), "{on:?} {fault:?}: {}", receipt.detail);
        let blames_the_credentials = receipt.detail.contains("credentials");
        assert_eq!(blames_the_credentials, (on, fault.clone()) == (On::Token, Fault::Forbidden), "{on:?} {fault:?}");
    }
}

#[tokio::test]
async fn a_read_that_was_lost_is_repeated_once() {
    let (receipt, falcon) = isolate(Some((On::Details, Fault::Drop))).await;
    assert_eq!((receipt.outcome, contains(&falcon)), (Outcome::Executed, 1), "{}", receipt.detail);
}

#[tokio::test]
async fn a_host_whose_sensor_does_not_answer_is_unconfirmed() {
    let dir = tempfile::tempdir().unwrap();
    let falcon = falcon().await;
    falcon.set_offline(AID);
    let mut config = config(dir.path(), &falcon);
    config.edrs[0].timing.confirm_for = Duration::from_millis(200);
    let proxy = Harness::start(config).await;
    let (_, body) = proxy.execute(|_| ()).await;
    assert_eq!((receipt(&body).outcome, receipt(&body).verification), (Outcome::Executed, Verification::Unconfirmed));
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn tokens_that_became_invalid_are_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let falcon = falcon().await;
    let proxy = Harness::start(config(dir.path(), &falcon)).await;
    proxy.execute(|_| ()).await;
    falcon.expire_tokens();
    let (_, body) = proxy.rollback(|_| ()).await;
    assert_eq!(receipt(&body).outcome, Outcome::RolledBack);
    proxy.running.shutdown().await;
}
