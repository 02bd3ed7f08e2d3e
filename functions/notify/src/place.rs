//! Where an alert is shown: decided once, in one transaction with the counters it moves.

use crate::{Notify, NotifyError, Subject};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::AlertId;
use vyrox_domain::card;
use vyrox_domain::message::CardRequested;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::{Digest, Group, GroupKey, Place, Window};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Versioned};

/// How long the window's item is kept, in seconds: it names the digest that is being filled.
const KEEP_WINDOW: i64 = 24 * 3_600;

/// What a version expects of its item at its next write.
fn expect<T>(found: Option<&Versioned<T>>) -> Expect {
    found.map_or(Expect::Absent, |found| Expect::Version(found.version))
}

/// Whether nothing is to be decided: it is not shown at all, was shown already, or has its place. What has become worse
/// than when it was counted elsewhere gets a place of its own.
fn has_its_place(record: &AlertRecord) -> bool {
    let level = record.verdict.as_ref().map(|verdict| verdict.verdict);
    match record.place {
        _ if !card::is_shown(record) => true,
        None => record.posted.is_some(),
        Some(Place::CountedOn { level: then, .. }) => level.is_none_or(|level| level <= then),
        Some(Place::Card | Place::InDigest { .. }) => true,
    }
}

impl Notify {
    /// The subject with its place decided. Where the alert has changed while it waited for its turn, that is a conflict.
    pub(crate) async fn placed(&self, mut subject: Subject) -> Result<Subject, NotifyError> {
        if has_its_place(&subject.record) {
            return Ok(subject);
        }
        let lock = {
            let mut places = self.places.lock().await;
            Arc::clone(places.entry(subject.tenant.id.clone()).or_default())
        };
        let _alone = lock.lock().await;
        // Those before it have moved the counters on meanwhile.
        subject.now = self.clock.now();
        self.place(subject).await
    }

    async fn place(&self, subject: Subject) -> Result<Subject, NotifyError> {
        // A test must be seen whatever else is going on, and counts for nothing. So must something that was done already,
        // which somebody may have to undo.
        if subject.record.canary || subject.record.containment.is_some() {
            return self.settle(subject, Place::Card, Vec::new()).await;
        }
        let (tenant_id, now) = (&subject.tenant.id, subject.now);
        let group_seconds = subject.tenant.storm.group_seconds;
        let key = GroupKey::of(&subject.record).filter(|_| group_seconds > 0);
        let group_key = key.as_ref().map(SortKey::group);
        let storm_key = SortKey::storm();
        let wanted: Vec<&SortKey> = group_key.iter().chain([&storm_key]).collect();
        let found = self.table.together(tenant_id, &wanted, now).await?;
        let mut group = None;
        if let (Some(key), Some(group_key)) = (&key, &group_key) {
            group = found.of::<Group>(group_key)?;
            if let Some(found) = &group
                && let Some(first) = self.first_of(&subject, found.value.first).await?
                && found.value.takes(&first, &subject.record, now)
            {
                return self.count(subject, key, found, &first).await;
            }
        }
        // It begins a group of its own.
        let mut changes = Vec::new();
        if let Some(key) = &key {
            let begun = Group::begun(subject.record.alert.id, now, group_seconds);
            changes.push(Change::put(SortKey::group(key), &begun, expect(group.as_ref())).expiring(begun.ends_at));
        }
        let stored = found.of::<Window>(&storm_key)?;
        let window = Window::at(stored.as_ref().map(|stored| stored.value), subject.tenant.storm, now);
        let keep = |window: &Window| {
            Change::put(SortKey::storm(), window, expect(stored.as_ref())).expiring(now.saturating_add(KEEP_WINDOW))
        };
        if let Some(after) = window.with_a_card(subject.tenant.storm) {
            changes.push(keep(&after));
            return self.settle(subject, Place::Card, changes).await;
        }
        let (digest, expected, wait) = self.digest_for(&subject, window.digest).await?;
        changes.push(Change::put(SortKey::digest(digest.id), &digest, expected).expiring(digest.expires_at()));
        changes.push(keep(&Window { digest: Some(digest.id), ..window }));
        if let Some(wait) = wait {
            // Before the commit: a message too many is nothing, one too few is a card that is never drawn.
            self.later(&subject.record, wait).await?;
        }
        self.settle(subject, Place::InDigest { digest: digest.id }, changes).await
    }

    async fn first_of(&self, subject: &Subject, first: AlertId) -> Result<Option<AlertRecord>, NotifyError> {
        let found = self.table.read::<AlertRecord>(&subject.tenant.id, &SortKey::alert(first), subject.now).await?;
        Ok(found.map(|found| found.value))
    }

    /// The digest that takes the alert, what is expected of its item, and when its card is to be drawn.
    async fn digest_for(
        &self,
        subject: &Subject,
        open: Option<AlertId>,
    ) -> Result<(Digest, Expect, Option<i64>), NotifyError> {
        let (tenant_id, now) = (&subject.tenant.id, subject.now);
        if let Some(id) = open
            && let Some(found) = self.table.read::<Digest>(tenant_id, &SortKey::digest(id), now).await?
            && let Some((digest, wait)) = found.value.with(&subject.record, now)
        {
            return Ok((digest, Expect::Version(found.version), wait));
        }
        let begun = Digest::begun(tenant_id, subject.record.alert.id, now);
        let (digest, wait) = begun.with(&subject.record, now).expect("an empty digest takes a judged alert");
        Ok((digest, Expect::Absent, wait))
    }

    /// Counts the alert on the card of the first of its kind.
    async fn count(
        &self,
        subject: Subject,
        key: &GroupKey,
        found: &Versioned<Group>,
        first: &AlertRecord,
    ) -> Result<Subject, NotifyError> {
        let (group, wait) = found.value.with_another(subject.now);
        if let Some(wait) = wait {
            self.later(first, wait).await?;
        }
        let level = subject.record.verdict.as_ref().map_or(vyrox_domain::verdict::VerdictLevel::Medium, |v| v.verdict);
        let change = Change::put(SortKey::group(key), &group, Expect::Version(found.version)).expiring(group.ends_at);
        self.settle(subject, Place::CountedOn { first: group.first, level }, vec![change]).await
    }

    /// Asks for an alert's card to be drawn in so many seconds.
    async fn later(&self, record: &AlertRecord, wait: i64) -> Result<(), NotifyError> {
        let message = CardRequested::changed(record.alert.tenant_id.clone(), record.alert.id);
        Ok(self.cards.send_after(&message, Duration::from_secs(u64::try_from(wait).unwrap_or(0))).await?)
    }

    /// Stores the place, together with what it changes elsewhere.
    async fn settle(
        &self,
        mut subject: Subject,
        place: Place,
        mut changes: Vec<Change>,
    ) -> Result<Subject, NotifyError> {
        subject.record.place = Some(place);
        let mut event = subject.entry("ALERT_PLACED");
        event.detail.insert("place".to_owned(), json!(place));
        changes.push(subject.change());
        self.ledger.commit(&subject.tenant.id, &changes, &event).await?;
        subject.version += 1;
        subject.is_just_placed = true;
        Ok(subject)
    }
}
