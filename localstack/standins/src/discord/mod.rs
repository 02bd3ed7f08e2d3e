//! A stand-in for Discord: its REST API v10 as far as Vyrox uses it, and the client's side.
//!
//! ```text
//! Vyrox --POST/PATCH messages--> [rules, schema] -> channel -> page (SSE)
//!                                                       |
//! interactions <--signed click, PING, bad signature-- member presses a button
//!      `-- callback --> [rules, schema] -> message updated / ephemeral answer / modal / "This interaction failed"
//! ```
//!
//! Every body that Vyrox sends is judged; what Discord would refuse, or would silently ignore (an unknown field), is answered
//! with Discord's own error form and kept in [`DiscordStandin::violations`], so that a test can assert there were none.

mod answer;
mod channel;
mod click;
mod command;
mod deliver;
mod fault;
mod file;
mod gate;
mod guild;
mod journal;
mod options;
mod page;
mod payload;
mod probe;
mod rest;
mod rules;
mod schema;
mod shared;
mod signing;
mod webhook;

pub use click::{ClickError, ClickOutcome};
pub use fault::Fault;
pub use options::{DiscordOptions, Member, Role, StartError};
pub use probe::ProbeReport;
pub use rules::Origin;
pub use shared::{RateLimits, RestRequest, Violation};

use serde_json::Value;
use shared::Shared;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What Discord would say against a callback (`{type, data}`) to an interaction of this origin, in its own error form; `None` if
/// it takes it.
#[must_use]
pub fn callback_problems(callback: &Value, origin: Origin) -> Option<Value> {
    let mut problems = rules::Problems::default();
    rules::judge_callback(callback, origin, &mut problems);
    (!problems.is_empty()).then(|| problems.to_json())
}

/// A running stand-in. Dropping it leaves the server running; call [`DiscordStandin::shutdown`].
#[derive(Clone)]
pub struct DiscordStandin {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<watch::Sender<bool>>,
}

impl DiscordStandin {
    /// Bind and serve.
    ///
    /// # Errors
    /// The address cannot be bound, or the schema cannot be read or was not built in (cargo feature `openapi`).
    pub async fn start(options: DiscordOptions) -> Result<Self, StartError> {
        let listener = tokio::net::TcpListener::bind(options.bind)
            .await
            .map_err(|source| StartError::Bind { address: options.bind, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Bind { address: options.bind, source })?;
        let shared = Arc::new(Shared::new(options)?);
        let (stop, mut stopped) = watch::channel(false);
        let router = rest::router(Arc::clone(&shared)).merge(page::router(Arc::clone(&shared), stopped.clone()));
        tokio::spawn(async move {
            let until = async move {
                let _closed = stopped.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the Discord stand-in stopped");
            }
        });
        Ok(Self { address, shared, stop: Arc::new(stop) })
    }

    /// Where the stand-in listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of the REST API, without a slash at its end: `http://127.0.0.1:1234/api/v10`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api/v10", self.address)
    }

    /// The page that shows the channel.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The application's public key, 64 hex characters.
    #[must_use]
    pub fn public_key_hex(&self) -> String {
        self.shared.signer.public_key_hex()
    }

    /// Where interactions go from now on.
    pub fn set_interactions_url(&self, url: impl Into<String>) {
        self.shared.edit(|state| {
            state.interactions_url = Some(url.into());
            state.probed = false;
        });
    }

    /// The channel's messages, oldest first, in the shape of Discord's message object; no ephemeral ones.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        self.shared.read(|state| state.channel.public().cloned().collect())
    }

    /// The ephemeral messages that one member sees, oldest first.
    #[must_use]
    pub fn ephemerals(&self, member_id: &str) -> Vec<Value> {
        self.shared.read(|state| state.channel.ephemerals(member_id).cloned().collect())
    }

    /// The slash commands that are registered.
    #[must_use]
    pub fn commands(&self) -> Vec<Value> {
        self.shared.read(|state| state.commands.clone())
    }

    /// The bytes of a message's attachment, by the attachment's id.
    #[must_use]
    pub fn attachment(&self, id: &str) -> Option<Vec<u8>> {
        self.shared.read(|state| state.files.get(id).map(|file| file.bytes.to_vec()))
    }

    /// The modal that is open for a member.
    #[must_use]
    pub fn open_modal(&self, member_id: &str) -> Option<Value> {
        self.shared.read(|state| state.modals.get(member_id).map(|modal| modal.data.clone()))
    }

    /// The first channel message for which `predicate` holds, now or within `timeout`.
    pub async fn wait_for_message(&self, predicate: impl Fn(&Value) -> bool, timeout: Duration) -> Option<Value> {
        let mut changes = self.shared.changes();
        let found = async {
            loop {
                changes.borrow_and_update();
                let hit = self.shared.read(|state| state.channel.public().find(|message| predicate(message)).cloned());
                if hit.is_some() || changes.changed().await.is_err() {
                    return hit;
                }
            }
        };
        tokio::time::timeout(timeout, found).await.ok().flatten()
    }

    /// A member presses a button. Before the first click, and every 20th after it, the endpoint is probed as Discord does.
    ///
    /// # Errors
    /// The client could not have pressed it: unknown member or message, a `custom_id` that is not on the message, a disabled
    /// button, or no interactions URL. What the endpoint does wrong is in the outcome instead.
    pub async fn click(&self, member_id: &str, message_id: &str, custom_id: &str) -> Result<ClickOutcome, ClickError> {
        click::click(&self.shared, member_id, message_id, custom_id).await
    }

    /// A member sends the modal that is open for them; `values` are (`custom_id`, text).
    ///
    /// # Errors
    /// No such modal is open, or the client would not have let the values through (required, lengths, unknown `custom_id`).
    pub async fn submit_modal(
        &self,
        member_id: &str,
        custom_id: &str,
        values: &[(&str, &str)],
    ) -> Result<ClickOutcome, ClickError> {
        let values: Vec<(String, String)> = values.iter().map(|(id, text)| ((*id).into(), (*text).into())).collect();
        click::submit_modal(&self.shared, member_id, custom_id, &values).await
    }

    /// A member enters a slash command that is registered; `options` is Discord's option array (`[{"name","type","value"}]`).
    ///
    /// # Errors
    /// Unknown member or command, options that the client would not let through, or no interactions URL.
    pub async fn command(&self, member_id: &str, name: &str, options: Value) -> Result<ClickOutcome, ClickError> {
        command::run(&self.shared, member_id, name, options).await
    }

    /// Do at once what Discord does now and then: a PING, and requests with bad signatures.
    ///
    /// # Errors
    /// No interactions URL.
    pub async fn probe(&self) -> Result<ProbeReport, ClickError> {
        probe::probe(&self.shared).await
    }

    /// The probes so far, oldest first.
    #[must_use]
    pub fn probes(&self) -> Vec<ProbeReport> {
        self.shared.read(|state| state.probes.clone())
    }

    /// What was sent that Discord would refuse or ignore, oldest first.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.read(|state| state.violations.clone())
    }

    /// The REST requests so far, oldest first; the first 10,000 of them.
    #[must_use]
    pub fn requests(&self) -> Vec<RestRequest> {
        self.shared.read(|state| state.requests.clone())
    }

    /// The next `count` REST requests meet `fault`. Faults queue up in the order of the calls.
    pub fn fail_next(&self, count: usize, fault: &Fault) {
        self.shared.edit(|state| state.faults.extend(std::iter::repeat_n(fault.clone(), count)));
    }

    /// No fault that was asked for is met any more.
    pub fn heal(&self) {
        self.shared.edit(|state| state.faults.clear());
    }

    /// What becomes of a route's bucket from now on; [`RateLimits::Announced`] at start.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        self.shared.edit(|state| state.rate_limits = limits);
    }

    /// Stop serving. Requests under way are answered, streams to pages are closed.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }
}
