//! Everything started, in order, and stopped again.

mod discord;
mod environment_files;
mod options;
mod parameters;

pub use options::{Delivery, Options};

use crate::deploy::{self, Addresses};
use crate::directory::DataDirectory;
use crate::edrs::{self, Edrs};
use crate::endpoints::Endpoints;
use crate::functions::Setting;
use crate::poller::AtStop;
use crate::provision;
use crate::proxy::{self, EdgeProxy};
use crate::state::State;
use crate::timeline::Timeline;
use parameters::{is_real, lambda_environment, parameters};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vyrox_checkpoint::{Checkpointer, Idle};
use vyrox_edr_standin::Falcon;
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Roles, Topology};
use vyrox_platform::aws::Clients;
use vyrox_platform::backup::Reach;
use vyrox_platform::clock::Clock;
use vyrox_platform::config::Aws;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::secrets::Secrets;
use vyrox_platform::table::Table;
use vyrox_standins::backup::BackupStandin;
use vyrox_standins::discord::DiscordStandin;
use vyrox_standins::llm::LlmStandin;

/// How long the last checkpoint may take.
const LAST_CHECKPOINT: Duration = Duration::from_secs(5);
/// The stack's name, from which every resource has its own.
const STACK: &str = "vyrox";

/// Something could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{what} could not be started")]
pub struct StartError {
    what: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Names what was being started when it failed.
pub(crate) fn starting<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> StartError {
    move |error| StartError { what, source: error.into() }
}

/// The running system.
pub struct System {
    /// Where everything is.
    pub endpoints: Endpoints,
    /// The Discord stand-in.
    pub discord: DiscordStandin,
    /// CrowdStrike's stand-in.
    pub falcon: Falcon,
    /// The other vendors'.
    pub edrs: Edrs,
    /// The model stand-in.
    pub llm: LlmStandin,
    /// What stands in for every tenant's backup address.
    pub backup: BackupStandin,
    /// The table, to look at.
    pub table: Table,
    /// What the functions' roles were asked for; none where AWS is another one.
    pub roles: Option<Roles>,
    /// What happened when.
    pub timeline: Timeline,
    /// What signs the audit's heads, to be asked out of turn.
    pub checkpointer: Arc<Checkpointer>,
    /// The one-time code that links the Discord server, where nothing is set up.
    pub link_code: Option<String>,
    quorum: u8,
    proxy: EdgeProxy,
    embedded: Option<Embedded>,
    setting: Setting,
    /// The queue functions' environments; none where they are deployed elsewhere.
    pollers: Mutex<Vec<AbortHandle>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Another runner may have it when everything has ended.
    _directory: DataDirectory,
    // Dropped last: the proxy's log may be in it.
    _temporary: Option<tempfile::TempDir>,
}

/// The n-th of the system's ports on loopback.
pub(crate) fn port(options: &Options, index: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, options.first_port.map_or(0, |first| first.saturating_add(index))))
}

impl System {
    /// Starts everything and waits until it can be used.
    ///
    /// # Errors
    /// [`StartError`], naming the part.
    pub async fn start(options: Options, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let temporary = match &options.data {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(starting("a temporary directory"))?),
        };
        let path = match (&options.data, &temporary) {
            (Some(data), _) => data.as_path(),
            (None, Some(temporary)) => temporary.path(),
            (None, None) => unreachable!("there is a temporary directory without --data"),
        };
        let directory = DataDirectory::take(path).map_err(starting("the system on this directory"))?;
        let state = State::open(&directory).map_err(starting("the system on this directory"))?;

        let (embedded, endpoint) = match &options.aws_endpoint {
            Some(endpoint) => (None, endpoint.clone()),
            None => {
                let data = options.data.as_ref().map(|data| data.join("aws"));
                let embedded = Embedded::start(EmbeddedOptions { data, bind: port(&options, 5) })
                    .await
                    .map_err(starting("the embedded AWS"))?;
                let endpoint = embedded.endpoint_url();
                (Some(embedded), endpoint)
            }
        };
        let discord = DiscordStandin::start(discord::options(&options, &state))
            .await
            .map_err(starting("the Discord stand-in"))?;
        let llm = LlmStandin::start(port(&options, 4)).await.map_err(starting("the model stand-in"))?;
        let (falcon, edrs) =
            edrs::start([3, 6, 7].map(|index| port(&options, index))).await.map_err(starting("the EDR stand-ins"))?;

        let backup = BackupStandin::start().await.map_err(starting("the backup stand-in"))?;

        let timeline = Timeline::new(Arc::clone(&clock));
        let clients = Clients::new(&Aws::local(&endpoint));
        let parameters = parameters(&options, &state, &discord, &llm);
        let deployed = match &options.deploy {
            None => None,
            Some(command) => {
                let request = deploy::Request { endpoint: &endpoint, stack: STACK, parameters: &parameters };
                Some(deploy::run(command, &request).await.map_err(starting("the deployed functions"))?)
            }
        };
        // What a deployment has made is found by its names; what is missing is made.
        let topology = Topology::for_stack(STACK).map_err(starting("the template"))?;
        let provisioned =
            topology.provision(&ClientSet::new(&endpoint)).await.map_err(starting("the template's resources"))?;
        // A call that a role does not name fails here, and not on AWS alone.
        let roles = embedded.as_ref().map(|embedded| {
            let roles = Roles::of(&topology, &provisioned, &parameters);
            embedded.enforce(roles.clone());
            roles
        });
        let mut setting = Setting {
            topology,
            provisioned: provisioned.clone(),
            parameters,
            roles: roles.clone(),
            lambda: lambda_environment(&endpoint),
            clients: clients.clone(),
            clock: Arc::clone(&clock),
            timeline: timeline.clone(),
            at_stop: if embedded.is_some() { AtStop::Abandon } else { AtStop::Finish },
            backup: if is_real(&options) { Reach::Public } else { Reach::StandIn(backup.address()) },
        };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let is_here = deployed.is_none();
        let addresses = match deployed {
            Some(addresses) => addresses,
            None => Addresses::same(&serve(&setting, port(&options, 0), &stop, &tasks).await?),
        };
        discord.set_interactions_url(format!("{}/interactions", addresses.interactions));
        // What the template gets from the APIs that it makes.
        for (api, address) in [("IngestApi", &addresses.ingest), ("RelayApi", &addresses.relay)] {
            setting.parameters.entry(format!("{api}.ApiEndpoint")).or_insert_with(|| address.clone());
        }

        let table_name = provisioned.table("Table").expect("the template has this table").to_owned();
        let table = Table::new(clients.dynamodb.clone(), &table_name);
        let ledger = Ledger::new(table.clone(), "local", Arc::clone(&clock));
        let secrets_key = provisioned.key("SecretsKey").expect("the template has this key");
        let secrets = Secrets::new(clients.kms.clone(), &secrets_key.id, Arc::clone(&clock));
        let link_code = if options.fresh {
            provision::fresh(&table, &ledger, options.quorum, clock.now()).await.map(Some)
        } else {
            provision::tenant(
                &table,
                &ledger,
                &secrets,
                &state,
                (options.quorum, options.storm.unwrap_or_default()),
                clock.now(),
            )
            .await
            .map(|()| None)
        };
        let link_code = link_code.map_err(starting("the demo tenant"))?;
        discord::register_commands(&discord, &state).await.map_err(starting("the slash commands"))?;
        let checkpointer = setting.checkpointer().await.map_err(starting("the functions"))?;
        let mut pollers = Vec::new();
        if is_here {
            pollers = setting.spawn_pollers(&tasks, &stop).await.map_err(starting("the functions"))?;
            setting.spawn_checkpoint(&checkpointer, &tasks, &stop);
        }

        let home =
            proxy::enrolled(&options, directory.path(), (&table, &ledger), &addresses.relay, clock.now()).await?;
        // The operator's work is done, and the lane it was entered in ends.
        ledger.close().await;
        let proxy = EdgeProxy::start(&options, home, &falcon, &edrs).await?;
        let endpoints = Endpoints {
            tenant_id: provision::TENANT.to_owned(),
            webhook_base_url: addresses.ingest,
            webhook_secret: state.webhook_secret.clone(),
            interactions_url: format!("{}/interactions", addresses.interactions),
            relay_url: addresses.relay,
            proxy_url: proxy.url(),
            discord_page_url: discord.page_url(),
            edr_url: falcon.url(),
            aws_endpoint_url: endpoint,
            table_name,
        };
        tasks.close();
        Ok(Self {
            endpoints,
            discord,
            falcon,
            edrs,
            llm,
            backup,
            table,
            roles,
            timeline,
            checkpointer,
            link_code,
            quorum: options.quorum,
            proxy,
            embedded,
            setting,
            pollers: Mutex::new(pollers),
            stop,
            tasks,
            _directory: directory,
            _temporary: temporary,
        })
    }

    /// How many approvers it takes.
    #[must_use]
    pub const fn quorum(&self) -> u8 {
        self.quorum
    }

    /// Writes what each function's program is told into a file `NAME.env` of its own, for whoever starts one beside this
    /// system. Only this user can read them: the bot's token is among it.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn write_environments(&self, directory: &Path) -> Result<(), StartError> {
        let environments = self.setting.environments().map_err(starting("the functions"))?;
        environment_files::write(directory, &environments).map_err(starting("the functions' environments"))
    }

    /// The proxy's audit log.
    #[must_use]
    pub fn proxy_audit(&self) -> &Path {
        self.proxy.audit()
    }

    /// Stops the proxy and starts it again on the same log.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn restart_proxy(&mut self) -> Result<(), StartError> {
        self.proxy.restart().await
    }

    /// Kills the queue functions' environments wherever they are in their work, and starts fresh ones, as Lambda does.
    /// Nothing happens where the functions are deployed elsewhere.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn kill_functions(&self) -> Result<(), StartError> {
        let mut pollers = self.pollers.lock().await;
        if pollers.is_empty() {
            return Ok(());
        }
        for poller in pollers.drain(..) {
            poller.abort();
        }
        *pollers = self.setting.spawn_pollers(&self.tasks, &self.stop).await.map_err(starting("the functions"))?;
        Ok(())
    }

    /// Stops everything, each part after those that need it.
    pub async fn shutdown(self) {
        self.proxy.stop().await;
        self.stop.cancel();
        if tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await.is_err() {
            tracing::warn!("functions were still busy after 10 s");
        }
        // Nobody writes any more: all lanes end here, and their ends are covered.
        if let Err(error) = self.checkpointer.run(LAST_CHECKPOINT, Idle::All).await {
            tracing::warn!(error = %vyrox_platform::batch::chain(&error), "no last checkpoint");
        }
        self.discord.shutdown();
        self.llm.shutdown();
        self.backup.shutdown();
        self.falcon.shutdown().await;
        self.edrs.sentinelone.shutdown().await;
        self.edrs.defender.shutdown().await;
        if let Some(embedded) = self.embedded {
            embedded.shutdown().await;
        }
    }
}

/// Serves the HTTP functions and returns their base URL.
async fn serve(
    setting: &Setting,
    address: SocketAddr,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<String, StartError> {
    let router = setting.router().await.map_err(starting("the functions"))?;
    let listener = tokio::net::TcpListener::bind(address).await.map_err(starting("the functions' address"))?;
    let base = listener.local_addr().map_err(starting("the functions' address"))?;
    let stopped = stop.clone().cancelled_owned();
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the functions' address is not served any more");
        }
    });
    Ok(format!("http://{base}"))
}
