//! The machine's clock: what is not done twice, or not done any more, when it jumps.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use support::edr::{Edr, Mood};
use support::{Harness, NOW, eventually, live, signed_at};

const MONTH: i64 = 30 * 24 * 3600;

/// An action of this id that was approved, and is signed anew, at that time.
fn at(id: &'static str, approved: i64, now: i64) -> impl FnOnce(&mut Value) {
    move |action| {
        action["request_id"] = json!(id);
        signed_at(action, now);
        action["approved_at"] = json!(approved);
    }
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_moment_lets_nothing_be_done_twice() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    assert_eq!(proxy.execute(at("once", NOW - 5, NOW)).await.0, 200);
    assert_eq!(proxy.rollback(at("released", NOW, NOW)).await.0, 200);
    proxy.clock.advance(MONTH);
    // In that moment something ends, and what ended before the window is forgotten with the next.
    for id in ["ahead", "ahead-too"] {
        proxy.execute(at(id, NOW + MONTH, NOW + MONTH)).await;
    }
    assert_eq!(proxy.rollback(at("released-too", NOW + MONTH, NOW + MONTH)).await.0, 200);
    proxy.clock.advance(20 - MONTH);
    let before = edr.changes();
    let (status, body) = proxy.execute(at("once", NOW - 5, NOW + 20)).await;
    assert_eq!((status, &body["status"]), (410, &json!("refused")), "{body}");
    assert_eq!(edr.changes(), before, "it was done before");
    // What was approved since cannot have been.
    proxy.clock.advance(60);
    assert_eq!(proxy.execute(at("new", NOW + 70, NOW + 80)).await.0, 200);
    assert_eq!(edr.changes(), before + 1);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_start_with_a_clock_that_is_ahead_compresses_nothing_that_could_be_done_twice() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let config = live(dir.path(), &edr.url);
    let proxy = Harness::start(config.clone()).await;
    assert_eq!(proxy.execute(at("once", NOW - 5, NOW)).await.0, 200);
    assert_eq!(proxy.rollback(at("released", NOW, NOW)).await.0, 200);
    proxy.running.shutdown().await;
    // The day that it was done on is over for this one, and packed away by the next.
    for seconds in [MONTH, MONTH + 60] {
        let proxy = Harness::start_after(&config, seconds).await;
        proxy.execute(at("ahead", NOW + MONTH, NOW + seconds)).await;
        proxy.running.shutdown().await;
    }
    let proxy = Harness::start_after(&config, MONTH + 120).await;
    let packed = dir.path().join("audit/audit-2023-11-14.jsonl.gz");
    eventually("the day is compressed", || packed.exists()).await;
    proxy.running.shutdown().await;
    let before = edr.changes();
    let proxy = Harness::start_after(&config, 20).await;
    let (status, body) = proxy.execute(at("once", NOW - 5, NOW + 20)).await;
    assert_eq!((status, &body["status"]), (410, &json!("refused")), "{body}");
    proxy.running.shutdown().await;
    assert_eq!(edr.changes(), before);
}

#[tokio::test]
async fn a_log_whose_beginning_was_taken_away_is_no_reason_to_do_something_twice() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let config = live(dir.path(), &edr.url);
    let (before, later) = (6_000, 6_500);
    let proxy = Harness::start_after(&config, before).await;
    assert_eq!(proxy.execute(at("once", NOW + before, NOW + before)).await.0, 200);
    proxy.running.shutdown().await;
    let proxy = Harness::start_after(&config, later).await;
    assert_eq!(proxy.rollback(at("released", NOW + later, NOW + later)).await.0, 200);
    proxy.running.shutdown().await;
    let days = ["audit-2023-11-14", "audit-2023-11-15"].map(|day| dir.path().join("audit").join(day));
    assert!(days[1].with_extension("jsonl").exists(), "it was released after midnight");
    std::fs::remove_file(days[0].with_extension("jsonl")).unwrap();
    let proxy = Harness::start_after(&config, later + 20).await;
    let (status, body) = proxy.execute(at("once", NOW + before, NOW + later + 20)).await;
    assert_eq!(status, 410, "{body}");
    assert_eq!(proxy.execute(at("new", NOW + later + 15, NOW + later + 20)).await.0, 410, "nor is it known of this");
    proxy.clock.advance(60);
    assert_eq!(proxy.execute(at("newer", NOW + later + 70, NOW + later + 80)).await.0, 200);
    proxy.running.shutdown().await;
    assert_eq!(edr.changes(), 3, "contained, released, and the newer contained");
}
