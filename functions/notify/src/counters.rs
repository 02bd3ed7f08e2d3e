//! What places are decided by: a tenant's budget of cards, its groups and its digests, each as it is after the places that were
//! decided before in the same transaction.

use crate::{NotifyError, Subject};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use vyrox_contract::AlertId;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::{Digest, Group, GroupKey, Place, Window};
use vyrox_domain::tenant::Tenant;
use vyrox_domain::verdict::VerdictLevel;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Table, Versioned};

/// How long the window's item is kept, in seconds: it names the digest that is being filled.
const KEEP_WINDOW: i64 = 24 * 3_600;

/// One item: as it is stored, and as it is to be.
#[derive(Debug)]
struct Counter<T> {
    value: Option<T>,
    stored: Expect,
    is_moved: bool,
}

impl<T> Counter<T> {
    fn of(found: Option<Versioned<T>>) -> Self {
        let stored = found.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
        Self { value: found.map(|found| found.value), stored, is_moved: false }
    }

    fn set(&mut self, value: T) {
        self.value = Some(value);
        self.is_moved = true;
    }

    /// What is to be written, and what is expected to be there.
    fn moved(&self) -> Option<(&T, Expect)> {
        self.value.as_ref().filter(|_| self.is_moved).map(|value| (value, self.stored))
    }
}

/// An alert's place, and whose card is to be drawn for it in how many seconds.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) place: Place,
    pub(crate) drawn_later: Option<(AlertId, i64)>,
}

/// One tenant's.
#[derive(Debug)]
pub(crate) struct Counters<'a> {
    table: &'a Table,
    window: Counter<Window>,
    groups: HashMap<GroupKey, Counter<Group>>,
    digests: HashMap<AlertId, Counter<Digest>>,
    /// The alerts that groups began with.
    firsts: HashMap<AlertId, AlertRecord>,
    /// Unix seconds.
    now: i64,
}

/// The group that an alert may be counted in, if the tenant wants that.
fn group_of(subject: &Subject) -> Option<GroupKey> {
    GroupKey::of(&subject.record).filter(|_| subject.tenant.storm.group_seconds > 0)
}

/// A test must be seen whatever else is going on, and counts for nothing. So must something that was done already, which
/// somebody may have to undo.
fn counts_for_nothing(record: &AlertRecord) -> bool {
    record.canary || record.containment.is_some()
}

impl<'a> Counters<'a> {
    /// What these alerts of one tenant are decided by.
    pub(crate) async fn read(
        table: &'a Table,
        tenant: &Tenant,
        subjects: impl Iterator<Item = &Subject>,
        now: i64,
    ) -> Result<Self, NotifyError> {
        let counting: Vec<&Subject> = subjects.filter(|subject| !counts_for_nothing(&subject.record)).collect();
        let mut counters = Self {
            table,
            window: Counter::of(None),
            groups: HashMap::new(),
            digests: HashMap::new(),
            firsts: HashMap::new(),
            now,
        };
        if counting.is_empty() {
            return Ok(counters);
        }
        let groups: HashMap<GroupKey, SortKey> = counting
            .iter()
            .filter_map(|subject| group_of(subject))
            .map(|key| (key.clone(), SortKey::group(&key)))
            .collect();
        let storm = SortKey::storm();
        let wanted: Vec<&SortKey> = groups.values().chain([&storm]).collect();
        let found = table.together(&tenant.id, &wanted, now).await?;
        counters.window = Counter::of(found.of(&storm)?);
        for (key, at) in groups {
            counters.groups.insert(key, Counter::of(found.of(&at)?));
        }
        let firsts = counters.groups.values().filter_map(|group| group.value.map(|group| group.first));
        let firsts: HashMap<AlertId, SortKey> = firsts.map(|id| (id, SortKey::alert(id))).collect();
        if !firsts.is_empty() {
            let found = table.together(&tenant.id, &firsts.values().collect::<Vec<_>>(), now).await?;
            for (id, at) in firsts {
                let first = found.of::<AlertRecord>(&at)?;
                counters.firsts.extend(first.map(|first| (id, first.value)));
            }
        }
        Ok(counters)
    }

    /// Decides where an alert is shown, and counts it.
    pub(crate) async fn place(&mut self, subject: &Subject) -> Result<Decided, NotifyError> {
        let record = &subject.record;
        let on_a_card = Decided { place: Place::Card, drawn_later: None };
        if counts_for_nothing(record) {
            return Ok(on_a_card);
        }
        if let Some(key) = group_of(subject) {
            if let Some(counted) = self.count(&key, record) {
                return Ok(counted);
            }
            // It begins a group of its own.
            let begun = Group::begun(record.alert.id, self.now, subject.tenant.storm.group_seconds);
            self.groups.entry(key).or_insert_with(|| Counter::of(None)).set(begun);
            self.firsts.insert(record.alert.id, record.clone());
        }
        let policy = subject.tenant.storm;
        let window = Window::at(self.window.value, policy, self.now);
        if let Some(after) = window.with_a_card(policy) {
            self.window.set(after);
            return Ok(on_a_card);
        }
        let (digest, wait) = self.gather(subject, window.digest).await?;
        self.window.set(Window { digest: Some(digest), ..window });
        Ok(Decided { place: Place::InDigest { digest }, drawn_later: wait.map(|wait| (record.alert.id, wait)) })
    }

    /// Counts the alert on the card of the first of its kind, if that is shown and says what is to be known.
    fn count(&mut self, key: &GroupKey, record: &AlertRecord) -> Option<Decided> {
        let counter = self.groups.get_mut(key)?;
        let group = counter.value?;
        let first = self.firsts.get(&group.first)?;
        if !group.takes(first, record, self.now) {
            return None;
        }
        let (after, wait) = group.with_another(self.now);
        counter.set(after);
        let level = record.verdict.as_ref().map_or(VerdictLevel::Medium, |verdict| verdict.verdict);
        let place = Place::CountedOn { first: group.first, level };
        Some(Decided { place, drawn_later: wait.map(|wait| (group.first, wait)) })
    }

    /// Puts the alert into the digest that is being filled, or begins one. The digest, and when its card is to be drawn.
    async fn gather(
        &mut self,
        subject: &Subject,
        open: Option<AlertId>,
    ) -> Result<(AlertId, Option<i64>), NotifyError> {
        let (record, now) = (&subject.record, self.now);
        if let Some(id) = open {
            let counter = match self.digests.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let key = SortKey::digest(id);
                    let found = self.table.together(&subject.tenant.id, &[&key], now).await?;
                    place.insert(Counter::of(found.of::<Digest>(&key)?))
                }
            };
            if let Some((digest, wait)) = counter.value.clone().and_then(|digest| digest.with(record, now)) {
                counter.set(digest);
                return Ok((id, wait));
            }
        }
        let begun = Digest::begun(&subject.tenant.id, record.alert.id, now);
        let (digest, wait) = begun.with(record, now).expect("an empty digest takes a judged alert");
        let id = digest.id;
        self.digests.entry(id).or_insert_with(|| Counter::of(None)).set(digest);
        Ok((id, wait))
    }

    /// The changes that store what has moved.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let groups = self.groups.iter().filter_map(|(key, group)| Some((key, group.moved()?)));
        let groups = groups
            .map(|(key, (group, expect))| Change::put(SortKey::group(key), group, expect).expiring(group.ends_at));
        let digests = self.digests.iter().filter_map(|(id, digest)| Some((*id, digest.moved()?)));
        let digests = digests.map(|(id, (digest, expect))| {
            Change::put(SortKey::digest(id), digest, expect).expiring(digest.expires_at())
        });
        let window = self.window.moved().map(|(window, expect)| {
            Change::put(SortKey::storm(), window, expect).expiring(self.now.saturating_add(KEEP_WINDOW))
        });
        groups.chain(digests).chain(window).collect()
    }
}
