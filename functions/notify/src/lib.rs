//! notify: an alert's one Discord message shows its present state.
//!
//! The message says only *which* alert; what is drawn is read from the table at that moment, so messages may come twice,
//! late or out of order. Created once (conditional marker, and Discord's own nonce for the gap between the two), then
//! edited; not sent at all if what Discord shows is already right.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use vyrox_audit::Draft;
use vyrox_domain::card;
use vyrox_domain::message::{CardReason, CardRequested};
use vyrox_domain::record::{AlertRecord, Posted};
use vyrox_domain::tenant::{Snowflake, Tenant};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::discord::{Discord, DiscordError};
use vyrox_platform::ledger::{Change, CommitError, Expect, Ledger};
use vyrox_platform::queue::{Queue, SendError};
use vyrox_platform::table::{SortKey, Table, TableError, Versioned};
use vyrox_platform::{Class, Classified};

/// How often a card is drawn anew because its record changed while it was sent.
const RACES: usize = 3;

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
    #[error("putting the card's expiry down for later")]
    Send(#[from] SendError),
    /// Discord did not take the card.
    #[error("sending the card")]
    Discord(#[from] DiscordError),
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
            Self::NoSuchAlert => Class::Reject,
            Self::NoChannel => Class::Poison,
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Discord(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// What notify can do: read, commit with an audit entry, post and edit messages.
#[derive(Debug)]
pub struct Notify {
    table: Table,
    ledger: Ledger,
    discord: Discord,
    cards: Queue<CardRequested>,
    clock: Arc<dyn Clock>,
}

impl Notify {
    /// Wires the function up.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Notify, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self {
            ledger: Ledger::new(table.clone(), "notify", Arc::clone(&clock)),
            discord: Discord::new(http, &config.discord),
            // Its own queue: a card that asks a question is drawn again when the question has expired.
            cards: Queue::new(clients.sqs.clone(), &config.source_queue_url),
            table,
            clock,
        }
    }

    /// Opens connections before the first batch.
    pub async fn warm(&self) {
        self.table.warm().await;
    }

    /// Draws one alert's card. Where the record changes meanwhile, its newer state is drawn instead.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn handle(&self, message: CardRequested) -> Result<(), NotifyError> {
        let mut outcome = self.draw(&message).await;
        for _ in 0..RACES {
            if !matches!(outcome, Err(NotifyError::Commit(CommitError::Conflict(_)))) {
                break;
            }
            outcome = self.draw(&message).await;
        }
        outcome
    }

    async fn draw(&self, message: &CardRequested) -> Result<(), NotifyError> {
        let now = self.clock.now();
        let (alert_key, profile_key) = (SortKey::alert(message.alert_id), SortKey::profile());
        let (record, tenant) = tokio::try_join!(
            self.table.read::<AlertRecord>(&message.tenant_id, &alert_key, now),
            self.table.read::<Tenant>(&message.tenant_id, &profile_key, now),
        )?;
        let (Some(Versioned { value: record, version }), Some(tenant)) = (record, tenant) else {
            return Err(NotifyError::NoSuchAlert);
        };
        let tenant = tenant.value;
        let Some(card) = card::render(&record, &tenant, now) else { return Ok(()) };
        // One such message is under way per question, whether it is the card's first or a later one: it begins when the
        // question is first shown and goes on by itself.
        let open_until = card::open_until(&record, now);
        let shown_until = record.posted.as_ref().and_then(|posted| posted.open_until);
        if let Some(until) = open_until
            && (shown_until != open_until || message.reason == CardReason::Expiry)
        {
            self.look_again(&record, until, now).await?;
        }
        let digest = digest(&card);
        if record.posted.as_ref().is_some_and(|posted| posted.digest == digest) {
            return Ok(());
        }
        let ((channel_id, message_id), kind) = match &record.posted {
            Some(posted) => {
                let place = (posted.channel_id, posted.message_id);
                match self.discord.edit(place.0, place.1, &card).await {
                    Ok(()) => (place, "CARD_EDITED"),
                    // Somebody deleted it: the alert gets a new one.
                    Err(error) if error.is_unknown_message() => {
                        (self.post(&record, &tenant, &card).await?, "CARD_POSTED")
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            None => (self.post(&record, &tenant, &card).await?, "CARD_POSTED"),
        };
        let posted = Posted { channel_id, message_id, digest, open_until };
        self.remember(record, version, posted, kind, now).await
    }

    /// Asks for the card to be drawn when its question has expired; a queue holds a message for 15 minutes at most, so a
    /// longer wait takes several.
    async fn look_again(&self, record: &AlertRecord, until: i64, now: i64) -> Result<(), NotifyError> {
        let wait = u64::try_from(until.saturating_sub(now).saturating_add(1)).unwrap_or(1);
        let message = CardRequested {
            reason: CardReason::Expiry,
            ..CardRequested::changed(record.alert.tenant_id.clone(), record.alert.id)
        };
        Ok(self.cards.send_after(&message, Duration::from_secs(wait)).await?)
    }

    /// Posts the card; the channel and the message's id.
    async fn post(
        &self,
        record: &AlertRecord,
        tenant: &Tenant,
        card: &card::Message,
    ) -> Result<(Snowflake, Snowflake), NotifyError> {
        let channel_id = tenant.channel_id.ok_or(NotifyError::NoChannel)?;
        let message_id = self.discord.create(channel_id, card, &tenant.id, record.alert.id).await?;
        Ok((channel_id, message_id))
    }

    /// Stores where the card is and what it shows; a conflict if the record has changed meanwhile.
    async fn remember(
        &self,
        mut record: AlertRecord,
        version: u64,
        posted: Posted,
        kind: &str,
        now: i64,
    ) -> Result<(), NotifyError> {
        let (tenant_id, alert_id) = (record.alert.tenant_id.clone(), record.alert.id);
        let mut event = Draft::event(now, tenant_id.as_str(), kind);
        event.host = record.alert.hostname.clone().unwrap_or_default();
        event.alert_id = Some(alert_id.to_string());
        event.detail.insert("channel_id".to_owned(), json!(posted.channel_id));
        event.detail.insert("message_id".to_owned(), json!(posted.message_id));
        event.detail.insert("card_sha256".to_owned(), json!(posted.digest));
        tracing::info!(%tenant_id, %alert_id, message_id = %posted.message_id, kind, "card");
        record.posted = Some(posted);
        let change =
            Change::put(SortKey::alert(alert_id), &record, Expect::Version(version)).expiring(record.expires_at());
        self.ledger.commit(&tenant_id, &[change], &event).await?;
        Ok(())
    }
}

/// What Discord was shown last, as 64 hex digits.
fn digest(card: &card::Message) -> String {
    hex::encode(Sha256::digest(serde_json::to_vec(card).expect("a card has string keys and no floats")))
}
