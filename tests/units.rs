//! What one alert costs in requests and in DynamoDB's units, counted where the functions meet AWS, held against the table in
//! `docs/cost.md`: whoever makes an alert dearer (or cheaper) changes the page, and is seen doing it.
//!
//! Here belongs: a new step that every alert takes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt;
use vyrox_contract::Vendor;
use vyrox_platform::rate::Limits;
use vyrox_standins::discord::RateLimits;
use vyrox_tests::{Bench, message};

/// So many alerts are measured, after so many that open lanes, fill caches and fetch data keys.
const WARM_UP: usize = 3;
const MEASURED: usize = 20;
const LIMITS: Limits = Limits { tenant: 60_000, source: 60_000 };

/// Per alert.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    write_units: f64,
    read_units: f64,
    sqs: f64,
    kms: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} | {:.2} | {:.2} | {:.2}", self.write_units, self.read_units, self.sqs, self.kms)
    }
}

/// What the hop has seen so far.
fn seen(bench: &Bench) -> Cost {
    let (units, requests) = (bench.hop.units(), bench.hop.all());
    let of = |names: &[&str]| names.iter().filter_map(|name| requests.get(*name)).sum::<usize>() as f64;
    Cost {
        write_units: units.write,
        read_units: units.read,
        sqs: of(&["SendMessage", "ChangeMessageVisibility"]),
        kms: of(&["GenerateDataKey", "Decrypt", "Sign"]),
    }
}

impl Cost {
    fn since(self, before: Self) -> Self {
        let each = |now: f64, before: f64| (now - before) / MEASURED as f64;
        Self {
            write_units: each(self.write_units, before.write_units),
            read_units: each(self.read_units, before.read_units),
            sqs: each(self.sqs, before.sqs),
            kms: each(self.kms, before.kms),
        }
    }
}

/// Does something for each alert, and says what it took on average.
async fn measured<T>(bench: &Bench, items: &[T], work: impl AsyncFn(&T)) -> Cost {
    assert_eq!(items.len(), WARM_UP + MEASURED);
    for item in &items[..WARM_UP] {
        work(item).await;
    }
    let before = seen(bench);
    for item in &items[WARM_UP..] {
        work(item).await;
    }
    seen(bench).since(before)
}

/// The page's table: what is counted, and its four numbers as they stand there.
fn page() -> BTreeMap<String, String> {
    let page = include_str!("../docs/cost.md");
    let table = page.split("<!-- counted -->").nth(1).unwrap();
    let rows = table.lines().skip_while(|line| line.is_empty()).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let (name, numbers) = row.trim_matches('|').split_once('|').unwrap();
        (name.trim().to_owned(), numbers.trim().to_owned())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_costs_what_the_page_says() {
    let bench = Bench::start().await;
    bench.hop.meter();
    let discord = bench.discord().await;
    bench.shown_tenant("shown").await;
    let (ingest, triage, notify) = (bench.ingest(LIMITS), bench.triage(), bench.notify(&discord));
    let mut found = BTreeMap::new();
    for (scenario, shown) in [("software-update", "no card"), ("credential-dump", "a card")] {
        let bodies: Vec<_> = (0..WARM_UP + MEASURED).map(|_| bench.body_of(scenario)).collect();
        let cost = measured(&bench, &bodies, async |body| {
            assert_eq!(bench.deliver_as("shown", Vendor::Crowdstrike, &ingest, body).await.status, 202);
        });
        found.insert(format!("ingest, {shown}"), cost.await);
        let queued = bench.take("AlertsQueue").await;
        let cost = measured(&bench, &queued, async |record| triage.handle(message(record)).await.unwrap());
        found.insert(format!("triage, {shown}"), cost.await);
        let asked = bench.take("CardsQueue").await;
        let cost = measured(&bench, &asked, async |record| {
            // A channel takes five messages in five seconds.
            bench.clock.advance(6);
            notify.handle(message(record)).await.unwrap();
        });
        found.insert(format!("notify, {shown}"), cost.await);
    }
    assert_eq!(discord.messages().len(), WARM_UP + MEASURED, "each of the second scenario's alerts has its card");
    let found: BTreeMap<String, String> = found.into_iter().map(|(name, cost)| (name, cost.to_string())).collect();
    assert_eq!(found, page(), "left: counted; right: docs/cost.md");
    bench.end().await;
}

/// The requests since then, by operation; those of which there were none are left out.
fn since(bench: &Bench, before: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let all = bench.hop.all().into_iter();
    let more = all.map(|(name, count)| (name.clone(), count - before.get(&name).copied().unwrap_or(0)));
    more.filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batchs_alerts_want_at_the_same_time_is_asked_for_once() {
    const BATCH: usize = 10;
    let bench = Bench::start().await;
    let discord = bench.discord().await;
    discord.set_rate_limits(RateLimits::Lifted);
    bench.shown_tenant("shown").await;
    let (ingest, triage, notify) = (bench.ingest(LIMITS), bench.triage(), bench.notify(&discord));
    for _ in 0..BATCH {
        let body = bench.body();
        assert_eq!(bench.deliver_as("shown", Vendor::Crowdstrike, &ingest, &body).await.status, 202);
    }
    let (queued, before) = (bench.take("AlertsQueue").await, bench.hop.all());
    let triaged = queued.iter().map(|record| triage.handle(message(record)));
    futures::future::try_join_all(triaged).await.unwrap();
    let once = ["BatchGetItem", "SendMessageBatch", "TransactWriteItems"].map(|name| (name.to_owned(), 1));
    assert_eq!(since(&bench, &before), once.into(), "ten alerts are read, stored and passed on together");
    let (asked, before) = (bench.take("CardsQueue").await, bench.hop.all());
    assert_eq!(asked.len(), BATCH);
    let shown = asked.iter().map(|record| notify.handle(message(record)));
    futures::future::try_join_all(shown).await.unwrap();
    let requests = since(&bench, &before);
    assert_eq!(requests.get("BatchGetItem"), Some(&3), "the alerts, their budget, their channel: {requests:?}");
    // One gives them their places; Discord answers one card at a time, so what is remembered of them goes as it comes.
    assert!(requests["TransactWriteItems"] <= 1 + BATCH, "{requests:?}");
    assert_eq!(discord.messages().len(), BATCH);
    bench.end().await;
}
