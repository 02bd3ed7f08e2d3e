//! The Lambda function `dispatch`.

use lambda_runtime::{LambdaEvent, service_fn};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vyrox_dispatch::Dispatch;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::SystemClock;
use vyrox_platform::{batch, config, http, startup};

/// See docs/startup.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::run(config::Dispatch::from_environment, async |config: config::Dispatch| {
        let (clients, clock) = (Clients::new(&config.aws), Arc::new(SystemClock));
        let source = batch::SourceQueue::new("dispatch", clients.sqs.clone(), &config.source_queue_url, clock.clone());
        let http = http::client(Duration::from_secs(20))?;
        let function = Dispatch::connect(&clients, &config, http, clock).await?;
        lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
            Ok::<_, lambda_runtime::Error>(batch::run(&source, event.payload, |message| function.handle(message)).await)
        }))
        .await
    })
    .await
}
