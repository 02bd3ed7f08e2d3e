//! What the REST side, the client's side and the page share.

use super::channel::Channel;
use super::fault::Fault;
use super::file::File;
use super::options::{DiscordOptions, StartError};
use super::payload::Snowflakes;
use super::probe::ProbeReport;
use super::schema::Schema;
use super::signing::InteractionSigner;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many REST requests are kept; later ones are served and forgotten.
const REQUESTS_KEPT: usize = 10_000;

/// Something that Discord would refuse, or silently ignore.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// What was sent, e.g. `POST /channels/1/messages` or `interaction callback`.
    pub place: String,
    /// What is wrong: Discord's error body, or a sentence.
    pub problem: Value,
    /// The offending body, null where there was none.
    pub body: Value,
}

/// One request to the REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestRequest {
    /// HTTP method.
    pub method: String,
    /// Path below `/api/v10`.
    pub path: String,
    /// The JSON body; null where there was none.
    pub body: Value,
    /// The status answered; 0 while the answer is open.
    pub status: u16,
}

/// An interaction's life.
#[derive(Debug, Clone)]
pub(crate) struct Interaction {
    /// Its id.
    pub(crate) id: String,
    /// When it was sent, unix milliseconds.
    pub(crate) sent: u64,
    /// Who acted.
    pub(crate) member_id: String,
    /// The command that was entered.
    pub(crate) invoked: Option<Invoked>,
    /// The message it came from; none for a slash command.
    pub(crate) message_id: Option<String>,
    /// Whether it came from a modal.
    pub(crate) from_modal: bool,
    /// The initial response's type, once there is one.
    pub(crate) acknowledged: Option<u64>,
    /// Its token is dead: no valid answer came in time.
    pub(crate) dead: bool,
    /// The message that `@original` means.
    pub(crate) original: Option<String>,
    /// Its follow-ups.
    pub(crate) follow_ups: Vec<String>,
}

/// A slash command that somebody entered.
#[derive(Debug, Clone)]
pub(crate) struct Invoked {
    /// As the channel shows it, without the slash.
    pub(crate) line: String,
    /// Discord's user object.
    pub(crate) user: Value,
}

/// A modal that is open for a member.
#[derive(Debug, Clone)]
pub(crate) struct Modal {
    /// `custom_id`, `title`, `components`.
    pub(crate) data: Value,
    /// The message whose button opened it.
    pub(crate) message_id: Option<String>,
}

/// Everything that changes.
pub(crate) struct State {
    pub(crate) channel: Channel,
    pub(crate) ids: Snowflakes,
    pub(crate) interactions: HashMap<String, Interaction>,
    pub(crate) modals: BTreeMap<String, Modal>,
    /// (member, message) of interactions that failed and were not tried again since.
    pub(crate) failures: BTreeSet<(String, String)>,
    /// The commands that are registered.
    pub(crate) commands: Vec<Value>,
    /// Files of messages, by attachment id.
    pub(crate) files: HashMap<String, File>,
    pub(crate) interactions_url: Option<String>,
    pub(crate) probed: bool,
    pub(crate) clicks: u64,
    pub(crate) probes: Vec<ProbeReport>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) requests: Vec<RestRequest>,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) rate_limits: RateLimits,
    /// Route bucket -> (window's start in unix milliseconds, requests in it).
    pub(crate) buckets: HashMap<String, (u64, u32)>,
}

/// What becomes of a route's bucket: 5 requests in 5 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimits {
    /// The headers tell of it, but nobody is refused.
    Announced,
    /// An empty bucket is answered with 429, as Discord does.
    Enforced,
    /// The bucket is as good as never empty: for measuring what a bot could send.
    Lifted,
}

/// Options that stay, state behind a lock, and a way to hear of changes.
pub(crate) struct Shared {
    pub(crate) options: DiscordOptions,
    pub(crate) signer: InteractionSigner,
    pub(crate) http: reqwest::Client,
    pub(crate) schema: Option<Schema>,
    state: Mutex<State>,
    revision: watch::Sender<u64>,
}

impl Shared {
    /// Read the schema, make the key and the client.
    pub(crate) fn new(options: DiscordOptions) -> Result<Self, StartError> {
        let schema = options.schema.as_deref().map(Schema::read).transpose()?;
        let state = State {
            channel: options.data.as_deref().map(Channel::load).transpose()?.unwrap_or_default(),
            ids: Snowflakes::default(),
            interactions: HashMap::new(),
            modals: BTreeMap::new(),
            failures: BTreeSet::new(),
            commands: Vec::new(),
            files: HashMap::new(),
            interactions_url: options.interactions_url.clone(),
            probed: false,
            clicks: 0,
            probes: Vec::new(),
            violations: Vec::new(),
            requests: Vec::new(),
            faults: VecDeque::new(),
            rate_limits: RateLimits::Announced,
            buckets: HashMap::new(),
        };
        Ok(Self {
            signer: InteractionSigner::new(options.key_seed).map_err(StartError::Key)?,
            http: http_client()?,
            schema,
            options,
            state: Mutex::new(state),
            revision: watch::Sender::new(0),
        })
    }

    /// Look at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Change the state, keep the messages if there is a place for them, and tell everyone who listens.
    pub(crate) fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.channel.changes();
        let result = change(&mut state);
        if state.channel.changes() != before
            && let Err(error) = state.channel.save()
        {
            tracing::error!(%error, path = ?self.options.data, "the Discord stand-in cannot keep its messages");
        }
        drop(state);
        self.revision.send_modify(|revision| *revision += 1);
        result
    }

    /// Change what no page shows and nobody waits for.
    pub(crate) fn edit_quietly<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A receiver that hears of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Keep a violation.
    pub(crate) fn report(&self, place: impl Into<String>, problem: impl Into<Value>, body: Value) {
        let violation = Violation { place: place.into(), problem: problem.into(), body };
        tracing::warn!(place = %violation.place, problem = %violation.problem, "Discord would refuse this");
        self.edit(|state| state.violations.push(violation));
    }

    /// Keep a request; gives its index for [`Shared::note_status`].
    pub(crate) fn note_request(&self, request: RestRequest) -> Option<usize> {
        self.edit_quietly(|state| {
            if state.requests.len() < REQUESTS_KEPT {
                state.requests.push(request);
                Some(state.requests.len() - 1)
            } else {
                None
            }
        })
    }

    /// Keep the status that a request was answered with.
    pub(crate) fn note_status(&self, index: Option<usize>, status: u16) {
        self.edit_quietly(|state| {
            if let Some(request) = index.and_then(|index| state.requests.get_mut(index)) {
                request.status = status;
            }
        });
    }
}

fn http_client() -> Result<reqwest::Client, StartError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(StartError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("Discord-Interactions/1.0 (+https://discord.com)")
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(StartError::Client)
}
