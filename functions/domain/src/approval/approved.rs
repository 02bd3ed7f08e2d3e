//! What an approval is worth: an [`ApprovedAction`], the only thing that can be queued for a proxy and signed. It comes from
//! a ruling, or, at delivery, from what is stored, proven once more by the clicks that Discord signed.

use super::admission::is_approver;
use super::form::may_be_button;
use super::opt_in::{NotInForce, OptIn};
use super::quorum::settled;
use crate::action::ActionRecord;
use crate::custom_id::{self, CustomId, Verb};
use crate::interaction::{Click, ClickProof};
use crate::plan::Plan;
use crate::record::{AlertRecord, Decision, Manner, Vote};
use crate::storm::{JOINT_APPROVERS, JointPlan};
use crate::tenant::{Snowflake, Tenant, TenantStatus};
use ed25519_dalek::VerifyingKey;
use std::collections::BTreeSet;
use vyrox_contract::{Action, AlertId, Approver, Checkpoint, Operation, RequestId, TenantId};

/// How long after the deciding click an action may be delivered, in seconds. Below 15 minutes, the longest that a queue
/// holds a message back, so that the message that closes an undelivered one is never early.
const DELIVER_WITHIN: i64 = 840;

/// Enough people, each proven by a signed click, said yes to one plan.
#[derive(Debug, Clone)]
pub struct Approval {
    plan: Plan,
    operation: Operation,
    approved_by: Vec<Approver>,
    approved_at: i64,
}

/// An action that a human has approved: the only thing that can be queued for a proxy and signed.
#[derive(Debug, Clone)]
pub struct ApprovedAction {
    approval: Approval,
    request_id: RequestId,
    expires_at: i64,
}

/// What a stored action is held against, beside its alert: read anew at delivery.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grounds<'a> {
    /// What Discord signed for the votes.
    pub proofs: &'a [ClickProof],
    /// The joint plan that was decided on, where the alert says that one was. Anybody may have stored it: what counts is
    /// that its digest is the one in the signed clicks.
    pub joint: Option<&'a JointPlan>,
    /// The tenant's opt-in as it is now, where the alert says that it was approved under one.
    pub opt_in: Option<&'a OptIn>,
    /// Unix seconds.
    pub now: i64,
}

/// A stored action that its alert does not bear out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// The alert holds no such decision.
    #[error("the alert holds no decision for this action")]
    NoDecision,
    /// The action's plan is not the one that was decided on.
    #[error("the action's plan is not the one that was approved")]
    OtherPlan,
    /// Fewer people than the action claims.
    #[error("the action's approvers are not those of the decision")]
    OtherApprovers,
    /// An approver without a click that Discord signed for this very plan, or without an approver role.
    #[error("an approval is not proven by a signed click")]
    NotProven,
    /// The tenant's settings take more people than have approved, and it was no break-glass.
    #[error("the action takes a second approver")]
    TooFew,
    /// It was approved in advance, and that does not count any more, or never did.
    #[error("it was approved in advance: {0}")]
    OptIn(NotInForce),
    /// The tenant is switched off: nothing new is contained, releases still go out.
    #[error("the tenant is suspended")]
    Suspended,
}

impl Approval {
    /// What a ruling has just found: these people said yes to this plan.
    pub(super) fn given(plan: &Plan, operation: Operation, votes: &[Vote], approved_at: i64) -> Self {
        Self { plan: plan.clone(), operation, approved_by: approvers(votes), approved_at }
    }
}

impl ApprovedAction {
    /// `asked_by` is the click that asks for a release: each asking is an action of its own.
    pub(super) fn of(approval: Approval, asked_by: Option<Snowflake>) -> Self {
        let request_id = request_id(&approval.plan, approval.operation, asked_by);
        let expires_at = approval.approved_at.saturating_add(DELIVER_WITHIN);
        Self { approval, request_id, expires_at }
    }

    /// Takes a stored action up again, at delivery: only if the alert's own record bears out every part of it, and Discord
    /// itself signed the click of each approver for this very plan. So writing items into the table approves nothing.
    ///
    /// # Errors
    /// [`NotApproved`].
    pub fn reclaim(
        action: &ActionRecord,
        record: &AlertRecord,
        tenant: &Tenant,
        grounds: Grounds<'_>,
        discord_keys: &[VerifyingKey],
    ) -> Result<Self, NotApproved> {
        let plan = record.plan().ok_or(NotApproved::OtherPlan)?;
        let votes = Self::votes(action, record)?;
        let asked_by = match action.operation {
            Operation::Execute => None,
            Operation::Rollback => votes.first().map(|vote| vote.interaction_id),
        };
        if action.plan != *plan || action.request_id != request_id(plan, action.operation, asked_by) {
            return Err(NotApproved::OtherPlan);
        }
        if tenant.status == TenantStatus::Suspended && action.operation == Operation::Execute {
            return Err(NotApproved::Suspended);
        }
        let approved_by = approvers(votes);
        let approved_at = votes.iter().map(|vote| vote.at).max().ok_or(NotApproved::OtherApprovers)?;
        if approved_by != action.approved_by || approved_at != action.approved_at {
            return Err(NotApproved::OtherApprovers);
        }
        let expires_at = action.expires_at.min(approved_at.saturating_add(DELIVER_WITHIN));
        if let (Operation::Execute, Some(Decision::Approved { manner: Manner::OptIn { .. }, .. })) =
            (action.operation, &record.decision)
        {
            borne_out_in_advance(record, plan, votes, tenant, grounds, discord_keys)?;
            let approval = Approval { plan: plan.clone(), operation: action.operation, approved_by, approved_at };
            return Ok(Self { approval, request_id: action.request_id.clone(), expires_at });
        }
        let clicks: Vec<Click> = grounds.proofs.iter().filter_map(|proof| proof.verify(discord_keys).ok()).collect();
        let (mut has_broken_glass, mut is_joint) = (false, false);
        for vote in votes {
            let proven = clicks.iter().find_map(|click| {
                proves(click, vote, plan, action.operation, tenant)
                    .or_else(|| proves_jointly(click, vote, plan, action.operation, tenant, grounds.joint?))
            });
            match proven.ok_or(NotApproved::NotProven)? {
                Manner::BreakGlass => has_broken_glass = true,
                Manner::Joint { .. } => is_joint = true,
                Manner::Quorum | Manner::OptIn { .. } => {}
            }
        }
        let people: BTreeSet<Snowflake> = votes.iter().map(|vote| vote.user_id).collect();
        let takes_two = is_joint || settled(plan, action.operation, tenant).is_some();
        if people.len() < JOINT_APPROVERS && !has_broken_glass && takes_two {
            return Err(NotApproved::TooFew);
        }
        let approval = Approval { plan: plan.clone(), operation: action.operation, approved_by, approved_at };
        Ok(Self { approval, request_id: action.request_id.clone(), expires_at })
    }

    /// The votes that an action claims to rest on. The clicks behind them are what [`ApprovedAction::reclaim`] wants
    /// proven.
    ///
    /// # Errors
    /// [`NotApproved::NoDecision`].
    pub fn votes<'a>(action: &ActionRecord, record: &'a AlertRecord) -> Result<&'a [Vote], NotApproved> {
        match action.operation {
            Operation::Execute if matches!(record.decision, Some(Decision::Approved { .. })) => Ok(&record.votes),
            Operation::Execute => Err(NotApproved::NoDecision),
            Operation::Rollback => match &record.release {
                Some(_) if !record.release_votes.is_empty() => Ok(&record.release_votes),
                // One that was asked for before releases had votes.
                Some(release) => release.requested_by.as_ref().map(std::slice::from_ref).ok_or(NotApproved::NoDecision),
                None => Err(NotApproved::NoDecision),
            },
        }
    }

    pub(super) fn summary(&self, at: i64, requested_by: Option<Vote>) -> crate::record::ActionSummary {
        crate::record::ActionSummary {
            request_id: self.request_id.clone(),
            state: crate::action::ActionState::Pending,
            verification: None,
            detail: None,
            vendor_reference: None,
            at,
            lease_until: None,
            contradictions: Vec::new(),
            requested_by,
        }
    }

    /// The action as it will be signed: `issued_at` (unix seconds) is the moment of delivery.
    #[must_use]
    pub fn to_action(&self, issued_at: i64, checkpoint: Option<Checkpoint>) -> Action {
        let plan = &self.approval.plan;
        Action {
            request_id: self.request_id.clone(),
            tenant_id: plan.tenant_id().clone(),
            proxy_id: plan.proxy_id().clone(),
            alert_id: plan.alert_id(),
            operation: self.approval.operation,
            action_type: plan.action_type(),
            target: plan.target().clone(),
            approved_by: self.approval.approved_by.clone(),
            approved_at: self.approval.approved_at,
            issued_at,
            expires_at: self.expires_at,
            plan_digest: plan.digest().hex(),
            lease_seconds: plan.lease_seconds().filter(|_| self.approval.operation == Operation::Execute),
            checkpoint,
        }
    }

    /// The key against doing it twice.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Whose action.
    #[must_use]
    pub const fn tenant_id(&self) -> &TenantId {
        self.approval.plan.tenant_id()
    }

    /// For which alert.
    #[must_use]
    pub const fn alert_id(&self) -> AlertId {
        self.approval.plan.alert_id()
    }

    /// Do or undo.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.approval.operation
    }

    /// The plan that was approved.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.approval.plan
    }

    /// Who approved; never empty.
    #[must_use]
    pub fn approved_by(&self) -> &[Approver] {
        &self.approval.approved_by
    }

    /// When the deciding approval was given, unix seconds.
    #[must_use]
    pub const fn approved_at(&self) -> i64 {
        self.approval.approved_at
    }

    /// After this it is not delivered any more, unix seconds.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.expires_at
    }
}

/// Whether an approval that nobody was asked for rests on an opt-in that is still in force, and on nothing else.
fn borne_out_in_advance(
    record: &AlertRecord,
    plan: &Plan,
    votes: &[Vote],
    tenant: &Tenant,
    grounds: Grounds<'_>,
    discord_keys: &[VerifyingKey],
) -> Result<(), NotApproved> {
    let opt_in = grounds.opt_in.ok_or(NotApproved::NotProven)?;
    let in_force = opt_in.in_force(tenant, discord_keys, grounds.now).map_err(NotApproved::OptIn)?;
    let [vote] = votes else { return Err(NotApproved::OtherApprovers) };
    if !in_force.bears_out(record, plan, vote) {
        return Err(NotApproved::NotProven);
    }
    if settled(plan, Operation::Execute, tenant).is_some() {
        return Err(NotApproved::TooFew);
    }
    Ok(())
}

/// How a click that Discord signed is this vote, if it is: the same person, an approver, on the button of this plan or in its
/// form. Where the tenant's policy always wants a form, a button alone decided nothing.
fn proves(click: &Click, vote: &Vote, plan: &Plan, operation: Operation, tenant: &Tenant) -> Option<Manner> {
    let id: CustomId = click.custom_id().parse().ok()?;
    let is_same =
        id.alert_id == plan.alert_id() && id.plan == plan.digest().short() && is_vote(click, id.verb, vote, tenant);
    let manner = match (operation, id.verb) {
        (Operation::Execute, Verb::Approve) if may_be_button(Verb::ApproveForm, tenant) => Manner::Quorum,
        (Operation::Rollback, Verb::Release) if may_be_button(Verb::ReleaseForm, tenant) => Manner::Quorum,
        (Operation::Execute, Verb::ApproveForm) | (Operation::Rollback, Verb::ReleaseForm) => Manner::Quorum,
        (Operation::Execute, Verb::BreakGlassForm) => Manner::BreakGlass,
        _ => return None,
    };
    is_same.then_some(manner)
}

/// The same for a click on a joint plan that holds this one.
fn proves_jointly(
    click: &Click,
    vote: &Vote,
    plan: &Plan,
    operation: Operation,
    tenant: &Tenant,
    joint: &JointPlan,
) -> Option<Manner> {
    let id: CustomId = click.custom_id().parse().ok()?;
    let is_yes = match id.verb {
        Verb::ApproveAll => may_be_button(Verb::ApproveAllForm, tenant),
        Verb::ApproveAllForm => true,
        _ => false,
    };
    let is_same = id.alert_id == joint.digest_id()
        && id.plan == joint.digest().short()
        && joint.contains(plan)
        && is_vote(click, id.verb, vote, tenant);
    let manner = Manner::Joint { digest: joint.digest_id(), plan: joint.digest() };
    (is_same && is_yes && operation == Operation::Execute).then_some(manner)
}

/// Whether the click is this very vote, of an approver in the tenant's own guild.
fn is_vote(click: &Click, verb: Verb, vote: &Vote, tenant: &Tenant) -> bool {
    verb.is_form() == click.form().is_some()
        && click.interaction_id() == vote.interaction_id
        && click.member().user_id() == vote.user_id
        && tenant.guild_id == Some(click.guild_id())
        && is_approver(click.member(), tenant)
        // A click says when it was made, too: an old yes under a new date would be a new one.
        && click.proof().is_of(vote.at)
}

/// One alert, one plan, one operation (and for a release, one asking): one request id, however often it is delivered.
fn request_id(plan: &Plan, operation: Operation, asked_by: Option<Snowflake>) -> RequestId {
    let mut id = format!("{}.{}.{}", custom_id::encode(plan.alert_id()), plan.digest().short(), operation.as_str());
    if let Some(click) = asked_by {
        id.push('.');
        id.push_str(&click.to_string());
    }
    id.parse().expect("base32, base64url, a word of ours and digits are within a request id's charset and length")
}

fn approvers(votes: &[Vote]) -> Vec<Approver> {
    votes.iter().map(|vote| Approver { id: vote.user_id.to_string(), name: vote.name.clone() }).collect()
}
