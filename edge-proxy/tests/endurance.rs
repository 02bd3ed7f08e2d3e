//! Many times over, against the real program: killed at any moment under load, and left by its clients at any moment.
//!
//! `VYROX_KILLS` and `VYROX_LEAVES` say how often; the defaults are for every test run. With 1,000 each it takes some
//! minutes:
//!
//! ```text
//! VYROX_KILLS=1000 VYROX_LEAVES=1000 cargo test --release -p vyrox-edge-proxy --test endurance -- --nocapture
//! ```
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::fleet::Fleet;
use support::process::{Process, now_with};
use support::{entries, receipt};
use tokio::io::AsyncWriteExt as _;
use vyrox_audit::{Entry, Phase};

const BUDGET: &str = "[policy]\nmax_isolations_per_hour = 1000000\nmax_isolations_per_day = 1000000\n";
const CLIENTS: usize = 64;
/// The log begins anew after so many kills, so that verifying all of it each time stays quick.
const KILLS_PER_LOG: usize = 20;

fn times(variable: &str, default: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "how long a test runs is said from outside")]
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// From 0 up to this.
fn random(below: u64) -> u64 {
    getrandom::u64().unwrap() % below
}

/// Each request has a device of its own, so that the EDR's counts tell of each.
fn device_of(number: usize) -> String {
    format!("{number:032x}")
}

fn envelope_of(number: usize) -> String {
    now_with(&format!("request-{number}"), |action| {
        action["target"]["device_id"] = json!(device_of(number));
        action["target"]["hostname"] = json!(format!("host-{}", device_of(number)));
    })
}

/// What the clients were told, and what they were not.
#[derive(Default)]
struct Told {
    /// Outcome and number of the outcome's entry.
    acknowledged: HashMap<usize, (String, u64)>,
    unanswered: HashSet<usize>,
}

async fn ask(http: &reqwest::Client, url: &str, number: usize) -> Option<(u16, serde_json::Value)> {
    let sent = http.post(format!("{url}/execute")).body(envelope_of(number)).send().await.ok()?;
    let status = sent.status().as_u16();
    Some((status, sent.json().await.ok()?))
}

/// Asks until the proxy is gone.
async fn client(http: reqwest::Client, url: String, next: Arc<AtomicUsize>, told: Arc<Mutex<Told>>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        match ask(&http, &url, number).await {
            Some((200, body)) => {
                let receipt = receipt(&body);
                let ended = (receipt.outcome.as_str().to_owned(), receipt.audit_head.seq);
                told.lock().unwrap().acknowledged.insert(number, ended);
            }
            Some((status, body)) => panic!("{status}: {body}"),
            None => {
                told.lock().unwrap().unanswered.insert(number);
                return;
            }
        }
    }
}

async fn until_ready(process: &Process) {
    for _ in 0..6000 {
        let answer = process.http.get(format!("{}/ready", process.url)).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never ready");
}

/// The log after a start: whole, with an outcome for every intent, and in agreement with what clients and EDR saw.
fn check(dir: &Path, fleet: &Fleet, told: &Told) -> Vec<Entry> {
    let entries = entries(dir);
    let mut outcomes: HashMap<&str, &Entry> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.phase() == Phase::Outcome) {
        let twice = outcomes.insert(entry.request_id().unwrap(), entry);
        assert!(twice.is_none(), "{entry:?} has ended twice");
    }
    let mut begun = HashSet::new();
    for intent in entries.iter().filter(|entry| entry.phase() == Phase::Intent) {
        assert!(outcomes.contains_key(intent.request_id().unwrap()), "begun and never reported: {intent:?}");
        assert!(begun.insert(intent.detail()["device_id"].as_str().unwrap()), "begun twice: {intent:?}");
    }
    for (number, (outcome, seq)) in &told.acknowledged {
        let entry = outcomes.get(format!("request-{number}").as_str());
        let found = entry.map(|entry| (entry.outcome().unwrap_or_default(), entry.seq()));
        assert_eq!(found, Some((outcome.as_str(), *seq)), "acknowledged and lost: request-{number}");
    }
    for (device, count) in fleet.counts() {
        assert_eq!(count, 1, "{device} was contained more than once");
        assert!(begun.contains(device.as_str()), "{device} was contained without an entry");
    }
    entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_under_load_it_loses_nothing_and_repeats_nothing() {
    let kills = times("VYROX_KILLS", 15);
    let fleet = Fleet::start().await;
    let next = Arc::new(AtomicUsize::new(0));
    let (mut acknowledged, mut ambiguous, mut in_starts, mut repairs, mut retried) = (0, 0, 0, 0, 0);
    for first in (0..kills).step_by(KILLS_PER_LOG) {
        let dir = tempfile::tempdir().unwrap();
        fleet.forget();
        let told = Arc::new(Mutex::new(Told::default()));
        for _ in first..kills.min(first + KILLS_PER_LOG) {
            if random(4) == 0 {
                // While it starts, and so while it repairs and reports what the one before it left.
                let (process, _messages) = Process::spawn(dir.path(), &fleet.url, BUDGET);
                tokio::time::sleep(Duration::from_millis(random(60))).await;
                process.kill();
                in_starts += 1;
                continue;
            }
            let process = Process::start_with(dir.path(), &fleet.url, BUDGET);
            until_ready(&process).await;
            check(dir.path(), &fleet, &told.lock().unwrap());
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| client(process.http.clone(), process.url.clone(), Arc::clone(&next), Arc::clone(&told)))
                .map(tokio::spawn)
                .collect();
            tokio::time::sleep(Duration::from_micros(random(400_000))).await;
            process.kill();
            for client in clients {
                client.await.unwrap();
            }
        }
        // What had no answer is asked for again, as a platform does; that must not do it twice either.
        let process = Process::start_with(dir.path(), &fleet.url, BUDGET);
        until_ready(&process).await;
        let unanswered: Vec<usize> = told.lock().unwrap().unanswered.drain().collect();
        for number in &unanswered {
            let (status, body) = ask(&process.http, &process.url, *number).await.unwrap();
            assert_eq!(status, 200, "{body}");
        }
        retried += unanswered.len();
        assert_eq!(process.stop(), Some(0));
        let told = told.lock().unwrap();
        let entries = check(dir.path(), &fleet, &told);
        acknowledged += told.acknowledged.len();
        ambiguous += entries.iter().filter(|entry| entry.outcome() == Some("ambiguous")).count();
        repairs += entries.iter().filter(|entry| entry.action_type() == "AUDIT_REPAIRED").count();
    }
    println!(
        "{kills} kills ({in_starts} of them while starting): {acknowledged} acknowledged actions, all in the log; {ambiguous} \
         interrupted, all reported; {repairs} torn lines repaired; {retried} asked for again; none contained twice"
    );
    assert!(acknowledged > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn left_by_its_clients_at_random_moments_it_ends_what_it_began_once() {
    let leaves = times("VYROX_LEAVES", 60);
    let fleet = Fleet::start().await;
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start_with(dir.path(), &fleet.url, BUDGET);
    until_ready(&process).await;
    let address = process.url.trim_start_matches("http://").to_owned();
    let mut clients = Vec::new();
    for number in 0..leaves {
        let address = address.clone();
        clients.push(tokio::spawn(async move {
            let body = envelope_of(number);
            let request =
                format!("POST /execute HTTP/1.1\r\nHost: proxy\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            // One in five leaves within its request, the others while it is worked on or answered.
            let part =
                if number % 5 == 0 { usize::try_from(random(request.len() as u64)).unwrap() } else { request.len() };
            let _ = stream.write_all(&request.as_bytes()[..part]).await;
            tokio::time::sleep(Duration::from_micros(random(20_000))).await;
        }));
        if clients.len() == CLIENTS {
            for client in clients.drain(..) {
                client.await.unwrap();
            }
        }
    }
    for client in clients {
        client.await.unwrap();
    }
    let mut replayed = 0;
    for number in 0..leaves {
        let mut answer = ask(&process.http, &process.url, number).await.unwrap();
        for _ in 0..1000 {
            // At work still, or so much else is that it is told to come back.
            if !matches!(answer.0, 409 | 429) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer = ask(&process.http, &process.url, number).await.unwrap();
        }
        assert_eq!(answer.0, 200, "request-{number}: {}", answer.1);
        assert_eq!(receipt(&answer.1).outcome.as_str(), "executed");
        replayed += usize::from(answer.1["status"] == "replayed");
    }
    assert_eq!(process.stop(), Some(0));
    check(dir.path(), &fleet, &Told::default());
    assert_eq!(fleet.counts().len(), leaves, "each was done, and once");
    println!(
        "{leaves} clients left early: {replayed} of their actions had been done all the same, the rest when asked again"
    );
}
