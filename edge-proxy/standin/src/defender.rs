//! Microsoft Defender for Endpoint: its login service, machines, and machine actions (isolation, code restriction, a file
//! stopped and quarantined).

mod estate;
mod filter;
mod server;

use crate::effect::Effect;
use crate::fault::{Fault, On};
use crate::wire::Server;
use estate::Estate;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A host with a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its id: 40 hex digits.
    pub id: String,
    /// Its name, mostly with its domain.
    pub name: String,
}

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct DefenderOptions {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The one directory.
    pub directory: String,
    /// The one application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The machines, none of them isolated.
    pub machines: Vec<Machine>,
    /// How long an action takes; the first half of it is pending, the second in progress.
    pub settle: Duration,
    /// How long after its creation an action cannot be read.
    pub unreadable: Duration,
}

impl Default for DefenderOptions {
    /// On a free loopback port, application `standin-app` with secret `standin-app-secret` in directory `standin-directory`,
    /// no machines, settling in 200 ms, not readable for 50 ms.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory: "standin-directory".into(),
            client_id: "standin-app".into(),
            client_secret: "standin-app-secret".into(),
            machines: Vec::new(),
            settle: Duration::from_millis(200),
            unreadable: Duration::from_millis(50),
        }
    }
}

/// A running stand-in. It stops when this is dropped.
#[derive(Debug)]
pub struct Defender {
    shared: Arc<Shared>,
    server: Server,
}

type Shared = crate::shared::Shared<DefenderOptions, Estate>;

impl Defender {
    /// Binds and serves.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(options: DefenderOptions) -> std::io::Result<Self> {
        let bind = options.bind;
        let estate = Estate::new(&options);
        let shared = Arc::new(Shared::new(options, estate));
        let server = Server::start(bind, server::router(Arc::clone(&shared))).await?;
        Ok(Self { shared, server })
    }

    /// `http://address:port`, without a slash at the end: the API and the login service.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Everything that changed something, or tried to, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        self.shared.estate().effects().to_vec()
    }

    /// All requests of any kind.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests()
    }

    /// The isolation that the machine is under now: `Full` or `Selective`.
    #[must_use]
    pub fn isolation(&self, machine: &str) -> Option<String> {
        self.shared.estate().isolation(machine, Instant::now())
    }

    /// The next request of this kind fails so. Several for one kind are used up in the order given.
    pub fn inject(&self, on: On, fault: Fault) {
        self.shared.faults.push(on, fault);
    }

    /// Makes every token given out so far invalid.
    pub fn expire_tokens(&self) {
        self.shared.estate().issued.expire_tokens();
    }

    /// From now on actions on this machine stay pending.
    pub fn set_offline(&self, machine: &str) {
        self.shared.estate().set_offline(machine);
    }

    /// From now on actions end so: `Succeeded`, `Failed`, `TimeOut` or `Cancelled`.
    pub fn end_actions_with(&self, status: &'static str) {
        self.shared.estate().end_with(status);
    }

    /// Somebody else asks for an action in the portal.
    pub fn ask_elsewhere(&self, machine: &str, action: &str, field: Option<&str>) {
        // A refusal is what a person in the portal would see.
        let _ = self.shared.estate().ask(machine, action, field, "from the portal", None, Instant::now());
    }

    /// Stops at once; open connections are cut.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}
