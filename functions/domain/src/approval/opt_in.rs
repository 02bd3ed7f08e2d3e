//! What a named person may allow in advance: that LOW alerts are contained without asking, for a while, reversibly, and for
//! no longer than they said. The only way from an alert to a containment on which nobody is asked; off until somebody opts in.
//!
//! ```text
//!  /vyrox auto-approve on (signed by Discord) --> OptIn --in_force: proof, role, expiry, not withdrawn--> InForce
//!      InForce + a LOW alert --approve_under: allowed, not frozen, below the caps--> ApprovedAction
//! ```
//!
//! The signed command is kept and verified each time: by triage when it decides, and again when the action is delivered.

use super::admission::is_approver;
use super::{ApprovedAction, Moment, Pace, contain, settled};
use crate::command::{Invocation, Request};
use crate::interaction::ClickProof;
use crate::plan::Plan;
use crate::record::{AlertRecord, Manner, Offer, Vote};
use crate::tenant::{StepUpRule, Tenant, TenantStatus};
use crate::text::visible_line;
use crate::verdict::VerdictLevel;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use vyrox_contract::{ActionType, Operation, TenantId};

/// Seconds a day.
const DAY: i64 = 24 * 3_600;
/// How far the time of an opt-in may be from the one that Discord signed, in seconds.
const SKEW: i64 = 300;

/// What is allowed at all: what can be taken back, and ends by itself.
pub const ALLOWED: [ActionType; 1] = [ActionType::HostIsolation];

/// A person's opt-in, as stored. Nothing in it counts by itself: see [`OptIn::in_force`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptIn {
    tenant_id: TenantId,
    /// Who, when, why. The interaction's id is the opt-in's.
    by: Vote,
    /// After this it allows nothing, unix seconds.
    expires_at: i64,
    /// How long each isolation lasts, in seconds, unless somebody releases the host before.
    lease_seconds: u32,
    /// What Discord signed.
    proof: ClickProof,
    /// Who took it back, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withdrawn: Option<Vote>,
}

/// Why an opt-in allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotInForce {
    /// Somebody took it back.
    #[error("the opt-in was withdrawn")]
    Withdrawn,
    /// Its time is over.
    #[error("the opt-in has expired")]
    Expired,
    /// Discord did not sign such a command of this person, or they had no approver role, or it is none any more.
    #[error("the opt-in is not proven by a signed command of an approver")]
    NotProven,
    /// Every approval takes a code, and nobody can give one in advance.
    #[error("the tenant asks for a code with every approval")]
    StepUp,
    /// The tenant is switched off.
    #[error("the tenant is suspended")]
    Suspended,
}

/// An opt-in that is proven and in force. Made only by [`OptIn::in_force`].
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a>(&'a OptIn);

/// An alert that was approved under an opt-in, and everything that is to be written because of it.
#[derive(Debug)]
pub struct UnderOptIn {
    /// The alert's record as it is now.
    pub record: AlertRecord,
    /// What is to be delivered.
    pub action: ApprovedAction,
    /// The tenant's pace.
    pub pace: Pace,
}

impl OptIn {
    /// The opt-in that a command asks for at `now` (unix seconds), if it does.
    #[must_use]
    pub fn given(tenant: &Tenant, invocation: &Invocation, now: i64) -> Option<Self> {
        let (days, lease_minutes, reason) = terms(invocation)?;
        Some(Self {
            tenant_id: tenant.id.clone(),
            by: vote(invocation, reason, now),
            expires_at: now.saturating_add(i64::from(days) * DAY),
            lease_seconds: u32::from(lease_minutes) * 60,
            proof: invocation.proof().clone(),
            withdrawn: None,
        })
    }

    /// The same, taken back by whoever entered this command.
    #[must_use]
    pub fn withdrawn(self, invocation: &Invocation, now: i64) -> Self {
        Self { withdrawn: Some(vote(invocation, None, now)), ..self }
    }

    /// Who opted in, when and why.
    #[must_use]
    pub const fn by(&self) -> &Vote {
        &self.by
    }

    /// Until when, unix seconds.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// How long an isolation under it lasts, in seconds.
    #[must_use]
    pub const fn lease_seconds(&self) -> u32 {
        self.lease_seconds
    }

    /// Whether it was neither taken back nor has run out: what is shown, not what counts.
    #[must_use]
    pub const fn is_open(&self, now: i64) -> bool {
        self.withdrawn.is_none() && now < self.expires_at
    }

    /// Proves it once more at `now` (unix seconds): Discord signed this person's command with these very terms, they had a
    /// role that still approves, and nobody took it back.
    ///
    /// # Errors
    /// [`NotInForce`].
    pub fn in_force(&self, tenant: &Tenant, keys: &[VerifyingKey], now: i64) -> Result<InForce<'_>, NotInForce> {
        if self.withdrawn.is_some() {
            return Err(NotInForce::Withdrawn);
        }
        if now >= self.expires_at {
            return Err(NotInForce::Expired);
        }
        if tenant.status == TenantStatus::Suspended {
            return Err(NotInForce::Suspended);
        }
        if tenant.policy.step_up != StepUpRule::None {
            return Err(NotInForce::StepUp);
        }
        let invocation = self.proof.verify_command(keys).map_err(|_| NotInForce::NotProven)?;
        let again = Self::given(tenant, &invocation, self.by.at).ok_or(NotInForce::NotProven)?;
        let is_timely = self.proof.sent_at().is_some_and(|sent| self.by.at.abs_diff(sent) <= SKEW.unsigned_abs());
        let is_theirs = tenant.guild_id == Some(invocation.guild_id()) && is_approver(invocation.member(), tenant);
        if again != *self || !is_timely || !is_theirs {
            return Err(NotInForce::NotProven);
        }
        Ok(InForce(self))
    }
}

impl InForce<'_> {
    /// Approves the containment of a LOW alert in place of the person who opted in. None where anything speaks against it:
    /// another verdict, a test, something decided already, nothing that could be contained, a freeze, a second approver who
    /// would be needed, a cap that is reached.
    #[must_use]
    pub fn approve(&self, record: &AlertRecord, moment: &Moment<'_>) -> Option<UnderOptIn> {
        let verdict = record.verdict.as_ref().filter(|verdict| verdict.verdict == VerdictLevel::Low)?;
        if record.decision.is_some() || record.containment.is_some() || record.canary {
            return None;
        }
        let Moment { tenant, pace, now, .. } = *moment;
        let plan = Plan::draft_leased(&record.alert, verdict, tenant, self.0.lease_seconds, now).ok()?;
        let host = plan.target().hostname.as_str();
        let caps = tenant.policy.caps;
        let user = self.0.by.user_id;
        if !self.allows(&plan)
            || tenant.policy.is_frozen(now)
            || settled(&plan, Operation::Execute, tenant).is_some()
            || pace.is_user_at_cap(user, caps, now)
            || pace.is_tenant_at_cap(host, caps, now)
        {
            return None;
        }
        let vote = Vote { at: now, ..self.0.by.clone() };
        let pace = pace.after(&vote, Some(host), caps);
        let mut record = record.clone();
        record.offer = Some(Offer::Containment(plan.clone()));
        record.votes = vec![vote];
        let action = contain(&mut record, &plan, Manner::OptIn { id: self.0.by.interaction_id }, now);
        Some(UnderOptIn { record, action, pace })
    }

    /// Whether a plan is within what was allowed.
    fn allows(&self, plan: &Plan) -> bool {
        ALLOWED.contains(&plan.action_type())
            && plan.lease_seconds() == Some(self.0.lease_seconds)
            && *plan.tenant_id() == self.0.tenant_id
    }

    /// Whether a stored approval of this plan rests on it.
    pub(super) fn bears_out(&self, record: &AlertRecord, plan: &Plan, vote: &Vote) -> bool {
        let is_low = record.verdict.as_ref().is_some_and(|verdict| verdict.verdict == VerdictLevel::Low);
        let is_theirs = Vote { at: self.0.by.at, ..vote.clone() } == self.0.by;
        is_low && is_theirs && vote.at >= self.0.by.at && vote.at < self.0.expires_at && self.allows(plan)
    }
}

/// What a command to opt in says: days, minutes of each isolation, the reason.
fn terms(invocation: &Invocation) -> Option<(u16, u16, Option<String>)> {
    match invocation.request() {
        Ok(Request::AutoApproveOn { days, minutes, reason }) => {
            Some((*days, *minutes, Some(visible_line(reason.trim(), super::MOST_REASON))))
        }
        _ => None,
    }
}

fn vote(invocation: &Invocation, reason: Option<String>, now: i64) -> Vote {
    Vote {
        user_id: invocation.member().user_id(),
        name: invocation.member().name().to_owned(),
        at: now,
        interaction_id: invocation.interaction_id(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Grounds, NotApproved};
    use super::*;
    use crate::action::ActionRecord;
    use crate::interaction::tests::{discord_keys, invocation};
    use crate::stage::{self, APPROVER_ROLE, NOW};
    use crate::tenant::Caps;
    use serde_json::json;

    fn command(roles: &[&str]) -> Invocation {
        let options = json!([{"name": "auto-approve", "type": 2, "options": [{"name": "on", "type": 1, "options": [
            {"name": "days", "type": 4, "value": 7}, {"name": "minutes", "type": 4, "value": 60},
            {"name": "reason", "type": 3, "value": "nobody is here at night"}]}]}]);
        invocation(&options, "0", roles)
    }

    fn given() -> (OptIn, Tenant) {
        let tenant = stage::tenant();
        (OptIn::given(&tenant, &command(&[APPROVER_ROLE]), NOW).unwrap(), tenant)
    }

    fn low() -> AlertRecord {
        let mut record = AlertRecord::received(stage::alert());
        let mut verdict = stage::verdict();
        verdict.verdict = VerdictLevel::Low;
        record.verdict = Some(verdict);
        record
    }

    fn approve(opt_in: &OptIn, record: &AlertRecord, tenant: &Tenant, pace: &Pace) -> Option<UnderOptIn> {
        let moment = Moment { tenant, pace, factor: None, now: NOW + 60 };
        opt_in.in_force(tenant, &discord_keys(), NOW + 60).unwrap().approve(record, &moment)
    }

    #[test]
    fn it_counts_only_while_a_signed_command_of_an_approver_proves_it() {
        let (opt_in, tenant) = given();
        let keys = discord_keys();
        assert_eq!((opt_in.expires_at(), opt_in.lease_seconds()), (NOW + 7 * DAY, 3_600));
        let check = |opt_in: &OptIn, tenant: &Tenant, now| opt_in.in_force(tenant, &keys, now).map(|_| ()).err();
        assert_eq!(check(&opt_in, &tenant, NOW), None);
        assert_eq!(check(&opt_in, &tenant, opt_in.expires_at() - 1), None);
        assert_eq!(check(&opt_in, &tenant, opt_in.expires_at()), Some(NotInForce::Expired));
        let taken_back = opt_in.clone().withdrawn(&command(&[APPROVER_ROLE]), NOW + 1);
        assert_eq!(check(&taken_back, &tenant, NOW + 2), Some(NotInForce::Withdrawn));
        // Whoever can write into the table changes one thing.
        let forge = |change: fn(&mut OptIn)| {
            let mut forged = opt_in.clone();
            change(&mut forged);
            check(&forged, &tenant, NOW)
        };
        let not_proven = Some(NotInForce::NotProven);
        assert_eq!(forge(|opt_in| opt_in.expires_at += 1), not_proven, "a longer time");
        assert_eq!(
            forge(|opt_in| (opt_in.by.at, opt_in.expires_at) = (NOW + 500, opt_in.expires_at + 500)),
            not_proven
        );
        assert_eq!(forge(|opt_in| opt_in.lease_seconds = 7_200), not_proven, "a longer isolation");
        assert_eq!(forge(|opt_in| opt_in.by.user_id = "43".parse().unwrap()), not_proven, "another person");
        assert_eq!(forge(|opt_in| opt_in.by.name = "root".into()), not_proven, "another name");
        let other_key = ed25519_dalek::SigningKey::from_bytes(&[6; 32]).verifying_key();
        assert_eq!(opt_in.in_force(&tenant, &[other_key], NOW).map(|_| ()).err(), not_proven, "not Discord's");
        // Somebody without the role, and somebody whose role approves no more.
        let roleless = OptIn::given(&tenant, &command(&["999"]), NOW).unwrap();
        assert_eq!(check(&roleless, &tenant, NOW), not_proven);
        let change = |change: fn(&mut Tenant)| {
            let mut tenant = tenant.clone();
            change(&mut tenant);
            check(&opt_in, &tenant, NOW)
        };
        assert_eq!(change(|tenant| tenant.approver_roles.clear()), not_proven);
        assert_eq!(change(|tenant| tenant.guild_id = None), not_proven);
        assert_eq!(change(|tenant| tenant.id = "other".parse().unwrap()), not_proven, "another tenant's");
        assert_eq!(change(|tenant| tenant.policy.step_up = StepUpRule::Totp), Some(NotInForce::StepUp));
        assert_eq!(change(|tenant| tenant.status = TenantStatus::Suspended), Some(NotInForce::Suspended));
        let other = invocation(&json!([{"name": "status", "type": 1}]), "0", &[APPROVER_ROLE]);
        assert_eq!(OptIn::given(&tenant, &other, NOW), None, "another command is no opt-in");
    }

    #[test]
    fn under_it_a_low_alert_is_isolated_for_a_while_in_the_name_of_a_person() {
        let (opt_in, tenant) = given();
        let approved = approve(&opt_in, &low(), &tenant, &Pace::default()).unwrap();
        let vote = &approved.record.votes[0];
        assert_eq!((vote.user_id, vote.at), (opt_in.by().user_id, NOW + 60));
        assert_eq!(vote.reason.as_deref(), Some("nobody is here at night"));
        let action = approved.action.to_action(NOW + 60, None);
        assert_eq!((action.action_type, action.lease_seconds), (ActionType::HostIsolation, Some(3_600)));
        assert_eq!(action.approved_by[0].id, vote.user_id.to_string());
    }

    #[test]
    fn at_delivery_it_is_proven_once_more() {
        let (opt_in, tenant) = given();
        let approved = approve(&opt_in, &low(), &tenant, &Pace::default()).unwrap();
        let stored = ActionRecord::approved(&approved.action);
        let keys = discord_keys();
        let reclaim = |record: &AlertRecord, tenant: &Tenant, opt_in: Option<&OptIn>, now| {
            let grounds = Grounds { opt_in, now, ..Grounds::default() };
            ApprovedAction::reclaim(&stored, record, tenant, grounds, &keys).map(|_| ())
        };
        let record = &approved.record;
        assert_eq!(reclaim(record, &tenant, Some(&opt_in), NOW + 61), Ok(()));
        assert_eq!(reclaim(record, &tenant, None, NOW + 61), Err(NotApproved::NotProven), "there is none any more");
        let over = Err(NotApproved::OptIn(NotInForce::Expired));
        assert_eq!(reclaim(record, &tenant, Some(&opt_in), opt_in.expires_at()), over);
        let taken_back = opt_in.clone().withdrawn(&command(&[APPROVER_ROLE]), NOW + 61);
        let withdrawn = Err(NotApproved::OptIn(NotInForce::Withdrawn));
        assert_eq!(reclaim(record, &tenant, Some(&taken_back), NOW + 61), withdrawn);
        let two = Tenant { quorum: 2, ..tenant.clone() };
        assert_eq!(reclaim(record, &two, Some(&opt_in), NOW + 61), Err(NotApproved::TooFew));
        // Whoever can write into the table makes a worse alert a low one's, or another person's.
        let mut worse = record.clone();
        worse.verdict.as_mut().unwrap().verdict = VerdictLevel::High;
        assert_eq!(reclaim(&worse, &tenant, Some(&opt_in), NOW + 61), Err(NotApproved::NotProven));
        let mut asked = record.clone();
        asked.decision = Some(crate::record::Decision::Approved { at: NOW + 60, manner: Manner::Quorum });
        assert_eq!(
            reclaim(&asked, &tenant, Some(&opt_in), NOW + 61),
            Err(NotApproved::NotProven),
            "an opt-in is no click"
        );
        // A longer isolation than was allowed.
        let mut plan = serde_json::to_value(record.plan().unwrap()).unwrap();
        plan["lease_seconds"] = 7_200.into();
        let mut longer = record.clone();
        longer.offer = Some(Offer::Containment(serde_json::from_value(plan).unwrap()));
        let grounds = Grounds { opt_in: Some(&opt_in), now: NOW + 61, ..Grounds::default() };
        let forged = ActionRecord::approved(&ApprovedAction::of(
            super::super::Approval::given(longer.plan().unwrap(), Operation::Execute, &longer.votes, NOW + 60),
            None,
        ));
        let reclaimed = ApprovedAction::reclaim(&forged, &longer, &tenant, grounds, &keys).map(|_| ());
        assert_eq!(reclaimed, Err(NotApproved::NotProven));
    }

    #[test]
    fn under_it_nothing_else_is_approved() {
        let (opt_in, tenant) = given();
        let none =
            |record: &AlertRecord, tenant: &Tenant, pace: &Pace| approve(&opt_in, record, tenant, pace).is_none();
        let calm = Pace::default();
        for level in [VerdictLevel::Benign, VerdictLevel::Medium, VerdictLevel::High, VerdictLevel::Critical] {
            let mut record = low();
            record.verdict.as_mut().unwrap().verdict = level;
            assert!(none(&record, &tenant, &calm), "{level}");
        }
        let with = |change: fn(&mut AlertRecord)| {
            let mut record = low();
            change(&mut record);
            none(&record, &tenant, &calm)
        };
        assert!(with(|record| record.verdict = None));
        assert!(with(|record| record.canary = true));
        assert!(with(|record| record.alert.device_id = None));
        let under = |change: fn(&mut Tenant)| {
            let mut tenant = tenant.clone();
            change(&mut tenant);
            none(&low(), &tenant, &calm)
        };
        assert!(under(|tenant| tenant.quorum = 2), "where two are wanted, one opt-in is not two");
        assert!(under(|tenant| tenant.policy.freeze = [("sun-sat 00:00-24:00".parse().unwrap())].into()));
        assert!(under(|tenant| tenant.policy.caps = Caps { hosts_per_hour: 0, ..Caps::default() }));
        assert!(under(|tenant| tenant.policy.caps = Caps { per_user: 0, ..Caps::default() }));
        assert!(under(|tenant| tenant.proxy_id = None));
        let approved = approve(&opt_in, &low(), &tenant, &calm).unwrap();
        assert!(none(&approved.record, &tenant, &calm), "not twice");
    }
}
