//! `cargo run`: the whole of Vyrox on one machine.

use clap::Parser as _;
use std::process::ExitCode;

/// Every part runs on every thread here, so much is freed on another thread than it was allocated on: with the system's
/// allocator threads wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    vyrox_local::cli::Cli::parse().run().await
}
