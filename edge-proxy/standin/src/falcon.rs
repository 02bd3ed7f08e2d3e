//! CrowdStrike Falcon: hosts (containment, lookup, state) and real-time response (process kill).

mod body;
mod devices;
mod estate;
mod page;
mod rtr;
mod server;
mod token;

pub use estate::{Call, Change, HostStatus};

use crate::fault::{Fault, On};
use crate::wire::Server;
use estate::Estate;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A host with a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its agent id: 32 hex digits.
    pub aid: String,
    /// Its name.
    pub hostname: String,
}

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct FalconOptions {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The one API client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The hosts, all of them normal and online.
    pub hosts: Vec<Host>,
    /// How long a host stays in a pending state, and a command incomplete.
    pub settle: Duration,
    /// How long a token is valid. It always says 1799 seconds.
    pub token_life: Duration,
    /// The `X-Cs-Region` of the token reply. It names a region that this server is not, and a client must not go there.
    pub region_hint: String,
}

impl Default for FalconOptions {
    /// On a free loopback port, client `standin-client` with secret `standin-secret`, no hosts, settling in 200 ms.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            client_id: "standin-client".into(),
            client_secret: "standin-secret".into(),
            hosts: Vec::new(),
            settle: Duration::from_millis(200),
            token_life: Duration::from_secs(1799),
            region_hint: "eu-1".into(),
        }
    }
}

/// A running stand-in. It stops when this is dropped.
#[derive(Debug)]
pub struct Falcon {
    shared: Arc<Shared>,
    server: Server,
}

type Shared = crate::shared::Shared<FalconOptions, Estate>;

impl Falcon {
    /// Binds and serves.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(options: FalconOptions) -> std::io::Result<Self> {
        let bind = options.bind;
        let estate = Estate::new(&options.hosts, options.settle);
        let shared = Arc::new(Shared::new(options, estate));
        let server = Server::start(bind, server::router(Arc::clone(&shared))).await?;
        Ok(Self { shared, server })
    }

    /// `http://address:port`, without a slash at the end: the base URL for a client, and a page for people.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Every call that changed something, or tried to with a sound request, in order. A call that a [`Fault`] kept from
    /// acting is not among them.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.estate().calls().to_vec()
    }

    /// All requests of any kind, those for the page excepted.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests()
    }

    /// A host's containment state now; `None` if there is no such host.
    #[must_use]
    pub fn host_status(&self, aid: &str) -> Option<HostStatus> {
        self.shared.estate().status(aid, Instant::now())
    }

    /// The next request of this kind fails so. Several for one kind are used up in the order given.
    pub fn inject(&self, on: On, fault: Fault) {
        self.shared.faults.push(on, fault);
    }

    /// Makes every token given out so far invalid.
    pub fn expire_tokens(&self) {
        self.shared.estate().issued.expire_tokens();
    }

    /// The host's sensor no longer answers: real-time response sessions fail, containment stays pending.
    pub fn set_offline(&self, aid: &str) {
        self.shared.estate().set_offline(aid);
    }

    /// A process that runs on the host and can be killed.
    pub fn add_process(&self, aid: &str, pid: u32) {
        self.shared.estate().add_process(aid, pid);
    }

    /// Whether the process runs.
    #[must_use]
    pub fn has_process(&self, aid: &str, pid: u32) -> bool {
        self.shared.estate().has_process(aid, pid)
    }

    /// Stops at once; open connections are cut.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}
