use super::super::{Grounds, NotApproved};
use super::*;
use crate::action::ActionRecord;
use crate::interaction::tests::{discord_keys, invocation};
use crate::stage::{self, APPROVER_ROLE, NOW};
use crate::tenant::Caps;
use serde_json::json;

fn command(roles: &[&str]) -> Invocation {
    let options = json!([{"name": "auto-approve", "type": 2, "options": [{"name": "on", "type": 1, "options": [
        {"name": "days", "type": 4, "value": 7}, {"name": "minutes", "type": 4, "value": 60},
        {"name": "reason", "type": 3, "value": "nobody is here at night"}]}]}]);
    invocation(&options, "0", roles)
}

fn given() -> (OptIn, Tenant) {
    let tenant = stage::tenant();
    (OptIn::given(&tenant, &command(&[APPROVER_ROLE]), NOW).unwrap(), tenant)
}

fn low() -> AlertRecord {
    let mut record = AlertRecord::received(stage::alert());
    let mut verdict = stage::verdict();
    verdict.verdict = VerdictLevel::Low;
    record.verdict = Some(verdict);
    record
}

fn approve(opt_in: &OptIn, record: &AlertRecord, tenant: &Tenant, pace: &Pace) -> Option<UnderOptIn> {
    let moment = Moment { tenant, pace, factor: None, now: NOW + 60 };
    opt_in.in_force(tenant, &discord_keys(), NOW + 60).unwrap().approve(record, &moment)
}

#[test]
fn it_counts_only_while_a_signed_command_of_an_approver_proves_it() {
    let (opt_in, tenant) = given();
    let keys = discord_keys();
    assert_eq!((opt_in.expires_at(), opt_in.lease_seconds()), (NOW + 7 * DAY, 3_600));
    let check = |opt_in: &OptIn, tenant: &Tenant, now| opt_in.in_force(tenant, &keys, now).map(|_| ()).err();
    assert_eq!(check(&opt_in, &tenant, NOW), None);
    assert_eq!(check(&opt_in, &tenant, opt_in.expires_at() - 1), None);
    assert_eq!(check(&opt_in, &tenant, opt_in.expires_at()), Some(NotInForce::Expired));
    let taken_back = opt_in.clone().withdrawn(&command(&[APPROVER_ROLE]), NOW + 1);
    assert_eq!(check(&taken_back, &tenant, NOW + 2), Some(NotInForce::Withdrawn));
    // Whoever can write into the table changes one thing.
    let forge = |change: fn(&mut OptIn)| {
        let mut forged = opt_in.clone();
        change(&mut forged);
        check(&forged, &tenant, NOW)
    };
    let not_proven = Some(NotInForce::NotProven);
    assert_eq!(forge(|opt_in| opt_in.expires_at += 1), not_proven, "a longer time");
    assert_eq!(forge(|opt_in| (opt_in.by.at, opt_in.expires_at) = (NOW + 500, opt_in.expires_at + 500)), not_proven);
    assert_eq!(forge(|opt_in| opt_in.lease_seconds = 7_200), not_proven, "a longer isolation");
    assert_eq!(forge(|opt_in| opt_in.by.user_id = "43".parse().unwrap()), not_proven, "another person");
    assert_eq!(forge(|opt_in| opt_in.by.name = "root".into()), not_proven, "another name");
    let other_key = ed25519_dalek::SigningKey::from_bytes(&[6; 32]).verifying_key();
    assert_eq!(opt_in.in_force(&tenant, &[other_key], NOW).map(|_| ()).err(), not_proven, "not Discord's");
    // Somebody without the role, and somebody whose role approves no more.
    let roleless = OptIn::given(&tenant, &command(&["999"]), NOW).unwrap();
    assert_eq!(check(&roleless, &tenant, NOW), not_proven);
    let change = |change: fn(&mut Tenant)| {
        let mut tenant = tenant.clone();
        change(&mut tenant);
        check(&opt_in, &tenant, NOW)
    };
    assert_eq!(change(|tenant| tenant.approver_roles.clear()), not_proven);
    assert_eq!(change(|tenant| tenant.guild_id = None), not_proven);
    assert_eq!(change(|tenant| tenant.id = "other".parse().unwrap()), not_proven, "another tenant's");
    assert_eq!(change(|tenant| tenant.policy.step_up = StepUpRule::Totp), Some(NotInForce::StepUp));
    assert_eq!(change(|tenant| tenant.status = TenantStatus::Suspended), Some(NotInForce::Suspended));
    let other = invocation(&json!([{"name": "status", "type": 1}]), "0", &[APPROVER_ROLE]);
    assert_eq!(OptIn::given(&tenant, &other, NOW), None, "another command is no opt-in");
}

#[test]
fn under_it_a_low_alert_is_isolated_for_a_while_in_the_name_of_a_person() {
    let (opt_in, tenant) = given();
    let approved = approve(&opt_in, &low(), &tenant, &Pace::default()).unwrap();
    let vote = &approved.record.votes[0];
    assert_eq!((vote.user_id, vote.at), (opt_in.by().user_id, NOW + 60));
    assert_eq!(vote.reason.as_deref(), Some("nobody is here at night"));
    let action = approved.action.to_action(NOW + 60, None);
    assert_eq!((action.action_type, action.lease_seconds), (ActionType::HostIsolation, Some(3_600)));
    assert_eq!(action.approved_by[0].id, vote.user_id.to_string());
}

#[test]
fn at_delivery_it_is_proven_once_more() {
    let (opt_in, tenant) = given();
    let approved = approve(&opt_in, &low(), &tenant, &Pace::default()).unwrap();
    let stored = ActionRecord::approved(&approved.action);
    let keys = discord_keys();
    let reclaim = |record: &AlertRecord, tenant: &Tenant, opt_in: Option<&OptIn>, now| {
        let grounds = Grounds { opt_in, now, ..Grounds::default() };
        ApprovedAction::reclaim(&stored, record, tenant, grounds, &keys).map(|_| ())
    };
    let record = &approved.record;
    assert_eq!(reclaim(record, &tenant, Some(&opt_in), NOW + 61), Ok(()));
    assert_eq!(reclaim(record, &tenant, None, NOW + 61), Err(NotApproved::NotProven), "there is none any more");
    let over = Err(NotApproved::OptIn(NotInForce::Expired));
    assert_eq!(reclaim(record, &tenant, Some(&opt_in), opt_in.expires_at()), over);
    let taken_back = opt_in.clone().withdrawn(&command(&[APPROVER_ROLE]), NOW + 61);
    let withdrawn = Err(NotApproved::OptIn(NotInForce::Withdrawn));
    assert_eq!(reclaim(record, &tenant, Some(&taken_back), NOW + 61), withdrawn);
    let two = Tenant { quorum: 2, ..tenant.clone() };
    assert_eq!(reclaim(record, &two, Some(&opt_in), NOW + 61), Err(NotApproved::TooFew));
    // Whoever can write into the table makes a worse alert a low one's, or another person's.
    let mut worse = record.clone();
    worse.verdict.as_mut().unwrap().verdict = VerdictLevel::High;
    assert_eq!(reclaim(&worse, &tenant, Some(&opt_in), NOW + 61), Err(NotApproved::NotProven));
    let mut asked = record.clone();
    asked.decision = Some(crate::record::Decision::Approved { at: NOW + 60, manner: Manner::Quorum });
    assert_eq!(reclaim(&asked, &tenant, Some(&opt_in), NOW + 61), Err(NotApproved::NotProven), "an opt-in is no click");
    // Or gives an approval another reason or time than the opt-in bears out, whose time the action then has, too.
    let voted = |change: fn(&mut Vote)| {
        let (mut record, mut stored) = (record.clone(), stored.clone());
        change(&mut record.votes[0]);
        stored.approved_at = record.votes[0].at;
        let grounds = Grounds { opt_in: Some(&opt_in), now: NOW + 61, ..Grounds::default() };
        ApprovedAction::reclaim(&stored, &record, &tenant, grounds, &keys).map(|_| ()).err()
    };
    assert_eq!(voted(|_| ()), None);
    let not_proven = Some(NotApproved::NotProven);
    assert_eq!(voted(|vote| vote.reason = None), not_proven);
    assert_eq!(voted(|vote| vote.interaction_id = "7".parse().unwrap()), not_proven, "another opt-in's");
    assert_eq!(voted(|vote| vote.at = NOW - 1), not_proven, "before it was given");
    assert_eq!(voted(|vote| vote.at = NOW + 7 * DAY), not_proven, "after its end");
    // A longer isolation than was allowed.
    let mut plan = serde_json::to_value(record.plan().unwrap()).unwrap();
    plan["lease_seconds"] = 7_200.into();
    let mut longer = record.clone();
    longer.offer = Some(Offer::Containment(serde_json::from_value(plan).unwrap()));
    let grounds = Grounds { opt_in: Some(&opt_in), now: NOW + 61, ..Grounds::default() };
    let forged = ActionRecord::approved(&ApprovedAction::of(
        super::super::Approval::given(longer.plan().unwrap(), Operation::Execute, &longer.votes, NOW + 60),
        None,
    ));
    let reclaimed = ApprovedAction::reclaim(&forged, &longer, &tenant, grounds, &keys).map(|_| ());
    assert_eq!(reclaimed, Err(NotApproved::NotProven));
}

#[test]
fn under_it_nothing_else_is_approved() {
    let (opt_in, tenant) = given();
    let none = |record: &AlertRecord, tenant: &Tenant, pace: &Pace| approve(&opt_in, record, tenant, pace).is_none();
    let calm = Pace::default();
    for level in [VerdictLevel::Benign, VerdictLevel::Medium, VerdictLevel::High, VerdictLevel::Critical] {
        let mut record = low();
        record.verdict.as_mut().unwrap().verdict = level;
        assert!(none(&record, &tenant, &calm), "{level}");
    }
    let with = |change: fn(&mut AlertRecord)| {
        let mut record = low();
        change(&mut record);
        none(&record, &tenant, &calm)
    };
    assert!(with(|record| record.verdict = None));
    assert!(with(|record| record.canary = true));
    assert!(with(|record| record.decision = Some(crate::record::Decision::Denied { by: stage::vote(42) })));
    let done = approve(&opt_in, &low(), &tenant, &calm).unwrap().record.containment;
    let mut reopened = low();
    reopened.containment = done;
    assert!(none(&reopened, &tenant, &calm), "its host is isolated already");
    assert!(with(|record| record.alert.device_id = None));
    let under = |change: fn(&mut Tenant)| {
        let mut tenant = tenant.clone();
        change(&mut tenant);
        none(&low(), &tenant, &calm)
    };
    assert!(under(|tenant| tenant.quorum = 2), "where two are wanted, one opt-in is not two");
    assert!(under(|tenant| tenant.policy.freeze = [("sun-sat 00:00-24:00".parse().unwrap())].into()));
    assert!(under(|tenant| tenant.policy.caps = Caps { hosts_per_hour: 0, ..Caps::default() }));
    assert!(under(|tenant| tenant.policy.caps = Caps { per_user: 0, ..Caps::default() }));
    assert!(under(|tenant| tenant.proxy_id = None));
    let approved = approve(&opt_in, &low(), &tenant, &calm).unwrap();
    assert!(none(&approved.record, &tenant, &calm), "not twice");
}
