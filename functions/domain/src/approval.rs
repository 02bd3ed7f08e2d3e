//! Is this click a decision? Deny by default; every path to a yes is in this file and its folder.
//!
//! ```text
//!  Click (signed) + AlertRecord + Tenant  --bind, authorise-->  vote  --quorum-->  Approval -> ApprovedAction
//! ```
//!
//! The caller writes the result in one transaction on the record's version, so of any number of simultaneous clicks one wins.

mod approved;
mod refusal;

pub use approved::{Approval, ApprovedAction, NotApproved};
pub use refusal::Refusal;

use crate::custom_id::CustomId;
use crate::interaction::Click;
use crate::plan::Plan;
use crate::record::{AlertRecord, Decision, Offer, Vote};
use crate::tenant::{Tenant, TenantStatus};
use crate::text::visible;
use vyrox_contract::Operation;

/// What a click came to. The record is the one to be written.
#[derive(Debug)]
pub enum Ruling {
    /// One yes of several that are needed.
    Counted(AlertRecord),
    /// Decided: do it.
    Approved(AlertRecord, ApprovedAction),
    /// Decided: do not.
    Denied(AlertRecord),
    /// Decided: undo it.
    Released(AlertRecord, ApprovedAction),
    /// To be decided once more, on a new plan.
    Reopened(AlertRecord),
}

/// Rules on Approve. `now` is unix seconds.
///
/// # Errors
/// [`Refusal`].
pub fn approve(
    record: &AlertRecord,
    click: &Click,
    id: &CustomId,
    tenant: &Tenant,
    now: i64,
) -> Result<Ruling, Refusal> {
    let plan = open_question(record, click, id, tenant, now)?;
    let member = click.member();
    if record.votes.iter().any(|vote| vote.user_id == member.user_id()) {
        return Err(Refusal::AlreadyVoted);
    }
    let mut record = record.clone();
    record.votes.push(vote(click, now));
    if record.votes.len() < usize::from(tenant.quorum.max(1)) {
        return Ok(Ruling::Counted(record));
    }
    record.decision = Some(Decision::Approved { at: now });
    let action = ApprovedAction::of(Approval::given(plan, Operation::Execute, &record.votes, now), None);
    record.containment = Some(action.summary(now, None));
    Ok(Ruling::Approved(record, action))
}

/// Rules on Deny. It takes the same role as Approve; one is enough.
///
/// # Errors
/// [`Refusal`].
pub fn deny(record: &AlertRecord, click: &Click, id: &CustomId, tenant: &Tenant, now: i64) -> Result<Ruling, Refusal> {
    open_question(record, click, id, tenant, now)?;
    let mut record = record.clone();
    record.decision = Some(Decision::Denied { by: vote(click, now) });
    Ok(Ruling::Denied(record))
}

/// Rules on Release: undoing a containment that is in force.
///
/// # Errors
/// [`Refusal`].
pub fn release(
    record: &AlertRecord,
    click: &Click,
    id: &CustomId,
    tenant: &Tenant,
    now: i64,
) -> Result<Ruling, Refusal> {
    let plan = shown_plan(record, click, id, tenant, now)?.ok_or(Refusal::NothingToRelease)?;
    let is_contained = record.containment.as_ref().is_some_and(|action| action.state.is_contained());
    if !is_contained || !may_release(record) {
        return Err(Refusal::NothingToRelease);
    }
    let mut record = record.clone();
    let by = vote(click, now);
    let approval = Approval::given(plan, Operation::Rollback, std::slice::from_ref(&by), now);
    let action = ApprovedAction::of(approval, Some(by.interaction_id));
    record.release = Some(action.summary(now, Some(by)));
    Ok(Ruling::Released(record, action))
}

/// Rules on Ask again: a containment that certainly did not happen is a question once more, with a new plan, a new expiry
/// and no votes.
///
/// # Errors
/// [`Refusal`].
pub fn reopen(
    record: &AlertRecord,
    click: &Click,
    id: &CustomId,
    tenant: &Tenant,
    now: i64,
) -> Result<Ruling, Refusal> {
    let plan = shown_plan(record, click, id, tenant, now)?.ok_or(Refusal::NothingToReopen)?;
    let verdict = record.verdict.as_ref().filter(|_| may_reopen(record)).ok_or(Refusal::NothingToReopen)?;
    let draft = |at| Plan::draft(&record.alert, verdict, tenant, at).map_err(|_| Refusal::NothingToReopen);
    let mut again = draft(now)?;
    // Another expiry makes it another plan, with another digest and another request id; within one second it would be equal.
    if again.expires_at() <= plan.expires_at() {
        again = draft(now.saturating_add(plan.expires_at() - again.expires_at() + 1))?;
    }
    let mut record = record.clone();
    record.offer = Some(Offer::Containment(again));
    record.votes.clear();
    record.decision = None;
    record.containment = None;
    Ok(Ruling::Reopened(record))
}

/// Whether the containment was approved and certainly did not happen.
#[must_use]
pub fn may_reopen(record: &AlertRecord) -> bool {
    use crate::action::ActionState::{Expired, Failed, Refused};
    record.containment.as_ref().is_some_and(|action| matches!(action.state, Failed | Refused | Expired))
}

/// Whether a release may be asked for: none was, or the last one certainly or possibly did not happen.
#[must_use]
pub fn may_release(record: &AlertRecord) -> bool {
    use crate::action::ActionState::{Ambiguous, DryRun, Expired, Failed, Refused};
    let is_open_again = |state| matches!(state, Failed | Refused | DryRun | Ambiguous | Expired);
    record.release.as_ref().is_none_or(|release| is_open_again(release.state))
}

/// Whether this click may look: it is on the alert's own card, by somebody who may decide.
///
/// # Errors
/// [`Refusal`].
pub fn investigate(record: &AlertRecord, click: &Click, tenant: &Tenant, now: i64) -> Result<(), Refusal> {
    bind(record, click, tenant)?;
    authorise(click, tenant, now)
}

/// The plan that is still to be decided, if this click may decide it.
fn open_question<'a>(
    record: &'a AlertRecord,
    click: &Click,
    id: &CustomId,
    tenant: &Tenant,
    now: i64,
) -> Result<&'a Plan, Refusal> {
    bind(record, click, tenant)?;
    authorise(click, tenant, now)?;
    if record.decision.is_some() {
        return Err(Refusal::AlreadyDecided);
    }
    let plan = record.plan().ok_or(Refusal::PlanChanged)?;
    if plan.digest().short() != id.plan {
        return Err(Refusal::PlanChanged);
    }
    if now >= plan.expires_at() {
        return Err(Refusal::Expired);
    }
    Ok(plan)
}

/// The plan that the clicked button stands for, by somebody who may decide, on the alert's own card. None if there is none.
fn shown_plan<'a>(
    record: &'a AlertRecord,
    click: &Click,
    id: &CustomId,
    tenant: &Tenant,
    now: i64,
) -> Result<Option<&'a Plan>, Refusal> {
    bind(record, click, tenant)?;
    authorise(click, tenant, now)?;
    match record.plan() {
        Some(plan) if plan.digest().short() != id.plan => Err(Refusal::PlanChanged),
        plan => Ok(plan),
    }
}

/// The click is on this alert's own message, in this tenant's own guild.
fn bind(record: &AlertRecord, click: &Click, tenant: &Tenant) -> Result<(), Refusal> {
    let posted = record.posted.as_ref().ok_or(Refusal::NotThisCard)?;
    let same = tenant.guild_id == Some(click.guild_id())
        && record.alert.tenant_id == tenant.id
        && posted.channel_id == click.channel_id()
        && posted.message_id == click.message_id();
    if same { Ok(()) } else { Err(Refusal::NotThisCard) }
}

/// A person with one of the tenant's approver roles. No roles means nobody; permissions and ownership never count.
fn authorise(click: &Click, tenant: &Tenant, now: i64) -> Result<(), Refusal> {
    if !click.member().may_act(now) || tenant.status == TenantStatus::Suspended {
        return Err(Refusal::MayNotAct);
    }
    if click.member().roles().iter().any(|role| tenant.approver_roles.contains(role)) {
        Ok(())
    } else {
        Err(Refusal::NotAnApprover)
    }
}

fn vote(click: &Click, now: i64) -> Vote {
    Vote {
        user_id: click.member().user_id(),
        name: approver_name(click.member().name()),
        at: now,
        interaction_id: click.interaction_id(),
    }
}

/// One line of visible characters: it travels in the signed action, where anything else is refused.
fn approver_name(name: &str) -> String {
    visible(name).replace(['\n', '\t'], " ").chars().take(80).collect()
}

#[cfg(test)]
mod tests;
