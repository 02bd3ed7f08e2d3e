//! The Lambda function `relay`.

use std::process::ExitCode;
use std::sync::Arc;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::SystemClock;
use vyrox_platform::{config, startup};
use vyrox_relay::{Relay, router};

/// See docs/startup.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::run(config::Relay::from_environment, async |config: config::Relay| {
        let function = Relay::connect(&Clients::new(&config.aws), &config, Arc::new(SystemClock)).await?;
        lambda_http::run(router(Arc::new(function))).await
    })
    .await
}
