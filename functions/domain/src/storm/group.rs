//! Alerts of the same kind: the same technique (or rule) on the same host (or by the same user, or of the same file), within
//! an hour of the first.

use super::Seen;
use crate::plan::Plan;
use crate::record::{AlertRecord, Decision};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use vyrox_contract::AlertId;

/// The longest after the first alert that others are counted on its card, in seconds. Discord restricts edits of messages
/// that are older than an hour.
const LONGEST: u32 = 3_600;
/// A card is edited for the sake of its counter at most this often, in seconds.
const EDIT_EVERY: i64 = 20;

/// What alerts of the same kind have in common: 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupKey(String);

impl GroupKey {
    /// Of a judged alert; `None` if it says too little to be the same as anything, or is a test.
    #[must_use]
    pub fn of(record: &AlertRecord) -> Option<Self> {
        let (alert, verdict) = (&record.alert, record.verdict.as_ref()?);
        if record.canary {
            return None;
        }
        let strongest = verdict.evidence.first().map(|evidence| evidence.rule_id.as_str());
        let what = alert.technique.as_deref().map(|technique| ("technique", technique));
        let what =
            what.or(strongest.map(|rule| ("rule", rule))).or(alert.title.as_deref().map(|title| ("title", title)))?;
        let host = alert.hostname.as_deref().map(|host| ("host", host));
        let user = || alert.username.as_deref().map(|user| ("user", user));
        let hash = || alert.sha256.as_ref().map(|hash| ("sha256", hash.as_str()));
        let who = host.or_else(user).or_else(hash)?;
        let mut digest = Sha256::new();
        for part in [alert.tenant_id.as_str(), what.0, what.1, who.0, who.1] {
            digest.update(part.to_lowercase());
            digest.update([0]);
        }
        Some(Self(hex::encode(&digest.finalize()[..16])))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A group: its first alert, and how often its kind was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The alert whose card counts the others.
    pub first: AlertId,
    /// When it is over, unix seconds: later ones begin another.
    pub ends_at: i64,
    /// How often it was seen.
    pub seen: Seen,
    /// When the card will show the present count, unix seconds; another edit is not asked for before.
    pub shown_at: i64,
}

impl Group {
    /// A group that begins with this alert and lasts so many seconds, at most an hour.
    #[must_use]
    pub fn begun(first: AlertId, now: i64, seconds: u32) -> Self {
        let ends_at = now.saturating_add(i64::from(seconds.min(LONGEST)));
        Self { first, ends_at, seen: Seen { times: 1, last_at: now }, shown_at: now }
    }

    /// Whether another alert of the kind is counted on the first one's card: the hour is not over, it is no worse, and
    /// the card says what is to be known about it. Where a question ran out, failed or was undone, or the newcomer has one
    /// that the first has not, people are asked anew.
    #[must_use]
    pub fn takes(&self, first: &AlertRecord, newcomer: &AlertRecord, now: i64) -> bool {
        let level = |record: &AlertRecord| record.verdict.as_ref().map(|verdict| verdict.verdict);
        if now >= self.ends_at || first.alert.id == newcomer.alert.id || level(newcomer) > level(first) {
            return false;
        }
        let device = |plan: &Plan| (plan.target().vendor, plan.target().device_id.clone(), plan.action_type());
        if newcomer.plan().is_some() && newcomer.plan().map(device) != first.plan().map(device) {
            return false;
        }
        match (&first.decision, &first.containment, &first.release, first.plan()) {
            (_, _, Some(_), _) => false,
            (Some(Decision::Denied { .. }), ..) => true,
            (Some(Decision::Approved { .. }), Some(action), ..) => {
                !action.state.is_final() || action.state.is_contained()
            }
            (Some(_), None, ..) => false,
            (None, _, _, Some(plan)) => now < plan.expires_at(),
            (None, _, _, None) => true,
        }
    }

    /// The group with one more, and in how many seconds the first one's card is to be drawn for it, if that is not under way.
    #[must_use]
    pub fn with_another(mut self, now: i64) -> (Self, Option<i64>) {
        self.seen = Seen { times: self.seen.times.saturating_add(1), last_at: now };
        if now < self.shown_at {
            return (self, None);
        }
        let due = now.max(self.shown_at.saturating_add(EDIT_EVERY));
        self.shown_at = due;
        (self, Some(due - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Offer;
    use crate::stage::{self, NOW};
    use crate::verdict::VerdictLevel;

    fn judged(change: impl FnOnce(&mut crate::alert::NormalizedAlert)) -> AlertRecord {
        let mut alert = stage::alert();
        change(&mut alert);
        let verdict = stage::verdict();
        let plan = Plan::draft(&alert, &verdict, &stage::tenant(), NOW).unwrap();
        let mut record = AlertRecord::received(alert);
        record.verdict = Some(verdict);
        record.offer = Some(Offer::Containment(plan));
        record
    }

    fn another() -> AlertRecord {
        judged(|alert| {
            alert.id = AlertId::from_bytes([7; 16]);
            alert.raw_id = "ldt:2".into();
            alert.process_cmdline = Some("another command".into());
        })
    }

    #[test]
    fn the_kind_is_the_technique_or_rule_and_the_host_user_or_hash() {
        let key = |change: fn(&mut crate::alert::NormalizedAlert)| GroupKey::of(&judged(change)).unwrap();
        let first = key(|_| ());
        assert_eq!(first.as_str().len(), 32);
        assert_eq!(GroupKey::of(&another()).unwrap(), first, "ids, users and command lines do not matter");
        assert_eq!(key(|alert| alert.hostname = Some("ws-042".into())), first, "nor does a host's case");
        assert_eq!(key(|alert| alert.username = None), first);
        assert_ne!(key(|alert| alert.hostname = Some("WS-043".into())), first);
        assert_ne!(key(|alert| alert.technique = Some("T1486".into())), first);
        assert_ne!(key(|alert| alert.technique = None), first, "then it is the rule");
        let mut nameless = judged(|_| ());
        nameless.alert.hostname = None;
        let by_user = GroupKey::of(&nameless).unwrap();
        nameless.alert.username = None;
        let by_hash = GroupKey::of(&nameless).unwrap();
        assert_ne!(by_user, by_hash);
        nameless.alert.sha256 = None;
        assert_eq!(GroupKey::of(&nameless), None, "it says too little");
    }

    #[test]
    fn what_is_no_worse_is_counted_within_an_hour() {
        let (first, other) = (judged(|_| ()), another());
        let group = Group::begun(first.alert.id, NOW, 3_600);
        assert!(group.takes(&first, &other, NOW + 600));
        assert!(!group.takes(&first, &first, NOW), "not on itself");
        let mut denied = first.clone();
        denied.offer = None;
        let mut nothing_to_ask = other.clone();
        nothing_to_ask.offer = None;
        assert!(group.takes(&denied, &nothing_to_ask, NOW + 3_599));
        assert!(!group.takes(&denied, &nothing_to_ask, NOW + 3_600), "the hour is over");
        assert!(!group.takes(&denied, &other, NOW), "it asks what the first does not ask");
        assert!(!group.takes(&first, &other, first.plan().unwrap().expires_at()), "the first question ran out");
        let mut milder = first.clone();
        milder.verdict.as_mut().unwrap().verdict = VerdictLevel::High;
        assert!(!group.takes(&milder, &other, NOW), "it is worse");
        assert!(group.takes(
            &first,
            &{
                let mut m = milder;
                m.alert.id = AlertId::from_bytes([8; 16]);
                m
            },
            NOW
        ));
    }

    #[test]
    fn the_counter_is_drawn_at_most_every_twenty_seconds() {
        let mut group = Group::begun(AlertId::from_bytes([1; 16]), NOW, 3_600);
        let mut edits = Vec::new();
        for at in 0..100 {
            let (after, wait) = group.with_another(NOW + at);
            edits.extend(wait.map(|wait| at + wait));
            group = after;
        }
        assert_eq!(edits, [20, 40, 60, 80, 100], "each edit shows what was counted until then");
        assert_eq!(group.seen, Seen { times: 101, last_at: NOW + 99 });
        assert_eq!(Group { shown_at: NOW, ..group }.with_another(NOW + 500).1, Some(0), "after a pause at once");
    }
}
