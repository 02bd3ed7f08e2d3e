//! State and audit together: whatever happens between the ledger and DynamoDB, a change and its audit entry land both or
//! neither, every lane verifies, and of many writers of one version one wins.
//!
//! Here belongs: a new way for a commit to fail, or a new promise of `Ledger::commit`.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use vyrox_audit::Draft;
use vyrox_contract::TenantId;
use vyrox_local::cloud_audit;
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Topology};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::{Clock, ManualClock};
use vyrox_platform::config::Aws;
use vyrox_platform::ledger::{Change, CommitError, Expect, Ledger};
use vyrox_platform::table::{SortKey, Table};

const NOW: i64 = 1_800_000_000;

/// A table, and a hop in front of it that can lose answers.
struct Bench {
    table: Table,
    clock: Arc<ManualClock>,
    lose: Arc<AtomicU32>,
    /// How many transactions there were.
    writes: Arc<AtomicU32>,
    aws: Embedded,
}

#[derive(Clone)]
struct Hop {
    behind: String,
    client: reqwest::Client,
    lose: Arc<AtomicU32>,
    writes: Arc<AtomicU32>,
}

/// Passes a request on; the answers of the next `lose` transactions are lost after they have taken effect.
async fn pass(State(hop): State<Hop>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let is_write =
        parts.headers.get("x-amz-target").is_some_and(|target| target.as_bytes().ends_with(b"TransactWriteItems"));
    hop.writes.fetch_add(u32::from(is_write), Ordering::SeqCst);
    let mut onward = hop.client.post(&hop.behind).body(body);
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = parts.headers.get(name) {
            onward = onward.header(name, value.to_str().unwrap());
        }
    }
    let answer = onward.send().await.unwrap();
    let (status, bytes) = (answer.status().as_u16(), answer.bytes().await.unwrap());
    let losing = |left: u32| left.checked_sub(1);
    if is_write && hop.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, losing).is_ok() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.0")
        .body(Body::from(bytes))
        .unwrap()
}

impl Bench {
    async fn start() -> Self {
        let aws = Embedded::start(EmbeddedOptions::default()).await.unwrap();
        let provisioned =
            Topology::for_stack("vyrox").unwrap().provision(&ClientSet::new(&aws.endpoint_url())).await.unwrap();
        let (lose, writes) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let hop = Hop {
            behind: aws.endpoint_url(),
            client: vyrox_platform::http::client(std::time::Duration::from_secs(10)).unwrap(),
            lose: Arc::clone(&lose),
            writes: Arc::clone(&writes),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass).with_state(hop)).await });
        let clients = Clients::new(&Aws::local(&url));
        let table = Table::new(clients.dynamodb.clone(), provisioned.table("Table").unwrap());
        Self { table, clock: Arc::new(ManualClock::at(NOW)), lose, writes, aws }
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(self.table.clone(), "test", self.clock.clone())
    }

    async fn value(&self) -> Option<(Value, u64)> {
        let found = self.table.read::<Value>(&tenant(), &SortKey::profile(), self.clock.now()).await.unwrap();
        found.map(|found| (found.value, found.version))
    }

    /// The kinds of all audit entries, which verify.
    async fn audited(&self) -> Vec<String> {
        let lines = cloud_audit(&self.table, &tenant()).await.unwrap();
        vyrox_audit::verify::reader(lines.as_slice(), "cloud").unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let kind =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["action_type"].as_str().unwrap().to_owned();
        lines.lines().map(kind).collect()
    }
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn put(value: u64, expect: Expect) -> [Change; 1] {
    [Change::put(SortKey::profile(), &json!({"value": value}), expect)]
}

fn event(kind: &str) -> Draft {
    Draft::event(NOW, "acme", kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_writers_of_one_version_one_wins_and_one_entry_says_so() {
    let bench = Bench::start().await;
    bench.ledger().commit(&tenant(), &put(0, Expect::Absent), &event("BEGUN")).await.unwrap();
    let attempts = (1..=20).map(|value| {
        let ledger = bench.ledger();
        tokio::spawn(async move { ledger.commit(&tenant(), &put(value, Expect::Version(1)), &event("WON")).await })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(matches!(error, CommitError::Conflict(0)), "{error:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(bench.value().await.unwrap().1, 2);
    // Two ledgers, two lanes: which of them is listed first says nothing.
    let mut audited = bench.audited().await;
    audited.sort_unstable();
    assert_eq!(audited, ["BEGUN", "WON"]);
    bench.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_entered_once_and_the_next_one_verifies_too() {
    let bench = Bench::start().await;
    let ledger = bench.ledger();
    ledger.commit(&tenant(), &put(0, Expect::Absent), &event("FIRST")).await.unwrap();
    // One lost answer: the SDK asks again with the same token, and is told what happened.
    bench.lose.store(1, Ordering::SeqCst);
    ledger.commit(&tenant(), &put(1, Expect::Version(1)), &event("SECOND")).await.unwrap();
    // All answers lost: its fate is unknown to the caller, and reading tells.
    bench.lose.store(100, Ordering::SeqCst);
    let unknown = ledger.commit(&tenant(), &put(2, Expect::Version(2)), &event("THIRD")).await;
    assert!(matches!(unknown, Err(CommitError::Unavailable(_))), "{unknown:?}");
    bench.lose.store(0, Ordering::SeqCst);
    assert_eq!(bench.value().await, Some((json!({"value": 2}), 3)));
    let again = ledger.commit(&tenant(), &put(2, Expect::Version(2)), &event("THIRD")).await;
    assert!(matches!(again, Err(CommitError::Conflict(0))), "done is not done again: {again:?}");
    ledger.commit(&tenant(), &put(3, Expect::Version(3)), &event("FOURTH")).await.unwrap();
    let mut audited = bench.audited().await;
    audited.sort_unstable();
    assert_eq!(audited, ["FIRST", "FOURTH", "SECOND", "THIRD"]);
    bench.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_has_expired_does_not_block_its_key() {
    let bench = Bench::start().await;
    let ledger = bench.ledger();
    let [change] = put(0, Expect::Absent);
    ledger.commit(&tenant(), &[change.expiring(NOW + 60)], &event("FIRST")).await.unwrap();
    let early = ledger.commit(&tenant(), &put(1, Expect::Absent), &event("EARLY")).await;
    assert!(matches!(early, Err(CommitError::Conflict(0))), "{early:?}");
    bench.clock.advance(60);
    assert_eq!(bench.value().await, None);
    ledger.commit(&tenant(), &put(1, Expect::Absent), &event("SECOND")).await.unwrap();
    assert_eq!(bench.value().await.unwrap().0, json!({"value": 1}));
    assert_eq!(bench.audited().await, ["FIRST", "SECOND"]);
    bench.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_commits_through_one_ledger_are_one_chain_without_a_gap() {
    let bench = Bench::start().await;
    let ledger = bench.ledger();
    let commits = (0..100).map(|_| {
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.commit(&tenant(), &[], &event("ENTERED")).await.map(|head| head.seq) })
    });
    let mut numbers = Vec::new();
    for commit in commits.collect::<Vec<_>>() {
        numbers.push(commit.await.unwrap().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<u64>>());
    assert_eq!(bench.audited().await.len(), 100);
    let transactions = bench.writes.load(Ordering::SeqCst);
    assert!(transactions < 60, "what waits goes together: {transactions} transactions");
    bench.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_commits_that_go_together_each_has_its_own_outcome() {
    let bench = Bench::start().await;
    let ledger = bench.ledger();
    let key = |number: u8| SortKey::alert(vyrox_contract::AlertId::from_bytes([number; 16]));
    let write = |number: u8, expect| [Change::put(key(number), &number, expect)];
    ledger.commit(&tenant(), &write(3, Expect::Absent), &event("BEGUN")).await.unwrap();
    let before = bench.writes.load(Ordering::SeqCst);
    // All at once: the first has the lane, the others go together. The third finds an item that should not be there; the
    // eleventh writes what no table takes.
    let commits = (0..12_u8).map(|number| {
        let ledger = ledger.clone();
        async move {
            let value = if number == 10 { "x".repeat(500_000) } else { String::new() };
            let changes = [Change::put(key(100 + number), &value, Expect::Absent)];
            let changes = [changes, write(number, Expect::Absent)].concat();
            ledger.commit(&tenant(), &changes, &event("ENTERED")).await
        }
    });
    let outcomes = futures::future::join_all(commits).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            3 => assert!(matches!(outcome, Err(CommitError::Conflict(1))), "{outcome:?}"),
            10 => assert!(matches!(outcome, Err(CommitError::Invalid)), "{outcome:?}"),
            _ => assert!(outcome.is_ok(), "{number}: {outcome:?}"),
        }
    }
    let mut numbers: Vec<u64> = outcomes.iter().flatten().map(|head| head.seq).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 10, "each head is its own entry's");
    assert_eq!(bench.audited().await.iter().filter(|kind| *kind == "ENTERED").count(), 10);
    for number in [0, 4, 10] {
        let stored = bench.table.read::<Value>(&tenant(), &key(100 + number), NOW).await.unwrap();
        assert_eq!(stored.is_some(), number != 10, "{number}");
    }
    assert!(bench.table.read::<Value>(&tenant(), &key(103), NOW).await.unwrap().is_none(), "all of it or nothing");
    assert!(bench.writes.load(Ordering::SeqCst) > before);
    bench.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_whose_answer_is_lost_are_unknown_to_all_who_went_together_and_all_there() {
    let bench = Bench::start().await;
    let ledger = bench.ledger();
    let commit = |number: u8| {
        let key = SortKey::alert(vyrox_contract::AlertId::from_bytes([number; 16]));
        let ledger = ledger.clone();
        async move { ledger.commit(&tenant(), &[Change::put(key, &number, Expect::Absent)], &event("ENTERED")).await }
    };
    bench.lose.store(100, Ordering::SeqCst);
    let outcomes = futures::future::join_all((0..6).map(commit)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(CommitError::Unavailable(_)))), "{outcomes:?}");
    bench.lose.store(0, Ordering::SeqCst);
    let again = futures::future::join_all((0..7).map(commit)).await;
    let conflicts = again.iter().filter(|outcome| matches!(outcome, Err(CommitError::Conflict(0)))).count();
    assert_eq!((conflicts, again.iter().flatten().count()), (6, 1), "{again:?}");
    assert_eq!(bench.audited().await.len(), 7);
    bench.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_commits_that_come_at_once_share_a_request_and_nothing_else() {
    let bench = Bench::start().await;
    let ledger = bench.ledger();
    let other: TenantId = "other".parse().unwrap();
    let event_of = |tenant: &TenantId| Draft::event(NOW, tenant.as_str(), "ENTERED");
    let commit = async |expects: [Expect; 2]| {
        let [mine, theirs] = expects.map(|expect| put(1, expect));
        let [my_event, their_event] = [&tenant(), &other].map(event_of);
        let before = bench.writes.load(Ordering::SeqCst);
        let both = tokio::join!(async { ledger.commit(&tenant(), &mine, &my_event).await }, async {
            ledger.commit(&other, &theirs, &their_event).await
        },);
        (both, bench.writes.load(Ordering::SeqCst) - before)
    };
    let (both, requests) = commit([Expect::Absent, Expect::Absent]).await;
    assert!(matches!(both, (Ok(_), Ok(_))), "{both:?}");
    assert_eq!(requests, 1);
    let (both, requests) = commit([Expect::Version(7), Expect::Version(1)]).await;
    assert!(matches!(both, (Err(CommitError::Conflict(0)), Ok(_))), "{both:?}");
    assert_eq!(requests, 2, "the other went without it");
    let (both, _) = commit([Expect::Version(1), Expect::Version(7)]).await;
    assert!(matches!(both, (Ok(_), Err(CommitError::Conflict(0)))), "{both:?}");
    assert_eq!(bench.audited().await, ["ENTERED", "ENTERED"], "each has its own entries");
    bench.aws.shutdown().await;
}
