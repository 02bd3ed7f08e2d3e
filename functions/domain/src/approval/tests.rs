mod asked;
mod joint;
mod proven;

use super::*;
use crate::action::{ActionRecord, ActionState, GRACE};
use crate::custom_id::{CustomId, Verb};
use crate::interaction::ClickProof;
use crate::interaction::tests::{changed_click, click, discord_keys, form};
use crate::record::{Posted, SecondWanted};
use crate::stage::{self, APPROVER_ROLE, NOW};
use crate::tenant::{Caps, ReasonRule, StepUpRule, TenantStatus};

const APPROVER: u64 = 41;
const SECOND: u64 = 42;
const SECRET: &[u8] = b"12345678901234567890";

/// A record whose card shows a plan, and the button of that plan.
fn asked() -> (AlertRecord, Tenant) {
    let tenant = stage::tenant();
    let mut record = AlertRecord::received(stage::alert());
    let verdict = stage::verdict();
    record.offer = Some(Offer::Containment(Plan::draft(&record.alert, &verdict, &tenant, NOW).unwrap()));
    record.verdict = Some(verdict);
    let (channel_id, message_id) = ("700".parse().unwrap(), "800".parse().unwrap());
    record.posted = Some(Posted { channel_id, message_id, digest: String::new(), open_until: None });
    (record, tenant)
}

fn button(record: &AlertRecord, verb: Verb) -> CustomId {
    CustomId { verb, alert_id: record.alert.id, plan: record.plan().unwrap().digest().short() }
}

/// Nothing but what Discord signed.
fn grounds(proofs: &[ClickProof]) -> Grounds<'_> {
    Grounds { proofs, ..Grounds::default() }
}

/// Everything that a click is ruled by, and how it is asked for.
struct Bench {
    tenant: Tenant,
    pace: Pace,
    factor: Option<Factor>,
}

impl Bench {
    fn of(tenant: &Tenant) -> Self {
        Self { tenant: tenant.clone(), pace: Pace::default(), factor: None }
    }

    fn moment(&self, now: i64) -> Moment<'_> {
        Moment { tenant: &self.tenant, pace: &self.pace, factor: self.factor.as_ref(), now }
    }

    fn rule(&self, record: &AlertRecord, click: &Click, now: i64) -> Result<Ruling, Refused> {
        let id: CustomId = click.custom_id().parse().unwrap();
        admit(record, click, &id, self.moment(now))?.rule(Some(SECRET))
    }
}

/// Rules on a button of the record's plan.
fn rule(
    record: &AlertRecord,
    tenant: &Tenant,
    verb: Verb,
    user: u64,
    roles: &[&str],
    now: i64,
) -> Result<Outcome, Refusal> {
    let click = click(&button(record, verb).to_string(), user, roles);
    Bench::of(tenant).rule(record, &click, now).map(|ruling| ruling.outcome).map_err(|refused| refused.why)
}

/// The same with the record that comes of it.
fn ruled(record: &AlertRecord, tenant: &Tenant, verb: Verb, user: u64, now: i64) -> (AlertRecord, Outcome) {
    let click = click(&button(record, verb).to_string(), user, &[APPROVER_ROLE]);
    let ruling = Bench::of(tenant).rule(record, &click, now).unwrap();
    (ruling.record, ruling.outcome)
}

fn approved(record: &AlertRecord, tenant: &Tenant) -> (AlertRecord, ApprovedAction) {
    match ruled(record, tenant, Verb::Approve, APPROVER, NOW) {
        (record, Outcome::Approved(action)) => (record, action),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_decides_without_an_approver_role() {
    let (record, mut tenant) = asked();
    for verb in [Verb::Approve, Verb::Deny] {
        for roles in [&[][..], &["999"], &["600"]] {
            assert_eq!(rule(&record, &tenant, verb, APPROVER, roles, NOW).unwrap_err(), Refusal::NotAnApprover);
        }
        assert!(rule(&record, &tenant, verb, APPROVER, &["999", APPROVER_ROLE], NOW).is_ok());
    }
    tenant.approver_roles.clear();
    let refused = rule(&record, &tenant, Verb::Approve, APPROVER, &[APPROVER_ROLE], NOW);
    assert_eq!(refused.unwrap_err(), Refusal::NotAnApprover, "an empty list is nobody");
    tenant = stage::tenant();
    tenant.status = TenantStatus::Suspended;
    let refused = rule(&record, &tenant, Verb::Approve, APPROVER, &[APPROVER_ROLE], NOW);
    assert_eq!(refused.unwrap_err(), Refusal::MayNotAct);
}

#[test]
fn a_click_counts_only_on_the_alerts_own_card_in_the_tenants_own_guild() {
    let (record, tenant) = asked();
    let refused = |record: &AlertRecord, tenant: &Tenant| {
        rule(record, tenant, Verb::Approve, APPROVER, &[APPROVER_ROLE], NOW).unwrap_err()
    };
    let mut elsewhere = record.clone();
    elsewhere.posted.as_mut().unwrap().message_id = "801".parse().unwrap();
    assert_eq!(refused(&elsewhere, &tenant), Refusal::NotThisCard);
    let mut elsewhere = record.clone();
    elsewhere.posted.as_mut().unwrap().channel_id = "701".parse().unwrap();
    assert_eq!(refused(&elsewhere, &tenant), Refusal::NotThisCard);
    let mut unposted = record.clone();
    unposted.posted = None;
    assert_eq!(refused(&unposted, &tenant), Refusal::NotThisCard);
    let mut foreign = tenant.clone();
    foreign.guild_id = Some("601".parse().unwrap());
    assert_eq!(refused(&record, &foreign), Refusal::NotThisCard);
    let mut foreign = tenant;
    foreign.id = "other".parse().unwrap();
    assert_eq!(refused(&record, &foreign), Refusal::NotThisCard);
}

#[test]
fn a_button_is_no_form_and_a_form_no_button() {
    let (record, tenant) = asked();
    let refused = |verb, kind: u8| {
        let click = changed_click(&button(&record, verb), APPROVER, |body| body["type"] = kind.into());
        Bench::of(&tenant).rule(&record, &click, NOW).err().map(|refused| refused.why)
    };
    for (button, form) in [(Verb::Approve, Verb::ApproveForm), (Verb::Deny, Verb::DenyForm)] {
        assert_eq!((refused(button, 3), refused(form, 5)), (None, None));
        assert_eq!(refused(button, 5), Some(Refusal::NotThisCard));
        assert_eq!(refused(form, 3), Some(Refusal::NotThisCard));
    }
}

#[test]
fn who_may_not_act_decides_nothing_whatever_their_roles() {
    let (record, tenant) = asked();
    let refused = |change: fn(&mut serde_json::Value)| {
        let click = changed_click(&button(&record, Verb::Approve), APPROVER, |body| change(&mut body["member"]));
        Bench::of(&tenant).rule(&record, &click, NOW).err().map(|refused| refused.why)
    };
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|member| member["user"]["bot"] = true.into()), Some(Refusal::MayNotAct));
    assert_eq!(refused(|member| member["pending"] = true.into()), Some(Refusal::MayNotAct), "not screened");
    let timed_out: fn(&mut serde_json::Value) =
        |member| member["communication_disabled_until"] = "2023-11-14T23:00:00Z".into();
    assert_eq!(refused(timed_out), Some(Refusal::MayNotAct));
}

#[test]
fn a_command_opens_a_form_only_about_the_own_tenants_alert() {
    let (record, tenant) = asked();
    let member = click("x", APPROVER, &[APPROVER_ROLE]).member().clone();
    let open = |record: &AlertRecord, guild: u64, verb| {
        let bench = Bench::of(&tenant);
        let guild = guild.to_string().parse().unwrap();
        admit_command(record, guild, &member, verb, &bench.moment(NOW)).map(|_| ()).err()
    };
    assert_eq!(open(&record, 600, Verb::BreakGlassForm), None);
    assert_eq!(open(&record, 601, Verb::BreakGlassForm), Some(Refusal::NotThisCard), "another server");
    assert_eq!(open(&record, 600, Verb::ApproveForm), Some(Refusal::NotThisCard), "what no command is for");
    let mut foreign = record;
    foreign.alert.tenant_id = "other".parse().unwrap();
    assert_eq!(open(&foreign, 600, Verb::BreakGlassForm), Some(Refusal::NotThisCard), "another tenant's alert");
}

#[test]
fn expiry_is_to_the_second_and_another_plan_is_not_this_one() {
    let (record, tenant) = asked();
    let expires_at = record.plan().unwrap().expires_at();
    let at = |now| rule(&record, &tenant, Verb::Approve, APPROVER, &[APPROVER_ROLE], now);
    assert!(at(expires_at - 1).is_ok());
    assert_eq!(at(expires_at).unwrap_err(), Refusal::Expired);

    let id = CustomId { plan: "A".repeat(16), ..button(&record, Verb::Approve) };
    let refused = |record: &AlertRecord, id: &CustomId| {
        let click = click(&id.to_string(), APPROVER, &[APPROVER_ROLE]);
        Bench::of(&tenant).rule(record, &click, NOW).unwrap_err().why
    };
    assert_eq!(refused(&record, &id), Refusal::PlanChanged);
    let revised = record.clone().revised(stage::alert());
    assert_eq!(refused(&revised, &button(&record, Verb::Approve)), Refusal::PlanChanged);
}

#[test]
fn what_is_decided_stays_decided() {
    let (record, tenant) = asked();
    let (approved, _) = approved(&record, &tenant);
    for verb in [Verb::Approve, Verb::Deny] {
        let again = rule(&approved, &tenant, verb, SECOND, &[APPROVER_ROLE], NOW);
        assert_eq!(again.unwrap_err(), Refusal::AlreadyDecided);
    }
    let (denied, outcome) = ruled(&record, &tenant, Verb::Deny, APPROVER, NOW);
    assert!(matches!(outcome, Outcome::Denied), "one no is enough");
    let again = rule(&denied, &tenant, Verb::Approve, SECOND, &[APPROVER_ROLE], NOW);
    assert_eq!(again.unwrap_err(), Refusal::AlreadyDecided);
}

#[test]
fn a_quorum_of_two_takes_two_people() {
    let (record, mut tenant) = asked();
    tenant.quorum = 2;
    let (counted, outcome) = ruled(&record, &tenant, Verb::Approve, APPROVER, NOW);
    assert!(matches!(outcome, Outcome::Counted), "one is not enough");
    let again = rule(&counted, &tenant, Verb::Approve, APPROVER, &[APPROVER_ROLE], NOW);
    assert_eq!(again.unwrap_err(), Refusal::AlreadyVoted);
    let (_, Outcome::Approved(action)) = ruled(&counted, &tenant, Verb::Approve, SECOND, NOW) else {
        panic!("two are")
    };
    assert_eq!(action.approved_by().len(), 2);
}

#[test]
fn what_is_signed_is_what_was_shown() {
    let (record, tenant) = asked();
    let (record, action) = approved(&record, &tenant);
    let plan = record.plan().unwrap();
    let signed = action.to_action(NOW + 5, None);
    assert_eq!(signed.target, *plan.target());
    assert_eq!(signed.plan_digest, plan.digest().hex());
    assert_eq!((signed.approved_at, signed.issued_at), (NOW, NOW + 5));
    assert_eq!(signed.approved_by[0].id, APPROVER.to_string());
    assert_eq!(record.containment.unwrap().state, ActionState::Pending);
}

#[test]
fn only_clicks_that_discord_signed_bear_a_stored_action_out() {
    let (asked, tenant) = asked();
    let (record, action) = approved(&asked, &tenant);
    let stored = ActionRecord::approved(&action);
    let id = button(&record, Verb::Approve);
    let proof = |custom_id: &CustomId, user, roles: &[&str]| click(&custom_id.to_string(), user, roles).proof().clone();
    let good = proof(&id, APPROVER, &[APPROVER_ROLE]);
    let keys = discord_keys();
    let reclaim = |stored: &ActionRecord, record: &AlertRecord, tenant: &Tenant, proofs: &[ClickProof]| {
        ApprovedAction::reclaim(stored, record, tenant, grounds(proofs), &keys).map(|_| ())
    };
    assert_eq!(reclaim(&stored, &record, &tenant, std::slice::from_ref(&good)), Ok(()));

    let not_proven = Err(NotApproved::NotProven);
    assert_eq!(reclaim(&stored, &record, &tenant, &[]), not_proven, "no click");
    let other = proof(&id, SECOND, &[APPROVER_ROLE]);
    assert_eq!(reclaim(&stored, &record, &tenant, &[other]), not_proven, "another person's click");
    let denied = proof(&button(&record, Verb::Deny), APPROVER, &[APPROVER_ROLE]);
    assert_eq!(reclaim(&stored, &record, &tenant, &[denied]), not_proven, "a click on Deny");
    let foreign = proof(&CustomId { plan: "A".repeat(16), ..id }, APPROVER, &[APPROVER_ROLE]);
    assert_eq!(reclaim(&stored, &record, &tenant, &[foreign]), not_proven, "a click on another plan");
    let roleless = proof(&id, APPROVER, &["999"]);
    assert_eq!(reclaim(&stored, &record, &tenant, &[roleless]), not_proven, "a click without the role");
    let forged: ClickProof = {
        let mut value = serde_json::to_value(&good).unwrap();
        let body = value["body"].as_str().unwrap().replace("\"700\"", "\"701\"");
        value["body"] = body.into();
        serde_json::from_value(value).unwrap()
    };
    assert_eq!(reclaim(&stored, &record, &tenant, &[forged]), not_proven, "a click that Discord did not sign");

    assert_eq!(reclaim(&stored, &asked, &tenant, std::slice::from_ref(&good)), Err(NotApproved::NoDecision));
    let mut suspended = tenant.clone();
    suspended.status = TenantStatus::Suspended;
    assert_eq!(reclaim(&stored, &record, &suspended, std::slice::from_ref(&good)), Err(NotApproved::Suspended));
    let mut retargeted = serde_json::to_value(&stored).unwrap();
    retargeted["plan"]["target"]["device_id"] = "ffffffffffffffffffffffffffffffff".into();
    let retargeted: ActionRecord = serde_json::from_value(retargeted).unwrap();
    assert_eq!(reclaim(&retargeted, &record, &tenant, std::slice::from_ref(&good)), Err(NotApproved::OtherPlan));
}

#[test]
fn a_release_can_be_asked_for_again_only_after_it_failed() {
    let (record, tenant) = asked();
    let (mut record, _) = approved(&record, &tenant);
    let ask = |record: &AlertRecord, user| rule(record, &tenant, Verb::Release, user, &[APPROVER_ROLE], NOW);
    assert_eq!(ask(&record, APPROVER).unwrap_err(), Refusal::NothingToRelease, "nothing is contained yet");
    record.containment.as_mut().unwrap().state = ActionState::Executed;
    let (mut record, Outcome::Released(first)) = ruled(&record, &tenant, Verb::Release, APPROVER, NOW) else {
        panic!("it is contained")
    };
    assert_eq!(ask(&record, SECOND).unwrap_err(), Refusal::NothingToRelease, "it is under way");
    record.release.as_mut().unwrap().state = ActionState::Failed;
    let (_, Outcome::Released(second)) = ruled(&record, &tenant, Verb::Release, SECOND, NOW) else {
        panic!("it failed")
    };
    assert_ne!(first.request_id(), second.request_id(), "each asking is an action of its own");
    record.release.as_mut().unwrap().state = ActionState::RolledBack;
    assert_eq!(ask(&record, SECOND).unwrap_err(), Refusal::NothingToRelease, "it is done");
}

#[test]
fn a_containment_that_did_not_happen_can_be_asked_about_again_and_needs_new_votes() {
    let (record, tenant) = asked();
    let ask = |record: &AlertRecord, now| rule(record, &tenant, Verb::Reopen, APPROVER, &[APPROVER_ROLE], now);
    assert_eq!(ask(&record, NOW).unwrap_err(), Refusal::NothingToReopen, "it is still open");
    let (mut record, first) = approved(&record, &tenant);
    for state in [ActionState::Pending, ActionState::Delivered, ActionState::Executed, ActionState::Ambiguous] {
        record.containment.as_mut().unwrap().state = state;
        assert_eq!(ask(&record, NOW).unwrap_err(), Refusal::NothingToReopen, "{state:?}");
    }
    record.containment.as_mut().unwrap().state = ActionState::Failed;
    let refused = rule(&record, &tenant, Verb::Reopen, APPROVER, &[], NOW);
    assert_eq!(refused.unwrap_err(), Refusal::NotAnApprover);
    let (at_once, _) = ruled(&record, &tenant, Verb::Reopen, APPROVER, NOW);
    assert_ne!(at_once.plan().unwrap().digest(), record.plan().unwrap().digest(), "even within the same second");
    let (reopened, _) = ruled(&record, &tenant, Verb::Reopen, APPROVER, NOW + 60);
    assert_eq!((reopened.votes.len(), &reopened.decision, &reopened.containment), (0, &None, &None));
    let stale = button(&record, Verb::Approve);
    let click = click(&stale.to_string(), SECOND, &[APPROVER_ROLE]);
    let refused = Bench::of(&tenant).rule(&reopened, &click, NOW + 60).unwrap_err();
    assert_eq!(refused.why, Refusal::PlanChanged);
    let (_, second) = approved(&reopened, &tenant);
    assert_ne!(first.request_id(), second.request_id());
    let stored = ActionRecord::approved(&first);
    let reclaimed = ApprovedAction::reclaim(&stored, &reopened, &tenant, Grounds::default(), &discord_keys());
    assert!(reclaimed.is_err(), "the first action is not approved any more");
}

#[test]
fn an_action_is_handed_over_in_time_and_asked_about_for_longer() {
    let (record, tenant) = asked();
    let (_, action) = approved(&record, &tenant);
    let mut stored = ActionRecord::approved(&action);
    let expires_at = stored.expires_at;
    assert!(expires_at - NOW < 900, "the message that closes it fits into a queue's delay");
    assert!(stored.is_due(expires_at - 1, 30) && !stored.is_due(expires_at, 30));
    assert_eq!(stored.overdue(expires_at), Some(ActionState::Expired));
    (stored.state, stored.delivered_at) = (ActionState::Delivered, Some(NOW));
    assert!(!stored.is_due(NOW + 29, 30) && stored.is_due(NOW + 30, 30));
    assert_eq!(stored.overdue(expires_at), Some(ActionState::Ambiguous));
    stored.state = ActionState::Ambiguous;
    assert!(stored.is_due(expires_at + GRACE - 1, 30) && !stored.is_due(expires_at + GRACE, 30));
    stored.state = ActionState::Executed;
    assert!(!stored.is_due(NOW + 60, 30));
}
