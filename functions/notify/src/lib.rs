//! notify: what an alert is shows in Discord, once, and stays true.
//!
//! ```text
//!  CardRequested --> where is it shown? (place)  a card of its own | counted on another's | a line of a digest
//!                      `-> draw: create or edit, if Discord does not show it already
//!                            `-> send: through the channel's circuit breaker, the rate limits, under a nonce
//!                                  `-> CRITICAL and not sent: over the backup path, once
//!                      `-> tell: reminders, escalation, expiry, failure, each once
//! ```
//!
//! The message says only *which* alert; what is drawn is read from the table at that moment, so messages may come twice,
//! late or out of order. Created once (conditional marker, and Discord's own nonce for the gap between the two), then
//! edited; not sent at all if what Discord shows is already right.

mod backup;
mod counters;
mod digest;
mod draw;
mod place;
mod send;
mod tell;

use draw::Looks;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vyrox_audit::Draft;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::message::{CardReason, CardRequested};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::aws::Clients;
use vyrox_platform::backup::Reach;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::discord::{Discord, DiscordError};
use vyrox_platform::ledger::{Change, CommitError, Expect, Ledger};
use vyrox_platform::queue::{Queue, SendError};
use vyrox_platform::table::{SortKey, Table, TableError, Versioned};
use vyrox_platform::{Class, Classified, LONGEST_WAIT};

/// How often a card is drawn anew because its record changed while it was sent.
const RACES: usize = 4;
/// When a message comes back that lost every race, in seconds: others are at work on the same items.
const AFTER_RACES: Duration = Duration::from_secs(2);

/// Why a message was not handled.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The table could not be read.
    #[error("reading")]
    Table(#[from] TableError),
    /// Where the card is could not be stored.
    #[error("storing where the card is")]
    Commit(#[from] CommitError),
    /// Its own queue does not take a message.
    #[error("putting a card down for later")]
    Send(#[from] SendError),
    /// Discord did not take the card.
    #[error("sending the card")]
    Discord(#[from] DiscordError),
    /// The channel takes no messages; it is tried again after so many seconds.
    #[error("the channel takes no messages (code {code}); it is tried again in {wait} s")]
    ChannelBroken {
        /// Discord's code.
        code: u64,
        /// Seconds.
        wait: u64,
    },
    /// There is no such alert or tenant (any more).
    #[error("there is no such alert")]
    NoSuchAlert,
    /// The tenant has not linked a channel.
    #[error("the tenant has no channel")]
    NoChannel,
}

impl Classified for NotifyError {
    fn class(&self) -> Class {
        match self {
            Self::Table(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Send(error) => error.class(),
            Self::Discord(error) => error.class(),
            Self::ChannelBroken { .. } => Class::Retry,
            Self::NoSuchAlert => Class::Reject,
            Self::NoChannel => Class::Poison,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Discord(error) => error.retry_after(),
            Self::ChannelBroken { wait, .. } => Some(Duration::from_secs(*wait)),
            Self::Commit(CommitError::Conflict(_) | CommitError::Contended) => Some(AFTER_RACES),
            _ => None,
        }
    }

    fn longest_wait(&self) -> Duration {
        match self {
            Self::Discord(error) => error.longest_wait(),
            _ => LONGEST_WAIT,
        }
    }

    fn only_waits(&self) -> bool {
        matches!(self, Self::Discord(error) if error.only_waits())
    }
}

/// An alert and its tenant, as they were read or have been stored since.
#[derive(Debug, Clone)]
struct Subject {
    record: AlertRecord,
    version: u64,
    tenant: Tenant,
    /// When, unix seconds.
    now: i64,
    /// Whether it was placed just now, so that nothing is counted on its card yet.
    is_just_placed: bool,
}

/// What notify can do: read, commit with an audit entry, post and edit messages, post to a tenant's backup address.
#[derive(Debug)]
pub struct Notify {
    table: Table,
    ledger: Ledger,
    discord: Discord,
    cards: Queue<CardRequested>,
    clock: Arc<dyn Clock>,
    reach: Reach,
    /// Where a tenant's alerts wait for their places in this environment: they all meet at the same counters.
    places: Mutex<HashMap<TenantId, Arc<place::Line>>>,
}

impl Notify {
    /// Wires the function up.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Notify, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self {
            ledger: Ledger::new(table.clone(), "notify", Arc::clone(&clock)),
            discord: Discord::new(http, &config.discord, Arc::clone(&clock)),
            // Its own queue: a card that asks a question is drawn again when the question has expired.
            cards: Queue::new(clients.sqs.clone(), &config.source_queue_url),
            table,
            clock,
            reach: Reach::Public,
            places: Mutex::default(),
        }
    }

    /// Sends backups there instead.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Opens connections before the first batch, all at once.
    pub async fn warm(&self) {
        tokio::join!(self.table.warm(), self.cards.warm());
    }

    /// Brings one alert's messages up to date. Where the record changes meanwhile, its newer state is drawn instead.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn handle(&self, message: CardRequested) -> Result<(), NotifyError> {
        let mut outcome = self.bring_up_to_date(&message).await;
        for _ in 0..RACES {
            if !matches!(outcome, Err(NotifyError::Commit(CommitError::Conflict(_)))) {
                break;
            }
            outcome = self.bring_up_to_date(&message).await;
        }
        outcome
    }

    async fn bring_up_to_date(&self, message: &CardRequested) -> Result<(), NotifyError> {
        let subject = self.read(&message.tenant_id, message.alert_id).await?;
        let subject = self.placed(subject).await?;
        if let Some(digest) = digest::of(&subject.record) {
            let looks = self.draw_digest(&subject.tenant, digest).await?;
            self.tell_of_plan(&subject.tenant, digest).await?;
            // Last, as it must not be sent again each time that something before it fails.
            if message.reason == CardReason::Expiry && looks == Looks::AsBefore {
                self.look_at_digest_again(&subject.tenant, digest).await?;
            }
            return Ok(());
        }
        let drawn = match self.draw(&subject).await {
            Ok(drawn) => drawn,
            Err(error) => {
                self.back_up(&subject, &error).await?;
                return Err(error);
            }
        };
        let subject = drawn.stored.unwrap_or(subject);
        self.tell(&subject).await?;
        if message.reason == CardReason::Expiry && drawn.looks == Looks::AsBefore {
            self.look_again(&subject).await?;
        }
        Ok(())
    }

    async fn read(&self, tenant_id: &TenantId, alert_id: AlertId) -> Result<Subject, NotifyError> {
        let now = self.clock.now();
        let (alert_key, profile_key) = (SortKey::alert(alert_id), SortKey::profile());
        let found = self.table.together(tenant_id, &[&alert_key, &profile_key], now).await?;
        let (record, tenant) = (found.of::<AlertRecord>(&alert_key)?, found.of::<Tenant>(&profile_key)?);
        let (Some(Versioned { value: record, version }), Some(tenant)) = (record, tenant) else {
            return Err(NotifyError::NoSuchAlert);
        };
        Ok(Subject { record, version, tenant: tenant.value, now, is_just_placed: false })
    }
}

impl Subject {
    /// The change that stores the record as it is now.
    fn change(&self) -> Change {
        let key = SortKey::alert(self.record.alert.id);
        Change::put(key, &self.record, Expect::Version(self.version)).expiring(self.record.expires_at())
    }

    /// An audit entry about the alert.
    fn entry(&self, kind: &str) -> Draft {
        let alert = &self.record.alert;
        let mut event = Draft::event(self.now, alert.tenant_id.as_str(), kind);
        event.host = alert.hostname.clone().unwrap_or_default();
        event.alert_id = Some(alert.id.to_string());
        event.detail.insert("revision".to_owned(), json!(alert.revision));
        event
    }
}
