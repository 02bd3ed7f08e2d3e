//! One click on a plan for several hosts.

use super::*;

/// A digest over three alerts with its message, and a click on its whole plan.
fn storm() -> (crate::storm::Digest, Vec<AlertRecord>) {
    let records: Vec<AlertRecord> = (1..=3).map(|number| stage::asked_about(number, number)).collect();
    let begun = crate::storm::Digest::begun(&"acme".parse().unwrap(), records[0].alert.id, NOW);
    let mut digest = records.iter().fold(begun, |digest, record| digest.with(record, NOW).unwrap().0);
    let (channel_id, message_id) = ("700".parse().unwrap(), "800".parse().unwrap());
    digest.posted = Some(Posted { channel_id, message_id, digest: String::new(), open_until: None });
    assert!(digest.ask(&records, NOW));
    (digest, records)
}

#[test]
fn each_action_of_a_joint_plan_is_proven_by_two_clicks_on_that_plan() {
    let (digest, records) = storm();
    let tenant = stage::tenant();
    let plan = digest.asked.as_ref().unwrap().plan.clone();
    let id = CustomId { verb: Verb::ApproveAll, alert_id: digest.id, plan: plan.digest().short() }.to_string();
    let bench = Bench::of(&tenant);
    let rule = |digest: &crate::storm::Digest, click: &Click| {
        let subject = JointSubject { digest, records: &records, held: &[] };
        admit_joint(subject, click, &click.custom_id().parse().unwrap(), bench.moment(NOW)).unwrap().rule(None).unwrap()
    };
    let (anna, bert) = (click(&id, APPROVER, &[APPROVER_ROLE]), click(&id, SECOND, &[APPROVER_ROLE]));
    let first = rule(&digest, &anna);
    assert!(matches!(first.outcome, JointOutcome::Counted) && first.records.is_empty());
    let second = rule(&first.digest, &bert);
    assert_eq!((second.outcome.actions().len(), second.records.len(), &second.digest.asked), (3, 3, &None));
    let both = [anna.proof().clone(), bert.proof().clone()];
    let keys = discord_keys();
    for (action, record) in second.outcome.actions().iter().zip(&second.records) {
        let stored = ActionRecord::approved(action);
        let reclaim = |record: &AlertRecord, proofs: &[ClickProof], joint: Option<&crate::storm::JointPlan>| {
            ApprovedAction::reclaim(&stored, record, &tenant, Grounds { proofs, joint, ..Grounds::default() }, &keys)
                .map(|_| ())
        };
        assert_eq!(reclaim(record, &both, Some(&plan)), Ok(()));
        assert_eq!(reclaim(record, &both, None), Err(NotApproved::NotProven), "no plan");
        assert_eq!(reclaim(record, &both[..1], Some(&plan)), Err(NotApproved::NotProven), "one click");
        let fewer = crate::storm::JointPlan::of(&digest, &records[..2], NOW).unwrap();
        assert_eq!(reclaim(record, &both, Some(&fewer)), Err(NotApproved::NotProven), "another plan");
        // Whoever can write into the table makes a decision of one yes.
        let mut forged = record.clone();
        forged.votes.truncate(1);
        forged.decision = Some(Decision::Approved { at: NOW, manner: Manner::Quorum });
        let alone = ActionRecord { approved_by: stored.approved_by[..1].to_vec(), ..stored.clone() };
        let grounds = Grounds { proofs: &both[..1], joint: Some(&plan), ..Grounds::default() };
        let reclaimed = ApprovedAction::reclaim(&alone, &forged, &tenant, grounds, &keys).map(|_| ());
        assert_eq!(reclaimed, Err(NotApproved::TooFew), "a joint plan always takes two");
    }
}

/// Whoever can write into the table changes one thing of what is stored, or keeps a signed click of another kind.
#[test]
fn a_click_on_a_joint_plan_proves_a_containment_of_that_plan() {
    let (digest, records) = storm();
    let (tenant, keys) = (stage::tenant(), discord_keys());
    let plan = digest.asked.as_ref().unwrap().plan.clone();
    let id = CustomId { verb: Verb::ApproveAll, alert_id: digest.id, plan: plan.digest().short() };
    let proofs = |id: &CustomId, kind: u8| {
        let change = |body: &mut serde_json::Value| body["type"] = kind.into();
        [APPROVER, SECOND].map(|user| changed_click(id, user, change).proof().clone())
    };
    let votes: Vec<Vote> =
        [APPROVER, SECOND].into_iter().map(|user| vote(&click(&id.to_string(), user, &[APPROVER_ROLE]), NOW)).collect();
    let mut record = records[2].clone();
    let own = record.plan().unwrap().clone();
    record.votes.clone_from(&votes);
    let manner = Manner::Joint { digest: plan.digest_id(), plan: plan.digest() };
    let contained = ActionRecord::approved(&contain(&mut record, &own, manner, NOW));
    let reclaim = |stored: &ActionRecord, record: &AlertRecord, tenant: &Tenant, proofs: &[ClickProof], joint| {
        let grounds = Grounds { proofs, joint: Some(joint), ..Grounds::default() };
        ApprovedAction::reclaim(stored, record, tenant, grounds, &keys).map(|_| ()).err()
    };
    let of = |proofs: &[ClickProof], joint| reclaim(&contained, &record, &tenant, proofs, joint);
    let not_proven = Some(NotApproved::NotProven);
    assert_eq!(of(&proofs(&id, 3), &plan), None);

    let elsewhere = CustomId { alert_id: records[0].alert.id, ..id.clone() };
    assert!(elsewhere.alert_id != id.alert_id, "a digest has an id of its own");
    assert_eq!(of(&proofs(&elsewhere, 3), &plan), not_proven, "another digest");
    let fewer = crate::storm::JointPlan::of(&digest, &records[..2], NOW).unwrap();
    let about_fewer = CustomId { plan: fewer.digest().short(), ..id };
    assert_eq!(of(&proofs(&about_fewer, 3), &fewer), not_proven, "a plan without this host");
    assert_eq!(of(&proofs(&about_fewer, 3), &plan), not_proven, "another plan of the same digest");
    let refused = CustomId { verb: Verb::DenyAll, ..id.clone() };
    assert_eq!(of(&proofs(&refused, 3), &plan), not_proven, "clicks on Deny all");

    let mut reasons = tenant.clone();
    reasons.policy.reason = ReasonRule::Always;
    let form = CustomId { verb: Verb::ApproveAllForm, ..id.clone() };
    let under_reasons = |proofs: &[ClickProof]| reclaim(&contained, &record, &reasons, proofs, &plan);
    assert_eq!(under_reasons(&proofs(&id, 3)), not_proven, "a button where a form has to be filled in");
    assert_eq!(under_reasons(&proofs(&form, 5)), None);

    let mut released = record.clone();
    released.release_votes = votes;
    let asked_by = Some(released.release_votes[0].interaction_id);
    let approval = Approval::given(&own, Operation::Rollback, &released.release_votes, NOW);
    let action = ApprovedAction::of(approval, asked_by);
    released.release = Some(action.summary(NOW, None));
    let stored = ActionRecord::approved(&action);
    assert_eq!(reclaim(&stored, &released, &tenant, &proofs(&id, 3), &plan), not_proven, "a release");
}

#[test]
fn a_joint_plan_is_refused_once_settled_changed_or_held() {
    let (digest, records) = storm();
    let tenant = stage::tenant();
    let id = CustomId {
        verb: Verb::ApproveAll,
        alert_id: digest.id,
        plan: digest.asked.as_ref().unwrap().plan.digest().short(),
    };
    let click = click(&id.to_string(), APPROVER, &[APPROVER_ROLE]);
    let refused = |digest: &crate::storm::Digest, records: &[AlertRecord], held: &[vyrox_contract::AlertId], now| {
        let bench = Bench::of(&tenant);
        let subject = JointSubject { digest, records, held };
        admit_joint(subject, &click, &id, bench.moment(now)).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(&digest, &records, &[records[1].alert.id], NOW), Refusal::PlanChanged);
    assert_eq!(refused(&digest, &records[1..], &[], NOW), Refusal::PlanChanged, "an alert is gone");
    let until = digest.asked.as_ref().unwrap().plan.expires_at();
    assert_eq!(refused(&digest, &records, &[], until), Refusal::Expired);
    let mut settled = digest.clone();
    settled.settled = settled.asked.take().map(|question| question.plan.digest());
    assert_eq!(refused(&settled, &records, &[], NOW), Refusal::AlreadyDecided);
    let mut elsewhere = digest;
    elsewhere.posted = None;
    assert_eq!(refused(&elsewhere, &records, &[], NOW), Refusal::NotThisCard);
}
