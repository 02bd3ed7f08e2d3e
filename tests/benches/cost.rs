//! What a million alerts take of Lambda: time, CPU and memory of the real binaries under Lambda's runtime API, every request
//! to AWS 4 ms slower than on loopback, as within a region (Discord, for which notify waits, is on loopback); beside a function in Python that does less of the same.
//!
//! ```text
//! cargo build --release --workspace --bins
//! python3 -m venv venv && venv/bin/pip install boto3
//! VYROX_PYTHON=$PWD/venv/bin/python cargo run --release -p vyrox-tests --bin cost
//! ```
//!
//! Lambda gives a function CPU by its memory, one core for 1,769 MB; this machine gives a whole one. So what would be billed is
//! taken as the time waited plus the CPU time stretched to that share. Requests and units are counted by `tests/units.rs`;
//! `docs/cost.md` puts both together.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, Command};
use vyrox_contract::{Ed25519Signer, Envelope, Poll, TenantId, Vendor};
use vyrox_domain::custom_id::Verb;
use vyrox_domain::tenant::Caps;
use vyrox_platform::rate::Limits;
use vyrox_standins::lambda::RuntimeApi;
use vyrox_tests::{APPROVER, Bench, Desk, Hop, Process, batch, command_body, message, request};

/// What a request to DynamoDB, SQS or KMS takes within a region, beyond loopback.
const REGION: Duration = Duration::from_millis(4);
const WARM_UP: usize = 30;
const MEASURED: usize = 200;
/// Memory that buys one core, in MB.
const CORE: f64 = 1_769.0;
const LIMITS: Limits = Limits { tenant: u32::MAX, source: u32::MAX };

/// What one invocation takes.
struct Taken {
    name: &'static str,
    /// How many alerts an invocation handles.
    alerts: usize,
    /// As configured, in MB.
    memory: f64,
    /// Mean, in ms.
    wall: f64,
    /// Mean, in ms, of all threads.
    cpu: f64,
    /// The most that was resident, in MiB.
    resident: f64,
    /// Mean, in bytes.
    logged: f64,
}

impl Taken {
    fn billed(&self) -> f64 {
        let waited = (self.wall - self.cpu).max(0.0);
        (waited + self.cpu * CORE / self.memory).ceil()
    }

    fn gigabyte_seconds_per_million(&self) -> f64 {
        self.billed() / 1_000.0 * self.memory / 1_024.0 * 1_000_000.0 / self.alerts as f64
    }
}

#[tokio::main]
async fn main() {
    let bench = Bench::start().await;
    let shown = bench.shown_tenant("shown").await;
    let discord = discord().await;
    let mut all = Vec::new();

    let events = |tenant: &str, scenario: &str, count: usize| -> Vec<Value> {
        (0..count).map(|_| bench.event(tenant, bench.body_of(scenario))).collect()
    };
    let runs = WARM_UP + MEASURED;
    all.push(
        run(
            &bench,
            "ingest",
            1,
            256.0,
            release("ingest", bench.environment("IngestFunction")),
            events("acme", "credential-dump", runs),
        )
        .await,
    );
    bench.take("AlertsQueue").await;

    // The same requests for as many alerts at once as a batch has, and for one.
    for (name, tenant, scenario, alerts, times) in [
        ("triage, batch of 10", "acme", "credential-dump", 10, runs / 4),
        ("triage, batch of 1", "acme", "credential-dump", 1, runs),
    ] {
        let batches = batches(&bench, "AlertsQueue", tenant, scenario, alerts, times).await;
        let command = release("triage", bench.environment("TriageFunction"));
        all.push(run(&bench, name, alerts, 512.0, command, batches).await);
        bench.take("CardsQueue").await;
    }
    for (name, tenant, scenario, alerts, times) in [
        ("notify, no card, batch of 10", "acme", "software-update", 10, runs / 4),
        ("notify, a card, batch of 10", "shown", "credential-dump", 10, runs / 4),
    ] {
        let batches = batches(&bench, "CardsQueue", tenant, scenario, alerts, times).await;
        let command = release("notify", bench.environment_with("NotifyFunction", &discord));
        all.push(run(&bench, name, alerts, 256.0, command, batches).await);
        bench.take("CardsQueue").await;
    }

    // What every proxy asks every two seconds, and mostly for nothing.
    let (proxy, signer) = ("edge-1", Ed25519Signer::from_seed(&[7; 32]));
    bench.enrol(&shown, proxy, &signer).await;
    let polls = (0..runs).map(|_| poll(&shown, proxy, &signer)).collect();
    let command = release("relay", bench.environment("RelayFunction"));
    all.push(run(&bench, "relay, a poll for nothing", 1, 512.0, command, polls).await);

    for (name, memory, command, events) in on_occasion(&bench, &discord).await {
        all.push(run(&bench, name, 1, memory, command, events).await);
    }

    match python(&bench) {
        Some(command) => {
            all.push(run(&bench, "Python: ingest", 1, 256.0, command, events("acme", "credential-dump", runs)).await);
        }
        None => eprintln!("SKIPPED: there is no Python with boto3 (VYROX_PYTHON names one), so it is NOT beside ours"),
    }
    println!(
        "invocation                                     MB  wall ms   CPU ms  billed ms  resident MiB  log bytes  GB-s per million alerts"
    );
    for one in &all {
        println!(
            "{:<44} {:>5} {:>8.1} {:>8.2} {:>10} {:>13.1} {:>10.0} {:>24.0}",
            one.name,
            one.memory,
            one.wall,
            one.cpu,
            one.billed(),
            one.resident,
            one.logged,
            one.gigabyte_seconds_per_million(),
        );
    }
    std::process::exit(0);
}

/// What people, programs and the clock ask for, now and then.
async fn on_occasion(bench: &Bench, discord: &str) -> Vec<(&'static str, f64, Command, Vec<Value>)> {
    let (runs, now) = (WARM_UP + MEASURED, vyrox_local::clock::system().now());
    let desk = Desk::start_at(now).await;
    // Past any cap, so that every click decides.
    desk.set(|tenant| tenant.policy.caps = Caps { per_user: u32::MAX, hosts_per_hour: u32::MAX }).await;
    let (mut clicks, mut actions, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..runs {
        clicks.push(desk.event(desk.ask().await, Verb::Approve, APPROVER, now).await);
        actions.push(batch(&[queued(&desk.approved_action(APPROVER).await)]));
        let command = desk.posted(&command_body(number as u64, &["stats"], &[]), now);
        commands.push(command);
    }
    // What interactions hands on for a command, for assist.
    let mut asked = Vec::new();
    for command in &commands {
        let (headers, body) = (&command["headers"], command["body"].as_str().unwrap());
        let header = |name: &'static str| (name, headers[name].as_str().unwrap());
        let headers = [header("x-signature-ed25519"), header("x-signature-timestamp")];
        assert_eq!(desk.post_raw(&headers, body.as_bytes()).await.status, 200, "{body}");
        let interaction: Value = serde_json::from_str(body).unwrap();
        asked.push(batch(&[queued(&json!({"tenant_id": desk.tenant_id(), "interaction_id": interaction["id"]}))]));
    }
    let hop = Hop::before(&desk.aws_url()).await;
    hop.slow(REGION);
    let of_desk = |name, function| release(name, desk.environment(function, &hop.url));
    let mut assist = of_desk("assist", "AssistFunction");
    assist.env("VYROX_DISCORD_API_URL", discord);

    let key = bench.api_key(&"shown".parse().unwrap()).await;
    let mut page = request("GET", "/api/v1/alerts", "");
    page["headers"]["authorization"] = json!(format!("Bearer {}", key.reveal()));
    let of_bench = |name, function| release(name, bench.environment(function));
    let done = vec![
        ("interactions, an approving click", 512.0, of_desk("interactions", "InteractionsFunction"), clicks),
        ("dispatch, an action that its proxy polls for", 256.0, of_desk("dispatch", "DispatchFunction"), actions),
        ("assist, /vyrox stats", 512.0, assist, asked),
        (
            "checkpoint, three tenants, nothing new",
            256.0,
            of_bench("checkpoint", "CheckpointFunction"),
            vec![json!({}); runs],
        ),
        ("api, a page of alerts", 512.0, of_bench("api", "ApiFunction"), vec![page; runs]),
    ];
    // The runner's process ends with the table: until then the desk is needed.
    std::mem::forget(desk);
    done
}

/// A message as SQS hands it over.
fn queued(body: &Value) -> Value {
    json!({"messageId": "1", "receiptHandle": "1", "body": body.to_string()})
}

/// Events with so many new alerts each, as the function behind `queue` gets them.
async fn batches(bench: &Bench, queue: &str, tenant: &str, scenario: &str, alerts: usize, times: usize) -> Vec<Value> {
    bench.hop.slow(Duration::ZERO);
    let (ingest, triage) = (bench.ingest(LIMITS), bench.triage());
    for _ in 0..alerts * times {
        let body = bench.body_of(scenario);
        assert_eq!(bench.deliver_as(tenant, Vendor::Crowdstrike, &ingest, &body).await.status, 202);
    }
    let mut records = bench.take("AlertsQueue").await;
    if queue == "CardsQueue" {
        for record in &records {
            triage.handle(message(record)).await.unwrap();
        }
        records = bench.take(queue).await;
    }
    records.chunks(alerts).map(batch).collect()
}

/// A poll of this proxy, signed now: it must be asked within half a minute.
fn poll(tenant: &TenantId, proxy: &str, signer: &Ed25519Signer) -> Value {
    let poll = Poll {
        proxy_id: proxy.parse().unwrap(),
        tenant_id: tenant.clone(),
        issued_at: vyrox_local::clock::system().now(),
        nonce: vyrox_platform::random::nonce(),
        audit_head: None,
        version: "bench".to_owned(),
    };
    request("POST", "/proxy/v1/poll", &json!(Envelope::seal(&poll, signer)).to_string())
}

/// A Discord that takes every message and answer at once, however many: what is measured is not the waiting for a limit.
async fn discord() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v10", listener.local_addr().unwrap());
    let next = Arc::new(AtomicU64::new(1_200_000_000_000_000_000));
    let taken = move || {
        let id = next.fetch_add(1, Ordering::Relaxed).to_string();
        async move { axum::Json(json!({"id": id})) }
    };
    let router = axum::Router::new()
        .route("/api/v10/channels/{channel}/messages", axum::routing::post(taken.clone()))
        .route("/api/v10/webhooks/{application}/{token}/messages/@original", axum::routing::patch(taken));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Beside this executable.
fn release(name: &str, environment: impl IntoIterator<Item = (String, String)>) -> Command {
    let path = std::env::current_exe().unwrap().parent().unwrap().join(name);
    assert!(path.exists(), "build it first: cargo build --release --workspace --bins ({})", path.display());
    let mut command = Command::new(path);
    command.env_clear().envs(environment);
    command
}

fn python(bench: &Bench) -> Option<Command> {
    let program = vyrox_tests::python();
    let has_boto = std::process::Command::new(&program).args(["-c", "import boto3"]).stderr(Stdio::null()).status();
    if !has_boto.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = Command::new(program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/python/ingest.py")).env_clear();
    command.envs(bench.environment("IngestFunction")).env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("WEBHOOK_SECRET", bench.secret()).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

async fn run(
    bench: &Bench,
    name: &'static str,
    alerts: usize,
    memory: f64,
    mut command: Command,
    events: Vec<Value>,
) -> Taken {
    let runtime = RuntimeApi::start().await.unwrap();
    command.envs(runtime.environment("cost")).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let (process, logged) = (Process::of(&child), counted(child.stderr.take().unwrap()));
    bench.hop.slow(REGION);
    let warm_up = events.len() * WARM_UP / (WARM_UP + MEASURED);
    let (mut wall, mut cpu_before, mut logged_before, mut count) = (Duration::ZERO, 0.0, 0, 0.0);
    for (number, event) in events.iter().enumerate() {
        if number == warm_up {
            (cpu_before, logged_before) = (process.processor(), logged.load(Ordering::Relaxed));
        }
        let began = Instant::now();
        let answer = runtime.invoke(event).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        if number >= warm_up {
            wall += began.elapsed();
            count += 1.0;
        }
        assert!(answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty), "{name}: {answer}");
        assert!(answer["statusCode"].as_i64().is_none_or(|status| status < 300), "{name}: {answer}");
    }
    let cpu = (process.processor() - cpu_before) / count;
    let resident = process.most_resident() / 1_024.0;
    let logged = (logged.load(Ordering::Relaxed) - logged_before) as f64 / count;
    bench.hop.slow(Duration::ZERO);
    runtime.shutdown();
    Taken { name, alerts, memory, wall: wall.as_secs_f64() * 1_000.0 / count, cpu, resident, logged }
}

/// How many bytes have come out so far.
fn counted(mut log: ChildStderr) -> Arc<AtomicU64> {
    let bytes = Arc::new(AtomicU64::new(0));
    let (counter, mut buffer) = (Arc::clone(&bytes), vec![0; 65_536]);
    tokio::spawn(async move {
        while let Ok(read @ 1..) = log.read(&mut buffer).await {
            counter.fetch_add(read as u64, Ordering::Relaxed);
        }
    });
    bytes
}
