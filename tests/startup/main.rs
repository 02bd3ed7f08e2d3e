//! Every function's start and memory under Lambda's runtime API, beside an empty function of the same runtime in the same run.
//!
//! ```text
//! infra/lambda build --release --bin empty-function && cargo build --release -p vyrox-tests --bin startup --bin empty-function
//! target/release/startup target/lambda                # what is deployed, beside an empty function
//! target/release/startup target/lambda 5 api notify   # these alone, each 5 times instead of 15
//! target/load/startup --record                        # writes functions/layout.txt; needs valgrind, and programs with symbols
//! ```
//!
//! The real binaries as `infra/lambda` makes them (without a folder, those that cargo has put beside this program), each a
//! process of its own. The empty function is linked as cargo does by itself; one that is linked as ours are has a row of its
//! own, if there is one. AWS is the embedded one on loopback, in this process, each service at its own
//! address. `start` is from the
//! process's start to its first request for work, with all that it does before: configuration, clients, their connections
//! to AWS, the rules. `first` and `warm` are invocations, `memory` is the most that was resident. `own` is the processor time
//! of the function's own process in each of them: the rest is AWS, which shares the machine here. Medians of interleaved
//! rounds, so that whatever else the machine does meets all alike; the ratios are what counts. A second table says what is
//! resident after the last invocation.
//!
//! What each is invoked with: ingest a signed webhook, triage an alert to judge, notify one that is not shown, interactions
//! an approving click, dispatch an action that waits for its proxy to poll, checkpoint its schedule's event; assist a command
//! that was answered, relay and api a caller that they refuse.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod layout;
mod record;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;
use vyrox_contract::AlertId;
use vyrox_domain::custom_id::Verb;
use vyrox_platform::rate::Limits;
use vyrox_standins::lambda::RuntimeApi;
use vyrox_tests::{Bench, Desk, Process, Resident, batch, request};

const ROUNDS: usize = 15;
const WARM: usize = 20;
const APPROVER: &str = "900000000000000001";
/// An empty function that is linked as ours are.
const STATIC: &str = "empty, static";

/// A function as it is measured.
struct Subject {
    name: &'static str,
    program: PathBuf,
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

/// Of one process.
struct Measured {
    start: Spent,
    first: Spent,
    warm: Spent,
    /// How often it touched a page that was not mapped yet, until it was ready.
    faults: f64,
    /// The most that was resident, in KiB.
    memory: f64,
    resident: Resident,
}

/// Milliseconds.
#[derive(Clone, Copy)]
struct Spent {
    /// From outside.
    passed: f64,
    /// Processor time of the process itself.
    own: f64,
}

#[tokio::main]
async fn main() {
    let bench = Bench::start().await;
    let desk = Desk::start_at(vyrox_local::clock::system().now()).await;
    let (rounds, mut wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.parse::<usize>().is_ok());
    let records = wanted.iter().any(|argument| argument == "--record");
    wanted.retain(|argument| argument != "--record");
    let rounds = rounds.first().map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut subjects = subjects(&bench, &desk, rounds).await;
    let (folders, wanted): (Vec<String>, Vec<String>) = wanted.into_iter().partition(|argument| argument.contains('/'));
    let folder = folders.first().map(PathBuf::from);
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    subjects.retain(|subject| subject.name.starts_with("empty") || is_wanted(subject.name));
    subjects.iter_mut().for_each(|subject| subject.program = program(subject.name, folder.as_deref()));
    subjects.retain(|subject| subject.name != STATIC || subject.program.exists());
    if records {
        assert!(wanted.is_empty(), "all are recorded, for they share one file");
        record::record(&mut subjects, &desk).await;
        std::process::exit(0);
    }
    for round in 0..rounds {
        // Not always in the same order.
        let count = subjects.len();
        for index in 0..count {
            let subject = &mut subjects[(index + round) % count];
            let measured = measure(subject, &desk).await;
            subject.measured.push(measured);
        }
    }
    print_times(&subjects);
    print_memory(&subjects);
    std::process::exit(0);
}

fn print_times(subjects: &[Subject]) {
    println!(
        "function       start ms    own faults  first ms    own   warm ms    own  memory MiB     start     own  memory"
    );
    for subject in subjects {
        let empty = subjects.iter().find(|other| other.name == subject.beside).unwrap();
        let of = |part: fn(&Measured) -> f64| subject.median(part);
        let ratio = |part| subject.median(part) / empty.median(part);
        println!(
            "{:<14} {:>8.1} {:>6.1} {:>6.0} {:>9.1} {:>6.1} {:>9.2} {:>6.2} {:>11.1} {:>8.2}x {:>6.2}x {:>6.2}x",
            subject.name,
            of(|one| one.start.passed),
            of(|one| one.start.own),
            of(|one| one.faults),
            of(|one| one.first.passed),
            of(|one| one.first.own),
            of(|one| one.warm.passed),
            of(|one| one.warm.own),
            of(|one| one.memory) / 1_024.0,
            ratio(|one| one.start.passed),
            ratio(|one| one.start.own),
            ratio(|one| one.memory),
        );
    }
}

fn print_memory(subjects: &[Subject]) {
    println!("\nresident, MiB     files  changed     heap    other");
    for subject in subjects {
        let of = |part: fn(&Resident) -> f64| {
            median(subject.measured.iter().map(|one| part(&one.resident)).collect()) / 1_024.0
        };
        println!(
            "{:<14} {:>8.1} {:>8.2} {:>8.2} {:>8.2}",
            subject.name,
            of(|one| one.files),
            of(|one| one.changed),
            of(|one| one.heap),
            of(|one| one.other),
        );
    }
}

impl Subject {
    fn median(&self, part: fn(&Measured) -> f64) -> f64 {
        median(self.measured.iter().map(part).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// In the folder that `infra/lambda` has filled, or beside this executable, where the empty function is in any case.
fn program(name: &str, folder: Option<&Path>) -> PathBuf {
    let of_cargo = |name: &str| std::env::current_exe().unwrap().parent().unwrap().join(name);
    let path = match (name, folder) {
        (STATIC, Some(folder)) => return folder.join("empty-function/bootstrap"),
        (STATIC, None) => return PathBuf::new(),
        (name, _) if name.starts_with("empty") => of_cargo("empty-function"),
        (name, Some(folder)) => folder.join(name).join("bootstrap"),
        (name, None) => of_cargo(name),
    };
    assert!(
        path.exists(),
        "{} is not there: the first lines of tests/startup/main.rs say how to build it",
        path.display()
    );
    path
}

fn environment_of(subject: &Subject, runtime: &RuntimeApi) -> BTreeMap<String, String> {
    let lambdas = runtime.environment(subject.name).into_iter().map(|(name, value)| (name.to_owned(), value));
    subject.environment.clone().into_iter().chain(lambdas).collect()
}

async fn measure(subject: &mut Subject, desk: &Desk) -> Measured {
    let runtime = RuntimeApi::start().await.unwrap();
    let mut command = Command::new(&subject.program);
    command.env_clear().envs(environment_of(subject, &runtime));
    if subject.name == "empty, http" {
        command.arg("http");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let child = command.spawn().unwrap();
    runtime.polled().await;
    let passed = ms(began.elapsed());
    let process = Process::of(&child);
    let start = Spent { passed, own: process.processor() };
    let faults = process.faults();
    let first = invoke(subject, desk, &runtime, &process).await;
    let mut warm = Vec::new();
    for _ in 0..WARM {
        warm.push(invoke(subject, desk, &runtime, &process).await);
    }
    let warm = Spent {
        passed: median(warm.iter().map(|spent| spent.passed).collect()),
        own: median(warm.iter().map(|spent| spent.own).collect()),
    };
    let (memory, resident) = (process.most_resident(), process.resident());
    runtime.shutdown();
    Measured { start, first, warm, faults, memory, resident }
}

async fn invoke(subject: &mut Subject, desk: &Desk, runtime: &RuntimeApi, process: &Process) -> Spent {
    let event = match &mut subject.events {
        Events::One(event) => event.clone(),
        Events::Each(events) => events.pop().unwrap(),
        Events::Clicks(alerts) => {
            let now = vyrox_local::clock::system().now();
            desk.event(alerts.pop().unwrap(), Verb::Approve, APPROVER, now).await
        }
    };
    let before = process.processor();
    let began = Instant::now();
    let answer = runtime.invoke(&event).await.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
    let passed = ms(began.elapsed());
    let own = process.processor() - before;
    assert!(answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty), "{}: {answer}", subject.name);
    assert!(answer["statusCode"].as_i64().is_none_or(|status| status < 500), "{}: {answer}", subject.name);
    Spent { passed, own }
}

async fn subjects(bench: &Bench, desk: &Desk, rounds: usize) -> Vec<Subject> {
    const LIMITS: Limits = Limits { tenant: u32::MAX, source: u32::MAX };
    let invocations = rounds * (WARM + 1);
    let subject = |name, beside, environment, events| Subject {
        name,
        program: PathBuf::new(),
        beside,
        environment,
        events,
        measured: Vec::new(),
    };
    let (http, events) = ("empty, http", "empty, events");

    let (ingest, triage) = (bench.ingest(LIMITS), bench.triage());
    for _ in 0..invocations * 2 {
        assert_eq!(bench.deliver(&ingest, &bench.body_of("software-update")).await.status, 202);
    }
    let mut queued = bench.take("AlertsQueue").await;
    let to_judge = queued.split_off(invocations);
    for record in &queued {
        triage.handle(vyrox_tests::message(record)).await.unwrap();
    }
    let judged = bench.take("CardsQueue").await;
    let single = |records: Vec<Value>| Events::Each(records.into_iter().map(|record| batch(&[record])).collect());
    let webhooks = (0..invocations).map(|_| bench.event("acme", bench.body_of("software-update"))).collect();

    // Past any cap, so that every click decides.
    desk.set(|tenant| tenant.policy.caps = vyrox_domain::tenant::Caps { per_user: u32::MAX, hosts_per_hour: u32::MAX })
        .await;
    let mut asked_about = Vec::new();
    for _ in 0..invocations {
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
        subject(STATIC, events, BTreeMap::new(), Events::One(json!({}))),
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
