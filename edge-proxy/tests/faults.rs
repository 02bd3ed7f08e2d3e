//! A log that cannot be written, and a fault in the work itself.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::json;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::edr::{Edr, Mood};
use support::{AID, HOST, Harness, NOW, entries, envelope, live, receipt};
use vyrox_audit::log::Log;
use vyrox_audit::{Draft, Phase};
use vyrox_contract::{Outcome, Verification};
use vyrox_edge_proxy::{Clock, Proxy};

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    // Someone else writes into the log: the writer must not go on as if nothing had happened.
    let log = std::fs::read_dir(dir.path().join("audit")).unwrap().map(|file| file.unwrap().path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "jsonl")).unwrap();
    let length = std::fs::metadata(&log).unwrap().len();
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"{}\n").unwrap();

    edr.with(|falcon| falcon.status = "normal".into());
    // More often than the budget of an hour has isolations: what is not done does not use it up.
    for _ in 0..10 {
        let (status, _) = proxy.execute(|action| action["request_id"] = json!("req-2")).await;
        assert_eq!((status, edr.changes()), (500, 1));
    }
    let ready = proxy.http.get(format!("{}/ready", proxy.url)).send().await.unwrap();
    assert_eq!(ready.status(), 503);

    std::fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length).unwrap();
    let (status, _) = proxy.execute(|action| action["request_id"] = json!("req-2")).await;
    assert_eq!((status, edr.changes()), (200, 2), "the request id was free again");
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 4);
}

/// A clock that panics once, at the call whose number it is given; the calls of other threads, the audit writer's and those
/// of the log's upkeep, do not count.
struct Trap {
    calls: AtomicUsize,
    at: usize,
    home: std::thread::ThreadId,
}

impl Clock for Trap {
    fn now(&self) -> i64 {
        if std::thread::current().id() == self.home {
            assert_ne!(self.calls.fetch_add(1, Ordering::SeqCst) + 1, self.at, "the trap");
        }
        NOW
    }
}

/// Sends one action until it has an answer, with a fault at the `at`-th reading of the clock.
async fn with_fault_at(at: usize) -> (Outcome, Verification, usize, usize) {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let clock = Arc::new(Trap { calls: AtomicUsize::new(0), at, home: std::thread::current().id() });
    let running = Proxy::start(live(dir.path(), &edr.url), clock).await.unwrap();
    let http = vyrox_edge_proxy::outbound::client(Duration::from_secs(20)).unwrap();
    let url = format!("http://{}/execute", running.local_addr());
    let mut tries = 0;
    let receipt = loop {
        tries += 1;
        assert!(tries < 500, "in flight for ever");
        match http.post(&url).body(envelope(|_| ())).send().await {
            Ok(response) if response.status() == 200 => break receipt(&response.json().await.unwrap()),
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    running.shutdown().await;
    (receipt.outcome, receipt.verification, edr.changes(), entries(dir.path()).len())
}

#[tokio::test]
async fn a_fault_in_the_work_never_makes_it_act_twice_and_never_leaves_it_in_flight() {
    // Start 1, verify 2, claim 3, permit 4, record 5, the device's name 6, before the request 7, conclude 8.
    let clean = (Outcome::Executed, Verification::Confirmed, 1, 2);
    for before_the_intent in [2, 3, 4, 5] {
        assert_eq!(with_fault_at(before_the_intent).await, clean, "fault at {before_the_intent}");
    }
    for before_acting in [6, 7] {
        let ending = with_fault_at(before_acting).await;
        assert_eq!(ending, (Outcome::Ambiguous, Verification::Unconfirmed, 0, 2), "fault at {before_acting}");
    }
    let after_acting = with_fault_at(8).await;
    assert_eq!(after_acting, (Outcome::Ambiguous, Verification::Confirmed, 1, 2), "acted, then the fault");
    assert_eq!(with_fault_at(1_000).await, clean);
}

/// A log that ends in an intent, as a crash leaves it.
fn interrupted(dir: &std::path::Path, timestamp: i64, dry_run: bool) {
    let mut log = Log::open(&dir.join("audit"), "proxy-1", "acme", timestamp).unwrap().log;
    let mut draft = Draft::event(timestamp, "acme", "HOST_ISOLATION");
    (draft.phase, draft.dry_run, draft.host) = (Phase::Intent, dry_run, HOST.into());
    draft.request_id = Some("req-1".into());
    for (name, value) in [("operation", "execute"), ("vendor", "crowdstrike"), ("device_id", AID)] {
        draft.detail.insert(name.into(), json!(value));
    }
    log.append(timestamp, &[draft]).unwrap();
}

#[tokio::test]
async fn an_interrupted_dry_run_is_known_to_have_done_nothing() {
    let dir = tempfile::tempdir().unwrap();
    interrupted(dir.path(), NOW - 5, true);
    let edr = Edr::start(Mood::Fine).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    proxy.ready().await;
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path())[1].outcome(), Some("dry_run"));
    edr.with(|falcon| assert_eq!(falcon.reads, 0));
}

#[tokio::test]
async fn an_action_interrupted_longer_ago_than_the_window_is_still_reported() {
    for torn in ["", "{\"torn"] {
        report_on_old_intent(torn).await;
    }
}

async fn report_on_old_intent(torn: &str) {
    let dir = tempfile::tempdir().unwrap();
    interrupted(dir.path(), NOW - 30 * 24 * 3600, false);
    // The crash may have torn a line, too; then opening the log writes an entry of today.
    let log = std::fs::read_dir(dir.path().join("audit")).unwrap().map(|file| file.unwrap().path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "jsonl")).unwrap();
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(torn.as_bytes()).unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    proxy.ready().await;
    let (_, body) = proxy.execute(|_| ()).await;
    assert_eq!((&body["status"], receipt(&body).outcome), (&json!("replayed"), Outcome::Ambiguous));
    assert_eq!(edr.changes(), 0);
    proxy.running.shutdown().await;
}
