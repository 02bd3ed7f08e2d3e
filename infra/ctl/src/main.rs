//! `vyroxctl`, the operator's command line: tenants, their sources and proxies, alerts, the audit, dead letters.
//!
//! It reads with the platform's `Table` and changes with its `Ledger`, so every change is in the tenant's audit, in a lane
//! that begins with `ctl-`. It cannot approve or sign anything.

mod address;
mod alert;
mod apikey;
mod approver;
mod audit;
mod cli;
mod config;
mod confirm;
mod deployment;
mod discord;
mod dlq;
mod doctor;
mod error;
mod evidence;
mod normalise;
mod policy;
mod profile;
mod progress;
mod proxy;
mod report;
mod rules;
mod sample;
mod shell;
mod source;
mod standing;
mod table;
mod tenant;
mod trace;
mod transfer;
mod unfinished;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let typed: Vec<_> = std::env::args_os().collect();
    match cli::Cli::read(&typed) {
        Ok(cli) => cli.run().await,
        Err(code) => code,
    }
}
