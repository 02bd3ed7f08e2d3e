//! SentinelOne: agents (on and off the network) and threats (killed, quarantined, given back).

mod server;

use crate::effect::Effect;
use crate::fault::{Fault, On};
use crate::wire::Server;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A host with an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id: digits.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct SentineloneOptions {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The one API token.
    pub api_token: String,
    /// The agents, all of them connected.
    pub agents: Vec<Agent>,
    /// How long an agent stays in a state between two, and a mitigation pending.
    pub settle: Duration,
    /// How long a mitigation that was taken is not listed at its threat yet.
    pub lists_after: Duration,
}

impl Default for SentineloneOptions {
    /// On a free loopback port, token `standin-api-token`, no agents, settling in 200 ms.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_token: "standin-api-token".into(),
            agents: Vec::new(),
            settle: Duration::from_millis(200),
            lists_after: Duration::ZERO,
        }
    }
}

/// A running stand-in. It stops when this is dropped.
#[derive(Debug)]
pub struct Sentinelone {
    shared: Arc<Shared>,
    server: Server,
}

type Shared = crate::shared::Shared<SentineloneOptions, Estate>;

/// The customer's agents and threats, without HTTP.
#[derive(Debug)]
struct Estate {
    settle: Duration,
    lists_after: Duration,
    agents: BTreeMap<String, AgentState>,
    threats: BTreeMap<String, ThreatState>,
    effects: Vec<Effect>,
}

#[derive(Debug)]
struct AgentState {
    name: String,
    isolated: bool,
    since: Instant,
    online: bool,
}

#[derive(Debug)]
struct ThreatState {
    agent: String,
    mitigations: Vec<Attempt>,
    /// Mitigations of this threat end so.
    ends: &'static str,
}

#[derive(Debug)]
struct Attempt {
    action: &'static str,
    since: Instant,
    ends: &'static str,
}

impl Estate {
    fn status(&self, agent: &str, now: Instant) -> Option<&'static str> {
        let agent = self.agents.get(agent)?;
        let settled = now.duration_since(agent.since) >= self.settle;
        Some(match (agent.isolated, settled) {
            (true, true) => "disconnected",
            (true, false) => "disconnecting",
            (false, true) => "connected",
            (false, false) => "connecting",
        })
    }

    /// Cuts off or lets back; whether anything changed. An agent that is so already, or offline, is not affected.
    fn connect(&mut self, action: &str, id: &str, now: Instant) -> bool {
        let isolate = action == "disconnect";
        let changed = match self.agents.get_mut(id) {
            Some(agent) if agent.online && agent.isolated != isolate => {
                (agent.isolated, agent.since) = (isolate, now);
                true
            }
            _ => false,
        };
        self.record(action, id, changed);
        changed
    }

    fn mitigate(&mut self, action: &'static str, id: &str, now: Instant) -> bool {
        let threat = self.threats.get_mut(id);
        let attempt = |ends| Attempt { action, since: now, ends };
        let changed = threat.map(|threat| threat.mitigations.push(attempt(threat.ends))).is_some();
        self.record(action, id, changed);
        changed
    }

    fn record(&mut self, action: &str, target: &str, accepted: bool) {
        let (action, target) = (action.to_owned(), target.to_owned());
        self.effects.push(Effect { action, target, detail: None, accepted });
    }

    fn mitigations(&self, threat: &ThreatState, now: Instant) -> Vec<(&'static str, &'static str)> {
        let age = |attempt: &Attempt| now.duration_since(attempt.since);
        let status = |attempt: &Attempt| if age(attempt) >= self.settle { attempt.ends } else { "pending" };
        let listed = threat.mitigations.iter().filter(|attempt| age(attempt) >= self.lists_after);
        listed.map(|attempt| (attempt.action, status(attempt))).collect()
    }
}

impl Sentinelone {
    /// Binds and serves.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(options: SentineloneOptions) -> std::io::Result<Self> {
        let bind = options.bind;
        let long_ago = Instant::now().checked_sub(options.settle).unwrap_or_else(Instant::now);
        let state =
            |agent: &Agent| AgentState { name: agent.name.clone(), isolated: false, since: long_ago, online: true };
        let estate = Estate {
            settle: options.settle,
            lists_after: options.lists_after,
            agents: options.agents.iter().map(|agent| (agent.id.clone(), state(agent))).collect(),
            threats: BTreeMap::new(),
            effects: Vec::new(),
        };
        let shared = Arc::new(Shared::new(options, estate));
        let server = Server::start(bind, server::router(Arc::clone(&shared))).await?;
        Ok(Self { shared, server })
    }

    /// `http://address:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Everything that changed something, or tried to, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        self.shared.estate().effects.clone()
    }

    /// All requests of any kind.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests()
    }

    /// An agent's `networkStatus` now; `None` if there is no such agent.
    #[must_use]
    pub fn network_status(&self, agent: &str) -> Option<&'static str> {
        self.shared.estate().status(agent, Instant::now())
    }

    /// The next request of this kind fails so. Several for one kind are used up in the order given.
    pub fn inject(&self, on: On, fault: Fault) {
        self.shared.faults.push(on, fault);
    }

    /// The agent no longer answers: nothing that is asked of it affects it.
    pub fn set_offline(&self, agent: &str) {
        if let Some(agent) = self.shared.estate().agents.get_mut(agent) {
            agent.online = false;
        }
    }

    /// A threat on an agent. Its mitigations end with `ends`: `success` or `failed`.
    pub fn add_threat(&self, id: &str, agent: &str, ends: &'static str) {
        let threat = ThreatState { agent: agent.to_owned(), mitigations: Vec::new(), ends };
        self.shared.estate().threats.insert(id.to_owned(), threat);
    }

    /// An attempt of long ago to mitigate a threat, listed with how it ended.
    pub fn add_attempt(&self, threat: &str, action: &'static str, ends: &'static str) {
        let mut estate = self.shared.estate();
        let long_ago = Instant::now().checked_sub(estate.settle + estate.lists_after).unwrap_or_else(Instant::now);
        if let Some(threat) = estate.threats.get_mut(threat) {
            threat.mitigations.push(Attempt { action, since: long_ago, ends });
        }
    }

    /// Stops at once; open connections are cut.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}
