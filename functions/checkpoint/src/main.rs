//! The Lambda function `checkpoint`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use std::process::ExitCode;
use std::sync::Arc;
use vyrox_checkpoint::{Checkpointer, Idle, time_left};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::{Clock as _, SystemClock};
use vyrox_platform::{config, startup};

/// See docs/startup.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::run(config::Checkpoint::from_environment, async |config: config::Checkpoint| {
        let function = Checkpointer::connect(&Clients::new(&config.aws), &config, Arc::new(SystemClock)).await?;
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
            let now = u64::try_from(SystemClock.now_millis()).unwrap_or(0);
            let summary = function.run(time_left(event.context.deadline, now), Idle::ByAge).await?;
            Ok::<_, lambda_runtime::Error>(summary)
        }))
        .await
    })
    .await
}
