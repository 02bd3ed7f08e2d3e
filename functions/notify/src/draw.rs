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

/// What Discord was shown last, as 64 hex digits.
pub(crate) fn digest_of(card: &Message) -> String {
    hex::encode(Sha256::digest(serde_json::to_vec(card).expect("a card has string keys and no floats")))
}

/// What a drawn card has brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// It will be looked at at the next third of its question's time.
    Anew,
    /// Nothing: whatever is under way about it goes on.
    AsBefore,
}

/// A card that is up to date.
pub(crate) struct Drawn {
    /// The subject as it is stored now, if that is new.
    pub(crate) stored: Option<Subject>,
    pub(crate) looks: Looks,
}

impl Drawn {
    /// It was so already.
    const AS_BEFORE: Self = Self { stored: None, looks: Looks::AsBefore };
}

impl Notify {
    /// Shows the card as it should be. A question that is shown for the first time is looked at again at each third of its
    /// time; that takes one message, which is sent when Discord has taken the card, however often that was tried, and
    /// before anybody remembers it: so it is never missing.
    pub(crate) async fn draw(&self, subject: &Subject) -> Result<Drawn, NotifyError> {
        let seen = self.seen(subject).await?;
        let mut record = subject.record.clone();
        record.seen = seen;
        let (tenant, now) = (&subject.tenant, subject.now);
        let Some(card) = card::render(&record, tenant, now) else { return Ok(Drawn::AS_BEFORE) };
        let digest = digest_of(&card);
        if record.posted.as_ref().is_some_and(|posted| posted.digest == digest) {
            return Ok(Drawn::AS_BEFORE);
        }
        let ((channel_id, message_id), kind) = match &record.posted {
            Some(posted) => {
                let place = (posted.channel_id, posted.message_id);
                match self.edit(tenant, place, &card).await {
                    Ok(()) => (place, "CARD_EDITED"),
                    // Somebody deleted it: the alert gets a new one.
                    Err(NotifyError::Discord(error)) if error.is_unknown_message() => {
                        (self.post(subject, &card, Some(place.1)).await?, "CARD_POSTED")
                    }
                    // Too old to be edited so often: a counter is not worth a new card, everything else is.
                    Err(NotifyError::Discord(error)) if error.is_edited_too_often() => {
                        if differs_in_counter_only(subject, posted, now) {
                            return Ok(Drawn::AS_BEFORE);
                        }
                        (self.post(subject, &card, Some(place.1)).await?, "CARD_POSTED")
                    }
                    Err(error) => return Err(error),
                }
            }
            None => (self.post(subject, &card, None).await?, "CARD_POSTED"),
        };
        if let Some(judged) = trace::since().filter(|_| record.posted.is_none()) {
            Metric::VerdictToCard.took((judged, self.clock.now_millis()));
        }
        let open_until = card::open_until(&record, now);
        let shown_until = record.posted.as_ref().and_then(|posted| posted.open_until);
        let is_new = open_until.is_some() && shown_until != open_until;
        if is_new {
            self.look_again(subject).await?;
        }
        let posted = Posted { channel_id, message_id, digest, open_until };
        let stored = Some(self.remember(subject, seen, posted, kind).await?);
        Ok(Drawn { stored, looks: if is_new { Looks::Anew } else { Looks::AsBefore } })
    }

    /// How often the alert's kind was seen, if it is the first of several.
    async fn seen(&self, subject: &Subject) -> Result<Option<Seen>, NotifyError> {
        let record = &subject.record;
        let is_known = record.place.is_none() || subject.is_just_placed;
        let Some(key) = GroupKey::of(record).filter(|_| !is_known) else { return Ok(record.seen) };
        let group = self.table.read::<Group>(&subject.tenant.id, &SortKey::group(&key), subject.now).await?;
        let seen = group.filter(|group| group.value.first == record.alert.id).map(|group| group.value.seen);
        Ok(seen.filter(|seen| seen.times > 1).or(record.seen))
    }

    /// Asks for the card to be looked at again at the next third of its question's time; a queue holds a message for 15
    /// minutes at most, so a longer wait takes several.
    pub(crate) async fn look_again(&self, subject: &Subject) -> Result<(), NotifyError> {
        let (record, now) = (&subject.record, subject.now);
        let open = card::open_until(record, now).and_then(|_| card::next_look(record, &subject.tenant, now));
        let Some(at) = open else { return Ok(()) };
        let wait = u64::try_from(at.saturating_sub(now).saturating_add(1)).unwrap_or(1);
        let message = CardRequested {
            reason: CardReason::Expiry,
            ..CardRequested::changed(record.alert.tenant_id.clone(), record.alert.id)
        };
        Ok(self.cards.send_after(&message, Duration::from_secs(wait)).await?)
    }

    /// Posts the card in place of the message `earlier`, if there was one, unless it is there already; the channel and the
    /// message's id.
    async fn post(
        &self,
        subject: &Subject,
        card: &Message,
        earlier: Option<Snowflake>,
    ) -> Result<(Snowflake, Snowflake), NotifyError> {
        let alert = &subject.record.alert;
        let purpose = earlier.map_or(Purpose::Card, Purpose::CardAfter);
        self.post_once(&subject.tenant, card, (alert.id, alert.received_at), purpose).await
    }

    /// Stores where the card is and what it shows; a conflict if the record has changed meanwhile. The subject as stored.
    async fn remember(
        &self,
        subject: &Subject,
        seen: Option<Seen>,
        posted: Posted,
        kind: &str,
    ) -> Result<Subject, NotifyError> {
        let mut event = subject.entry(kind);
        event.detail.insert("channel_id".to_owned(), json!(posted.channel_id));
        event.detail.insert("message_id".to_owned(), json!(posted.message_id));
        event.detail.insert("card_sha256".to_owned(), json!(posted.digest));
        let tenant_id = &subject.tenant.id;
        tracing::info!(%tenant_id, alert_id = %subject.record.alert.id, message_id = %posted.message_id, kind, "card");
        let mut after = subject.clone();
        (after.record.seen, after.record.posted) = (seen, Some(posted.clone()));
        let stored = self.ledger.commit(tenant_id, &[after.change()], &event).await;
        // The alert has changed while its first card was sent. Were the card posted again, Discord would give this one back,
        // by its nonce: so it is remembered as what it shows, and then drawn anew.
        if matches!(stored, Err(CommitError::Conflict(_))) && subject.record.posted.is_none() {
            let mut newer = self.read(tenant_id, after.record.alert.id).await?;
            if newer.record.posted.is_none() {
                newer.record.posted = Some(posted);
                self.ledger.commit(tenant_id, &[newer.change()], &event).await?;
            }
        }
        stored?;
        after.version += 1;
        Ok(after)
    }
}

/// Whether the card would be the one that Discord shows, were it not for how often its kind was seen.
fn differs_in_counter_only(subject: &Subject, posted: &Posted, now: i64) -> bool {
    let card = card::render(&subject.record, &subject.tenant, now);
    card.is_some_and(|card| digest_of(&card) == posted.digest)
}
