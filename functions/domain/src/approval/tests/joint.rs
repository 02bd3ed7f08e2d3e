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
