//! The Lambda function `interactions`.

use std::process::ExitCode;
use std::sync::Arc;
use vyrox_interactions::{Interactions, router};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::SystemClock;
use vyrox_platform::{config, startup};

/// See docs/startup.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::run(config::Interactions::from_environment, async |config: config::Interactions| {
        let function = Interactions::new(&Clients::new(&config.aws), &config, Arc::new(SystemClock));
        function.warm().await;
        lambda_http::run(router(Arc::new(function))).await
    })
    .await
}
