//! The digest: one card for everything beyond the budget, with the list of hosts that containment is offered for.

use super::joint::JointQuestion;
use crate::plan::{Plan, PlanDigest};
use crate::record::{AlertRecord, Posted};
use crate::verdict::VerdictLevel;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use vyrox_contract::{AlertId, TenantId};

/// The most hosts of one digest: what a person can read, what Discord's 25 buttons hold, and what one transaction of 100
/// items does, since a joint decision writes six for each host (its alert, its action, the proxy's outbox, whose the host is,
/// the decision under its fingerprint, the audit entry) and six more.
pub const MOST_HOSTS: usize = 15;
/// How long a digest takes alerts, in seconds; the next one begins a new digest. Discord restricts edits of messages that
/// are older than an hour.
const FILLED_FOR: i64 = 1_800;
/// The card of a digest is drawn at most this often while it is filled, in seconds.
const EDIT_EVERY: i64 = 20;

/// One host of a digest: the first alert that offers its containment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestHost {
    /// The alert.
    pub alert_id: AlertId,
    /// How bad it is.
    pub level: VerdictLevel,
    /// What would be done, exactly.
    pub plan: Plan,
    /// How many alerts of the digest are about this host.
    pub alerts: u32,
    /// Whether the host is contained, or about to be, because of another alert: it is not asked about again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// A digest, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its id, of the same form as an alert's.
    pub id: AlertId,
    /// When it began, unix seconds.
    pub began_at: i64,
    /// The hosts, in the order in which they came; each once.
    pub hosts: Vec<DigestHost>,
    /// How many alerts there are beside those of its hosts, for which nothing is offered.
    pub others: u32,
    /// How bad the worst of all is.
    pub worst: VerdictLevel,
    /// When the card will show the present state, unix seconds; another edit is not asked for before.
    pub shown_at: i64,
    /// Its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted: Option<Posted>,
    /// What it asks about several hosts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<JointQuestion>,
    /// What was said beside its card about its plans, each once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub notices: BTreeSet<String>,
    /// What it asked about several hosts and was decided last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<PlanDigest>,
}

impl Digest {
    /// An empty digest that begins with this alert.
    #[must_use]
    pub fn begun(tenant_id: &TenantId, first: AlertId, now: i64) -> Self {
        let name = Sha256::digest(format!("{tenant_id}|digest|{first}|{now}"));
        let mut id = [0; 16];
        id.copy_from_slice(&name[..16]);
        Self {
            tenant_id: tenant_id.clone(),
            id: AlertId::from_bytes(id),
            began_at: now,
            hosts: Vec::new(),
            others: 0,
            worst: VerdictLevel::Benign,
            shown_at: now,
            posted: None,
            asked: None,
            notices: BTreeSet::new(),
            settled: None,
        }
    }

    /// The digest with one more alert, and in how many seconds its card is to be drawn for it, if that is not under way;
    /// `None` if it takes no more: it is full, or too old.
    #[must_use]
    pub fn with(mut self, record: &AlertRecord, now: i64) -> Option<(Self, Option<i64>)> {
        if now >= self.began_at.saturating_add(FILLED_FOR) {
            return None;
        }
        let level = record.verdict.as_ref()?.verdict;
        match record.plan() {
            None => self.others = self.others.saturating_add(1),
            Some(plan) => match self.hosts.iter().position(|host| is_same_host(&host.plan, plan)) {
                Some(at) => {
                    let host = &mut self.hosts[at];
                    host.alerts = host.alerts.saturating_add(1);
                    host.level = host.level.max(level);
                }
                None if self.hosts.len() < MOST_HOSTS => {
                    self.hosts.push(DigestHost {
                        alert_id: record.alert.id,
                        level,
                        plan: plan.clone(),
                        alerts: 1,
                        held: false,
                    });
                }
                None => return None,
            },
        }
        self.worst = self.worst.max(level);
        let is_first = self.alerts() == 1;
        if now < self.shown_at {
            return Some((self, None));
        }
        let due = if is_first { now } else { now.max(self.shown_at.saturating_add(EDIT_EVERY)) };
        self.shown_at = due;
        Some((self, Some(due - now)))
    }

    /// How many alerts there are in all.
    #[must_use]
    pub fn alerts(&self) -> u32 {
        self.hosts.iter().fold(self.others, |sum, host| sum.saturating_add(host.alerts))
    }

    /// When it may be forgotten, unix seconds: as long as its alerts are kept.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.began_at.saturating_add(90 * 24 * 3_600)
    }
}

/// Whether two plans are aimed at the same device of the same EDR.
pub(super) fn is_same_host(one: &Plan, other: &Plan) -> bool {
    let (one, other) = (one.target(), other.target());
    one.vendor == other.vendor && one.device_id == other.device_id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{NOW, asked_about as judged};

    fn empty() -> Digest {
        Digest::begun(&"acme".parse().unwrap(), AlertId::from_bytes([1; 16]), NOW)
    }

    #[test]
    fn each_host_is_in_it_once_and_everything_is_counted() {
        let mut digest = empty();
        for number in 0..60 {
            digest = digest.with(&judged(number, number % 3), NOW).unwrap().0;
        }
        let mut nothing = judged(99, 0);
        nothing.offer = None;
        digest = digest.with(&nothing, NOW).unwrap().0;
        assert_eq!(digest.hosts.iter().map(|host| host.alerts).collect::<Vec<_>>(), [20, 20, 20]);
        assert_eq!((digest.others, digest.alerts(), digest.worst), (1, 61, VerdictLevel::Critical));
        assert_eq!(
            digest.hosts[1].alert_id,
            AlertId::from_bytes([1; 16]),
            "the first alert of each host stands for it"
        );
    }

    #[test]
    fn it_is_bounded_in_hosts_and_in_time() {
        let mut digest = empty();
        for number in 0..15 {
            digest = digest.with(&judged(number, number), NOW).unwrap().0;
        }
        assert!(digest.clone().with(&judged(21, 21), NOW).is_none(), "it is full");
        assert!(digest.clone().with(&judged(22, 3), NOW).is_some(), "but counts more of its hosts");
        assert!(digest.clone().with(&judged(22, 3), NOW + 1_799).is_some());
        assert!(digest.with(&judged(22, 3), NOW + 1_800).is_none());
    }

    #[test]
    fn it_is_drawn_at_once_and_then_at_most_every_twenty_seconds() {
        let (mut digest, mut draws) = (empty(), Vec::new());
        for at in 0..61 {
            let (after, wait) = digest.with(&judged(1, 1), NOW + at).unwrap();
            draws.extend(wait.map(|wait| at + wait));
            digest = after;
        }
        assert_eq!(draws, [0, 20, 40, 60, 80], "each draw shows what came until then");
    }
}
