//! The form that stands between a button and a decision, where the tenant's policy wants a reason or a code.

use super::admission::{Admitted, Question};
use super::{Moment, Refusal, Refused};
use crate::custom_id::{CustomId, Verb};
use crate::interaction::Click;
use crate::plan::{Plan, PlanDigest};
use crate::step_up::{CodeError, Factor};
use crate::tenant::{ReasonRule, StepUpRule, Tenant};
use crate::text::visible_line;
use vyrox_contract::AlertId;

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
        Ok(FormWanted::of(plan, verb, &self.moment)?.if_needed())
    }

    /// Whether a code decides over this click.
    #[must_use]
    pub fn needs_code(&self) -> bool {
        self.question.form_verb().is_some_and(|verb| needs_code(verb, &self.moment))
    }
}

/// The reason, if one was given, on one line of visible characters. `verb` is the form's, where there can be one.
pub(super) fn reason(click: &Click, verb: Option<Verb>, tenant: &Tenant) -> Result<Option<String>, Refusal> {
    let text = click.form().and_then(|form| form.text(REASON_INPUT)).unwrap_or_default();
    let text = visible_line(text.trim(), MOST_REASON);
    match (text.is_empty(), verb.is_some_and(|verb| needs_reason(verb, tenant))) {
        (true, true) => Err(Refusal::ReasonMissing),
        (true, false) => Ok(None),
        (false, _) => Ok(Some(text)),
    }
}

/// The code, where one is needed. Nothing else of a ruling can refuse after it: a code that counts is used up.
pub(super) fn check_code(
    click: &Click,
    verb: Option<Verb>,
    moment: &Moment<'_>,
    secret: Option<&[u8]>,
) -> Result<Option<Factor>, Refused> {
    if !verb.is_some_and(|verb| needs_code(verb, moment)) {
        return Ok(None);
    }
    let (Some(factor), Some(secret)) = (moment.factor, secret) else {
        return Err(Refusal::CodeNotEnrolled.into());
    };
    let Some(code) = click.form().and_then(|form| form.text(CODE_INPUT)) else {
        return Err(Refusal::CodeWrong.into());
    };
    factor.check(secret, code, moment.now).map(Some).map_err(|(error, after)| Refused {
        why: match error {
            CodeError::Wrong => Refusal::CodeWrong,
            CodeError::Reused => Refusal::CodeReused,
            CodeError::Locked => Refusal::CodeLocked,
        },
        // A locked factor stays as it is.
        factor: (after != *factor).then_some(after),
    })
}

impl FormWanted {
    /// The form that a verb about this plan has.
    ///
    /// # Errors
    /// [`Refusal`] where a code is asked for that this approver cannot give.
    pub fn of(plan: &Plan, verb: Verb, moment: &Moment<'_>) -> Result<Self, Refusal> {
        Self::about(plan.alert_id(), plan.digest(), verb, moment)
    }

    /// The form that a verb about a plan of this digest has; `id` is the alert's, or the digest's of several hosts.
    pub(super) fn about(id: AlertId, plan: PlanDigest, verb: Verb, moment: &Moment<'_>) -> Result<Self, Refusal> {
        let code = needs_code(verb, moment);
        if code {
            let factor = moment.factor.ok_or(Refusal::CodeNotEnrolled)?;
            if factor.is_locked(moment.now) {
                return Err(Refusal::CodeLocked);
            }
        }
        let reason = if needs_reason(verb, moment.tenant) { ReasonAsked::Required } else { ReasonAsked::Optional };
        let id = CustomId { verb, alert_id: id, plan: plan.short() };
        Ok(Self { id, reason, code })
    }

    /// The form, if a button alone is not enough.
    pub(super) fn if_needed(self) -> Option<Self> {
        Some(self).filter(|wanted| wanted.code || wanted.reason == ReasonAsked::Required)
    }
}

/// Whether the tenant wants a reason with this form.
pub(super) fn needs_reason(verb: Verb, tenant: &Tenant) -> bool {
    match verb {
        Verb::BreakGlassForm => true,
        Verb::DenyForm | Verb::DenyAllForm => tenant.policy.reason != ReasonRule::None,
        Verb::ApproveForm | Verb::ApproveAllForm | Verb::ReleaseForm => tenant.policy.reason == ReasonRule::Always,
        _ => false,
    }
}

/// Whether a code is wanted: for what changes a host, unless one has counted within the grace; for a break-glass from
/// whoever has an authenticator enrolled, always.
pub(super) fn needs_code(verb: Verb, moment: &Moment<'_>) -> bool {
    let policy = &moment.tenant.policy;
    let is_fresh = || moment.factor.is_some_and(|factor| factor.is_fresh(policy.step_up_grace, moment.now));
    match verb {
        Verb::BreakGlassForm => moment.factor.is_some(),
        Verb::ApproveForm | Verb::ApproveAllForm | Verb::ReleaseForm => {
            policy.step_up == StepUpRule::Totp && !is_fresh()
        }
        _ => false,
    }
}

/// Whether a button alone could have decided, under this tenant's policy.
pub(super) fn may_be_button(verb: Verb, tenant: &Tenant) -> bool {
    let policy = &tenant.policy;
    !needs_reason(verb, tenant) && (policy.step_up == StepUpRule::None || policy.step_up_grace > 0)
}
