//! The Lambda function `triage`.

use lambda_runtime::{LambdaEvent, service_fn};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::SystemClock;
use vyrox_platform::{batch, config, http, startup};
use vyrox_triage::Triage;

/// No request to a model takes longer; `config::Llm` has the limits that matter.
const MODEL_TIMEOUT: Duration = Duration::from_secs(100);

/// See docs/startup.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::run(config::Triage::from_environment, async |config: config::Triage| {
        let (clients, clock) = (Clients::new(&config.aws), Arc::new(SystemClock));
        let source = batch::SourceQueue::new("triage", clients.sqs.clone(), &config.source_queue_url, clock.clone())
            .at_once(config.concurrency);
        let http = http::client(MODEL_TIMEOUT)?;
        let function = Triage::new(&clients, &config, http, clock);
        function.warm().await;
        lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
            Ok::<_, lambda_runtime::Error>(batch::run(&source, event.payload, |message| function.handle(message)).await)
        }))
        .await
    })
    .await
}
