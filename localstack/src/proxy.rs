//! The edge proxy: enrolled as its operator would, and run in this process, or by a command as a program of its own (the
//! container, for instance), which then has nothing but its directory and its environment.

use crate::edrs::{self, Edrs};
use crate::provision;
use crate::system::{Delivery, Options, StartError, port, starting};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use vyrox_edge_proxy::{Config, Proxy, RunningProxy};
use vyrox_edr_standin::Falcon;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::table::Table;

/// How long a command may take until its proxy answers.
const UNTIL_READY: Duration = Duration::from_secs(60);
/// How long a command may take to end; the proxy itself finishes what it has begun within 25 s.
const UNTIL_ENDED: Duration = Duration::from_secs(40);
/// The variable that tells a command where the proxy's configuration, key and log are.
const DIRECTORY: &str = "PROXY_DIRECTORY";
/// Isolations that the local runner allows in an hour and in a day.
const BUDGET: (u32, u32) = (1_000, 10_000);

/// An enrolled proxy that does not run yet.
pub(crate) struct Enrolled {
    home: PathBuf,
    listen: SocketAddr,
    relay_url: Option<String>,
}

/// Enrols the proxy, unless it is enrolled already.
pub(crate) async fn enrolled(
    options: &Options,
    directory: &Path,
    (table, ledger): (&Table, &Ledger),
    relay_url: &str,
    now: i64,
) -> Result<Enrolled, StartError> {
    let home = directory.join("proxy");
    std::fs::create_dir_all(&home).map_err(starting("the proxy's directory"))?;
    let is_pushed_to = options.delivery == Delivery::Push;
    let listen = match options.first_port {
        // A proxy that is pushed to must be known by its address before it is enrolled; a command is told it.
        None if is_pushed_to || options.proxy.is_some() => free_port().map_err(starting("the proxy's address"))?,
        _ => port(options, 2),
    };
    let push_url = is_pushed_to.then(|| format!("http://{listen}"));
    if home.join(vyrox_edge_proxy::enrol::CONFIG_FILE).exists() {
        provision::push_address(table, ledger, push_url, now).await.map_err(starting("the proxy's address"))?;
    } else {
        let token = provision::enrolment(ledger, push_url, now).await.map_err(starting("an enrolment token"))?;
        vyrox_edge_proxy::enrol(relay_url, &token.reveal(), &home, now)
            .await
            .map_err(starting("the proxy's enrolment"))?;
    }
    Ok(Enrolled { home, listen, relay_url: (!is_pushed_to).then(|| relay_url.to_owned()) })
}

/// The running proxy.
pub(crate) struct EdgeProxy {
    audit: PathBuf,
    url: String,
    running: Running,
}

enum Running {
    Here { proxy: Option<RunningProxy>, config: Box<Config> },
    ByCommand(Child),
}

impl EdgeProxy {
    /// Starts an enrolled proxy, with access to the EDRs' stand-ins.
    pub(crate) async fn start(
        options: &Options,
        enrolled: Enrolled,
        falcon: &Falcon,
        edrs: &Edrs,
    ) -> Result<Self, StartError> {
        let audit = enrolled.home.join("audit");
        if let Some(command) = &options.proxy {
            let url = format!("http://{}", enrolled.listen);
            let mut program = Command::new("sh");
            program.args(["-c", &format!("exec {command}")]).env(DIRECTORY, &enrolled.home).kill_on_drop(true);
            program.envs(settings(options, &enrolled, falcon, edrs));
            let child = run(program, &url).await.map_err(starting("the proxy's command"))?;
            return Ok(Self { audit, url, running: Running::ByCommand(child) });
        }
        let file = enrolled.home.join(vyrox_edge_proxy::enrol::CONFIG_FILE);
        let mut config = Config::load(Some(&file), &BTreeMap::new()).map_err(starting("the proxy's configuration"))?;
        config.listen = enrolled.listen;
        config.audit_dir.clone_from(&audit);
        config.relay_url = enrolled.relay_url;
        config.poll.min = Duration::from_millis(250);
        config.poll.max = Duration::from_millis(500);
        config.dry_run = !options.live;
        (config.policy.max_isolations_per_hour, config.policy.max_isolations_per_day) = BUDGET;
        edrs::connect(&mut config, falcon, edrs);
        let proxy = begin(&config).await?;
        let url = format!("http://{}", proxy.local_addr());
        Ok(Self { audit, url, running: Running::Here { proxy: Some(proxy), config: Box::new(config) } })
    }

    /// Where it takes pushes and says how it is.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Its audit log.
    pub(crate) fn audit(&self) -> &Path {
        &self.audit
    }

    /// Stops it and starts it again on the same log. One that a command runs is left alone.
    pub(crate) async fn restart(&mut self) -> Result<(), StartError> {
        if let Running::Here { proxy, config } = &mut self.running {
            if let Some(proxy) = proxy.take() {
                proxy.shutdown().await;
            }
            *proxy = Some(begin(config).await?);
        }
        Ok(())
    }

    /// Lets it finish what it has begun, and ends it.
    pub(crate) async fn stop(self) {
        match self.running {
            Running::Here { proxy, .. } => {
                if let Some(proxy) = proxy {
                    proxy.shutdown().await;
                }
            }
            Running::ByCommand(mut child) => {
                if let Some(id) = child.id() {
                    let sent = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
                    tracing::debug!(?sent, "the proxy's command is told to end");
                }
                match tokio::time::timeout(UNTIL_ENDED, child.wait()).await {
                    Ok(Ok(status)) if status.success() => {}
                    ended => tracing::warn!(?ended, "the proxy's command did not end well"),
                }
            }
        }
    }
}

async fn begin(config: &Config) -> Result<RunningProxy, StartError> {
    Proxy::start(config.clone(), Arc::new(vyrox_edge_proxy::SystemClock)).await.map_err(starting("the edge proxy"))
}

/// The command did not bring up a proxy.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("it cannot be run")]
    Run(#[source] std::io::Error),
    #[error("nothing can be asked over HTTP")]
    Client(#[from] vyrox_platform::http::HttpClientError),
    #[error("it ended with {0}; what it wrote is above")]
    Ended(std::process::ExitStatus),
    #[error("nothing answers at {0}/ready after {wait} s", wait = UNTIL_READY.as_secs())]
    Silent(String),
}

/// Runs `program` and waits until its proxy is ready.
async fn run(mut program: Command, url: &str) -> Result<Child, CommandError> {
    let http = vyrox_platform::http::client(Duration::from_secs(2))?;
    let mut child = program.spawn().map_err(CommandError::Run)?;
    tokio::select! {
        ended = child.wait() => return Err(CommandError::Ended(ended.map_err(CommandError::Run)?)),
        ready = tokio::time::timeout(UNTIL_READY, ready(&http, url)) => {
            ready.map_err(|_| CommandError::Silent(url.to_owned()))?;
        }
    }
    Ok(child)
}

/// Asks until the answer is yes.
async fn ready(http: &reqwest::Client, url: &str) {
    loop {
        let answer = http.get(format!("{url}/ready")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is set beside what enrolment wrote, as the variables that win over the file.
fn settings(options: &Options, enrolled: &Enrolled, falcon: &Falcon, edrs: &Edrs) -> Vec<(&'static str, String)> {
    let (hour, day) = BUDGET;
    let own = [
        ("VYROX_LISTEN", enrolled.listen.to_string()),
        ("VYROX_DRY_RUN", (!options.live).to_string()),
        ("VYROX_POLICY_MAX_ISOLATIONS_PER_HOUR", hour.to_string()),
        ("VYROX_POLICY_MAX_ISOLATIONS_PER_DAY", day.to_string()),
    ];
    own.into_iter().chain(edrs::settings(falcon, edrs)).collect()
}

fn free_port() -> std::io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
