//! Everything started, in order, and stopped again.

use crate::deploy::{self, Addresses};
use crate::edrs::{self, Edrs};
use crate::endpoints::Endpoints;
use crate::functions::Setting;
use crate::poller::AtStop;
use crate::provision;
use crate::proxy::{self, EdgeProxy};
use crate::state::State;
use crate::timeline::Timeline;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vyrox_checkpoint::{Checkpointer, Idle};
use vyrox_domain::command::registration;
use vyrox_domain::storm::StormPolicy;
use vyrox_edr_standin::Falcon;
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Topology};
use vyrox_platform::aws::Clients;
use vyrox_platform::backup::Reach;
use vyrox_platform::bot::Bot;
use vyrox_platform::clock::Clock;
use vyrox_platform::config::Aws;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::secrets::Secrets;
use vyrox_platform::table::Table;
use vyrox_standins::backup::BackupStandin;
use vyrox_standins::discord::{DiscordOptions, DiscordStandin, Member, Role};
use vyrox_standins::llm::LlmStandin;

/// How long the last checkpoint may take.
const LAST_CHECKPOINT: Duration = Duration::from_secs(5);
/// Discord's permission bit for whoever may manage the server.
const MANAGE_GUILD: u64 = 1 << 5;
/// The stack's name, from which every resource has its own.
const STACK: &str = "vyrox";

/// How actions reach the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The proxy polls `relay`.
    Poll,
    /// `dispatch` posts to the proxy.
    Push,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to keep everything; a temporary directory and memory without.
    pub data: Option<PathBuf>,
    /// Whether the proxy acts on the EDR stand-in. Without, it is in dry run.
    pub live: bool,
    /// Another AWS endpoint than the embedded one.
    pub aws_endpoint: Option<String>,
    /// The command that deploys the template at that endpoint. Without, the functions' handlers run in this process.
    pub deploy: Option<String>,
    /// The command that runs the proxy. Without, it runs in this process.
    pub proxy: Option<String>,
    /// The first of eight ports; any free ones without.
    pub first_port: Option<u16>,
    /// How actions reach the proxy.
    pub delivery: Delivery,
    /// How many approvers it takes.
    pub quorum: u8,
    /// Whether the tenant begins with nothing set up, for whoever wants to do that in Discord.
    pub fresh: bool,
    /// The tenant's budget of cards; the default one without.
    pub storm: Option<StormPolicy>,
    /// Discord's OpenAPI document, to check every body against as well.
    pub discord_openapi: Option<PathBuf>,
    /// Parameters of the template, where they shall be other than the runner's own. With `DiscordBotToken` among them the
    /// functions speak to Discord itself, and none of the stand-ins is used by them.
    pub parameters: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data: None,
            live: false,
            aws_endpoint: None,
            deploy: None,
            proxy: None,
            first_port: None,
            delivery: Delivery::Poll,
            quorum: 1,
            fresh: false,
            storm: None,
            discord_openapi: None,
            parameters: BTreeMap::new(),
        }
    }
}

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
    // Dropped last: the proxy's log may be in it.
    _temporary: Option<tempfile::TempDir>,
}

/// The n-th of the system's ports on loopback.
pub(crate) fn port(options: &Options, index: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, options.first_port.map_or(0, |first| first + index)))
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
        let directory = options
            .data
            .clone()
            .unwrap_or_else(|| temporary.as_ref().expect("there is one without --data").path().to_owned());
        std::fs::create_dir_all(&directory).map_err(starting("the data directory"))?;
        let state = State::open(&directory).map_err(starting("the data directory"))?;

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
        let discord =
            DiscordStandin::start(discord_options(&options, &state)).await.map_err(starting("the Discord stand-in"))?;
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
        let mut setting = Setting {
            topology,
            provisioned: provisioned.clone(),
            parameters,
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
        register_commands(&discord, &state).await.map_err(starting("the slash commands"))?;
        let checkpointer = setting.checkpointer().await.map_err(starting("the functions"))?;
        let mut pollers = Vec::new();
        if is_here {
            pollers = setting.spawn_pollers(&tasks, &stop).await.map_err(starting("the functions"))?;
            setting.spawn_checkpoint(&checkpointer, &tasks, &stop);
        }

        let home = proxy::enrolled(&options, &directory, (&table, &ledger), &addresses.relay, clock.now()).await?;
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
            _temporary: temporary,
        })
    }

    /// How many approvers it takes.
    #[must_use]
    pub const fn quorum(&self) -> u8 {
        self.quorum
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

fn discord_options(options: &Options, state: &State) -> DiscordOptions {
    let approver_roles = [provision::APPROVER_ROLE, provision::ON_CALL_ROLE];
    DiscordOptions {
        bind: port(options, 1),
        members: vec![
            Member::new(provision::APPROVER, "approver-1", approver_roles),
            Member::new(provision::SECOND_APPROVER, "approver-2", [provision::APPROVER_ROLE]),
            Member::new(provision::ONLOOKER, "onlooker", Vec::<String>::new()),
            Member {
                permissions: MANAGE_GUILD | Member::ORDINARY_PERMISSIONS,
                ..Member::new(provision::ADMINISTRATOR, "administrator", [provision::ADMIN_ROLE])
            },
        ],
        roles: vec![
            Role::new(provision::APPROVER_ROLE, "approver", 0x0023_a55a),
            Role::new(provision::ON_CALL_ROLE, "on-call", 0x00f0_b232),
            Role::new(provision::ADMIN_ROLE, "vyrox-admin", 0x00eb_459e),
        ],
        schema: options.discord_openapi.clone(),
        key_seed: state.discord_seed(),
        data: options.data.as_ref().map(|data| data.join("discord.json")),
        ..DiscordOptions::new(provision::APPLICATION, &state.bot_token, provision::GUILD, provision::CHANNEL)
    }
}

/// What the operator does once: `vyroxctl discord register`.
async fn register_commands(
    discord: &DiscordStandin,
    state: &State,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let config = vyrox_platform::config::Discord {
        api_url: discord.api_url(),
        bot_token: vyrox_platform::secrets::Secret::new(state.bot_token.clone().into_bytes()),
    };
    let http = vyrox_platform::http::client(Duration::from_secs(10))?;
    let application = provision::APPLICATION.parse()?;
    Ok(Bot::new(http, &config, application).register(None, &registration()).await?)
}

/// Whether the functions speak to Discord itself, and to whatever else the parameters name, and to no stand-in.
fn is_real(options: &Options) -> bool {
    options.parameters.contains_key("DiscordBotToken")
}

/// The template's parameters, pointing at the stand-ins unless they name a bot.
fn parameters(
    options: &Options,
    state: &State,
    discord: &DiscordStandin,
    llm: &LlmStandin,
) -> BTreeMap<String, String> {
    let own = [
        ("DiscordApplicationId", provision::APPLICATION.to_owned()),
        ("DiscordPublicKey", discord.public_key_hex()),
        ("DiscordBotToken", state.bot_token.clone()),
        ("DiscordApiUrl", discord.api_url()),
        ("LlmUrl", llm.base_url()),
        ("LlmApiKey", "local-model-key".to_owned()),
        ("LlmModels", "local-primary,local-fallback,local-last".to_owned()),
    ];
    // A model that is made up must never judge what is real: without one of their own there is none.
    let own = own.into_iter().filter(|_| !is_real(options)).map(|(name, value)| (name.to_owned(), value));
    own.chain(options.parameters.clone()).collect()
}

/// What Lambda itself puts into every function's environment, with credentials that emulators take.
fn lambda_environment(endpoint: &str) -> BTreeMap<String, String> {
    [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", endpoint),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}
