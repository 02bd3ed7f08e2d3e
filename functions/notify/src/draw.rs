//! An alert's own card: created once, then edited until Discord shows what the record says.

use crate::{Notify, NotifyError, Subject};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use vyrox_domain::card::{self, Message};
use vyrox_domain::message::{CardReason, CardRequested};
use vyrox_domain::record::Posted;
use vyrox_domain::storm::{Group, GroupKey, Seen};
use vyrox_domain::tenant::Snowflake;
use vyrox_platform::discord::Purpose;
use vyrox_platform::ledger::CommitError;
use vyrox_platform::metric::Metric;
use vyrox_platform::table::SortKey;
use vyrox_platform::trace;

/// How old an alert is, in seconds, when its card may be in the channel already though nobody remembers: an answer of
/// Discord's was lost so long ago that the nonce is forgotten. Well below the few minutes that Discord remembers one.
const LOOK_FIRST_AFTER: i64 = 120;

/// What Discord was shown last, as 64 hex digits.
pub(crate) fn digest_of(card: &Message) -> String {
    hex::encode(Sha256::digest(serde_json::to_vec(card).expect("a card has string keys and no floats")))
}

impl Notify {
    pub(crate) async fn draw(&self, subject: &Subject, reason: CardReason) -> Result<(), NotifyError> {
        let seen = self.seen(subject).await?;
        let mut record = subject.record.clone();
        record.seen = seen;
        let (tenant, now) = (&subject.tenant, subject.now);
        let Some(card) = card::render(&record, tenant, now) else { return Ok(()) };
        // One such message is under way per question, whether it is the card's first or a later one: it begins when the
        // question is first shown and goes on by itself.
        let open_until = card::open_until(&record, now);
        let shown_until = record.posted.as_ref().and_then(|posted| posted.open_until);
        if open_until.is_some()
            && (shown_until != open_until || reason == CardReason::Expiry)
            && let Some(at) = card::next_look(&record, tenant, now)
        {
            self.look_again(subject, at).await?;
        }
        let digest = digest_of(&card);
        if record.posted.as_ref().is_some_and(|posted| posted.digest == digest) {
            return Ok(());
        }
        let ((channel_id, message_id), kind) = match &record.posted {
            Some(posted) => {
                let place = (posted.channel_id, posted.message_id);
                match self.edit(tenant, place, &card).await {
                    Ok(()) => (place, "CARD_EDITED"),
                    // Somebody deleted it: the alert gets a new one.
                    Err(NotifyError::Discord(error)) if error.is_unknown_message() => {
                        (self.post(subject, &card, Purpose::CardAfter(place.1)).await?, "CARD_POSTED")
                    }
                    // Too old to be edited so often: a counter is not worth a new card, everything else is.
                    Err(NotifyError::Discord(error)) if error.is_edited_too_often() => {
                        if differs_in_counter_only(subject, posted, now) {
                            return Ok(());
                        }
                        (self.post(subject, &card, Purpose::CardAfter(place.1)).await?, "CARD_POSTED")
                    }
                    Err(error) => return Err(error),
                }
            }
            None => (self.first(subject, &card).await?, "CARD_POSTED"),
        };
        if let Some(judged) = trace::since().filter(|_| record.posted.is_none()) {
            Metric::VerdictToCard.took((judged, self.clock.now_millis()));
        }
        let posted = Posted { channel_id, message_id, digest, open_until };
        self.remember(subject, seen, posted, kind).await
    }

    /// How often the alert's kind was seen, if it is the first of several.
    async fn seen(&self, subject: &Subject) -> Result<Option<Seen>, NotifyError> {
        let record = &subject.record;
        let Some(key) = GroupKey::of(record).filter(|_| record.place.is_some()) else { return Ok(record.seen) };
        let group = self.table.read::<Group>(&subject.tenant.id, &SortKey::group(&key), subject.now).await?;
        let seen = group.filter(|group| group.value.first == record.alert.id).map(|group| group.value.seen);
        Ok(seen.filter(|seen| seen.times > 1).or(record.seen))
    }

    /// Asks for the card to be looked at again at this time; a queue holds a message for 15 minutes at most, so a longer
    /// wait takes several.
    async fn look_again(&self, subject: &Subject, at: i64) -> Result<(), NotifyError> {
        let wait = u64::try_from(at.saturating_sub(subject.now).saturating_add(1)).unwrap_or(1);
        let alert = &subject.record.alert;
        let message =
            CardRequested { reason: CardReason::Expiry, ..CardRequested::changed(alert.tenant_id.clone(), alert.id) };
        Ok(self.cards.send_after(&message, Duration::from_secs(wait)).await?)
    }

    /// Posts an alert's first card, unless it is there already.
    async fn first(&self, subject: &Subject, card: &Message) -> Result<(Snowflake, Snowflake), NotifyError> {
        let channel = subject.tenant.channel_id.ok_or(NotifyError::NoChannel)?;
        let alert = &subject.record.alert;
        if subject.now.saturating_sub(alert.received_at) >= LOOK_FIRST_AFTER
            && let Some(message) = self.find(&subject.tenant, channel, alert.id, alert.received_at).await?
        {
            self.edit(&subject.tenant, (channel, message), card).await?;
            return Ok((channel, message));
        }
        self.post(subject, card, Purpose::Card).await
    }

    /// Posts the card; the channel and the message's id.
    async fn post(
        &self,
        subject: &Subject,
        card: &Message,
        purpose: Purpose<'_>,
    ) -> Result<(Snowflake, Snowflake), NotifyError> {
        let channel = subject.tenant.channel_id.ok_or(NotifyError::NoChannel)?;
        let message = self.create(&subject.tenant, channel, card, subject.record.alert.id, purpose).await?;
        Ok((channel, message))
    }

    /// Stores where the card is and what it shows; a conflict if the record has changed meanwhile.
    async fn remember(
        &self,
        subject: &Subject,
        seen: Option<Seen>,
        posted: Posted,
        kind: &str,
    ) -> Result<(), NotifyError> {
        let mut event = subject.entry(kind);
        event.detail.insert("channel_id".to_owned(), json!(posted.channel_id));
        event.detail.insert("message_id".to_owned(), json!(posted.message_id));
        event.detail.insert("card_sha256".to_owned(), json!(posted.digest));
        let tenant_id = &subject.tenant.id;
        tracing::info!(%tenant_id, alert_id = %subject.record.alert.id, message_id = %posted.message_id, kind, "card");
        let mut record = subject.record.clone();
        record.seen = seen;
        record.posted = Some(posted);
        let posted = record.posted.clone();
        let after = Subject { record, version: subject.version, tenant: subject.tenant.clone(), now: subject.now };
        let stored = self.ledger.commit(tenant_id, &[after.change()], &event).await;
        // The alert has changed while its first card was sent. Were the card posted again, Discord would give this one back,
        // by its nonce: so it is remembered as what it shows, and then drawn anew.
        if matches!(stored, Err(CommitError::Conflict(_))) && subject.record.posted.is_none() {
            let mut newer = self.read(tenant_id, after.record.alert.id).await?;
            if newer.record.posted.is_none() {
                newer.record.posted = posted;
                self.ledger.commit(tenant_id, &[newer.change()], &event).await?;
            }
        }
        stored?;
        Ok(())
    }
}

/// Whether the card would be the one that Discord shows, were it not for how often its kind was seen.
fn differs_in_counter_only(subject: &Subject, posted: &Posted, now: i64) -> bool {
    let card = card::render(&subject.record, &subject.tenant, now);
    card.is_some_and(|card| digest_of(&card) == posted.digest)
}
