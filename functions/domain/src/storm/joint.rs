//! One plan for several hosts of a digest: asked once, of two people, and carried out host by host.
//!
//! It is nothing but the list of the hosts' own plans by their digests, so its digest binds every target, proxy and expiry
//! that the card showed. Should one of them change, be decided by itself, or run out, the whole plan stands no more, and the
//! next one is another.

use super::digest::{Digest, is_same_host};
use crate::plan::{Plan, PlanDigest};
use crate::record::{AlertRecord, Vote};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vyrox_contract::{AlertId, TenantId, canonical};

/// How many different people it takes, whatever the tenant's settings are.
pub const JOINT_APPROVERS: usize = 2;

/// One plan for several hosts. Made only by [`JointPlan::of`]; a stored one is checked again by [`JointPlan::digest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointPlan {
    tenant_id: TenantId,
    digest_id: AlertId,
    hosts: Vec<JointHost>,
    expires_at: i64,
}

/// One host of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct JointHost {
    /// The alert that offers its containment.
    alert_id: AlertId,
    /// The digest of that alert's own plan.
    plan: PlanDigest,
}

/// A joint plan with the people who have said yes to it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointQuestion {
    /// What is asked.
    pub plan: JointPlan,
    /// Who said yes; never as many as it takes, since then it is a question no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
}

impl JointPlan {
    /// The plan for every host of a digest whose containment can be asked about at `now` (unix seconds). `records` are the
    /// hosts' alerts as they are now, in any order. None for fewer than two hosts: one has a button of its own.
    #[must_use]
    pub fn of(digest: &Digest, records: &[AlertRecord], now: i64) -> Option<Self> {
        let mut plans: Vec<&Plan> = Vec::new();
        for host in digest.hosts.iter().filter(|host| !host.held) {
            let record = records.iter().find(|record| record.alert.id == host.alert_id);
            if let Some(plan) = record.and_then(|record| askable(record, now))
                && !plans.iter().any(|other| is_same_host(other, plan))
            {
                plans.push(plan);
            }
        }
        let expires_at = plans.iter().map(|plan| plan.expires_at()).min().filter(|_| plans.len() > 1)?;
        let hosts = plans.iter().map(|plan| JointHost { alert_id: plan.alert_id(), plan: plan.digest() }).collect();
        Some(Self { tenant_id: digest.tenant_id.clone(), digest_id: digest.id, hosts, expires_at })
    }

    /// The digest over every host's plan.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        let bytes = canonical::to_bytes(self).expect("a joint plan has string keys and no floats");
        PlanDigest::over(Sha256::digest(bytes).into())
    }

    /// Whose.
    #[must_use]
    pub const fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    /// Of which digest.
    #[must_use]
    pub const fn digest_id(&self) -> AlertId {
        self.digest_id
    }

    /// The alerts of its hosts, in the order in which they are shown.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = AlertId> {
        self.hosts.iter().map(|host| host.alert_id)
    }

    /// Until when it may be approved, unix seconds: as long as every host's own plan.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// Whether an alert's own plan is one of these.
    #[must_use]
    pub fn contains(&self, plan: &Plan) -> bool {
        let digest = plan.digest();
        *plan.tenant_id() == self.tenant_id
            && self.hosts.iter().any(|host| host.alert_id == plan.alert_id() && host.plan == digest)
    }

    /// Whether every host can still be asked about exactly as it was shown.
    #[must_use]
    pub fn stands(&self, records: &[AlertRecord], now: i64) -> bool {
        self.hosts.iter().all(|host| {
            let record = records.iter().find(|record| record.alert.id == host.alert_id);
            record.and_then(|record| askable(record, now)).is_some_and(|plan| plan.digest() == host.plan)
        })
    }
}

/// The plan that a record asks about at `now`, if it does.
fn askable(record: &AlertRecord, now: i64) -> Option<&Plan> {
    let is_open = record.decision.is_none() && record.containment.is_none();
    record.plan().filter(|plan| is_open && now < plan.expires_at())
}

impl Digest {
    /// Brings the question for several hosts up to date, and tells whether it is another one now. What somebody has said yes
    /// to stays as it is while it stands, though more hosts may have come: they are in the next one.
    pub fn ask(&mut self, records: &[AlertRecord], now: i64) -> bool {
        let is_held = |plan: &JointPlan| {
            self.hosts.iter().any(|host| host.held && plan.alerts().any(|alert| alert == host.alert_id))
        };
        let keeps = |question: &JointQuestion| {
            !question.votes.is_empty() && question.plan.stands(records, now) && !is_held(&question.plan)
        };
        if self.asked.as_ref().is_some_and(keeps) {
            return false;
        }
        let plan = JointPlan::of(self, records, now);
        let is_same = |question: &JointQuestion| question.votes.is_empty() && Some(&question.plan) == plan.as_ref();
        if self.asked.as_ref().map_or(plan.is_none(), is_same) {
            return false;
        }
        self.asked = plan.map(|plan| JointQuestion { plan, votes: Vec::new() });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Decision;
    use crate::stage::{self, NOW, vote};

    /// A digest of so many hosts, with their alerts.
    fn storm(hosts: u8) -> (Digest, Vec<AlertRecord>) {
        let records: Vec<AlertRecord> = (0..hosts).map(|number| stage::asked_about(number, number)).collect();
        let begun = Digest::begun(&"acme".parse().unwrap(), records[0].alert.id, NOW);
        let digest = records.iter().fold(begun, |digest, record| digest.with(record, NOW).unwrap().0);
        (digest, records)
    }

    #[test]
    fn its_digest_binds_every_host() {
        let (digest, records) = storm(4);
        let plan = JointPlan::of(&digest, &records, NOW).unwrap();
        assert_eq!(plan.alerts().len(), 4);
        for changed in 0..4 {
            let mut others = records.clone();
            others[changed] = stage::asked_about(changed as u8, 99);
            let other = JointPlan::of(&digest, &others, NOW).unwrap();
            assert_ne!(other.digest(), plan.digest(), "host {changed} is another device");
            assert!(!plan.stands(&others, NOW) && !plan.contains(others[changed].plan().unwrap()));
            assert!(plan.contains(records[changed].plan().unwrap()));
        }
        let fewer = JointPlan::of(&digest, &records[1..], NOW).unwrap();
        assert_ne!(fewer.digest(), plan.digest());
    }

    #[test]
    fn its_digest_binds_every_other_member_too() {
        let (digest, records) = storm(2);
        let plan = JointPlan::of(&digest, &records, NOW).unwrap();
        let members = serde_json::to_value(&plan).unwrap();
        let others: [(&str, serde_json::Value); 3] = [
            ("tenant_id", "other".into()),
            ("digest_id", "00000000-0000-0000-0000-000000000007".into()),
            ("expires_at", (plan.expires_at() + 1).into()),
        ];
        assert_eq!(members.as_object().unwrap().len(), others.len() + 1, "these and the hosts");
        for (name, value) in others {
            let mut other = members.clone();
            other[name] = value;
            let other: JointPlan = serde_json::from_value(other).unwrap();
            assert_ne!(other.digest(), plan.digest(), "{name}");
        }
    }

    #[test]
    fn it_is_about_open_questions_on_different_hosts_alone() {
        let (mut digest, mut records) = storm(6);
        let by = vote(41);
        records[0].decision = Some(Decision::Denied { by: by.clone() });
        records[1].offer = None;
        digest.hosts[2].held = true;
        // The fourth alert was revised meanwhile, and is about the fifth one's host now.
        records[3] = stage::asked_about(3, 4);
        let plan = JointPlan::of(&digest, &records, NOW).unwrap();
        assert_eq!(plan.alerts().collect::<Vec<_>>(), [records[3].alert.id, records[5].alert.id]);
        assert_eq!(JointPlan::of(&digest, &records, plan.expires_at()), None, "all have run out");
        records[5].decision = Some(Decision::Denied { by });
        assert!(!plan.stands(&records, NOW));
        assert_eq!(JointPlan::of(&digest, &records, NOW), None, "one host has a button of its own");
    }

    #[test]
    fn what_somebody_has_said_yes_to_stays_while_it_stands() {
        let (mut digest, mut records) = storm(3);
        assert!(digest.ask(&records, NOW) && !digest.ask(&records, NOW), "once");
        let first = digest.asked.clone().unwrap();
        records.push(stage::asked_about(3, 3));
        digest = digest.with(&records[3], NOW).unwrap().0;
        assert!(digest.ask(&records, NOW), "nobody has said yes: the new host is in it");
        assert_ne!(digest.asked.as_ref().unwrap().plan, first.plan);
        digest.asked.as_mut().unwrap().votes.push(vote(41));
        records.push(stage::asked_about(4, 4));
        digest = digest.with(&records[4], NOW).unwrap().0;
        assert!(!digest.ask(&records, NOW), "the fifth host waits for the next one");
        assert_eq!(digest.asked.as_ref().unwrap().plan.alerts().len(), 4);
        let mut held = digest.clone();
        held.hosts[0].held = true;
        assert!(held.ask(&records, NOW) && held.asked.unwrap().votes.is_empty());
        records[1].decision = Some(Decision::Denied { by: vote(42) });
        assert!(digest.ask(&records, NOW), "one of its hosts was decided by itself");
        let question = digest.asked.unwrap();
        assert_eq!((question.votes.len(), question.plan.alerts().len()), (0, 4), "and everybody is asked anew");
    }
}
