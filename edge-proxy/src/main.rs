//! The program. Everything is in the library.

#![forbid(unsafe_code)]

use clap::Parser as _;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use vyrox_edge_proxy::cli::{self, Cli};
use vyrox_edge_proxy::lines::Lines;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let Ok(lines) = Lines::to(std::io::stderr()) else { return ExitCode::FAILURE };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_writer(Arc::clone(&lines)).with_env_filter(filter).init();
    cli::log_panics();
    let code = run(cli).await;
    lines.end();
    code
}

async fn run(cli: Cli) -> ExitCode {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let [mut terminate, mut interrupt, mut hangup] = match kinds.map(signal) {
        [Ok(terminate), Ok(interrupt), Ok(hangup)] => [terminate, interrupt, hangup],
        _ => {
            tracing::error!("signals cannot be handled");
            return ExitCode::FAILURE;
        }
    };
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    cli.execute(shutdown, async || {
        hangup.recv().await;
    })
    .await
}
