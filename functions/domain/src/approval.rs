//! Is this click a decision? Deny by default; every path to a yes is in this file and its folder.
//!
//! ```text
//!  Click (signed) + AlertRecord + Moment --admit: bind, authorise, still open?--> Admitted
//!      --form wanted?--> a form, and another signed click
//!      --rule: reason, code, quorum--> Ruling --> Approval -> ApprovedAction
//! ```
//!
//! [`OptIn`] is the one way on which nobody is asked: for LOW alerts, if a named person has allowed it in advance.
//!
//! The caller writes the result in one transaction on the record's version, so of any number of simultaneous clicks one wins.

mod admission;
mod approved;
mod form;
mod joint;
mod opt_in;
mod pace;
mod quorum;
mod refusal;

pub use admission::{Admitted, admit, admit_command};
pub use approved::{Approval, ApprovedAction, Grounds, NotApproved};
pub use form::{CODE_INPUT, FormWanted, MOST_REASON, REASON_INPUT, ReasonAsked};
pub use joint::{AdmittedJoint, JointOutcome, JointRuling, JointSubject, admit_joint};
pub use opt_in::{ALLOWED, InForce, NotInForce, OptIn, UnderOptIn};
pub use pace::Pace;
pub use quorum::second_wanted;
pub(crate) use quorum::settled;
pub use refusal::Refusal;

use crate::action::ActionState;
use crate::interaction::Click;
use crate::plan::Plan;
use crate::record::{ActionSummary, AlertRecord, Decision, Manner, Offer, Vote};
use crate::step_up::Factor;
use crate::tenant::Tenant;
use admission::Question;
use vyrox_contract::Operation;

/// What a click is ruled by, beside the click and the alert.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Whose alert, with their policy.
    pub tenant: &'a Tenant,
    /// How much was approved lately.
    pub pace: &'a Pace,
    /// The second factor of the one who clicked, if one is enrolled.
    pub factor: Option<&'a Factor>,
    /// Unix seconds.
    pub now: i64,
}

/// What a click came to, and everything that is to be written because of it.
#[derive(Debug)]
pub struct Ruling {
    /// The alert's record as it is now.
    pub record: AlertRecord,
    /// What came of it.
    pub outcome: Outcome,
    /// The approver's second factor, if a code has counted.
    pub factor: Option<Factor>,
    /// The tenant's pace, if it was a yes.
    pub pace: Option<Pace>,
}

/// What came of a click.
#[derive(Debug)]
pub enum Outcome {
    /// One yes of two that are needed.
    Counted,
    /// Decided: do it.
    Approved(ApprovedAction),
    /// Decided by one person alone: do it, and say so loudly.
    BrokeGlass(ApprovedAction),
    /// Decided: do not.
    Denied,
    /// The first of two who have to ask for a release.
    ReleaseCounted,
    /// Decided: undo it.
    Released(ApprovedAction),
    /// To be decided once more, on a new plan.
    Reopened,
}

impl Outcome {
    /// What is to be delivered because of it.
    #[must_use]
    pub const fn action(&self) -> Option<&ApprovedAction> {
        match self {
            Self::Approved(action) | Self::BrokeGlass(action) | Self::Released(action) => Some(action),
            Self::Counted | Self::Denied | Self::ReleaseCounted | Self::Reopened => None,
        }
    }

    /// Whether it settles the question on the card.
    #[must_use]
    pub const fn is_decision(&self) -> bool {
        matches!(self, Self::Approved(_) | Self::BrokeGlass(_) | Self::Denied)
    }

    /// The word in the audit.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Counted => "APPROVAL_COUNTED",
            Self::Approved(_) => "APPROVED",
            Self::BrokeGlass(_) => "APPROVED_BY_BREAK_GLASS",
            Self::Denied => "DENIED",
            Self::ReleaseCounted => "RELEASE_COUNTED",
            Self::Released(_) => "RELEASE_APPROVED",
            Self::Reopened => "QUESTION_REOPENED",
        }
    }
}

/// A click that is not counted. The factor, if there is one, has counted a wrong code and is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// The approver's second factor after it.
    pub factor: Option<Factor>,
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        Self { why, factor: None }
    }
}

impl Admitted<'_> {
    /// Rules on the click. `secret` is that of the approver's second factor, opened; it is looked at only where
    /// [`Admitted::needs_code`] says so.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn rule(self, secret: Option<&[u8]>) -> Result<Ruling, Refused> {
        let verb = self.question.form_verb();
        let reason = form::reason(self.click, verb, self.moment.tenant)?;
        let vote = Vote { reason, ..vote(self.click, self.moment.now) };
        let factor = form::check_code(self.click, verb, &self.moment, secret)?;
        let record = self.record.clone();
        let mut ruling = match self.question {
            Question::Approve(plan) => approve(record, plan, vote, &self.moment),
            Question::BreakGlass(plan) => break_glass(record, plan, vote, &self.moment),
            Question::Deny => deny(record, vote),
            Question::Release(plan) => release(record, plan, vote, &self.moment),
            Question::Reopen(again) => reopen(record, again),
            Question::Investigate => return Err(Refusal::NotThisCard.into()),
        };
        ruling.factor = factor;
        Ok(ruling)
    }
}

impl Ruling {
    const fn of(record: AlertRecord, outcome: Outcome) -> Self {
        Self { record, outcome, factor: None, pace: None }
    }
}

fn approve(mut record: AlertRecord, plan: &Plan, vote: Vote, moment: &Moment<'_>) -> Ruling {
    let wanted = second_wanted(plan, Operation::Execute, moment, vote.user_id).filter(|_| record.votes.is_empty());
    let host = plan.target().hostname.as_str();
    let pace = moment.pace.after(&vote, wanted.is_none().then_some(host), moment.tenant.policy.caps);
    record.votes.push(vote);
    let outcome = match wanted {
        Some(wanted) => {
            record.second_wanted = Some(wanted);
            Outcome::Counted
        }
        None => Outcome::Approved(contain(&mut record, plan, Manner::Quorum, moment.now)),
    };
    Ruling { pace: Some(pace), ..Ruling::of(record, outcome) }
}

/// An approver alone. An earlier yes of theirs is replaced; one of somebody else stands beside it.
fn break_glass(mut record: AlertRecord, plan: &Plan, vote: Vote, moment: &Moment<'_>) -> Ruling {
    let pace = moment.pace.after(&vote, Some(plan.target().hostname.as_str()), moment.tenant.policy.caps);
    record.votes.retain(|earlier| earlier.user_id != vote.user_id);
    record.votes.push(vote);
    let action = contain(&mut record, plan, Manner::BreakGlass, moment.now);
    Ruling { pace: Some(pace), ..Ruling::of(record, Outcome::BrokeGlass(action)) }
}

/// Settles the question by the record's votes.
fn contain(record: &mut AlertRecord, plan: &Plan, manner: Manner, now: i64) -> ApprovedAction {
    record.decision = Some(Decision::Approved { at: now, manner });
    let action = ApprovedAction::of(Approval::given(plan, Operation::Execute, &record.votes, now), None);
    record.containment = Some(action.summary(now, None));
    action
}

/// It takes the same role as Approve; one is enough.
fn deny(mut record: AlertRecord, by: Vote) -> Ruling {
    record.decision = Some(Decision::Denied { by });
    Ruling::of(record, Outcome::Denied)
}

fn release(mut record: AlertRecord, plan: &Plan, vote: Vote, moment: &Moment<'_>) -> Ruling {
    // A release that has come to nothing is asked for anew.
    if record.release.take().is_some() {
        record.release_votes.clear();
    }
    let wanted = second_wanted(plan, Operation::Rollback, moment, vote.user_id);
    record.release_votes.push(vote);
    if record.release_votes.len() < 2 && wanted.is_some() {
        return Ruling::of(record, Outcome::ReleaseCounted);
    }
    let votes = &record.release_votes;
    let first = votes.first().cloned().expect("one was just pushed");
    let approval = Approval::given(plan, Operation::Rollback, votes, moment.now);
    let action = ApprovedAction::of(approval, Some(first.interaction_id));
    record.release = Some(action.summary(moment.now, Some(first)));
    Ruling::of(record, Outcome::Released(action))
}

/// A question once more, with a new plan, a new expiry and no votes.
fn reopen(mut record: AlertRecord, again: Plan) -> Ruling {
    record.offer = Some(Offer::Containment(again));
    record.votes.clear();
    record.second_wanted = None;
    record.decision = None;
    record.containment = None;
    Ruling::of(record, Outcome::Reopened)
}

/// Whether the containment was approved and certainly did not happen.
#[must_use]
pub fn may_reopen(record: &AlertRecord) -> bool {
    use ActionState::{Expired, Failed, Refused};
    // What nobody was asked about is not asked about again either: the next alert like it is.
    let was_asked = !matches!(record.decision, Some(Decision::Approved { manner: Manner::OptIn { .. }, .. }));
    was_asked && record.containment.as_ref().is_some_and(|action| matches!(action.state, Failed | Refused | Expired))
}

/// Whether the alert's own containment is under way or in force, so that its host is not acted on because of another alert.
#[must_use]
pub fn holds_its_host(record: &AlertRecord) -> bool {
    use ActionState::{Already, Executed, RolledBack};
    let is_released = |release: &ActionSummary| matches!(release.state, RolledBack | Executed | Already);
    record.containment.as_ref().is_some_and(|action| !action.state.is_final() || action.state.is_contained())
        && !record.release.as_ref().is_some_and(is_released)
}

/// Whether a release may be asked for: the host is contained, and no release was asked for, or the last one certainly or
/// possibly did not happen.
#[must_use]
pub fn may_release(record: &AlertRecord) -> bool {
    use ActionState::{Ambiguous, DryRun, Expired, Failed, Refused};
    let is_open_again = |state| matches!(state, Failed | Refused | DryRun | Ambiguous | Expired);
    record.containment.as_ref().is_some_and(|action| action.state.is_contained())
        && record.release.as_ref().is_none_or(|release| is_open_again(release.state))
}

fn vote(click: &Click, now: i64) -> Vote {
    Vote {
        user_id: click.member().user_id(),
        name: click.member().name().to_owned(),
        at: now,
        interaction_id: click.interaction_id(),
        reason: None,
    }
}

#[cfg(test)]
mod tests;
