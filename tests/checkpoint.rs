//! Checkpoints of the cloud's audit: what is covered, what is closed, what expires, what is published, and what a run finds
//! when somebody with access to the table has been there.
//!
//! Here belongs: a promise of the scheduled function. What the verifiers find in an export belongs into `tampering.rs`.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vyrox_audit::verify::Verifier;
use vyrox_audit::{Draft, Entry};
use vyrox_checkpoint::{Checkpointer, Idle, TenantSummary};
use vyrox_contract::TenantId;
use vyrox_local::cloud_audit;
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Topology};
use vyrox_platform::aws::Clients;
use vyrox_platform::checkpoint::latest;
use vyrox_platform::clock::{Clock, ManualClock};
use vyrox_platform::config::{self, Aws};
use vyrox_platform::ledger::{Change, Expect, LaneRecord, Ledger};
use vyrox_platform::table::{Prefix, SortKey, Table};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

struct Desk {
    table: Table,
    clock: Arc<ManualClock>,
    config: config::Checkpoint,
    clients: Clients,
    aws: Embedded,
}

impl Desk {
    async fn start() -> Self {
        let aws = Embedded::start(EmbeddedOptions::default()).await.unwrap();
        let provisioned =
            Topology::for_stack("vyrox").unwrap().provision(&ClientSet::new(&aws.endpoint_url())).await.unwrap();
        let clients = Clients::new(&Aws::local(&aws.endpoint_url()));
        let config = config::Checkpoint {
            aws: Aws::local(&aws.endpoint_url()),
            table: provisioned.table("Table").unwrap().to_owned(),
            checkpoint_key_id: provisioned.key("CheckpointKey").unwrap().id.clone(),
            lane_idle_minutes: 30,
            audit_retention_days: 0,
            checkpoint_bucket: None,
        };
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self { table, clock: Arc::new(ManualClock::at(NOW)), config, clients, aws }
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(self.table.clone(), "test", self.clock.clone())
    }

    async fn function(&self) -> Checkpointer {
        Checkpointer::connect(&self.clients, &self.config, self.clock.clone()).await.unwrap()
    }

    async fn run(&self) -> TenantSummary {
        self.function().await.tenant(&acme(), Idle::ByAge).await.unwrap()
    }

    /// All entries, which verify as one export.
    async fn entries(&self) -> Vec<Entry> {
        let lines = cloud_audit(&self.table, &acme()).await.unwrap();
        let mut verifier = Verifier::new();
        verifier.reader(lines.as_slice(), "cloud").unwrap();
        verifier.finish().unwrap();
        parse(&lines)
    }

    async fn lanes(&self) -> Vec<(String, LaneRecord)> {
        let found = self.table.list_with_keys::<LaneRecord>(&acme(), &Prefix::lanes(), self.clock.now()).await.unwrap();
        found.into_iter().map(|(key, found)| (key.as_str().replace("LANE#", ""), found.value)).collect()
    }

    /// As somebody with access to the table would.
    async fn overwrite(&self, key: SortKey, value: &Value) {
        let other: TenantId = "acme".parse().unwrap();
        let change = Change::put(key, value, Expect::Anything);
        self.ledger().commit(&other, &[change], &event("MEDDLED")).await.unwrap();
    }

    async fn remove(&self, key: SortKey) {
        self.ledger().commit(&acme(), &[Change::delete(key)], &event("MEDDLED")).await.unwrap();
    }
}

fn parse(lines: &[u8]) -> Vec<Entry> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    // A rewritten one is no entry any more.
    lines.filter_map(|line| Entry::from_line(line).ok()).collect()
}

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

fn event(kind: &str) -> Draft {
    Draft::event(NOW, "acme", kind)
}

fn of<'a>(entries: &'a [Entry], kind: &str) -> Vec<&'a Entry> {
    entries.iter().filter(|entry| entry.action_type() == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_moved_are_signed_and_nothing_else() {
    let desk = Desk::start().await;
    let (first, second) = (desk.ledger(), desk.ledger());
    for _ in 0..3 {
        first.commit(&acme(), &[], &event("EVENT")).await.unwrap();
    }
    second.commit(&acme(), &[], &event("EVENT")).await.unwrap();
    assert_eq!(latest(&desk.table, &acme(), NOW).await.unwrap(), None);
    let done = desk.run().await;
    assert_eq!((done.checkpoints, done.last, done.broken), (1, Some(0), 0));

    let entries = desk.entries().await;
    let checkpoint = of(&entries, "CHECKPOINT")[0];
    let lanes = checkpoint.detail()["lanes"].as_array().unwrap();
    let mut numbers: Vec<_> = lanes.iter().map(|lane| lane["seq"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!((numbers, checkpoint.chain(), checkpoint.seq()), (vec![0, 2], "checkpoints-acme", 0));
    assert_eq!(checkpoint.detail()["open"], 2);
    assert_eq!(latest(&desk.table, &acme(), NOW).await.unwrap().unwrap().hash, checkpoint.hash());

    assert_eq!(desk.run().await.checkpoints, 0, "nothing has moved");
    first.commit(&acme(), &[], &event("EVENT")).await.unwrap();
    assert_eq!(desk.run().await.last, Some(1));
    let entries = desk.entries().await;
    let lanes = of(&entries, "CHECKPOINT")[1].detail()["lanes"].as_array().unwrap();
    assert_eq!((lanes.len(), &lanes[0]["seq"]), (1, &json!(3)), "the other lane has not moved");
    desk.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_lane_is_closed_and_its_writer_goes_on_in_another() {
    let desk = Desk::start().await;
    let ledger = desk.ledger();
    ledger.commit(&acme(), &[], &event("BEFORE")).await.unwrap();
    desk.run().await;
    desk.clock.advance(31 * 60);
    let done = desk.run().await;
    assert_eq!((done.closed, done.checkpoints), (1, 1));
    assert_eq!(desk.lanes().await, [], "what is closed and covered needs no record any more");
    ledger.commit(&acme(), &[], &event("AFTER")).await.unwrap();
    let entries = desk.entries().await;
    let (closed, after) = (of(&entries, "LANE_CLOSED")[0], of(&entries, "AFTER")[0]);
    assert_eq!((closed.seq(), &closed.detail()["reason"]), (1, &json!("idle")));
    assert_ne!(closed.chain(), after.chain());
    assert_eq!(after.seq(), 0);
    desk.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_ends_or_has_grown_old_closes_its_own_lanes() {
    let desk = Desk::start().await;
    let ledger = desk.ledger();
    ledger.commit(&acme(), &[], &event("EVENT")).await.unwrap();
    desk.clock.advance(7 * 3_600);
    ledger.commit(&acme(), &[], &event("EVENT")).await.unwrap();
    ledger.close().await;
    ledger.close().await;
    let entries = desk.entries().await;
    let reasons: Vec<_> = of(&entries, "LANE_CLOSED").iter().map(|entry| entry.detail()["reason"].clone()).collect();
    assert_eq!(reasons, ["full", "ended"]);
    assert_eq!(desk.run().await.closed, 0, "they are closed already");
    assert_eq!(desk.lanes().await, []);
    desk.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_lane_that_is_closed_and_covered_expires_and_as_a_whole() {
    let mut desk = Desk::start().await;
    desk.config.audit_retention_days = 30;
    let (ended, open) = (desk.ledger(), desk.ledger());
    for ledger in [&ended, &open, &ended] {
        ledger.commit(&acme(), &[], &event("EVENT")).await.unwrap();
    }
    ended.close().await;
    desk.run().await;
    let entries = desk.entries().await;
    assert_eq!(entries.len(), 5, "two events and their end, one event, one checkpoint");
    let lanes = of(&entries, "CHECKPOINT")[0].detail()["lanes"].as_array().unwrap().clone();
    let kept: Vec<_> = lanes.iter().filter_map(|lane| lane["kept_until"].as_i64()).collect();
    assert_eq!(kept, [NOW + 30 * DAY], "the checkpoint says it under its signature");

    desk.clock.advance(30 * DAY - 1);
    assert_eq!(desk.table.bodies(&acme(), &Prefix::audit(), None, desk.clock.now()).await.unwrap().0.len(), 4);
    desk.clock.advance(1);
    let left = desk.table.bodies(&acme(), &Prefix::audit(), None, desk.clock.now()).await.unwrap().0;
    assert_eq!(left.len(), 1, "the open lane stays: {left:?}");
    desk.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_a_rewritten_and_a_dropped_lane_are_found_and_said_once_in_the_audit() {
    for (how, says) in [
        ("cut", "is not there: the chain was cut off"),
        ("rewritten", "the entry was altered"),
        ("dropped", "is not there: the chain was cut off"),
        ("dropped with its record", "its record was removed"),
    ] {
        let desk = Desk::start().await;
        let ledger = desk.ledger();
        for _ in 0..3 {
            ledger.commit(&acme(), &[], &event("EVENT")).await.unwrap();
        }
        desk.run().await;
        let (chain, _) = desk.lanes().await.remove(0);
        let last = parse(&cloud_audit(&desk.table, &acme()).await.unwrap());
        let last = last.iter().find(|entry| entry.seq() == 2 && entry.chain() == chain).unwrap();
        match how {
            "cut" => desk.remove(SortKey::audit(&chain, 2)).await,
            "rewritten" => {
                let mut value = serde_json::to_value(last).unwrap();
                value["host"] = json!("other");
                desk.overwrite(SortKey::audit(&chain, 2), &value).await;
            }
            _ => {
                for seq in 0..3 {
                    desk.remove(SortKey::audit(&chain, seq)).await;
                }
                if how.ends_with("record") {
                    desk.remove(SortKey::lane(&chain)).await;
                }
            }
        }
        assert_eq!(desk.run().await.broken, 1, "{how}");
        assert_eq!(desk.run().await.broken, 1, "{how}: said again, until somebody has seen to it");
        let entries = parse(&cloud_audit(&desk.table, &acme()).await.unwrap());
        let said = of(&entries, "AUDIT_LANE_BROKEN");
        assert!(said.iter().any(|entry| entry.outcome().unwrap().contains(says)), "{how}: {said:?}");
        assert_eq!(said[0].detail()["lane"], chain.as_str(), "{how}");
        assert_eq!(said[0].detail()["covered"]["seq"], 2, "{how}");
        let later = of(&entries, "CHECKPOINT").split_off(1);
        let mut lanes = later.iter().flat_map(|entry| entry.detail()["lanes"].as_array().unwrap());
        assert!(lanes.all(|lane| lane["chain"] != chain.as_str()), "{how}: a broken lane is not signed again");
        desk.aws.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_lane_that_was_meddled_with_is_found_and_nothing_is_signed_behind_it() {
    for how in ["removed", "replaced", "an old note", "no note"] {
        let desk = Desk::start().await;
        let ledger = desk.ledger();
        let mut notes = Vec::new();
        for _ in 0..2 {
            ledger.commit(&acme(), &[], &event("EVENT")).await.unwrap();
            desk.run().await;
            let note = desk.table.read::<Value>(&acme(), &SortKey::last_checkpoint(), NOW).await.unwrap().unwrap();
            notes.push(note.value);
        }
        match how {
            "removed" => desk.remove(SortKey::checkpoint(1)).await,
            "replaced" => {
                let first = desk.table.read::<Value>(&acme(), &SortKey::checkpoint(0), NOW).await.unwrap().unwrap();
                desk.overwrite(SortKey::checkpoint(1), &first.value).await;
            }
            "an old note" => desk.overwrite(SortKey::last_checkpoint(), &notes[0]).await,
            _ => desk.remove(SortKey::last_checkpoint()).await,
        }
        let done = desk.run().await;
        assert_eq!((done.broken, done.checkpoints), (1, 0), "{how}");
        let entries = parse(&cloud_audit(&desk.table, &acme()).await.unwrap());
        assert_eq!(of(&entries, "AUDIT_LANE_BROKEN")[0].detail()["lane"], "checkpoints-acme", "{how}");
        desk.aws.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_lanes_of_many_tenants_are_covered_by_one_run() {
    let desk = Desk::start().await;
    let tenants: Vec<TenantId> = (0..3).map(|number| format!("t{number}").parse().unwrap()).collect();
    for tenant in &tenants {
        for _ in 0..100 {
            let event = Draft::event(NOW, tenant.as_str(), "EVENT");
            desk.ledger().commit(tenant, &[], &event).await.unwrap();
        }
    }
    let summary = desk.function().await.run(Duration::from_secs(60), Idle::All).await.unwrap();
    assert_eq!((summary.tenants, summary.left, summary.broken, summary.closed), (3, 0, 0, 300));
    assert_eq!(summary.checkpoints, 6, "90 lanes and 10 lanes each");
    for tenant in &tenants {
        let lines = cloud_audit(&desk.table, tenant).await.unwrap();
        let report = vyrox_audit::verify::reader(lines.as_slice(), "cloud").unwrap();
        assert_eq!((report.chains.len(), report.entries), (101, 202));
    }
    let again = desk.function().await.run(Duration::from_secs(60), Idle::ByAge).await.unwrap();
    assert_eq!((again.tenants, again.checkpoints), (0, 0), "nothing is open");
    desk.aws.shutdown().await;
}

type Uploads = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

async fn upload(State(uploads): State<Uploads>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut uploads = uploads.lock().unwrap();
    if uploads.iter().any(|(path, ..)| path == uri.path()) {
        return StatusCode::PRECONDITION_FAILED;
    }
    uploads.push((uri.path().to_owned(), headers, body));
    StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_published_once_each_with_a_checksum_and_a_signature() {
    let mut desk = Desk::start().await;
    let uploads = Uploads::default();
    let router = Router::new().fallback(upload).with_state(Arc::clone(&uploads));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bucket = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    desk.config.aws = Aws::local(&bucket);
    desk.config.checkpoint_bucket = Some("locked".to_owned());
    let ledger = desk.ledger();
    for _ in 0..3 {
        ledger.commit(&acme(), &[], &event("EVENT")).await.unwrap();
        desk.run().await;
    }
    let seen = uploads.lock().unwrap().clone();
    let paths: Vec<&str> = seen.iter().map(|(path, ..)| path.as_str()).collect();
    let path = |n: u64| format!("/locked/acme/{n:020}.json");
    assert_eq!(paths, [path(0), path(1), path(2)]);
    let entries = desk.entries().await;
    let (_, headers, body) = &seen[2];
    assert_eq!(body, (of(&entries, "CHECKPOINT")[2].to_line() + "\n").as_bytes());
    assert!(headers["authorization"].to_str().unwrap().contains("/s3/aws4_request"));
    assert!(headers.contains_key("x-amz-checksum-sha256") && headers["if-none-match"] == "*");
    // Once more, as after a note that was lost: what is there stays.
    desk.remove(SortKey::published_checkpoint()).await;
    desk.run().await;
    assert!(uploads.lock().unwrap().len() >= 4);
    desk.aws.shutdown().await;
}
