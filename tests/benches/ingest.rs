//! ingest under Lambda's runtime API, beside an empty function of the same runtime: time and CPU of one warm invocation.
//!
//! ```text
//! cargo build --release -p vyrox-ingest && cargo bench -p vyrox-tests --bench ingest
//! ```
//!
//! Both are processes of their own, invoked one after the other with the same event; AWS is the embedded one, in this
//! process, so its CPU is not the function's. `ingest` verifies, normalises, stores with evidence and audit entry, and
//! queues each time: every event is an alert of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;
use vyrox_standins::lambda::RuntimeApi;
use vyrox_tests::{Bench, Process};

/// Marks this executable's second role.
const EMPTY: &str = "empty-function";
const WARM_UP: usize = 50;
const MEASURED: usize = 500;

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == EMPTY) {
        let empty = axum::Router::new().fallback(async || axum::http::StatusCode::ACCEPTED);
        lambda_http::run(empty).await.unwrap();
        return;
    }
    let bench = Bench::start().await;
    let mut empty = Command::new(std::env::current_exe().unwrap());
    empty.arg(EMPTY);
    let empty = measure(&bench, "empty", empty, 202).await;
    let mut ingest = Command::new(binary());
    ingest.envs(bench.environment("IngestFunction"));
    let ingest = measure(&bench, "ingest", ingest, 202).await;
    println!("function   p50 ms   p99 ms   CPU us");
    for (name, one) in [("empty", &empty), ("ingest", &ingest)] {
        println!("{name:<8} {:>8.2} {:>8.2} {:>8.0}", one.p50, one.p99, one.cpu);
    }
    println!(
        "ratio    {:>8.1} {:>8.1} {:>8.1}",
        ingest.p50 / empty.p50,
        ingest.p99 / empty.p99,
        ingest.cpu / empty.cpu
    );
    println!(
        "requests to AWS per invocation: {:.2}",
        bench.hop.all().values().sum::<usize>() as f64 / (WARM_UP + MEASURED) as f64
    );
    std::process::exit(0);
}

/// Beside this executable's folder `deps`.
fn binary() -> PathBuf {
    let path = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("ingest");
    assert!(path.exists(), "build it first: cargo build --release -p vyrox-ingest ({})", path.display());
    path
}

struct Measured {
    p50: f64,
    p99: f64,
    cpu: f64,
}

async fn measure(bench: &Bench, name: &str, mut command: Command, status: i64) -> Measured {
    let runtime = RuntimeApi::start().await.unwrap();
    command.envs(runtime.environment(name)).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().unwrap();
    let process = Process::of(&child);
    let mut times = Vec::new();
    let mut cpu_before = 0.0;
    for number in 0..WARM_UP + MEASURED {
        if number == WARM_UP {
            cpu_before = process.processor();
        }
        let event = bench.event("acme", bench.body());
        let started = Instant::now();
        let answer = runtime.invoke(&event).await.unwrap();
        if number >= WARM_UP {
            times.push(started.elapsed());
        }
        assert_eq!(answer["statusCode"].as_i64(), Some(status), "{name}: {answer}");
    }
    let cpu = (process.processor() - cpu_before) * 1_000.0 / MEASURED as f64;
    times.sort_unstable();
    let at = |share: f64| ms(times[((times.len() - 1) as f64 * share) as usize]);
    Measured { p50: at(0.5), p99: at(0.99), cpu }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
