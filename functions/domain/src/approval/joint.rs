//! Clicks on a joint plan: the same rules as for one host, and always two people.

use super::admission::{authorise, is_bound};
use super::form::{self, FormWanted};
use super::{ApprovedAction, Moment, Pace, Refusal, Refused, contain, vote};
use crate::custom_id::{CustomId, Verb};
use crate::interaction::Click;
use crate::record::{AlertRecord, Decision, Manner, Vote};
use crate::step_up::Factor;
use crate::storm::{Digest, JOINT_APPROVERS, JointPlan, JointQuestion};
use vyrox_contract::AlertId;

/// A digest with the alerts of its hosts, as they were read.
#[derive(Debug, Clone, Copy)]
pub struct JointSubject<'a> {
    /// The digest.
    pub digest: &'a Digest,
    /// Its hosts' alerts, in any order.
    pub records: &'a [AlertRecord],
    /// Those of them whose host is contained, or about to be, because of another alert: it is not acted on twice.
    pub held: &'a [AlertId],
}

/// A click on a joint plan that may be ruled on. Made only by [`admit_joint`].
#[derive(Debug)]
pub struct AdmittedJoint<'a> {
    subject: JointSubject<'a>,
    question: &'a JointQuestion,
    click: &'a Click,
    verb: Verb,
    moment: Moment<'a>,
}

/// What a click on a joint plan came to, and everything that is to be written because of it.
#[derive(Debug)]
pub struct JointRuling {
    /// The digest as it is now.
    pub digest: Digest,
    /// The plan that the click was about.
    pub plan: JointPlan,
    /// The alerts that have changed, as they are now.
    pub records: Vec<AlertRecord>,
    /// What came of it.
    pub outcome: JointOutcome,
    /// The vote that the click was.
    pub vote: Vote,
    /// The approver's second factor, if a code has counted.
    pub factor: Option<Factor>,
    /// The tenant's pace, if it was a yes.
    pub pace: Option<Pace>,
}

/// What came of a click on a joint plan.
#[derive(Debug)]
pub enum JointOutcome {
    /// One yes of two.
    Counted,
    /// Decided: one action for each host.
    Approved(Vec<ApprovedAction>),
    /// Decided: none of them.
    Denied,
}

impl JointOutcome {
    /// What is to be delivered because of it.
    #[must_use]
    pub fn actions(&self) -> &[ApprovedAction] {
        match self {
            Self::Approved(actions) => actions,
            Self::Counted | Self::Denied => &[],
        }
    }

    /// The word in the audit.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Counted => "JOINT_APPROVAL_COUNTED",
            Self::Approved(_) => "JOINT_APPROVED",
            Self::Denied => "JOINT_DENIED",
        }
    }
}

/// Admits a click on a joint plan: it is on the digest's own message in the tenant's own guild, by somebody who may decide,
/// on the plan that was shown, and every host of that plan is still as it was shown.
///
/// # Errors
/// [`Refusal`].
pub fn admit_joint<'a>(
    subject: JointSubject<'a>,
    click: &'a Click,
    id: &CustomId,
    moment: Moment<'a>,
) -> Result<AdmittedJoint<'a>, Refusal> {
    let digest = subject.digest;
    if digest.tenant_id != moment.tenant.id || !is_bound(digest.posted.as_ref(), click, id.verb, moment.tenant) {
        return Err(Refusal::NotThisCard);
    }
    authorise(click.member(), moment.tenant, moment.now)?;
    let asked = digest.asked.as_ref().filter(|question| question.plan.digest().short() == id.plan);
    let Some(question) = asked else {
        let is_settled = digest.settled.is_some_and(|settled| settled.short() == id.plan);
        return Err(if is_settled { Refusal::AlreadyDecided } else { Refusal::PlanChanged });
    };
    if moment.now >= question.plan.expires_at() {
        return Err(Refusal::Expired);
    }
    if !question.plan.stands(subject.records, moment.now)
        || question.plan.alerts().any(|alert| subject.held.contains(&alert))
    {
        return Err(Refusal::PlanChanged);
    }
    if matches!(id.verb, Verb::ApproveAll | Verb::ApproveAllForm) {
        if question.votes.iter().any(|vote| vote.user_id == click.member().user_id()) {
            return Err(Refusal::AlreadyVoted);
        }
        if moment.tenant.policy.is_frozen(moment.now) {
            return Err(Refusal::Frozen);
        }
    }
    Ok(AdmittedJoint { subject, question, click, verb: id.verb, moment })
}

impl<'a> AdmittedJoint<'a> {
    /// The plan that the click is about.
    #[must_use]
    pub const fn plan(&self) -> &'a JointPlan {
        &self.question.plan
    }

    /// The form that has to be shown before this button counts, if there is one.
    ///
    /// # Errors
    /// [`Refusal`] where a code is asked for that this approver cannot give.
    pub fn form(&self) -> Result<Option<FormWanted>, Refusal> {
        if self.click.form().is_some() {
            return Ok(None);
        }
        let plan = self.plan();
        let wanted = FormWanted::about(plan.digest_id(), plan.digest(), self.form_verb(), &self.moment)?;
        Ok(wanted.if_needed())
    }

    /// The form that this click is, or would open.
    const fn form_verb(&self) -> Verb {
        match self.verb {
            Verb::ApproveAll | Verb::ApproveAllForm => Verb::ApproveAllForm,
            _ => Verb::DenyAllForm,
        }
    }

    /// Whether a code decides over this click.
    #[must_use]
    pub fn needs_code(&self) -> bool {
        form::needs_code(self.form_verb(), &self.moment)
    }

    /// Rules on the click. `secret` is that of the approver's second factor, opened; it is looked at only where
    /// [`AdmittedJoint::needs_code`] says so.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn rule(self, secret: Option<&[u8]>) -> Result<JointRuling, Refused> {
        let verb = self.form_verb();
        let reason = form::reason(self.click, Some(verb), self.moment.tenant)?;
        let vote = Vote { reason, ..vote(self.click, self.moment.now) };
        let factor = form::check_code(self.click, Some(verb), &self.moment, secret)?;
        let ruling = if verb == Verb::ApproveAllForm { self.approve(vote) } else { self.deny(vote) };
        Ok(JointRuling { factor, ..ruling })
    }

    fn approve(self, vote: Vote) -> JointRuling {
        let (plan, caps, now) = (self.plan().clone(), self.moment.tenant.policy.caps, self.moment.now);
        let mut votes = self.question.votes.clone();
        votes.push(vote.clone());
        let mut digest = self.subject.digest.clone();
        if votes.len() < JOINT_APPROVERS {
            digest.asked = Some(JointQuestion { plan: plan.clone(), votes });
            let pace = Some(self.moment.pace.after(&vote, None, caps));
            let (records, outcome) = (Vec::new(), JointOutcome::Counted);
            return JointRuling { digest, plan, records, outcome, vote, factor: None, pace };
        }
        let manner = Manner::Joint { digest: plan.digest_id(), plan: plan.digest() };
        let mut records = self.records_of(&plan);
        let actions: Vec<ApprovedAction> = records
            .iter_mut()
            .map(|record| {
                let own = record.plan().cloned().expect("a joint plan that stands is of records with a plan");
                // Whoever had said yes to this host alone has been overtaken.
                record.votes.clone_from(&votes);
                record.second_wanted = None;
                contain(record, &own, manner, now)
            })
            .collect();
        (digest.asked, digest.settled) = (None, Some(plan.digest()));
        let hosts = actions.iter().map(|action| action.plan().target().hostname.as_str());
        let pace = Some(self.moment.pace.after(&vote, hosts, caps));
        let outcome = JointOutcome::Approved(actions);
        JointRuling { digest, plan, records, outcome, vote, factor: None, pace }
    }

    /// One no ends it for every host of the plan.
    fn deny(self, vote: Vote) -> JointRuling {
        let plan = self.plan().clone();
        let mut records = self.records_of(&plan);
        for record in &mut records {
            record.decision = Some(Decision::Denied { by: vote.clone() });
        }
        let mut digest = self.subject.digest.clone();
        (digest.asked, digest.settled) = (None, Some(plan.digest()));
        let outcome = JointOutcome::Denied;
        JointRuling { digest, plan, records, outcome, vote, factor: None, pace: None }
    }

    fn records_of(&self, plan: &JointPlan) -> Vec<AlertRecord> {
        let found =
            plan.alerts().filter_map(|alert| self.subject.records.iter().find(|record| record.alert.id == alert));
        found.cloned().collect()
    }
}
