//! Sending through a channel's circuit breaker: one that refuses is left alone, so that its refusals do not get all tenants
//! banned, and is tried again by one function at a time until it takes messages.

use crate::{Notify, NotifyError};
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::AlertId;
use vyrox_domain::card::Message;
use vyrox_domain::channel::BrokenChannel;
use vyrox_domain::tenant::{Snowflake, Tenant};
use vyrox_platform::discord::{DiscordError, Purpose};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::metric::Metric;
use vyrox_platform::table::{SortKey, Versioned};

/// How old an alert or digest is, in seconds, when its card may be in the channel already though nobody remembers: an answer of
/// Discord's was lost so long ago that the nonce is forgotten. Well below the few minutes that Discord remembers one.
const LOOK_FIRST_AFTER: i64 = 120;

impl Notify {
    /// Posts a message about an alert or digest.
    pub(crate) async fn create(
        &self,
        tenant: &Tenant,
        channel: Snowflake,
        message: &Message,
        about: AlertId,
        purpose: Purpose<'_>,
    ) -> Result<Snowflake, NotifyError> {
        let call = self.discord.create(channel, message, &tenant.id, about, purpose);
        let id = self.through(tenant, channel, call).await?;
        Metric::CardsPosted.add(1);
        Ok(id)
    }

    /// Edits a message: its channel, its id.
    pub(crate) async fn edit(
        &self,
        tenant: &Tenant,
        (channel, id): (Snowflake, Snowflake),
        message: &Message,
    ) -> Result<(), NotifyError> {
        self.through(tenant, channel, self.discord.edit(channel, id, message)).await?;
        Metric::CardsEdited.add(1);
        Ok(())
    }

    /// Posts the card of an alert or digest that has existed since a time (unix seconds), unless it is in the channel already:
    /// an answer of Discord's may have been lost so long ago that the nonce is forgotten. The channel and the message's id.
    pub(crate) async fn post_once(
        &self,
        tenant: &Tenant,
        card: &Message,
        (about, since): (AlertId, i64),
        purpose: Purpose<'_>,
    ) -> Result<(Snowflake, Snowflake), NotifyError> {
        let channel = tenant.channel_id.ok_or(NotifyError::NoChannel)?;
        // How long ago the message that was there before was first found missing, nobody knows.
        let may_be_there = purpose.earlier().is_some() || self.clock.now().saturating_sub(since) >= LOOK_FIRST_AFTER;
        if may_be_there {
            let found = self.through(tenant, channel, self.discord.find(channel, about, since)).await?;
            if let Some(message) = found.filter(|found| purpose.earlier().is_none_or(|earlier| *found > earlier)) {
                match self.edit(tenant, (channel, message), card).await {
                    Ok(()) => return Ok((channel, message)),
                    // It was deleted since the channel was looked at.
                    Err(NotifyError::Discord(error)) if error.is_unknown_message() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((channel, self.create(tenant, channel, card, about, purpose).await?))
    }

    /// Awaits a call to Discord, unless the channel is broken: then the call is never begun.
    async fn through<T>(
        &self,
        tenant: &Tenant,
        channel: Snowflake,
        call: impl Future<Output = Result<T, DiscordError>>,
    ) -> Result<T, NotifyError> {
        let (key, now) = (SortKey::channel(channel), self.clock.now());
        // All cards of a batch ask this at the same time, and most of them about one channel.
        let mut broken = self.table.together(&tenant.id, &[&key], now).await?.of::<BrokenChannel>(&key)?;
        if let Some(found) = &mut broken {
            self.claim(tenant, found, now).await?;
        }
        let outcome = call.await;
        if outcome.as_ref().is_err_and(DiscordError::is_discords_failure) {
            Metric::CardsRefused.add(1);
        }
        match (&outcome, broken) {
            (Ok(_), Some(found)) => self.heal(tenant, found).await,
            (Err(error), broken) => {
                if let Some((status, code)) = error.breaks_channel() {
                    return Err(self.break_circuit(tenant, channel, broken, status, code).await?);
                }
            }
            (Ok(_), None) => {}
        }
        Ok(outcome?)
    }

    /// One function tries, the others wait for it.
    async fn claim(&self, tenant: &Tenant, found: &mut Versioned<BrokenChannel>, now: i64) -> Result<(), NotifyError> {
        let waiting =
            |wait: i64, code| NotifyError::ChannelBroken { code, wait: u64::try_from(wait).unwrap_or(1).max(1) };
        if let Some(wait) = found.value.wait(now) {
            return Err(waiting(wait, found.value.code));
        }
        let claimed = found.value.claimed(now);
        let change = Change::put(SortKey::channel(claimed.channel_id), &claimed, Expect::Version(found.version));
        match self.ledger.commit(&tenant.id, &[change], &entry(tenant, &claimed, "CHANNEL_TRIED", now)).await {
            Ok(_) => {
                *found = Versioned { value: claimed, version: found.version + 1 };
                Ok(())
            }
            Err(CommitError::Conflict(_)) => Err(waiting(claimed.retry_at - now, claimed.code)),
            Err(error) => Err(error.into()),
        }
    }

    /// A channel that takes messages again is no broken one. If that cannot be stored now, the next message stores it.
    async fn heal(&self, tenant: &Tenant, found: Versioned<BrokenChannel>) {
        let now = self.clock.now();
        let key = SortKey::channel(found.value.channel_id);
        let change = Change::put(key, &found.value, Expect::Version(found.version)).expiring(now);
        let event = entry(tenant, &found.value, "CHANNEL_HEALED", now);
        match self.ledger.commit(&tenant.id, &[change], &event).await {
            Ok(_) => {
                tracing::info!(tenant_id = %tenant.id, channel_id = %found.value.channel_id, "channel takes messages again")
            }
            Err(error) => tracing::warn!(tenant_id = %tenant.id, %error, "a healed channel is still marked broken"),
        }
    }

    /// The error for a message whose channel has just refused it, after that was stored.
    async fn break_circuit(
        &self,
        tenant: &Tenant,
        channel: Snowflake,
        earlier: Option<Versioned<BrokenChannel>>,
        status: u16,
        code: u64,
    ) -> Result<NotifyError, NotifyError> {
        let now = self.clock.now();
        let expect = earlier.as_ref().map_or(Expect::Absent, |earlier| Expect::Version(earlier.version));
        let broken = BrokenChannel::refused(channel, earlier.map(|earlier| earlier.value), status, code, now);
        let change = Change::put(SortKey::channel(channel), &broken, expect);
        let event = entry(tenant, &broken, "CHANNEL_BROKEN", now);
        match self.ledger.commit(&tenant.id, &[change], &event).await {
            Ok(_) => tracing::error!(tenant_id = %tenant.id, channel_id = %channel, status, code,
                advice = broken.advice(), "channel takes no messages"),
            // Another message of the same channel has met the same, and has stored it.
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(NotifyError::ChannelBroken { code, wait: u64::try_from(broken.retry_at - now).unwrap_or(1) })
    }
}

fn entry(tenant: &Tenant, channel: &BrokenChannel, kind: &str, now: i64) -> Draft {
    let mut event = Draft::event(now, tenant.id.as_str(), kind);
    event.detail.insert("channel_id".to_owned(), json!(channel.channel_id));
    event.detail.insert("status".to_owned(), json!(channel.status));
    event.detail.insert("code".to_owned(), json!(channel.code));
    event.detail.insert("refusals".to_owned(), json!(channel.refusals));
    event
}
