//! How much one machine carries, from a vendor's webhook to the card, and whether anything is lost or doubled on the way.
//!
//! ```text
//! cargo run --profile load -p vyrox-tests --bin load                       # 1, 10 and 50 tenants at rising rates
//! cargo run --profile load -p vyrox-tests --bin load -- --tenants 10 --rates 200 --flood
//! ```
//!
//! The whole system runs in this process on the embedded AWS, as `cargo run` starts it; the senders are here too, so their
//! work is in the figures. Alerts are **offered** at a fixed rate, whether or not the system keeps up, and a delivery that
//! is refused (429, 503) is repeated after `Retry-After` and longer, as a vendor would. Each alert's time runs from the moment at which it was due to be
//! sent until notify is done with it: its **card** is in the channel or, where it is one of many, it is counted on a card
//! or in a digest, stored and audited. (Discord takes five messages in five seconds per channel: more alerts than that have
//! no card each, by design, unless `--cards each` asks for it; the stand-in then takes them all.)
//!
//! After each run everything that was acknowledged is compared with what is stored, audited and shown. The exit code is 1
//! if anything is missing or there twice.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that measures prints")]

mod offer;
mod run;
mod table;

use clap::{Parser, ValueEnum};
use run::Plan;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The local runner's, which is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drives alerts from webhook to card on this machine, and prints what it carries.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Arguments {
    /// How many tenants share the load; one run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 50])]
    tenants: Vec<usize>,
    /// Alerts a second, all tenants together; one run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 100, 200, 300, 400, 500])]
    rates: Vec<u32>,
    /// How long alerts are offered in each run.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    seconds: u64,
    /// Besides: the first tenant offers this many times as much as it should; the others' times are measured alone.
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "20")]
    flood: Option<u32>,
    /// Whether alerts are grouped as people want it, or each has a card of its own.
    #[arg(long, value_enum, default_value_t = Cards::Grouped)]
    cards: Cards,
    /// Keep everything in new folders below this directory, on disk, instead of in memory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

/// What becomes of many alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cards {
    /// The default policy: ten cards in ten minutes, the rest counted or in a digest.
    Grouped,
    /// Every alert has a card.
    Each,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    vyrox_platform::telemetry::init_with(Some("error"));
    let mut rows = Vec::new();
    for tenants in &arguments.tenants {
        for rate in &arguments.rates {
            let plan = Plan {
                tenants: (*tenants).max(1),
                rate: *rate,
                offered_for: Duration::from_secs(arguments.seconds),
                flood: arguments.flood,
                is_each_a_card: arguments.cards == Cards::Each,
                data: arguments.data.as_ref().map(|data| data.join(format!("{tenants}-tenants-{rate}"))),
            };
            let row = run::run(&plan).await;
            eprintln!("{}", row.reckoning);
            rows.push(row);
        }
    }
    if arguments.json {
        println!("{}", table::json(&rows));
    } else {
        println!("{}", table::text(&rows));
    }
    if rows.iter().all(run::Row::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
