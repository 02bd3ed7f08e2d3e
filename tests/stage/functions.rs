//! All nine functions in this process, on a [`Bench`], each as Lambda would call it: a fresh environment that is told what the
//! template says, an event as JSON in, the answer as JSON out.

use crate::bench::Bench;
use crate::environment::environment;
use axum::Router;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt as _;
use vyrox_api::Api;
use vyrox_assist::Assist;
use vyrox_checkpoint::{Checkpointer, Idle};
use vyrox_dispatch::Dispatch;
use vyrox_domain::message::Message;
use vyrox_ingest::Ingest;
use vyrox_interactions::Interactions;
use vyrox_notify::Notify;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config::{self, BadConfiguration, Lookup};
use vyrox_platform::{Classified, batch, http};
use vyrox_relay::Relay;
use vyrox_triage::Triage;

/// The functions, by the names of their binaries.
pub const FUNCTIONS: [&str; 9] =
    ["ingest", "triage", "notify", "interactions", "assist", "dispatch", "relay", "api", "checkpoint"];

/// The functions of one deployment.
pub struct Functions<'a> {
    bench: &'a Bench,
    parameters: Vec<(&'static str, String)>,
}

impl<'a> Functions<'a> {
    /// Those of a deployment with these parameters of the template.
    #[must_use]
    pub fn of(bench: &'a Bench, parameters: Vec<(&'static str, String)>) -> Self {
        Self { bench, parameters }
    }

    /// What the template tells the function, with AWS behind the bench's hop.
    #[must_use]
    pub fn environment(&self, name: &str) -> BTreeMap<String, String> {
        environment(&self.bench.provisioned, &logical_id(name), &self.bench.hop.url, &self.parameters)
    }

    fn told<T>(&self, name: &str, read: impl Fn(Lookup<'_>) -> Result<T, BadConfiguration>) -> T {
        let environment = self.environment(name);
        read(&|variable| environment.get(variable).cloned()).expect("the template says it all")
    }

    /// What the function answers to an event: an HTTP function `statusCode` and `body`, as Lambda returns them; a queue's
    /// the failed messages; checkpoint what it did.
    ///
    /// # Panics
    /// There is no such function, or the event is none of its kind.
    pub async fn invoke(&self, name: &str, event: &Value) -> Value {
        // In a box: all functions' work side by side is much for a test's stack.
        Box::pin(self.run(name, event)).await
    }

    async fn run(&self, name: &str, event: &Value) -> Value {
        let clock: Arc<dyn Clock> = self.bench.clock.clone();
        let outside = || http::client(Duration::from_secs(10)).expect("an HTTP client");
        match name {
            "ingest" => {
                let config = self.told(name, config::Ingest::from_environment);
                let function = Ingest::new(&Clients::new(&config.aws), &config, clock);
                answer(vyrox_ingest::router(Arc::new(function)), event).await
            }
            "interactions" => {
                let config = self.told(name, config::Interactions::from_environment);
                let function = Interactions::new(&Clients::new(&config.aws), &config, clock);
                answer(vyrox_interactions::router(Arc::new(function)), event).await
            }
            "relay" => {
                let config = self.told(name, config::Relay::from_environment);
                let function = Relay::connect(&Clients::new(&config.aws), &config, clock).await;
                answer(vyrox_relay::router(Arc::new(function.expect("KMS shows its key"))), event).await
            }
            "api" => {
                let config = self.told(name, config::Api::from_environment);
                let function = Api::new(&Clients::new(&config.aws), &config, clock);
                answer(vyrox_api::service(Arc::new(function)), event).await
            }
            "triage" => {
                let config = self.told(name, config::Triage::from_environment);
                let clients = Clients::new(&config.aws);
                let function = Triage::new(&clients, &config, outside(), clock);
                let queue = (clients.sqs.clone(), config.source_queue_url.as_str());
                self.batch("triage", queue, event, |message| function.handle(message)).await
            }
            "notify" => {
                let config = self.told(name, config::Notify::from_environment);
                let clients = Clients::new(&config.aws);
                let function = Notify::new(&clients, &config, outside(), clock);
                let queue = (clients.sqs.clone(), config.source_queue_url.as_str());
                self.batch("notify", queue, event, |message| function.handle(message)).await
            }
            "assist" => {
                let config = self.told(name, config::Assist::from_environment);
                let clients = Clients::new(&config.aws);
                let function = Assist::new(&clients, &config, outside(), clock);
                let queue = (clients.sqs.clone(), config.source_queue_url.as_str());
                self.batch("assist", queue, event, |message| function.handle(message)).await
            }
            "dispatch" => {
                let config = self.told(name, config::Dispatch::from_environment);
                let clients = Clients::new(&config.aws);
                let function = Dispatch::connect(&clients, &config, outside(), clock).await;
                let function = function.expect("KMS shows its key");
                let queue = (clients.sqs.clone(), config.source_queue_url.as_str());
                self.batch("dispatch", queue, event, |message| function.handle(message)).await
            }
            "checkpoint" => {
                let config = self.told(name, config::Checkpoint::from_environment);
                let function = Checkpointer::connect(&Clients::new(&config.aws), &config, clock).await;
                let function = function.expect("KMS shows its key");
                json!(function.run(Duration::from_secs(60), Idle::ByAge).await.expect("the tenants can be listed"))
            }
            name => panic!("no function {name}"),
        }
    }

    /// A batch of one queue, as the function's `main` handles it.
    async fn batch<M, E, Fut>(
        &self,
        name: &'static str,
        (sqs, url): (aws_sdk_sqs::Client, &str),
        event: &Value,
        handle: impl Fn(M) -> Fut,
    ) -> Value
    where
        M: Message,
        E: Classified + 'static,
        Fut: Future<Output = Result<(), E>>,
    {
        let source = batch::SourceQueue::new(name, sqs, url, self.bench.clock.clone());
        let event = serde_json::from_value(event.clone()).expect("an SQS event");
        json!(batch::run(&source, event, handle).await)
    }
}

/// The function's name in the template.
fn logical_id(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}Function", first.to_uppercase())
}

/// What a router answers to an HTTP API's event.
async fn answer(router: Router, event: &Value) -> Value {
    let request = lambda_http::request::from_str(&event.to_string()).expect("an HTTP API's event");
    let response = router.oneshot(request).await.expect("a router always answers");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("the body arrives").to_bytes();
    json!({"statusCode": status, "body": String::from_utf8_lossy(&body)})
}

/// Whether a function can be started with these variables; `Err` names all that are missing or wrong.
///
/// # Errors
/// [`BadConfiguration`].
///
/// # Panics
/// There is no such function.
pub fn starts_with(name: &str, lookup: Lookup<'_>) -> Result<(), BadConfiguration> {
    match name {
        "ingest" => config::Ingest::from_environment(lookup).map(drop),
        "triage" => config::Triage::from_environment(lookup).map(drop),
        "notify" => config::Notify::from_environment(lookup).map(drop),
        "interactions" => config::Interactions::from_environment(lookup).map(drop),
        "assist" => config::Assist::from_environment(lookup).map(drop),
        "dispatch" => config::Dispatch::from_environment(lookup).map(drop),
        "relay" => config::Relay::from_environment(lookup).map(drop),
        "api" => config::Api::from_environment(lookup).map(drop),
        "checkpoint" => config::Checkpoint::from_environment(lookup).map(drop),
        name => panic!("no function {name}"),
    }
}
