//! The Lambda function `api`.

use std::process::ExitCode;
use std::sync::Arc;
use vyrox_api::{Api, service};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::SystemClock;
use vyrox_platform::{config, startup};

/// See docs/startup.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::run(config::Api::from_environment, async |config: config::Api| {
        let function = Api::new(&Clients::new(&config.aws), &config, Arc::new(SystemClock));
        function.warm().await;
        lambda_http::run(service(Arc::new(function))).await
    })
    .await
}
