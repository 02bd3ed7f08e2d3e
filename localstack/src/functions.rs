//! The functions, configured from the template's own environment, as Lambda would start them.

use crate::poller::{self, AtStop};
use crate::timeline::Timeline;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vyrox_api::Api;
use vyrox_assist::Assist;
use vyrox_checkpoint::{Checkpointer, ConnectError, Idle};
use vyrox_dispatch::Dispatch;
use vyrox_ingest::Ingest;
use vyrox_interactions::Interactions;
use vyrox_local_aws::{Provisioned, Roles, Topology, TopologyError};
use vyrox_notify::Notify;
use vyrox_platform::aws::Clients;
use vyrox_platform::backup::Reach;
use vyrox_platform::clock::Clock;
use vyrox_platform::config::{Aws, BadConfiguration};
use vyrox_platform::http::HttpClientError;
use vyrox_platform::kms_key::KmsKeyError;
use vyrox_platform::{batch, config, http};
use vyrox_relay::Relay;
use vyrox_triage::Triage;

/// How often the audit's heads are signed: more often than on AWS, since somebody may be watching.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// The functions could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FunctionsError {
    /// The template does not say.
    #[error("the template's environment cannot be resolved")]
    Template(#[from] TopologyError),
    /// The template says something else than the function wants.
    #[error("configuration of {0}")]
    Configuration(&'static str, #[source] BadConfiguration),
    /// No client.
    #[error("no HTTP client")]
    Client(#[from] HttpClientError),
    /// checkpoint cannot be wired up.
    #[error("checkpoint cannot be started")]
    Checkpoint(#[from] ConnectError),
    /// KMS has no key to show.
    #[error("the signing key cannot be read")]
    Signer(#[from] KmsKeyError),
}

/// What the functions are started with.
pub(crate) struct Setting {
    pub(crate) topology: Topology,
    pub(crate) provisioned: Provisioned,
    /// The template's parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// What Lambda itself adds to every environment.
    pub(crate) lambda: BTreeMap<String, String>,
    /// What the template's roles may do, where that is enforced.
    pub(crate) roles: Option<Roles>,
    pub(crate) clients: Clients,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timeline: Timeline,
    pub(crate) at_stop: AtStop,
    /// How tenants' backup addresses are reached.
    pub(crate) backup: Reach,
}

impl Setting {
    fn environment(&self, function: &str) -> Result<BTreeMap<String, String>, TopologyError> {
        let mut environment = self.topology.environment(function, &self.provisioned, &self.parameters)?;
        environment.extend(self.lambda.clone());
        if let Some(role) = self.role(function) {
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), role);
        }
        Ok(environment)
    }

    /// The role that a function signs as, where roles are enforced.
    fn role(&self, function: &str) -> Option<String> {
        self.roles.as_ref().and_then(|_| self.topology.role(function))
    }

    /// AWS as a function sees it.
    fn clients(&self, function: &str) -> Clients {
        match self.role(function) {
            Some(role) => Clients::new(&Aws { access_key_id: role, ..Aws::local(&self.lambda["AWS_ENDPOINT_URL"]) }),
            None => self.clients.clone(),
        }
    }

    /// The environments of all functions, by the names of their programs.
    pub(crate) fn environments(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, TopologyError> {
        let functions = self.topology.functions();
        functions.map(|(function, program)| Ok((program.to_owned(), self.environment(function)?))).collect()
    }

    fn read<T>(
        &self,
        function: &'static str,
        from_environment: impl Fn(config::Lookup<'_>) -> Result<T, BadConfiguration>,
    ) -> Result<T, FunctionsError> {
        let environment = self.environment(function)?;
        from_environment(&|name| environment.get(name).cloned())
            .map_err(|error| FunctionsError::Configuration(function, error))
    }

    /// The HTTP functions behind one address; their routes do not overlap.
    pub(crate) async fn router(&self) -> Result<Router, FunctionsError> {
        let ingest = self.read("IngestFunction", config::Ingest::from_environment)?;
        let ingest = Arc::new(Ingest::new(&self.clients("IngestFunction"), &ingest, Arc::clone(&self.clock)));
        let interactions = self.read("InteractionsFunction", config::Interactions::from_environment)?;
        let interactions =
            Arc::new(Interactions::new(&self.clients("InteractionsFunction"), &interactions, Arc::clone(&self.clock)));
        let relay = self.read("RelayFunction", config::Relay::from_environment)?;
        let relay = Arc::new(Relay::connect(&self.clients("RelayFunction"), &relay, Arc::clone(&self.clock)).await?);
        let api = self.read("ApiFunction", config::Api::from_environment)?;
        let api = Arc::new(Api::new(&self.clients("ApiFunction"), &api, Arc::clone(&self.clock)));
        Ok(vyrox_ingest::router(ingest)
            .merge(vyrox_interactions::router(interactions))
            .merge(vyrox_relay::router(relay))
            .merge(vyrox_api::router(api))
            .layer(middleware::from_fn_with_state(self.timeline.clone(), record)))
    }

    /// The queue functions in fresh environments, each polling its own queue. What is aborted ends wherever it is, as an
    /// environment does that Lambda kills.
    pub(crate) async fn spawn_pollers(
        &self,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Vec<AbortHandle>, FunctionsError> {
        let source = |function: &'static str, clients: &Clients, url: &str| {
            batch::SourceQueue::new(function, clients.sqs.clone(), url, Arc::clone(&self.clock))
        };
        let triage = self.read("TriageFunction", config::Triage::from_environment)?;
        let triage_clients = self.clients("TriageFunction");
        let triage_source = source("triage", &triage_clients, &triage.source_queue_url).at_once(triage.concurrency);
        let model = http::client(Duration::from_secs(100))?;
        let triage = Arc::new(Triage::new(&triage_clients, &triage, model, Arc::clone(&self.clock)));
        triage.warm().await;
        let notify = self.read("NotifyFunction", config::Notify::from_environment)?;
        let notify_clients = self.clients("NotifyFunction");
        let notify_source = source("notify", &notify_clients, &notify.source_queue_url);
        let discord = http::client(Duration::from_secs(10))?;
        let notify = Notify::new(&notify_clients, &notify, discord, Arc::clone(&self.clock));
        let notify = Arc::new(notify.reaching(self.backup.clone()));
        let dispatch = self.read("DispatchFunction", config::Dispatch::from_environment)?;
        let dispatch_clients = self.clients("DispatchFunction");
        let dispatch_source = source("dispatch", &dispatch_clients, &dispatch.source_queue_url);
        let proxy = http::client(Duration::from_secs(20))?;
        let dispatch = Dispatch::connect(&dispatch_clients, &dispatch, proxy, Arc::clone(&self.clock)).await?;
        let dispatch = Arc::new(dispatch);
        let assist = self.read("AssistFunction", config::Assist::from_environment)?;
        let assist_clients = self.clients("AssistFunction");
        let assist_source = source("assist", &assist_clients, &assist.source_queue_url);
        let outside = http::client(Duration::from_secs(10))?;
        let assist = Arc::new(Assist::new(&assist_clients, &assist, outside, Arc::clone(&self.clock)));

        let assist = self.spawn(tasks, stop, ("CommandsQueue", &assist_clients), "assist", move |event| {
            let (function, source) = (Arc::clone(&assist), assist_source.clone());
            async move { batch::run(&source, event, |message| function.handle(message)).await }
        });
        let triage = self.spawn(tasks, stop, ("AlertsQueue", &triage_clients), "triage", move |event| {
            let (function, source) = (Arc::clone(&triage), triage_source.clone());
            async move { batch::run(&source, event, |message| function.handle(message)).await }
        });
        let notify = self.spawn(tasks, stop, ("CardsQueue", &notify_clients), "notify", move |event| {
            let (function, source) = (Arc::clone(&notify), notify_source.clone());
            async move { batch::run(&source, event, |message| function.handle(message)).await }
        });
        let dispatch = self.spawn(tasks, stop, ("ActionsQueue", &dispatch_clients), "dispatch", move |event| {
            let (function, source) = (Arc::clone(&dispatch), dispatch_source.clone());
            async move { batch::run(&source, event, |message| function.handle(message)).await }
        });
        Ok(vec![assist, triage, notify, dispatch])
    }

    /// What signs the audit's heads.
    pub(crate) async fn checkpointer(&self) -> Result<Arc<Checkpointer>, FunctionsError> {
        let config = self.read("CheckpointFunction", config::Checkpoint::from_environment)?;
        Ok(Arc::new(
            Checkpointer::connect(&self.clients("CheckpointFunction"), &config, Arc::clone(&self.clock)).await?,
        ))
    }

    /// Lets it sign as its schedule would.
    pub(crate) fn spawn_checkpoint(&self, function: &Arc<Checkpointer>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (scheduled, stop) = (Arc::clone(function), stop.clone());
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(CHECKPOINT_EVERY) => {}
                }
                if let Err(error) = scheduled.run(CHECKPOINT_EVERY, Idle::ByAge).await {
                    tracing::warn!(error = %batch::chain(&error), "no checkpoint");
                }
            }
        });
    }

    fn spawn<F, Fut>(
        &self,
        tasks: &TaskTracker,
        stop: &CancellationToken,
        (queue, clients): (&str, &Clients),
        part: &'static str,
        handle: F,
    ) -> AbortHandle
    where
        F: Fn(aws_lambda_events::sqs::SqsEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = aws_lambda_events::sqs::SqsBatchResponse> + Send,
    {
        let url = self.provisioned.queue_url(queue).expect("the template has this queue").to_owned();
        let (sqs, timeline, stop) = (clients.sqs.clone(), self.timeline.clone(), (stop.clone(), self.at_stop));
        tasks.spawn(async move { poller::poll(sqs, url, part, timeline, stop, handle).await }).abort_handle()
    }
}

/// Enters every request that reaches an HTTP function in the timeline; a poll that found nothing is left out.
async fn record(State(timeline): State<Timeline>, request: Request, next: Next) -> Response {
    let began = timeline.now();
    let path = request.uri().path().to_owned();
    let part = match path.as_str() {
        "/interactions" => "interactions",
        path if path.starts_with("/proxy/") => "relay",
        path if path.starts_with("/api/") => "api",
        _ => "ingest",
    };
    let response = next.run(request).await;
    if response.status() != 204 && path != "/health" {
        timeline.enter(began, part, format!("{path} {}", response.status().as_u16()));
    }
    response
}
