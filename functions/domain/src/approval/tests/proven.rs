//! What bears a stored action out when it is about to be signed. Whoever can write into the table changes one thing of what
//! is stored, or keeps a signed click of another kind, and nothing is signed.

use super::*;
use serde_json::{Value, json};
use vyrox_contract::AlertId;

/// What is stored after a yes, and the click that proves it.
struct Stored {
    record: AlertRecord,
    tenant: Tenant,
    action: ActionRecord,
}

impl Stored {
    fn containment() -> Self {
        let (asked, tenant) = asked();
        let (record, action) = approved(&asked, &tenant);
        Self { record, tenant, action: ActionRecord::approved(&action) }
    }

    fn release() -> Self {
        let Self { mut record, tenant, .. } = Self::containment();
        record.containment.as_mut().unwrap().state = ActionState::Executed;
        let (record, Outcome::Released(action)) = ruled(&record, &tenant, Verb::Release, APPROVER, NOW) else {
            panic!("it is contained")
        };
        Self { record, tenant, action: ActionRecord::approved(&action) }
    }

    fn with(&self, change: impl FnOnce(&mut AlertRecord, &mut ActionRecord)) -> Self {
        let (mut record, mut action) = (self.record.clone(), self.action.clone());
        change(&mut record, &mut action);
        Self { record, tenant: self.tenant.clone(), action }
    }

    /// The approver's click on this button, with a body that Discord signed as it is.
    fn click(&self, verb: Verb, change: impl FnOnce(&mut Value)) -> ClickProof {
        changed_click(&button(&self.record, verb), APPROVER, change).proof().clone()
    }

    fn reclaimed(&self, proofs: &[ClickProof]) -> Result<ApprovedAction, NotApproved> {
        ApprovedAction::reclaim(&self.action, &self.record, &self.tenant, grounds(proofs), &discord_keys())
    }

    fn refusal(&self, proof: ClickProof) -> Option<NotApproved> {
        self.reclaimed(&[proof]).err()
    }
}

const NOT_PROVEN: Option<NotApproved> = Some(NotApproved::NotProven);

#[test]
fn a_click_proves_its_own_vote_and_no_other() {
    let stored = Stored::containment();
    let refusal = |change: fn(&mut Value)| stored.refusal(stored.click(Verb::Approve, change));
    assert_eq!(refusal(|_| ()), None);
    assert_eq!(refusal(|body| body["id"] = json!("90000412")), NOT_PROVEN, "another click of theirs");
    assert_eq!(refusal(|body| body["member"]["user"]["id"] = json!("42")), NOT_PROVEN, "another person");
    assert_eq!(refusal(|body| body["guild_id"] = json!("601")), NOT_PROVEN, "another server");
    assert_eq!(refusal(|body| body["member"]["roles"] = json!(["999"])), NOT_PROVEN, "without the role");
    assert_eq!(refusal(|body| body["type"] = json!(5)), NOT_PROVEN, "a form under a button's name");
    let other = CustomId { alert_id: AlertId::from_bytes([7; 16]), ..button(&stored.record, Verb::Approve) };
    assert_eq!(stored.refusal(changed_click(&other, APPROVER, |_| ()).proof().clone()), NOT_PROVEN, "another alert");
    let form = stored.click(Verb::ApproveForm, |_| ());
    assert_eq!(stored.refusal(form), NOT_PROVEN, "a button under a form's name");
}

#[test]
fn a_click_proves_what_its_button_says() {
    let (containment, release) = (Stored::containment(), Stored::release());
    assert_eq!(release.refusal(release.click(Verb::Release, |_| ())), None);
    for verb in [Verb::Deny, Verb::Release, Verb::Reopen, Verb::Investigate, Verb::ApproveAll] {
        assert_eq!(containment.refusal(containment.click(verb, |_| ())), NOT_PROVEN, "{verb:?}");
    }
    for verb in [Verb::Deny, Verb::Approve, Verb::Reopen, Verb::Investigate, Verb::ApproveAll] {
        assert_eq!(release.refusal(release.click(verb, |_| ())), NOT_PROVEN, "{verb:?}");
    }
    let sent = |body: &mut Value| body["type"] = json!(5);
    for verb in [Verb::DenyForm, Verb::ReleaseForm, Verb::ApproveAllForm] {
        assert_eq!(containment.refusal(containment.click(verb, sent)), NOT_PROVEN, "{verb:?}");
    }
    for verb in [Verb::DenyForm, Verb::ApproveForm, Verb::BreakGlassForm, Verb::ApproveAllForm] {
        assert_eq!(release.refusal(release.click(verb, sent)), NOT_PROVEN, "{verb:?}");
    }
}

#[test]
fn a_button_proves_nothing_where_a_form_has_to_be_filled_in() {
    for (mut stored, verb, form) in [
        (Stored::containment(), Verb::Approve, Verb::ApproveForm),
        (Stored::release(), Verb::Release, Verb::ReleaseForm),
    ] {
        let (button, form) = (stored.click(verb, |_| ()), stored.click(form, |body| body["type"] = json!(5)));
        stored.tenant.policy.reason = ReasonRule::Always;
        assert_eq!((stored.refusal(button.clone()), stored.refusal(form.clone())), (NOT_PROVEN, None), "a reason");
        stored.tenant = stage::tenant();
        (stored.tenant.policy.step_up, stored.tenant.policy.step_up_grace) = (StepUpRule::Totp, 0);
        assert_eq!((stored.refusal(button), stored.refusal(form)), (NOT_PROVEN, None), "a code each time");
    }
}

#[test]
fn the_stored_action_is_the_one_that_was_decided() {
    let stored = Stored::containment();
    let click = stored.click(Verb::Approve, |_| ());
    let refusal = |change: fn(&mut AlertRecord, &mut ActionRecord)| stored.with(change).refusal(click.clone());
    let other_id: fn(&mut AlertRecord, &mut ActionRecord) =
        |_, action| action.request_id = format!("{}x", action.request_id).parse().unwrap();
    assert_eq!(refusal(other_id), Some(NotApproved::OtherPlan), "done twice under two ids");
    let others = Some(NotApproved::OtherApprovers);
    assert_eq!(refusal(|_, action| action.approved_by[0].name = "root".into()), others);
    assert_eq!(refusal(|_, action| action.approved_by.clear()), others);
    assert_eq!(refusal(|_, action| action.approved_at += 1), others);
    assert_eq!(refusal(|record, _| record.votes.clear()), others);
    let denied: fn(&mut AlertRecord, &mut ActionRecord) =
        |record, _| record.decision = Some(Decision::Denied { by: record.votes[0].clone() });
    assert_eq!(refusal(denied), Some(NotApproved::NoDecision));
}

#[test]
fn an_old_yes_is_none_under_a_new_date() {
    for (stored, verb) in [(Stored::containment(), Verb::Approve), (Stored::release(), Verb::Release)] {
        let click = stored.click(verb, |_| ());
        let dated = |seconds: i64| {
            stored.with(|record, action| {
                record.votes.iter_mut().chain(&mut record.release_votes).for_each(|vote| vote.at += seconds);
                action.approved_at += seconds;
                action.expires_at += seconds;
            })
        };
        assert_eq!(dated(300).refusal(click.clone()), None, "as far as clocks may differ");
        assert_eq!(dated(301).refusal(click.clone()), NOT_PROVEN);
        assert_eq!(dated(-301).refusal(click), NOT_PROVEN);
    }
}

#[test]
fn no_action_is_good_for_longer_than_its_approval() {
    let stored = Stored::containment();
    let click = [stored.click(Verb::Approve, |_| ())];
    let until = |change: i64| {
        let stored = stored.with(|_, action| action.expires_at += change);
        stored.reclaimed(&click).unwrap().to_action(NOW, None).expires_at
    };
    let expires_at = stored.action.expires_at;
    assert_eq!((until(0), until(86_400), until(-1)), (expires_at, expires_at, expires_at - 1));
}

#[test]
fn two_yeses_of_one_person_are_one() {
    let mut stored = Stored::containment();
    stored.tenant.quorum = 2;
    let first = stored.click(Verb::Approve, |_| ());
    let second = stored.click(Verb::Approve, |body| body["id"] = json!("90000412"));
    let twice = stored.with(|record, action| {
        let again = Vote { interaction_id: "90000412".parse().unwrap(), ..record.votes[0].clone() };
        record.votes.push(again);
        action.approved_by.push(action.approved_by[0].clone());
    });
    assert_eq!(twice.reclaimed(&[first, second]).err(), Some(NotApproved::TooFew));
}

#[test]
fn each_of_several_votes_needs_its_click() {
    let (asked, mut tenant) = asked();
    tenant.quorum = 2;
    let (counted, _) = ruled(&asked, &tenant, Verb::Approve, APPROVER, NOW);
    let (record, Outcome::Approved(action)) = ruled(&counted, &tenant, Verb::Approve, SECOND, NOW) else {
        panic!("two are enough")
    };
    let stored = Stored { record, tenant, action: ActionRecord::approved(&action) };
    let id = button(&stored.record, Verb::Approve);
    let [first, second] = [APPROVER, SECOND].map(|user| changed_click(&id, user, |_| ()).proof().clone());
    assert_eq!(stored.refusal(first.clone()), NOT_PROVEN);
    assert_eq!(stored.refusal(second.clone()), NOT_PROVEN);
    assert_eq!(stored.reclaimed(&[first, second]).err(), None);
}

#[test]
fn breaking_the_glass_is_one_persons_and_is_said_so() {
    let (asked, mut tenant) = asked();
    tenant.quorum = 2;
    let id = button(&asked, Verb::BreakGlassForm).to_string();
    let click = crate::interaction::tests::command_form(&id, APPROVER, &[APPROVER_ROLE], &[("reason", "it spreads")]);
    let ruling = Bench::of(&tenant).rule(&asked, &click, NOW).unwrap();
    let Outcome::BrokeGlass(action) = ruling.outcome else { panic!("one may alone") };
    let manner = Some(Decision::Approved { at: NOW, manner: Manner::BreakGlass });
    assert_eq!(ruling.record.decision, manner, "the card says how it was decided");
    let stored = Stored { record: ruling.record, tenant, action: ActionRecord::approved(&action) };
    assert_eq!(stored.refusal(click.proof().clone()), None);
    assert_eq!(
        stored.refusal(stored.click(Verb::Approve, |_| ())),
        Some(NotApproved::TooFew),
        "an ordinary yes is half"
    );
}
