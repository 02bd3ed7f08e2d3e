//! Every function's start and memory under Lambda's runtime API, beside an empty function of the same runtime in the same run.
//!
//! ```text
//! cargo build --release --workspace --bins && cargo run --release -p vyrox-tests --bin startup
//! target/release/startup api notify           # these alone
//! ```
//!
//! The real binaries, each a process of its own; AWS is the embedded one on loopback, in this process, each service at its own
//! address. `start` is from the
//! process's start to its first request for work, with all that it does before: configuration, clients, their connections
//! to AWS, the rules. `first` and `warm` are invocations, `memory` is the most that was resident. Medians of interleaved
//! rounds, so that whatever else the machine does meets all alike; the ratios are what counts.
//!
//! What each is invoked with: ingest a signed webhook, triage an alert to judge, notify one that is not shown, interactions
//! an approving click, dispatch an action that waits for its proxy to poll, checkpoint its schedule's event; assist a command
//! that was answered, relay and api a caller that they refuse.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use vyrox_contract::AlertId;
use vyrox_domain::custom_id::Verb;
use vyrox_platform::rate::Limits;
use vyrox_standins::lambda::RuntimeApi;
use vyrox_tests::{Bench, Desk, batch, request};

const ROUNDS: usize = 15;
const WARM: usize = 20;
const APPROVER: &str = "900000000000000001";

/// A function as it is measured.
struct Subject {
    name: &'static str,
    /// Which empty function it is held against.
    beside: &'static str,
    environment: BTreeMap<String, String>,
    events: Events,
    measured: Vec<Measured>,
}

/// What a function is invoked with.
enum Events {
    /// Always the same.
    One(Value),
    /// One for each invocation.
    Each(Vec<Value>),
    /// A click on the card of each of these alerts, which must be signed at that moment.
    Clicks(Vec<AlertId>),
}

/// Of one process; milliseconds and KiB.
struct Measured {
    start: f64,
    first: f64,
    warm: f64,
    memory: f64,
}

#[tokio::main]
async fn main() {
    let bench = Bench::start().await;
    let desk = Desk::start_at(vyrox_local::clock::system().now()).await;
    let mut subjects = subjects(&bench, &desk).await;
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    subjects.retain(|subject| subject.name.starts_with("empty") || is_wanted(subject.name));
    for round in 0..ROUNDS {
        // Not always in the same order.
        let count = subjects.len();
        for index in 0..count {
            let subject = &mut subjects[(index + round) % count];
            let measured = measure(subject, &desk).await;
            subject.measured.push(measured);
        }
    }
    println!("function       start ms  first ms   warm ms  memory MiB     start  memory");
    let of = |subject: &Subject, part: fn(&Measured) -> f64| median(subject.measured.iter().map(part).collect());
    for subject in &subjects {
        let empty = subjects.iter().find(|other| other.name == subject.beside).unwrap();
        let ratio = |part| of(subject, part) / of(empty, part);
        println!(
            "{:<14} {:>8.1} {:>9.1} {:>9.2} {:>11.1} {:>8.2}x {:>6.2}x",
            subject.name,
            of(subject, |one| one.start),
            of(subject, |one| one.first),
            of(subject, |one| one.warm),
            of(subject, |one| one.memory) / 1_024.0,
            ratio(|one| one.start),
            ratio(|one| one.memory),
        );
    }
    std::process::exit(0);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Beside this executable.
fn binary(name: &str) -> PathBuf {
    let name = if name.starts_with("empty") { "empty-function" } else { name };
    let path = std::env::current_exe().unwrap().parent().unwrap().join(name);
    assert!(path.exists(), "build it first: cargo build --release --workspace --bins ({})", path.display());
    path
}

async fn measure(subject: &mut Subject, desk: &Desk) -> Measured {
    let runtime = RuntimeApi::start().await.unwrap();
    let mut command = Command::new(binary(subject.name));
    command.env_clear().envs(&subject.environment).envs(runtime.environment(subject.name));
    if let Some(kind) = subject.name.strip_prefix("empty, ") {
        command.arg(kind);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let child = command.spawn().unwrap();
    runtime.polled().await;
    let start = ms(began.elapsed());
    let first = invoke(subject, desk, &runtime).await;
    let mut warm = Vec::new();
    for _ in 0..WARM {
        warm.push(invoke(subject, desk, &runtime).await);
    }
    let memory = most_resident(&child);
    runtime.shutdown();
    Measured { start, first, warm: median(warm), memory }
}

async fn invoke(subject: &mut Subject, desk: &Desk, runtime: &RuntimeApi) -> f64 {
    let event = match &mut subject.events {
        Events::One(event) => event.clone(),
        Events::Each(events) => events.pop().unwrap(),
        Events::Clicks(alerts) => {
            let now = vyrox_local::clock::system().now();
            desk.event(alerts.pop().unwrap(), Verb::Approve, APPROVER, now).await
        }
    };
    let began = Instant::now();
    let answer = runtime.invoke(&event).await.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
    let took = ms(began.elapsed());
    assert!(answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty), "{}: {answer}", subject.name);
    assert!(answer["statusCode"].as_i64().is_none_or(|status| status < 500), "{}: {answer}", subject.name);
    took
}

/// The most that was resident, in KiB.
fn most_resident(child: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn subjects(bench: &Bench, desk: &Desk) -> Vec<Subject> {
    const INVOCATIONS: usize = ROUNDS * (WARM + 1);
    const LIMITS: Limits = Limits { tenant: u32::MAX, source: u32::MAX };
    let subject =
        |name, beside, environment, events| Subject { name, beside, environment, events, measured: Vec::new() };
    let (http, events) = ("empty, http", "empty, events");

    let (ingest, triage) = (bench.ingest(LIMITS), bench.triage());
    for _ in 0..INVOCATIONS * 2 {
        assert_eq!(bench.deliver(&ingest, &bench.body_of("software-update")).await.status, 202);
    }
    let mut queued = bench.take("AlertsQueue").await;
    let to_judge = queued.split_off(INVOCATIONS);
    for record in &queued {
        triage.handle(vyrox_tests::message(record)).await.unwrap();
    }
    let judged = bench.take("CardsQueue").await;
    let single = |records: Vec<Value>| Events::Each(records.into_iter().map(|record| batch(&[record])).collect());
    let webhooks = (0..INVOCATIONS).map(|_| bench.event("acme", bench.body_of("software-update"))).collect();

    // Past any cap, so that every click decides.
    desk.set(|tenant| tenant.policy.caps = vyrox_domain::tenant::Caps { per_user: u32::MAX, hosts_per_hour: u32::MAX })
        .await;
    let mut asked_about = Vec::new();
    for _ in 0..INVOCATIONS {
        asked_about.push(desk.ask().await);
    }
    let waiting = desk.approved_action(APPROVER).await;
    let waiting = json!({"messageId": "1", "receiptHandle": "1", "body": waiting.to_string()});
    let asked = json!({"tenant_id": "acme", "interaction_id": "1500000000000000001"}).to_string();
    let asked = json!({"messageId": "1", "receiptHandle": "1", "body": asked});
    let stranger = json!({
        "payloadType": "application/vnd.vyrox.poll+json", "payload": "e30=",
        "signatures": [{"keyid": "0".repeat(64), "sig": "AAAA"}],
    });
    let aws = desk.aws_url();
    let (of_bench, of_desk) = (bench.past_the_hop(), desk.past_the_hop());
    let at_bench = |function| bench.environment(function).into_iter().chain(of_bench.clone()).collect();
    let at_desk = |function| desk.environment(function, &aws).into_iter().chain(of_desk.clone()).collect();
    vec![
        subject(http, http, BTreeMap::new(), Events::One(request("POST", "/", "{}"))),
        subject(events, events, BTreeMap::new(), Events::One(json!({}))),
        subject("ingest", http, at_bench("IngestFunction"), Events::Each(webhooks)),
        subject("triage", events, at_bench("TriageFunction"), single(to_judge)),
        subject("notify", events, at_bench("NotifyFunction"), single(judged)),
        subject("interactions", http, at_desk("InteractionsFunction"), Events::Clicks(asked_about)),
        subject("assist", events, at_bench("AssistFunction"), Events::One(batch(&[asked]))),
        subject("dispatch", events, at_desk("DispatchFunction"), Events::One(batch(&[waiting]))),
        subject("checkpoint", events, at_bench("CheckpointFunction"), Events::One(json!({}))),
        subject(
            "relay",
            http,
            at_bench("RelayFunction"),
            Events::One(request("POST", "/proxy/v1/poll", &stranger.to_string())),
        ),
        subject("api", http, at_bench("ApiFunction"), Events::One(request("GET", "/api/v1/keys", ""))),
    ]
}
