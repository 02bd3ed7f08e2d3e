//! Starting, running and stopping.

use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::dedup::{Ledger, Rebuilt};
use crate::edr::Edr;
use crate::outbound::ClientError;
use crate::outbox::Outbox;
use crate::pipeline::Pipeline;
use crate::relay::Relay;
use crate::subject::Key;
use crate::{poll, server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
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
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let edr = Edr::new(&config)?;
        let relay = config.relay_url.as_deref().map(Relay::new).transpose()?;

        let now = clock.now();
        let Opened { log, recovered } =
            Log::open(&config.audit_dir, config.proxy_id.as_str(), config.tenant_id.as_str(), now)?;
        if recovered.cut_bytes() > 0 {
            tracing::warn!(bytes = recovered.cut_bytes(), "a torn last line of the audit log was cut and recorded");
        }
        let retention = config.limits.retention_seconds;
        let window = now.saturating_sub(retention);
        // Down for longer than the window: what it was doing when it went down is still to be reported. The entry about a
        // repair, made just now, does not count.
        let idle = log.entries_since(window).all(|entry| entry.is_ok_and(|entry| Key::of_entry(&entry).is_none()));
        let entries = log.entries_since(if idle { i64::MIN } else { window });
        let owner = (&config.tenant_id, &config.proxy_id);
        let Rebuilt { ledger, unfinished, receipts } = Ledger::rebuild(entries, owner, config.dry_run, retention)?;

        let listener =
            TcpListener::bind(config.listen).await.map_err(|error| StartError::Listen(config.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;

        let (audit, writer) = Audit::start(log, Arc::clone(&clock)).map_err(StartError::Writer)?;
        let outbox = if relay.is_some() { Outbox::new(receipts) } else { Outbox::unused() };
        let pipeline = Arc::new(Pipeline::new(&config, clock, audit, ledger, edr, outbox));
        pipeline.recover(unfinished);

        let (inlets, outlets) = (TaskTracker::new(), TaskTracker::new());
        let (stop_inlets, stop_outlets) = (CancellationToken::new(), CancellationToken::new());
        if let Some(relay) = relay {
            let (signer, poll) = (config.signer.clone(), config.poll.clone());
            let (again, shared) = (relay.clone(), Arc::clone(&pipeline));
            outlets.spawn(poll::receipts(shared, again, poll.clone(), stop_outlets.clone()));
            inlets.spawn(poll::actions(Arc::clone(&pipeline), relay, signer, poll, stop_inlets.clone()));
        }
        let drain = config.limits.drain;
        inlets.spawn(server::serve(
            listener,
            Arc::clone(&pipeline),
            config.export_token,
            config.limits,
            stop_inlets.clone(),
        ));
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

/// Starts, runs until `shutdown`, and stops in order.
///
/// # Errors
/// [`StartError`].
pub async fn run(config: Config, clock: Arc<dyn Clock>, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
    let running = Proxy::start(config, clock).await?;
    shutdown.await;
    running.shutdown().await;
    Ok(())
}
