//! Who may ask for what: a click is bound to its card, its member authorised, and what it asks for must still be open.

use super::{Moment, Refusal, may_release, may_reopen};
use crate::custom_id::{CustomId, Verb};
use crate::interaction::{Click, Member};
use crate::plan::Plan;
use crate::record::{AlertRecord, Posted};
use crate::tenant::{Snowflake, Tenant, TenantStatus};

/// A click that may be ruled on. Made only by [`admit`].
#[derive(Debug)]
pub struct Admitted<'a> {
    pub(super) record: &'a AlertRecord,
    pub(super) click: &'a Click,
    pub(super) moment: Moment<'a>,
    pub(super) question: Question<'a>,
}

/// What is asked for, with what it is about.
#[derive(Debug)]
pub(super) enum Question<'a> {
    Approve(&'a Plan),
    BreakGlass(&'a Plan),
    Deny,
    Release(&'a Plan),
    /// With the new plan.
    Reopen(Plan),
    Investigate,
}

impl Question<'_> {
    /// The form that a question comes with, whether or not it was shown.
    pub(super) const fn form_verb(&self) -> Option<Verb> {
        match self {
            Self::Approve(_) => Some(Verb::ApproveForm),
            Self::BreakGlass(_) => Some(Verb::BreakGlassForm),
            Self::Deny => Some(Verb::DenyForm),
            Self::Release(_) => Some(Verb::ReleaseForm),
            Self::Reopen(_) | Self::Investigate => None,
        }
    }
}

/// Admits a click: it is on the alert's own card (or in a form that one of our commands opened) in the tenant's own guild,
/// by somebody who may decide, on the plan that was shown, and what it asks for is still open.
///
/// # Errors
/// [`Refusal`].
pub fn admit<'a>(
    record: &'a AlertRecord,
    click: &'a Click,
    id: &CustomId,
    moment: Moment<'a>,
) -> Result<Admitted<'a>, Refusal> {
    if record.alert.tenant_id != moment.tenant.id || !is_bound(record.posted.as_ref(), click, id.verb, moment.tenant) {
        return Err(Refusal::NotThisCard);
    }
    authorise(click.member(), moment.tenant, moment.now)?;
    if id.verb == Verb::Investigate {
        return Ok(Admitted { record, click, moment, question: Question::Investigate });
    }
    let question = open(record, id.verb, Some(&id.plan), click.member(), &moment)?;
    Ok(Admitted { record, click, moment, question })
}

/// Whether a command may open the form for a break-glass or a release of this alert, and the plan that the form will be
/// about. Sending the form is a click of its own, which [`admit`] looks at.
///
/// # Errors
/// [`Refusal`].
pub fn admit_command<'a>(
    record: &'a AlertRecord,
    guild_id: Snowflake,
    member: &Member,
    verb: Verb,
    moment: &Moment<'_>,
) -> Result<&'a Plan, Refusal> {
    if moment.tenant.guild_id != Some(guild_id) || record.alert.tenant_id != moment.tenant.id {
        return Err(Refusal::NotThisCard);
    }
    authorise(member, moment.tenant, moment.now)?;
    match open(record, verb, None, member, moment)? {
        Question::BreakGlass(plan) | Question::Release(plan) => Ok(plan),
        _ => Err(Refusal::NotThisCard),
    }
}

/// What the verb asks for, if it is still open. `plan` is the digest that was shown, where one was.
fn open<'a>(
    record: &'a AlertRecord,
    verb: Verb,
    plan: Option<&str>,
    member: &Member,
    moment: &Moment<'_>,
) -> Result<Question<'a>, Refusal> {
    let has_voted = |votes: &[crate::record::Vote]| votes.iter().any(|vote| vote.user_id == member.user_id());
    match verb {
        Verb::Approve | Verb::ApproveForm => {
            let plan = undecided(record, plan, moment.now)?;
            if has_voted(&record.votes) {
                return Err(Refusal::AlreadyVoted);
            }
            if moment.tenant.policy.is_frozen(moment.now) { Err(Refusal::Frozen) } else { Ok(Question::Approve(plan)) }
        }
        Verb::BreakGlassForm => undecided(record, plan, moment.now).map(Question::BreakGlass),
        Verb::Deny | Verb::DenyForm => undecided(record, plan, moment.now).map(|_| Question::Deny),
        Verb::Release | Verb::ReleaseForm => {
            let plan = shown(record, plan)?.filter(|_| may_release(record)).ok_or(Refusal::NothingToRelease)?;
            let is_under_way = record.release.is_none() && has_voted(&record.release_votes);
            if is_under_way { Err(Refusal::OwnRelease) } else { Ok(Question::Release(plan)) }
        }
        Verb::Reopen => {
            let plan = shown(record, plan)?.ok_or(Refusal::NothingToReopen)?;
            again(record, plan, moment).map(Question::Reopen).ok_or(Refusal::NothingToReopen)
        }
        Verb::Investigate => Ok(Question::Investigate),
        // About a digest, and never about one alert.
        Verb::ApproveAll | Verb::ApproveAllForm | Verb::DenyAll | Verb::DenyAllForm => Err(Refusal::NotThisCard),
    }
}

/// The plan that is still to be decided.
fn undecided<'a>(record: &'a AlertRecord, digest: Option<&str>, now: i64) -> Result<&'a Plan, Refusal> {
    if record.decision.is_some() {
        return Err(Refusal::AlreadyDecided);
    }
    let plan = shown(record, digest)?.ok_or(Refusal::PlanChanged)?;
    if now >= plan.expires_at() { Err(Refusal::Expired) } else { Ok(plan) }
}

/// The record's plan, if it is the one that was shown. None if there is none.
fn shown<'a>(record: &'a AlertRecord, digest: Option<&str>) -> Result<Option<&'a Plan>, Refusal> {
    match (record.plan(), digest) {
        (Some(plan), Some(digest)) if plan.digest().short() != digest => Err(Refusal::PlanChanged),
        (plan, _) => Ok(plan),
    }
}

/// The plan for asking again about a containment that certainly did not happen.
fn again(record: &AlertRecord, plan: &Plan, moment: &Moment<'_>) -> Option<Plan> {
    let verdict = record.verdict.as_ref().filter(|_| may_reopen(record))?;
    let draft = |at| Plan::draft(&record.alert, verdict, moment.tenant, at).ok();
    let again = draft(moment.now)?;
    // Another expiry makes it another plan, with another digest and another request id; within one second it would be equal.
    if again.expires_at() > plan.expires_at() {
        return Some(again);
    }
    draft(moment.now.saturating_add(plan.expires_at() - again.expires_at() + 1))
}

/// Whether the click is on this very message, in this tenant's own guild. Only the forms that a command opens have no
/// message.
pub(super) fn is_bound(posted: Option<&Posted>, click: &Click, verb: Verb, tenant: &Tenant) -> bool {
    if tenant.guild_id != Some(click.guild_id()) || verb.is_form() != click.form().is_some() {
        return false;
    }
    let is_on_card = |message_id| {
        posted.is_some_and(|posted| posted.channel_id == click.channel_id() && posted.message_id == message_id)
    };
    match (verb, click.message_id()) {
        (Verb::BreakGlassForm | Verb::ReleaseForm, None) => true,
        (Verb::BreakGlassForm, Some(_)) | (_, None) => false,
        (_, Some(message_id)) => is_on_card(message_id),
    }
}

/// A person with one of the tenant's approver roles. No roles means nobody; permissions and ownership never count.
pub(super) fn authorise(member: &Member, tenant: &Tenant, now: i64) -> Result<(), Refusal> {
    if !member.may_act(now) || tenant.status == TenantStatus::Suspended {
        return Err(Refusal::MayNotAct);
    }
    if is_approver(member, tenant) { Ok(()) } else { Err(Refusal::NotAnApprover) }
}

/// Whether a member has one of the tenant's approver roles.
pub(super) fn is_approver(member: &Member, tenant: &Tenant) -> bool {
    member.roles().iter().any(|role| tenant.approver_roles.contains(role))
}
