//! The load generator: signed, unique envelopes against the real program, beside what the same disk can do in the same run.
//!
//! ```text
//! cargo bench -p vyrox-edge-proxy --bench load                      everything, some minutes
//! cargo bench -p vyrox-edge-proxy --bench load -- rates start       some of: rates flood start export
//! cargo bench -p vyrox-edge-proxy --bench load -- --disk DIR --memory DIR --entries 100000 --requests 500 rates
//! ```
//!
//! It prints Markdown. The proxy and the generator share the machine, so the figures are lower bounds of what the proxy does.
#![allow(clippy::unwrap_used, reason = "a tool for measuring stops at the first thing that fails")]
#![allow(clippy::print_stdout, reason = "its output is the table")]
#![allow(unreachable_pub, missing_docs, reason = "a program of its own")]

mod client;
mod disk;
mod envelopes;
mod process;

use client::{Answers, drive, flood, paced};
use envelopes::{Platform, Signatures};
use process::Proxy;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

struct Options {
    disk: PathBuf,
    memory: PathBuf,
    /// Requests per connection and run.
    requests: usize,
    /// Entries of the large log.
    entries: usize,
    /// Another build of the proxy, for comparing two.
    program: PathBuf,
    parts: Vec<String>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self {
            disk: std::env::temp_dir(),
            memory: "/dev/shm".into(),
            requests: 1000,
            entries: 1_000_000,
            program: env!("CARGO_BIN_EXE_vyrox-edge-proxy").into(),
            parts: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("a value after the option");
            match argument.as_str() {
                "--disk" => options.disk = value().into(),
                "--memory" => options.memory = value().into(),
                "--requests" => options.requests = value().parse().unwrap(),
                "--program" => options.program = value().into(),
                "--entries" => options.entries = value().parse().unwrap(),
                // Cargo's own.
                "--bench" => {}
                part => options.parts.push(part.to_owned()),
            }
        }
        options
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

#[tokio::main]
async fn main() {
    let options = Options::read();
    println!("{}\n", process::machine());
    let platform = Platform::new();
    process::PROGRAM.set(options.program.clone()).unwrap();
    if options.wants("rates") {
        println!(
            "| log on | connections | actions/s | p50 ms | p99 ms | CPU us/action: all | checking the signature | signing the receipt \
             | the rest | entries per sync |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        rates(&options, &platform, "memory", &options.memory).await;
        rates(&options, &platform, "disk", &options.disk).await;
    }
    if options.wants("flood") {
        unsigned_flood(&options, &platform).await;
    }
    if options.wants("start") || options.wants("export") {
        large_log(&options, &platform).await;
    }
}

/// Throughput, latency and CPU at 1, 8 and 64 connections, and what the store itself can do.
async fn rates(options: &Options, platform: &Platform, name: &str, folder: &Path) {
    let mut best = 0.0_f64;
    for connections in [1, 8, 64] {
        let dir = tempfile::tempdir_in(folder).unwrap();
        let proxy = Proxy::start(dir.path(), platform);
        // One connection has the machine to itself, so it needs more requests for a steady figure.
        let each = if connections == 1 { options.requests * 3 } else { options.requests };
        let warm = platform.envelopes(connections * 20);
        drive(proxy.address, connections, warm).await.expect_all_done();
        let bodies = platform.envelopes(connections * each);
        let (count, before, from) = (bodies.len(), proxy.cpu(), proxy.audit_counts().await);
        let (began, beside) = (Instant::now(), platform.sign_beside());
        let answers = drive(proxy.address, connections, bodies).await;
        let (took, Signatures { checking, signing }) = (began.elapsed(), beside.end());
        let cpu = (proxy.cpu() - before).as_secs_f64() / count as f64 * 1e6;
        let to = proxy.audit_counts().await;
        answers.expect_all_done();
        let rate = count as f64 / took.as_secs_f64();
        best = best.max(rate);
        println!(
            "| {name} | {connections} | {rate:.0} | {:.1} | {:.1} | {cpu:.0} | {checking:.0} | {signing:.0} | {:.0} | {:.1} |",
            answers.quantile(0.50),
            answers.quantile(0.99),
            cpu - checking - signing,
            (to.1 - from.1) as f64 / (to.0 - from.0) as f64,
        );
        proxy.stop();
    }
    let raw = disk::raw(folder);
    let single = disk::one_entry_per_sync(folder);
    println!(
        "\nThe same store in the same minute ({name}): {:.0} entries/s with one per fdatasync, {:.0}/s with 64 per fdatasync; this \
         log with one entry per sync: {single:.0} entries/s, which is {:.0} actions/s. 64 connections against that: {:.1} times.\n",
        raw.one,
        raw.sixty_four,
        single / 2.0,
        best / (single / 2.0)
    );
}

/// Approvals while someone without a key floods.
async fn unsigned_flood(options: &Options, platform: &Platform) {
    const RATE: usize = 30_000;
    const APPROVALS: usize = 300;
    let dir = tempfile::tempdir_in(&options.disk).unwrap();
    let proxy = Proxy::start(dir.path(), platform);
    let quiet = paced(proxy.address, platform.envelopes(APPROVALS), Duration::from_millis(33)).await;
    quiet.expect_all_done();
    let flooding = tokio::spawn(flood(proxy.address, RATE, Duration::from_millis(33) * APPROVALS as u32));
    let busy = paced(proxy.address, platform.envelopes(APPROVALS), Duration::from_millis(33)).await;
    let flooded = flooding.await.unwrap();
    println!(
        "Flood: {:.0} unsigned requests/s ({RATE}/s asked for; {} answered, {} cut off behind the first of their connection). {} of {APPROVALS} \
         approvals succeeded beside it, p50 {:.1} ms, p99 {:.1} ms; without the flood p50 {:.1} ms, p99 {:.1} ms.\n",
        flooded.rate,
        flooded.answered,
        flooded.dropped,
        busy.done(),
        busy.quantile(0.50),
        busy.quantile(0.99),
        quiet.quantile(0.50),
        quiet.quantile(0.99),
    );
    proxy.stop();
    assert_eq!(busy.done(), APPROVALS, "every approval succeeds");
}

/// A start with a large log, all of it in the window, and exports of it beside approvals.
async fn large_log(options: &Options, platform: &Platform) {
    let dir = tempfile::tempdir_in(&options.disk).unwrap();
    let bytes = disk::large_log(&dir.path().join("audit"), options.entries);
    println!("A log of {} entries, {} MB, all of the last six days:\n", options.entries, bytes / 1_000_000);
    let mut starts = Vec::new();
    for _ in 0..7 {
        let proxy = Proxy::start(dir.path(), platform);
        starts.push((proxy.started_after, proxy.ready_after().await, proxy.peak_memory()));
        proxy.stop();
    }
    starts.sort();
    let middle = starts[starts.len() / 2];
    println!(
        "* start, from the beginning of the process to listening: {:.0} ms (median of {}; fastest {:.0}, slowest {:.0}), ready \
         {:.0} ms after the beginning, {:.1} MiB at most",
        ms(middle.0),
        starts.len(),
        ms(starts[0].0),
        ms(starts[starts.len() - 1].0),
        ms(middle.1),
        middle.2 as f64 / 1024.0
    );
    if !options.wants("export") {
        return;
    }
    let proxy = Proxy::start(dir.path(), platform);
    proxy.ready_after().await;
    // The check of the log in the background is over before anything is measured.
    proxy.background_work_is_over().await;
    let alone = approvals(&proxy, platform).await;
    let resting = proxy.forget_peak_memory();
    let export = tokio::spawn(client::export(proxy.address, proxy.export_token()));
    let beside = approvals(&proxy, platform).await;
    let exported = export.await.unwrap();
    let peak = proxy.peak_memory();
    let four: Vec<_> = (0..4).map(|_| tokio::spawn(client::export(proxy.address, proxy.export_token()))).collect();
    let beside_four = approvals(&proxy, platform).await;
    for export in four {
        export.await.unwrap();
    }
    println!(
        "* an export of {} MB in {:.1} s; memory {:.1} MiB before it, {:.1} MiB at most during it, {:.1} MiB at most with four at \
         once\n* approvals on 8 connections: p50 {:.1} ms, p99 {:.1} ms alone; {:.1} and {:.1} beside the export; {:.1} and {:.1} \
         beside four\n",
        exported.bytes / 1_000_000,
        exported.took.as_secs_f64(),
        resting as f64 / 1024.0,
        peak as f64 / 1024.0,
        proxy.peak_memory() as f64 / 1024.0,
        alone.quantile(0.50),
        alone.quantile(0.99),
        beside.quantile(0.50),
        beside.quantile(0.99),
        beside_four.quantile(0.50),
        beside_four.quantile(0.99),
    );
    proxy.stop();
}

async fn approvals(proxy: &Proxy, platform: &Platform) -> Answers {
    let answers = drive(proxy.address, 8, platform.envelopes(2000)).await;
    answers.expect_all_done();
    answers
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
