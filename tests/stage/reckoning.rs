//! The reckoning after a run: does every alert that was acknowledged have its verdict and its one place in the channel, and
//! every approval its one outcome? Sets are compared, of what senders and approvers were told with what is stored, audited,
//! and shown, so that neither something missing nor something done twice can hide in a sum.

use crate::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;
use vyrox_audit::Entry;
use vyrox_contract::{AlertId, RequestId, TenantId};
use vyrox_domain::action::ActionRecord;
use vyrox_domain::card;
use vyrox_domain::record::{AlertRecord, Decision};
use vyrox_domain::storm::{Digest, Place};
use vyrox_platform::table::{Prefix, SortKey};

/// The entries that settle a question.
const SETTLED: [&str; 2] = ["APPROVED", "DENIED"];
/// How long digests may take to be drawn after the last alert.
const DRAWN: Duration = Duration::from_secs(60);
/// How many problems are told one by one.
const TOLD: usize = 20;

/// What senders and approvers were told, by tenant.
#[derive(Debug, Clone, Default)]
pub struct Promised {
    /// The alerts that were answered with 202.
    pub alerts: BTreeMap<TenantId, BTreeSet<AlertId>>,
    /// The alerts whose approval was confirmed to the one who clicked.
    pub approved: BTreeSet<(TenantId, AlertId)>,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reckoning {
    /// Acknowledged alerts.
    pub alerts: usize,
    /// Those with a card of their own.
    pub own_card: usize,
    /// Those that are counted on another's card.
    pub counted: usize,
    /// Those that are part of a digest.
    pub in_digest: usize,
    /// Those whose verdict is too low to be shown.
    pub not_shown: BTreeSet<AlertId>,
    /// Approvals that have their outcome.
    pub outcomes: usize,
    /// What was promised and is not there, in words.
    pub lost: Vec<String>,
    /// What is there more than once, or was never promised, in words.
    pub doubled: Vec<String>,
}

impl Reckoning {
    /// Whether nothing was lost, and nothing happened twice.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty()
    }

    /// Notes that an alert has a wrong number of entries of a kind, and where they are.
    fn entries(&mut self, audit: &Counted, alert: AlertId, kind: &str, wanted: usize) {
        let places = audit.places(alert, kind);
        self.count(places.len(), wanted, || format!("{alert} {kind} ({})", places.join(", ")));
    }

    /// Notes that something is there a wrong number of times.
    fn count(&mut self, found: usize, wanted: usize, what: impl FnOnce() -> String) {
        if found < wanted {
            self.lost.push(format!("{}: {found} of {wanted}", what()));
        } else if found > wanted {
            self.doubled.push(format!("{}: {found} instead of {wanted}", what()));
        }
    }
}

impl fmt::Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} alerts: {} cards, {} counted on them, {} in digests, {} not shown; {} outcomes; lost {}, doubled {}",
            self.alerts,
            self.own_card,
            self.counted,
            self.in_digest,
            self.not_shown.len(),
            self.outcomes,
            self.lost.len(),
            self.doubled.len()
        )?;
        for (kind, problems) in [("lost", &self.lost), ("doubled", &self.doubled)] {
            for problem in problems.iter().take(TOLD) {
                write!(f, "\n  {kind}: {problem}")?;
            }
        }
        Ok(())
    }
}

/// Where each alert's entries are in a tenant's audit.
struct Counted {
    by_alert: BTreeMap<(String, String), Vec<String>>,
}

impl Counted {
    fn of(audit: &[u8]) -> Self {
        let mut by_alert = BTreeMap::<(String, String), Vec<String>>::new();
        for line in audit.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let entry = Entry::from_line(line).expect("an audit line is an entry");
            if let Some(alert) = entry.alert_id() {
                let place = format!("{}:{}", entry.chain(), entry.seq());
                by_alert.entry((alert.to_owned(), entry.action_type().to_owned())).or_default().push(place);
            }
        }
        Self { by_alert }
    }

    fn times(&self, alert: AlertId, kind: &str) -> usize {
        self.places(alert, kind).len()
    }

    /// Lane and number of each entry.
    fn places(&self, alert: AlertId, kind: &str) -> &[String] {
        self.by_alert.get(&(alert.to_string(), kind.to_owned())).map_or(&[], Vec::as_slice)
    }
}

impl Stage {
    /// Compares what was promised with what there is. Everything must have come to rest, and no promised alert was revised.
    ///
    /// # Panics
    /// The table cannot be read, or a tenant's audit does not verify.
    pub async fn reckon(&self, promised: &Promised) -> Reckoning {
        let cards = self.cards_by_alert();
        let mut reckoning = Reckoning::default();
        for (tenant, alerts) in &promised.alerts {
            self.reckon_tenant(tenant, alerts, &promised.approved, &cards, &mut reckoning).await;
        }
        reckoning
    }

    async fn reckon_tenant(
        &self,
        tenant: &TenantId,
        promised: &BTreeSet<AlertId>,
        approved: &BTreeSet<(TenantId, AlertId)>,
        cards: &BTreeMap<AlertId, usize>,
        reckoning: &mut Reckoning,
    ) {
        let audit = vyrox_local::cloud_audit(&self.system.table, tenant).await.expect("the audit can be read");
        vyrox_audit::verify::reader(audit.as_slice(), tenant.as_str()).expect("the audit verifies");
        let audit = Counted::of(&audit);
        let records = self.system.table.list::<AlertRecord>(tenant, &Prefix::alerts(), self.now()).await;
        let records =
            records.expect("the table can be read").into_iter().map(|found| (found.value.alert.id, found.value));
        let records: BTreeMap<AlertId, AlertRecord> = records.collect();
        for stranger in records.keys().filter(|id| !promised.contains(id)) {
            reckoning.doubled.push(format!("{tenant} {stranger} is stored, and was never acknowledged"));
        }
        let mut digests = BTreeMap::<AlertId, u32>::new();
        for alert in promised {
            reckoning.alerts += 1;
            let Some(record) = records.get(alert) else {
                reckoning.lost.push(format!("{tenant} {alert} was acknowledged, and is not stored"));
                continue;
            };
            reckoning.entries(&audit, *alert, "ALERT_ACCEPTED", 1);
            reckoning.entries(&audit, *alert, "VERDICT_RECORDED", 1);
            if record.verdict.is_none() {
                reckoning.lost.push(format!("{tenant} {alert} has no verdict"));
            } else if card::is_shown(record) {
                self.reckon_place(record, &records, &audit, cards, &mut digests, reckoning);
            } else {
                reckoning.not_shown.insert(*alert);
                reckoning
                    .count(cards.get(alert).copied().unwrap_or(0), 0, || format!("cards of {alert}, not to be shown"));
            }
            self.reckon_decision(record, approved.contains(&(tenant.clone(), *alert)), &audit, reckoning).await;
        }
        for (id, alerts) in digests {
            let stored = self.system.table.read::<Digest>(tenant, &SortKey::digest(id), self.now()).await;
            match stored.expect("the table can be read").map(|found| found.value) {
                None => reckoning.lost.push(format!("{tenant} digest {id}")),
                Some(digest) => {
                    let (told, wanted) = (digest.alerts() as usize, alerts as usize);
                    reckoning.count(told, wanted, || format!("{tenant} alerts in digest {id}"));
                    if digest.posted.is_none() {
                        reckoning.lost.push(format!("{tenant} digest {id} is in no channel"));
                    }
                }
            }
        }
    }

    /// One place, and what it needs to be true.
    fn reckon_place(
        &self,
        record: &AlertRecord,
        records: &BTreeMap<AlertId, AlertRecord>,
        audit: &Counted,
        cards: &BTreeMap<AlertId, usize>,
        digests: &mut BTreeMap<AlertId, u32>,
        reckoning: &mut Reckoning,
    ) {
        let alert = record.alert.id;
        let shown = cards.get(&alert).copied().unwrap_or(0);
        reckoning.entries(audit, alert, "ALERT_PLACED", 1);
        match record.place {
            None => reckoning.lost.push(format!("{alert} has no place")),
            Some(Place::Card) => {
                reckoning.own_card += 1;
                reckoning.count(shown, 1, || format!("cards of {alert}"));
                reckoning.entries(audit, alert, "CARD_POSTED", 1);
                if record.posted.is_none() {
                    reckoning.lost.push(format!("{alert} does not know its card"));
                }
            }
            Some(Place::CountedOn { first, .. }) => {
                reckoning.counted += 1;
                reckoning.count(shown, 0, || format!("cards of {alert}, which is counted on another's"));
                let first = records.get(&first);
                let is_somewhere = first
                    .is_some_and(|first| matches!(first.place, Some(Place::InDigest { .. })) || first.posted.is_some());
                if !is_somewhere {
                    reckoning.lost.push(format!("{alert} is counted on a card that is not there"));
                }
            }
            Some(Place::InDigest { digest }) => {
                reckoning.in_digest += 1;
                reckoning.count(shown, 0, || format!("cards of {alert}, which is in a digest"));
                *digests.entry(digest).or_default() += 1;
            }
        }
    }

    /// Every yes that somebody was told has exactly one outcome, and nothing else has any.
    async fn reckon_decision(&self, record: &AlertRecord, approved: bool, audit: &Counted, reckoning: &mut Reckoning) {
        let alert = record.alert.id;
        let settled: usize = SETTLED.iter().map(|kind| audit.times(alert, kind)).sum();
        let is_approved = matches!(record.decision, Some(Decision::Approved { .. }));
        reckoning.count(settled, usize::from(record.decision.is_some()), || format!("{alert} APPROVED or DENIED"));
        reckoning.count(usize::from(is_approved), usize::from(approved), || format!("approvals of {alert}"));
        reckoning.entries(audit, alert, "RECEIPT_RECORDED", usize::from(approved));
        let Some(action) = record.containment.as_ref().filter(|_| approved) else { return };
        match self.action_of(&record.alert.tenant_id, &action.request_id).await {
            Some(stored) if stored.state.is_final() && stored.state == action.state => reckoning.outcomes += 1,
            Some(stored) => {
                reckoning.lost.push(format!("outcome of {alert}: {:?} and {:?}", stored.state, action.state))
            }
            None => reckoning.lost.push(format!("action {}", action.request_id)),
        }
    }

    /// Waits until what was put off is drawn: each tenant's digests say all that is in them, which takes them up to 20 s.
    ///
    /// # Panics
    /// The table cannot be read.
    pub async fn drawn(&self, tenants: &[TenantId]) {
        let deadline = Instant::now() + DRAWN;
        for tenant in tenants {
            while Instant::now() < deadline && !self.is_drawn(tenant).await {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// Whether the tenant's last digest entry tells of all the alerts that are in its digests.
    async fn is_drawn(&self, tenant: &TenantId) -> bool {
        let digests = self.system.table.list::<Digest>(tenant, &Prefix::digests(), self.now()).await;
        digests.expect("the table can be read").iter().all(|digest| {
            let digest = &digest.value;
            digest.posted.is_some() && self.now() > digest.shown_at
        })
    }

    async fn action_of(&self, tenant: &TenantId, id: &RequestId) -> Option<ActionRecord> {
        let found = self.system.table.read(tenant, &SortKey::action(id), self.now()).await;
        found.expect("the table can be read").map(|found| found.value)
    }

    /// How many messages of the channel are the card of each alert: its id is in the embed. A digest is nobody's card.
    fn cards_by_alert(&self) -> BTreeMap<AlertId, usize> {
        let mut cards = BTreeMap::new();
        for message in self.system.discord.messages() {
            if message["embeds"][0]["title"] == "Digest" {
                continue;
            }
            let text = message["embeds"].to_string();
            let ids: BTreeSet<AlertId> = text
                .split(|character: char| !(character.is_ascii_hexdigit() || character == '-'))
                .filter(|word| word.len() == 36)
                .filter_map(|word| word.parse().ok())
                .collect();
            for id in ids {
                *cards.entry(id).or_default() += 1;
            }
        }
        cards
    }
}
