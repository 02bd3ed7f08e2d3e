//! Ingest while AWS fails: it answers 503 with `Retry-After` in time, has acknowledged nothing that is not stored, audited
//! and queued, and the vendor's retry is accepted once. A new test goes here for another way for AWS to fail under ingest.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use vyrox_platform::rate::Limits;
use vyrox_platform::table::SortKey;
use vyrox_tests::{Bench, Fault};

const LIMITS: Limits = Limits { tenant: 60_000, source: 60_000 };
/// The function's own deadline is 2.5 s; the rest is for a busy machine.
const IN_TIME: Duration = Duration::from_millis(2_900);

/// What fails, how, and whether the alert is stored though the answer was 503.
const FAILURES: [(&str, Fault); 16] = [
    ("DynamoDB", Fault::Refused),
    ("DynamoDB", Fault::Throttled),
    ("DynamoDB", Fault::Hangs),
    ("BatchGetItem", Fault::Refused),
    ("BatchGetItem", Fault::Hangs),
    ("TransactWriteItems", Fault::Refused),
    ("TransactWriteItems", Fault::Throttled),
    ("TransactWriteItems", Fault::Hangs),
    ("TransactWriteItems", Fault::AnswerHangs),
    ("TransactWriteItems", Fault::AnswerLost),
    ("AmazonSQS", Fault::Refused),
    ("AmazonSQS", Fault::Throttled),
    ("AmazonSQS", Fault::Hangs),
    ("AmazonSQS", Fault::AnswerHangs),
    ("TrentService", Fault::Refused),
    ("TrentService", Fault::Hangs),
];

/// Whether the alert, its evidence and its entry are there, which is all or nothing.
async fn stored(bench: &Bench, alert: &str) -> bool {
    let (tenant, id) = ("acme".parse().unwrap(), alert.parse().unwrap());
    let now = vyrox_platform::clock::Clock::now(&*bench.clock);
    let record = bench.table.read::<serde_json::Value>(&tenant, &SortKey::alert(id), now).await.unwrap();
    let evidence = bench.table.read_bytes(&tenant, &SortKey::evidence(id, 0), now).await.unwrap();
    let accepted = bench.audit("acme").await;
    let accepted = accepted
        .iter()
        .filter(|entry| entry.action_type() == "ALERT_ACCEPTED" && entry.alert_id() == Some(alert))
        .count();
    assert!(accepted <= 1, "{accepted} entries for {alert}");
    assert_eq!((record.is_some(), evidence.is_some()), (accepted == 1, accepted == 1), "all or nothing of {alert}");
    accepted == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_the_answer_is_a_503_in_time_and_the_retry_is_accepted_once() {
    let bench = Bench::start().await;
    for (operation, fault) in FAILURES {
        let what = format!("{operation} {fault:?}");
        // A fresh environment, so that nothing is known yet, in a fresh minute.
        bench.clock.advance(400);
        let ingest = bench.ingest(LIMITS);
        let body = bench.body();
        bench.hop.fail(operation, fault);
        let began = Instant::now();
        let reply = bench.deliver(&ingest, &body).await;
        let took = began.elapsed();
        assert_eq!(reply.status, 503, "{what}");
        assert!(took < IN_TIME, "{what} took {took:?}");
        let after: u32 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&after), "{what}");
        assert_eq!(reply.json()["detail"], "not accepted, please retry", "{what}");

        bench.hop.heal();
        let before = bench.queued().await.len();
        assert!(before <= usize::from(fault == Fault::AnswerHangs), "{what}: {before} messages");

        let retry = bench.deliver(&ingest, &body).await;
        assert_eq!(retry.status, 202, "{what}: {}", retry.json());
        assert!(stored(&bench, &retry.alert_id().to_string()).await, "{what}: acknowledged and not stored");
        let queued = bench.queued().await;
        assert_eq!(queued.len(), 1, "{what}: acknowledged and not queued once");
        assert!(queued[0].body.contains(&retry.alert_id().to_string()), "{what}");
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_was_at_work_before_the_failure_does_the_same() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(LIMITS);
    assert_eq!(bench.deliver(&ingest, &bench.body()).await.status, 202);
    bench.queued().await;
    for (operation, fault) in FAILURES.into_iter().filter(|(operation, _)| *operation != "TrentService") {
        let what = format!("{operation} {fault:?}");
        let body = bench.body();
        bench.hop.fail(operation, fault);
        let began = Instant::now();
        assert_eq!(bench.deliver(&ingest, &body).await.status, 503, "{what}");
        assert!(began.elapsed() < IN_TIME, "{what} took {:?}", began.elapsed());
        bench.hop.heal();
        bench.queued().await;
        let retry = bench.deliver(&ingest, &body).await;
        assert_eq!(retry.status, 202, "{what}");
        assert!(stored(&bench, &retry.alert_id().to_string()).await, "{what}");
        assert_eq!(bench.queued().await.len(), 1, "{what}");
    }
    // A key that is at hand goes on sealing while KMS is down: alerts do not wait for it.
    bench.hop.fail("TrentService", Fault::Hangs);
    assert_eq!(bench.deliver(&ingest, &bench.body()).await.status, 202);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_failures_that_come_and_go_what_was_acknowledged_is_there_and_nothing_is_there_twice() {
    let bench = Bench::start().await;
    let environments = [bench.ingest(LIMITS), bench.ingest(LIMITS)];
    let mut acknowledged = BTreeSet::new();
    let mut bodies = Vec::new();
    for round in 0..12_usize {
        let (operation, fault) = [
            ("TransactWriteItems", Fault::AnswerLost),
            ("AmazonSQS", Fault::Refused),
            ("DynamoDB", Fault::Refused),
            ("none", Fault::Refused),
        ][round % 4];
        bodies.push(bench.body());
        bench.hop.fail(operation, fault);
        for body in &bodies {
            let reply = bench.deliver(&environments[round % 2], body).await;
            if reply.status == 202 {
                acknowledged.insert(reply.alert_id().to_string());
            }
        }
        bench.hop.heal();
    }
    let queued = bench.queued().await;
    assert_eq!(acknowledged.len(), bodies.len(), "the last round is without a failure");
    for alert in &acknowledged {
        assert!(stored(&bench, alert).await, "{alert}");
        assert!(queued.iter().any(|message| message.body.contains(alert)), "{alert} is queued");
    }
    assert_eq!(bench.entries("ALERT_ACCEPTED").await, bodies.len());
    bench.end().await;
}
