//! `cargo run`: the whole of Vyrox on one machine.

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    vyrox_local::cli::Cli::parse().run().await
}
