//! Many writers at once: does every lane verify, is no number lost or used twice, and what do lanes gain over one chain?
//!
//! `cargo test --profile load -p vyrox-tests --test lanes -- --ignored --nocapture` is the large run.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use vyrox_audit::verify::Verifier;
use vyrox_audit::{Draft, Entry};
use vyrox_contract::TenantId;
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Topology};
use vyrox_platform::audit_export::{Position, page};
use vyrox_platform::clock::SystemClock;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::table::Table;

const NOW: i64 = 1_800_000_000;

struct Size {
    writers: usize,
    tenants: usize,
    entries: usize,
}

fn tenant(number: usize) -> TenantId {
    format!("tenant-{number}").parse().unwrap()
}

/// `count` entries, one after another, of a writer with lanes of its own. Each is told by its writer and number.
async fn write(ledger: Ledger, tenant: TenantId, writer: usize, count: usize) {
    for number in 0..count {
        let mut event = Draft::event(NOW, tenant.as_str(), "EVENT");
        event.detail.insert("id".to_owned(), format!("{writer}-{number}").into());
        ledger.commit(&tenant, &[], &event).await.unwrap();
    }
}

async fn run(size: Size) {
    let aws = Embedded::start(EmbeddedOptions::default()).await.unwrap();
    // Clients that wait as long as it takes: a hundred writers on two cores outlast a function's time limits.
    let clients = ClientSet::new(&aws.endpoint_url());
    let provisioned = Topology::for_stack("vyrox").unwrap().provision(&clients).await.unwrap();
    let table = Table::new(clients.dynamodb.clone(), provisioned.table("Table").unwrap());
    let ledger = || Ledger::new(table.clone(), "load", Arc::new(SystemClock));
    let Size { writers, tenants, entries } = size;
    let each = entries / writers;

    let began = Instant::now();
    let tasks: Vec<_> =
        (0..writers).map(|writer| tokio::spawn(write(ledger(), tenant(writer % tenants), writer, each))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let lanes = per_second(entries, began.elapsed());

    // One chain: as many callers, one writer, who takes one entry after another.
    let (one, few) = (ledger(), entries / 10);
    let began = Instant::now();
    let tasks: Vec<_> =
        (0..writers).map(|writer| tokio::spawn(write(one.clone(), tenant(tenants), writer, few / writers))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let single = per_second(few / writers * writers, began.elapsed());
    println!("{writers} writers over {tenants} tenants, {entries} entries: {lanes:.0}/s; one chain: {single:.0}/s");

    let mut found = 0;
    for number in 0..tenants {
        let (mut verifier, mut ids, mut position) = (Verifier::new(), BTreeSet::new(), Some(Position::default()));
        while let Some(at) = position {
            let page = page(&table, &tenant(number), at, NOW).await.unwrap();
            for line in &page.lines {
                verifier.reader(format!("{line}\n").as_bytes(), "entry").unwrap();
                let entry = Entry::from_line(line.as_bytes()).unwrap();
                assert!(ids.insert(entry.detail()["id"].as_str().unwrap().to_owned()), "entered twice: {line}");
            }
            position = page.next;
        }
        let report = verifier.finish().unwrap();
        // Numbers without a gap from 0 to the last, in every lane: as many entries as numbers.
        assert!(report.chains.iter().all(|lane| lane.entries == lane.last_seq + 1), "{report:?}");
        assert_eq!(report.entries, ids.len() as u64);
        found += ids.len();
    }
    assert_eq!(found, each * writers, "none is lost");
    aws.shutdown().await;
}

fn per_second(entries: usize, took: Duration) -> f64 {
    entries as f64 / took.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_many_tenants_lose_and_repeat_nothing() {
    run(Size { writers: 20, tenants: 10, entries: 1_000 }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: 100 writers, 50 tenants, 100,000 entries"]
async fn a_hundred_writers_over_fifty_tenants_lose_and_repeat_nothing() {
    run(Size { writers: 100, tenants: 50, entries: 100_000 }).await;
}
