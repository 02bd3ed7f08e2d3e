//! The form that stands between a button and a decision, where the tenant's policy wants a reason or a code.

use super::admission::{Admitted, Question};
use super::{Moment, Refusal};
use crate::custom_id::{CustomId, Verb};
use crate::plan::Plan;
use crate::tenant::{ReasonRule, StepUpRule, Tenant};
use crate::text::visible_line;

/// The id of the input for the reason.
pub const REASON_INPUT: &str = "reason";
/// The id of the input for the code.
pub const CODE_INPUT: &str = "totp";
/// The longest reason, in characters.
pub const MOST_REASON: usize = 400;

/// Whether a form's reason has to be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonAsked {
    /// It may be left empty.
    Optional,
    /// It may not.
    Required,
}

/// A form that is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormWanted {
    /// What it carries.
    pub id: CustomId,
    /// Whether it asks for a reason.
    pub reason: ReasonAsked,
    /// Whether it asks for a code.
    pub code: bool,
}

impl Admitted<'_> {
    /// The form that has to be shown before this button counts, if there is one.
    ///
    /// # Errors
    /// [`Refusal`] where a code is asked for that this approver cannot give.
    pub fn form(&self) -> Result<Option<FormWanted>, Refusal> {
        if self.click.form().is_some() {
            return Ok(None);
        }
        let (verb, plan) = match &self.question {
            Question::Approve(plan) => (Verb::ApproveForm, *plan),
            Question::Deny => (Verb::DenyForm, self.record.plan().ok_or(Refusal::PlanChanged)?),
            Question::Release(plan) => (Verb::ReleaseForm, *plan),
            Question::BreakGlass(_) | Question::Reopen(_) | Question::Investigate => return Ok(None),
        };
        let wanted = FormWanted::of(plan, verb, &self.moment)?;
        Ok(Some(wanted).filter(|wanted| wanted.code || wanted.reason == ReasonAsked::Required))
    }

    /// Whether a code decides over this click.
    #[must_use]
    pub fn needs_code(&self) -> bool {
        verb(&self.question).is_some_and(|verb| needs_code(verb, &self.moment))
    }

    /// The reason, if one was given, on one line of visible characters.
    pub(super) fn reason(&self) -> Result<Option<String>, Refusal> {
        let text = self.click.form().and_then(|form| form.text(REASON_INPUT)).unwrap_or_default();
        let text = visible_line(text.trim(), MOST_REASON);
        let is_needed = verb(&self.question).is_some_and(|verb| needs_reason(verb, self.moment.tenant));
        match (text.is_empty(), is_needed) {
            (true, true) => Err(Refusal::ReasonMissing),
            (true, false) => Ok(None),
            (false, _) => Ok(Some(text)),
        }
    }
}

impl FormWanted {
    /// The form that a verb about this plan has.
    ///
    /// # Errors
    /// [`Refusal`] where a code is asked for that this approver cannot give.
    pub fn of(plan: &Plan, verb: Verb, moment: &Moment<'_>) -> Result<Self, Refusal> {
        let code = needs_code(verb, moment);
        if code {
            let factor = moment.factor.ok_or(Refusal::CodeNotEnrolled)?;
            if factor.is_locked(moment.now) {
                return Err(Refusal::CodeLocked);
            }
        }
        let reason = if needs_reason(verb, moment.tenant) { ReasonAsked::Required } else { ReasonAsked::Optional };
        let id = CustomId { verb, alert_id: plan.alert_id(), plan: plan.digest().short() };
        Ok(Self { id, reason, code })
    }
}

/// The form that a question comes with, whether or not it was shown.
const fn verb(question: &Question<'_>) -> Option<Verb> {
    match question {
        Question::Approve(_) => Some(Verb::ApproveForm),
        Question::BreakGlass(_) => Some(Verb::BreakGlassForm),
        Question::Deny => Some(Verb::DenyForm),
        Question::Release(_) => Some(Verb::ReleaseForm),
        Question::Reopen(_) | Question::Investigate => None,
    }
}

/// Whether the tenant wants a reason with this form.
pub(super) fn needs_reason(verb: Verb, tenant: &Tenant) -> bool {
    match verb {
        Verb::BreakGlassForm => true,
        Verb::DenyForm => tenant.policy.reason != ReasonRule::None,
        Verb::ApproveForm | Verb::ReleaseForm => tenant.policy.reason == ReasonRule::Always,
        _ => false,
    }
}

/// Whether a code is wanted: for what changes a host, unless one has counted within the grace; for a break-glass from
/// whoever has an authenticator enrolled, always.
fn needs_code(verb: Verb, moment: &Moment<'_>) -> bool {
    let policy = &moment.tenant.policy;
    let is_fresh = || moment.factor.is_some_and(|factor| factor.is_fresh(policy.step_up_grace, moment.now));
    match verb {
        Verb::BreakGlassForm => moment.factor.is_some(),
        Verb::ApproveForm | Verb::ReleaseForm => policy.step_up == StepUpRule::Totp && !is_fresh(),
        _ => false,
    }
}

/// Whether a button alone could have decided, under this tenant's policy.
pub(super) fn may_be_button(verb: Verb, tenant: &Tenant) -> bool {
    let policy = &tenant.policy;
    !needs_reason(verb, tenant) && (policy.step_up == StepUpRule::None || policy.step_up_grace > 0)
}
