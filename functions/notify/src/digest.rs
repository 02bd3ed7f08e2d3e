//! A digest's card.

use crate::draw::digest_of;
use crate::{Notify, NotifyError};
use serde_json::json;
use std::time::Duration;
use vyrox_audit::Draft;
use vyrox_contract::AlertId;
use vyrox_domain::card;
use vyrox_domain::message::{CardReason, CardRequested};
use vyrox_domain::record::{AlertRecord, Posted};
use vyrox_domain::storm::{Digest, Place};
use vyrox_domain::tenant::{Snowflake, Tenant};
use vyrox_platform::discord::Purpose;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Versioned};

/// The digest that an alert is shown in.
pub(crate) const fn of(record: &AlertRecord) -> Option<AlertId> {
    match record.place {
        Some(Place::InDigest { digest }) => Some(digest),
        _ => None,
    }
}

/// Whether an alert is known to be on this message.
fn is_on(record: &AlertRecord, message: Snowflake) -> bool {
    record.posted.as_ref().is_some_and(|posted| posted.message_id == message)
}

impl Notify {
    /// Brings a digest's card up to date. While it is being filled, only the message that is due draws it.
    pub(crate) async fn draw_digest(
        &self,
        tenant: &Tenant,
        id: AlertId,
        reason: CardReason,
    ) -> Result<(), NotifyError> {
        let (key, now) = (SortKey::digest(id), self.clock.now());
        let Some(Versioned { value: mut digest, version }) = self.table.read::<Digest>(&tenant.id, &key, now).await?
        else {
            return Err(NotifyError::NoSuchAlert);
        };
        // Another message is under way that will show this too.
        if digest.posted.is_some() && now < digest.shown_at {
            return Ok(());
        }
        let alerts = digest.hosts.iter().map(|host| {
            let key = SortKey::alert(host.alert_id);
            async move { self.table.read::<AlertRecord>(&tenant.id, &key, now).await }
        });
        let found: Vec<Versioned<AlertRecord>> =
            futures::future::try_join_all(alerts).await?.into_iter().flatten().collect();
        let records: Vec<AlertRecord> = found.iter().map(|found| found.value.clone()).collect();
        let card = card::digest(&digest, &records, now);
        let shown = digest_of(&card);
        let is_shown = digest.posted.as_ref().is_some_and(|posted| posted.digest == shown);
        // It is drawn again when the first of its questions runs out.
        if (!is_shown || reason == CardReason::Expiry)
            && let Some((until, first)) = records
                .iter()
                .filter_map(|record| Some((card::open_until(record, now)?, record.alert.id)))
                .min_by_key(|(until, _)| *until)
        {
            let message =
                CardRequested { reason: CardReason::Expiry, ..CardRequested::changed(tenant.id.clone(), first) };
            let wait = u64::try_from(until.saturating_sub(now).saturating_add(1)).unwrap_or(1);
            self.cards.send_after(&message, Duration::from_secs(wait)).await?;
        }
        if is_shown {
            return Ok(());
        }
        let channel = tenant.channel_id.ok_or(NotifyError::NoChannel)?;
        let (channel_id, message_id, kind) = match &digest.posted {
            None => (channel, self.create(tenant, channel, &card, id, Purpose::Digest).await?, "DIGEST_POSTED"),
            Some(posted) => {
                let place = (posted.channel_id, posted.message_id);
                match self.edit(tenant, place, &card).await {
                    Ok(()) => (place.0, place.1, "DIGEST_EDITED"),
                    Err(NotifyError::Discord(error)) if error.is_unknown_message() || error.is_edited_too_often() => {
                        let purpose = Purpose::DigestAfter(place.1);
                        (channel, self.create(tenant, channel, &card, id, purpose).await?, "DIGEST_POSTED")
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let mut event = Draft::event(now, tenant.id.as_str(), kind);
        event.detail.insert("digest".to_owned(), json!(id));
        event.detail.insert("alerts".to_owned(), json!(digest.alerts()));
        event.detail.insert("hosts".to_owned(), json!(digest.hosts.len()));
        event.detail.insert("message_id".to_owned(), json!(message_id));
        event.detail.insert("card_sha256".to_owned(), json!(shown));
        // The hosts' buttons are on this message, so their alerts must know it: a click is bound to it.
        let mut changes: Vec<Change> = found
            .into_iter()
            .filter(|found| !is_on(&found.value, message_id))
            .map(|Versioned { value: mut record, version }| {
                record.posted = Some(Posted { channel_id, message_id, digest: String::new(), open_until: None });
                let put = Change::put(SortKey::alert(record.alert.id), &record, Expect::Version(version));
                put.expiring(record.expires_at())
            })
            .collect();
        digest.posted = Some(Posted { channel_id, message_id, digest: shown, open_until: None });
        changes.push(Change::put(key, &digest, Expect::Version(version)).expiring(digest.expires_at()));
        self.ledger.commit(&tenant.id, &changes, &event).await?;
        Ok(())
    }
}
