//! Starting, running and stopping.

use crate::attendant;
use crate::audit::Audit;
use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Limits};
use crate::dedup::{Ledger, Rebuilt, Terms};
use crate::descriptors;
use crate::lease::Leases;
use crate::outbound::ClientError;
use crate::outbox::Outbox;
use crate::pipeline::Pipeline;
use crate::relay::Relay;
use crate::rules::Rules;
use crate::tls::{self, TlsError};
use crate::upkeep::Upkeep;
use crate::{poll, server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use vyrox_audit::log::{Log, LogError, Opened};

/// How long a stop waits for the relay to take the last receipts. They are in the log and are posted again anyway.
const LAST_RECEIPTS: Duration = Duration::from_secs(5);

/// Why the proxy did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is unsafe or useless.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The audit log cannot be opened: locked, damaged, or another chain's.
    #[error("the audit log cannot be opened")]
    Log(#[from] LogError),
    /// No HTTP client.
    #[error("outgoing connections cannot be set up")]
    Client(#[from] ClientError),
    /// No TLS.
    #[error("TLS cannot be served")]
    Tls(#[from] TlsError),
    /// The address is taken or not this machine's.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// No thread for the audit log.
    #[error("the audit writer cannot be started")]
    Writer(#[source] std::io::Error),
}

/// The proxy, not yet running.
pub struct Proxy;

/// A running proxy. Dropping it stops it without waiting for work; [`RunningProxy::shutdown`] waits.
pub struct RunningProxy {
    address: SocketAddr,
    pipeline: Arc<Pipeline>,
    writer: JoinHandle<()>,
    inlets: TaskTracker,
    outlets: TaskTracker,
    stop_inlets: CancellationToken,
    stop_outlets: CancellationToken,
    drain: Duration,
    /// Cancel both tokens when this is dropped without a shutdown.
    _guards: [DropGuard; 2],
}

impl Proxy {
    /// Opens the audit log, rebuilds what it knows from it, and begins to listen and to poll.
    ///
    /// # Errors
    /// [`StartError`]. Nothing is running then.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<RunningProxy, StartError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(ConfigError(problems).into());
        }
        let (connections, too_many) = descriptors::fitting(config.limits.connections);
        for warning in config.warnings.iter().chain(&too_many) {
            tracing::warn!("{warning}");
        }
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let relay = config.relay_url.as_deref().map(Relay::new).transpose()?;

        let now = clock.now();
        let Opened { mut log, recovered } =
            Log::open(&config.audit_dir, config.proxy_id.as_str(), config.tenant_id.as_str(), now)?;
        if recovered.cut_bytes() > 0 {
            tracing::warn!(bytes = recovered.cut_bytes(), "a torn last line of the audit log was cut and recorded");
        }
        let terms = Terms { dry_run: config.dry_run, retention_seconds: config.limits.retention_seconds };
        let Rebuilt { ledger, unfinished, outcomes, leases, events } = Ledger::rebuild(&mut log, terms, now)?;
        let leases = Leases::rebuild(&log.reader(), leases, config.dry_run)?;

        let listener = server::listen(config.listen).map_err(|error| StartError::Listen(config.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;

        let breaker = Arc::new(Breaker::load(&config.audit_dir, &config.policy));
        breaker.heed(&log.reader(), &events)?;
        if breaker.is_open() {
            tracing::warn!("the circuit breaker is open: nothing is contained until `vyrox-edge-proxy breaker reset`");
        }
        let rules = Rules::new(&config, breaker)?;
        let (reader, archiver) = (log.reader(), log.archiver());
        let (audit, writer) = Audit::start(log, Arc::clone(&clock)).map_err(StartError::Writer)?;
        let outbox = match &relay {
            Some(_) => Outbox::new(reader.clone(), &config.audit_dir, &outcomes),
            None => Outbox::unused(),
        };
        let (retention_seconds, since) = (terms.retention_seconds, now.saturating_sub(terms.retention_seconds));
        let upkeep = Upkeep { reader, archiver, since, retention_seconds };
        let pipeline = Arc::new(Pipeline::new(&config, clock, audit, (ledger, leases), rules, outbox));
        pipeline.recover(unfinished);

        let (inlets, outlets) = (TaskTracker::new(), TaskTracker::new());
        let (stop_inlets, stop_outlets) = (CancellationToken::new(), CancellationToken::new());
        inlets.spawn(upkeep.run(Arc::clone(&pipeline), stop_inlets.clone()));
        if let Some(relay) = relay {
            let poll = config.poll.clone();
            let (again, shared) = (relay.clone(), Arc::clone(&pipeline));
            outlets.spawn(poll::receipts(shared, again, poll.clone(), stop_outlets.clone()));
            inlets.spawn(poll::actions(Arc::clone(&pipeline), relay, poll, stop_inlets.clone()));
        }
        let drain = config.limits.drain;
        let limits = Limits { connections, ..config.limits };
        inlets.spawn(attendant::attend(Arc::clone(&pipeline), stop_inlets.clone()));
        inlets.spawn(server::serve((listener, tls), Arc::clone(&pipeline), limits, stop_inlets.clone()));
        tracing::info!(
            tenant_id = %config.tenant_id,
            proxy_id = %config.proxy_id,
            %address,
            dry_run = config.dry_run,
            polling = config.relay_url.is_some(),
            "started"
        );
        let _guards = [stop_inlets.clone().drop_guard(), stop_outlets.clone().drop_guard()];
        Ok(RunningProxy { address, pipeline, writer, inlets, outlets, stop_inlets, stop_outlets, drain, _guards })
    }
}

impl RunningProxy {
    /// Where it listens, with the port that the system chose if it was asked for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether it has reported on what an earlier run left, and can write its log.
    pub fn is_ready(&self) -> bool {
        self.pipeline.is_ready()
    }

    /// Takes over what a reload can change (keys, shared secret, export token, policy, credentials), or says why not and
    /// keeps what there is. Either is an entry of the audit log.
    pub async fn reload(&self, loaded: Result<Config, ConfigError>) {
        self.pipeline.reload(loaded).await;
    }

    /// Takes nothing new, lets what is at work end, posts the last receipts, closes the log. Bounded by the configured
    /// drain time; what is still at work then is reported as ambiguous at the next start.
    pub async fn shutdown(self) {
        tracing::info!("stopping");
        self.stop_inlets.cancel();
        self.inlets.close();
        // In this order: a request that is still being read can become work, but not the other way round.
        let ended = async {
            self.inlets.wait().await;
            self.pipeline.drain().await;
        };
        if tokio::time::timeout(self.drain, ended).await.is_err() {
            tracing::warn!("work was cut short; it is reported as ambiguous at the next start");
        }
        self.stop_outlets.cancel();
        self.outlets.close();
        let _ = tokio::time::timeout(LAST_RECEIPTS, self.outlets.wait()).await;
        // The writer ends with the last handle to it. If work was cut short there is still one, and the end of the
        // process closes the log.
        let Self { pipeline, writer, .. } = self;
        if Arc::into_inner(pipeline).is_some() {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
        tracing::info!("stopped");
    }
}

/// Starts, runs until `shutdown`, and stops in order. Whenever `reload` has something, it is taken over or refused.
///
/// # Errors
/// [`StartError`].
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
    mut reload: impl AsyncFnMut() -> Result<Config, ConfigError>,
) -> Result<(), StartError> {
    let running = Proxy::start(config, clock).await?;
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            loaded = reload() => running.reload(loaded).await,
        }
    }
    running.shutdown().await;
    Ok(())
}
