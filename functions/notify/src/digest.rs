//! A digest's card.

use crate::draw::{Looks, digest_of};
use crate::{Notify, NotifyError, RACES};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;
use vyrox_audit::Draft;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::card;
use vyrox_domain::message::{CardReason, CardRequested};
use vyrox_domain::record::{AlertRecord, Posted};
use vyrox_domain::storm::{Digest, Place};
use vyrox_domain::tenant::{Snowflake, Tenant};
use vyrox_platform::approved::HeldHost;
use vyrox_platform::discord::Purpose;
use vyrox_platform::ledger::{Change, CommitError, Expect};
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

/// Whether a digest asks about several hosts what it asked before.
enum Asked {
    Anew,
    AsBefore,
}

/// The entry of what is asked about several hosts from now on.
fn asked(digest: &Digest, now: i64) -> Draft {
    let mut event = Draft::event(now, digest.tenant_id.as_str(), "JOINT_PLAN_OFFERED");
    event.detail.insert("digest".to_owned(), json!(digest.id));
    let question = digest.asked.as_ref().map(|question| &question.plan);
    event.detail.insert("plan_digest".to_owned(), json!(question.map(|plan| plan.digest().hex())));
    let alerts: Vec<AlertId> = question.into_iter().flat_map(|plan| plan.alerts()).collect();
    event.detail.insert("alerts".to_owned(), json!(alerts));
    event
}

impl Notify {
    /// Brings what the digest asks about several hosts up to date: hosts that are contained because of other alerts are out.
    async fn ask_jointly(
        &self,
        tenant: &Tenant,
        digest: &mut Digest,
        records: &[AlertRecord],
        now: i64,
    ) -> Result<Asked, NotifyError> {
        let held =
            records.iter().filter_map(|record| Some((record.alert.id, record.plan()?))).map(|(id, plan)| async move {
                HeldHost::of(&self.table, &tenant.id, plan, now).await.map(|held| (id, held.by.is_some()))
            });
        let held: HashMap<AlertId, bool> = futures::future::try_join_all(held).await?.into_iter().collect();
        for host in &mut digest.hosts {
            host.held = held.get(&host.alert_id).copied().unwrap_or(false);
        }
        Ok(if digest.ask(records, now) { Asked::Anew } else { Asked::AsBefore })
    }

    /// Brings a digest's card up to date. While it is being filled, only the message that is due draws it.
    pub(crate) async fn draw_digest(&self, tenant: &Tenant, id: AlertId) -> Result<Looks, NotifyError> {
        let (key, now) = (SortKey::digest(id), self.clock.now());
        let Some(Versioned { value: mut digest, version }) = self.table.read::<Digest>(&tenant.id, &key, now).await?
        else {
            return Err(NotifyError::NoSuchAlert);
        };
        // Another message is under way that will show this too.
        if digest.posted.is_some() && now < digest.shown_at {
            return Ok(Looks::AsBefore);
        }
        let found = self.alerts_of(&tenant.id, &digest, now).await?;
        let records: Vec<AlertRecord> = found.iter().map(|found| found.value.clone()).collect();
        let version = match self.ask_jointly(tenant, &mut digest, &records, now).await? {
            // What is asked is stored before it is shown: a button never comes before its plan.
            Asked::Anew => {
                let change = Change::put(key.clone(), &digest, Expect::Version(version));
                let event = asked(&digest, now);
                self.ledger.commit(&tenant.id, &[change.expiring(digest.expires_at())], &event).await?;
                version + 1
            }
            Asked::AsBefore => version,
        };
        let card = card::digest(&digest, &records, now);
        let shown = digest_of(&card);
        let is_shown = digest.posted.as_ref().is_some_and(|posted| posted.digest == shown);
        if is_shown {
            return Ok(Looks::AsBefore);
        }
        let about = (id, digest.began_at);
        let ((channel_id, message_id), kind) = match &digest.posted {
            None => (self.post_once(tenant, &card, about, Purpose::Digest).await?, "DIGEST_POSTED"),
            Some(posted) => {
                let place = (posted.channel_id, posted.message_id);
                match self.edit(tenant, place, &card).await {
                    Ok(()) => (place, "DIGEST_EDITED"),
                    Err(NotifyError::Discord(error)) if error.is_unknown_message() || error.is_edited_too_often() => {
                        let purpose = Purpose::DigestAfter(place.1);
                        (self.post_once(tenant, &card, about, purpose).await?, "DIGEST_POSTED")
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        // What is shown now is looked at again; that is never missing, since it is sent before anybody remembers the card.
        self.look_at(&digest, &records, tenant, now).await?;
        let mut event = Draft::event(now, tenant.id.as_str(), kind);
        event.detail.insert("digest".to_owned(), json!(id));
        event.detail.insert("alerts".to_owned(), json!(digest.alerts()));
        event.detail.insert("hosts".to_owned(), json!(digest.hosts.len()));
        event.detail.insert("message_id".to_owned(), json!(message_id));
        event.detail.insert("card_sha256".to_owned(), json!(shown));
        // Two functions may have posted it at once: then Discord, by the nonce, has given one of them the other's message, and
        // nobody knows which of both it shows. The next draw, which is under way for whatever came second, edits it.
        let known = if kind == "DIGEST_POSTED" { String::new() } else { shown };
        let posted = Posted { channel_id, message_id, digest: known, open_until: None };
        let mut stored = self.store_posted(&tenant.id, (digest, version), found, &posted, &event).await;
        // Whatever has changed meanwhile: what Discord shows is what was sent, and is remembered as that. What is newer
        // has a message of its own under way, which then finds the difference.
        for _ in 0..RACES {
            if !matches!(stored, Err(NotifyError::Commit(CommitError::Conflict(_)))) {
                break;
            }
            let again = self.table.read::<Digest>(&tenant.id, &key, now).await?.ok_or(NotifyError::NoSuchAlert)?;
            let found = self.alerts_of(&tenant.id, &again.value, now).await?;
            stored = self.store_posted(&tenant.id, (again.value, again.version), found, &posted, &event).await;
        }
        stored.map(|()| Looks::Anew)
    }

    /// Asks for a digest's card to be looked at again, if there is anything that may come to its end.
    pub(crate) async fn look_at_digest_again(&self, tenant: &Tenant, id: AlertId) -> Result<(), NotifyError> {
        let now = self.clock.now();
        let Some(found) = self.table.read::<Digest>(&tenant.id, &SortKey::digest(id), now).await? else {
            return Ok(());
        };
        let alerts = self.alerts_of(&tenant.id, &found.value, now).await?;
        let records: Vec<AlertRecord> = alerts.into_iter().map(|found| found.value).collect();
        self.look_at(&found.value, &records, tenant, now).await
    }

    /// It is drawn again when the first of its questions runs out, and looked at at each third of its plan's time.
    async fn look_at(
        &self,
        digest: &Digest,
        records: &[AlertRecord],
        tenant: &Tenant,
        now: i64,
    ) -> Result<(), NotifyError> {
        let runs_out = records.iter().filter_map(|record| card::open_until(record, now)).min();
        let next = runs_out.into_iter().chain(card::next_joint_look(digest, tenant, now)).min();
        let (Some(at), Some(first)) = (next, digest.hosts.first()) else { return Ok(()) };
        let again = CardRequested::changed(tenant.id.clone(), first.alert_id);
        let message = CardRequested { reason: CardReason::Expiry, ..again };
        let wait = u64::try_from(at.saturating_sub(now).saturating_add(1)).unwrap_or(1);
        Ok(self.cards.send_after(&message, Duration::from_secs(wait)).await?)
    }

    /// The alerts of a digest's hosts; one that is gone is not among them.
    async fn alerts_of(
        &self,
        tenant: &TenantId,
        digest: &Digest,
        now: i64,
    ) -> Result<Vec<Versioned<AlertRecord>>, NotifyError> {
        let alerts = digest.hosts.iter().map(|host| {
            let key = SortKey::alert(host.alert_id);
            async move { self.table.read::<AlertRecord>(tenant, &key, now).await }
        });
        Ok(futures::future::try_join_all(alerts).await?.into_iter().flatten().collect())
    }

    /// Stores where a digest is and what it shows. The hosts' buttons are on this message, so their alerts must know it: a
    /// click is bound to it.
    async fn store_posted(
        &self,
        tenant: &TenantId,
        (mut digest, version): (Digest, u64),
        alerts: Vec<Versioned<AlertRecord>>,
        posted: &Posted,
        event: &Draft,
    ) -> Result<(), NotifyError> {
        let unaware = alerts.into_iter().filter(|found| !is_on(&found.value, posted.message_id));
        let aware = unaware.map(|Versioned { value: mut record, version }| {
            record.posted = Some(Posted { digest: String::new(), ..posted.clone() });
            let put = Change::put(SortKey::alert(record.alert.id), &record, Expect::Version(version));
            put.expiring(record.expires_at())
        });
        let mut changes: Vec<Change> = aware.collect();
        digest.posted = Some(posted.clone());
        let put = Change::put(SortKey::digest(digest.id), &digest, Expect::Version(version));
        changes.push(put.expiring(digest.expires_at()));
        self.ledger.commit(tenant, &changes, event).await?;
        Ok(())
    }
}
