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
        let is_theirs = tenant.guild_id == Some(invocation.guild_id()) && is_approver(invocation.member(), tenant);
        if again != *self || !self.proof.is_of(self.by.at) || !is_theirs {
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
mod tests;
