use super::*;
use crate::action::{ActionRecord, ActionState, GRACE};
use crate::custom_id::{CustomId, Verb};
use crate::interaction::ClickProof;
use crate::interaction::tests::{click, discord_keys, form};
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

/// A form of the record's plan, filled in.
fn sent(record: &AlertRecord, verb: Verb, user: u64, texts: &[(&str, &str)]) -> Click {
    form(&button(record, verb).to_string(), user, &[APPROVER_ROLE], texts)
}

#[test]
fn a_reason_is_asked_for_where_the_tenant_wants_one() {
    let (record, mut tenant) = asked();
    let asked_of = |tenant: &Tenant, verb| {
        let click = click(&button(&record, verb).to_string(), APPROVER, &[APPROVER_ROLE]);
        let id = click.custom_id().parse().unwrap();
        let bench = Bench::of(tenant);
        let form = admit(&record, &click, &id, bench.moment(NOW)).unwrap().form().unwrap();
        form.map(|form| (form.id.verb, form.reason, form.code))
    };
    for (rule, approve, deny) in [
        (ReasonRule::None, None, None),
        (ReasonRule::Deny, None, Some((Verb::DenyForm, ReasonAsked::Required, false))),
        (
            ReasonRule::Always,
            Some((Verb::ApproveForm, ReasonAsked::Required, false)),
            Some((Verb::DenyForm, ReasonAsked::Required, false)),
        ),
    ] {
        tenant.policy.reason = rule;
        assert_eq!(asked_of(&tenant, Verb::Approve), approve, "{rule:?}");
        assert_eq!(asked_of(&tenant, Verb::Deny), deny, "{rule:?}");
    }
    let bench = Bench::of(&tenant);
    let button = click(&button(&record, Verb::Approve).to_string(), APPROVER, &[APPROVER_ROLE]);
    assert_eq!(bench.rule(&record, &button, NOW).unwrap_err().why, Refusal::ReasonMissing, "a button has none");
    for empty in [&[][..], &[("reason", "  \n ")]] {
        let refused = bench.rule(&record, &sent(&record, Verb::ApproveForm, APPROVER, empty), NOW);
        assert_eq!(refused.unwrap_err().why, Refusal::ReasonMissing);
    }
    let hostile = [("reason", " seen\nit \u{202e}")];
    let ruling = bench.rule(&record, &sent(&record, Verb::ApproveForm, APPROVER, &hostile), NOW).unwrap();
    assert_eq!(ruling.record.votes[0].reason.as_deref(), Some("seen it ⟦U+202E⟧"));
}

#[test]
fn a_code_is_asked_for_and_decides() {
    let (record, mut tenant) = asked();
    tenant.policy.step_up = StepUpRule::Totp;
    let mut bench = Bench::of(&tenant);
    let press = |bench: &Bench| {
        let click = click(&button(&record, Verb::Approve).to_string(), APPROVER, &[APPROVER_ROLE]);
        let id = click.custom_id().parse().unwrap();
        admit(&record, &click, &id, bench.moment(NOW)).unwrap().form()
    };
    assert_eq!(press(&bench), Err(Refusal::CodeNotEnrolled));
    bench.factor = Some(Factor::enrolled(NOW - 60));
    assert!(press(&bench).unwrap().is_some_and(|form| form.code && form.reason == ReasonAsked::Optional));
    let code = crate::step_up::code(SECRET, NOW);
    let send = |bench: &Bench, code: &str| {
        bench.rule(&record, &sent(&record, Verb::ApproveForm, APPROVER, &[("totp", code)]), NOW)
    };
    assert_eq!(send(&bench, "000000").unwrap_err().why, Refusal::CodeWrong);
    assert_eq!(send(&bench, "000000").unwrap_err().factor.unwrap().failures, 1);
    let plain = click(&button(&record, Verb::Approve).to_string(), APPROVER, &[APPROVER_ROLE]);
    assert_eq!(bench.rule(&record, &plain, NOW).unwrap_err(), Refused { why: Refusal::CodeWrong, factor: None });
    let ruling = send(&bench, &code).unwrap();
    assert!(matches!(ruling.outcome, Outcome::Approved(_)));
    bench.factor = ruling.factor;
    assert_eq!(send(&bench, &code).unwrap_err().why, Refusal::CodeReused);
    bench.tenant.policy.step_up_grace = 60;
    assert!(press(&bench).unwrap().is_none(), "within the grace");
    assert!(bench.rule(&record, &plain, NOW).is_ok());
    bench.factor.as_mut().unwrap().locked_until = Some(NOW + 1);
    assert_eq!(press(&bench), Err(Refusal::CodeLocked));
    assert_eq!(send(&bench, &code).unwrap_err(), Refused { why: Refusal::CodeLocked, factor: None });
}

#[test]
fn a_frozen_time_holds_approvals_back_and_nothing_else() {
    let (record, mut tenant) = asked();
    tenant.policy.freeze.insert("2023-11-14T00:00:00Z/2023-11-16T00:00:00Z".parse().unwrap());
    let ask = |verb, now| rule(&record, &tenant, verb, APPROVER, &[APPROVER_ROLE], now);
    assert_eq!(ask(Verb::Approve, NOW).unwrap_err(), Refusal::Frozen);
    assert!(ask(Verb::Deny, NOW).is_ok());
    let reason = sent_by_command(&record, Verb::BreakGlassForm, APPROVER, &[("reason", "it spreads")]);
    assert!(Bench::of(&tenant).rule(&record, &reason, NOW).is_ok(), "break-glass goes through");
}

/// A form that one of our commands opened: without a message.
fn sent_by_command(record: &AlertRecord, verb: Verb, user: u64, texts: &[(&str, &str)]) -> Click {
    crate::interaction::tests::command_form(&button(record, verb).to_string(), user, &[APPROVER_ROLE], texts)
}

#[test]
fn rules_and_caps_ask_for_a_second_approver() {
    let (record, mut tenant) = asked();
    tenant.policy.host_tags.insert("critical".into(), std::iter::once("ws-*".into()).collect());
    let (counted, outcome) = ruled(&record, &tenant, Verb::Approve, APPROVER, NOW);
    assert!(matches!(outcome, Outcome::Counted));
    assert_eq!(counted.second_wanted, Some(SecondWanted::Rule));
    tenant.policy.host_tags.clear();
    let press = |bench: &Bench, record: &AlertRecord, user| {
        let click = click(&button(record, Verb::Approve).to_string(), user, &[APPROVER_ROLE]);
        bench.rule(record, &click, NOW).unwrap()
    };
    for (caps, wanted) in [
        (Caps { per_user: 0, hosts_per_hour: 20 }, SecondWanted::UserCap),
        (Caps { per_user: 10, hosts_per_hour: 0 }, SecondWanted::HostCap),
    ] {
        tenant.policy.caps = caps;
        let bench = Bench::of(&tenant);
        let first = press(&bench, &record, APPROVER);
        assert!(matches!(first.outcome, Outcome::Counted));
        assert_eq!(first.record.second_wanted, Some(wanted));
        assert!(matches!(press(&bench, &first.record, SECOND).outcome, Outcome::Approved(_)));
    }
    tenant.policy.caps = Caps { per_user: 2, hosts_per_hour: 20 };
    let mut bench = Bench::of(&tenant);
    for _ in 0..2 {
        let ruling = press(&bench, &record, APPROVER);
        assert!(matches!(ruling.outcome, Outcome::Approved(_)));
        bench.pace = ruling.pace.unwrap();
    }
    assert!(matches!(press(&bench, &record, APPROVER).outcome, Outcome::Counted), "the third within ten minutes");
}

#[test]
fn whoever_asks_for_a_release_does_not_confirm_it() {
    let (record, mut tenant) = asked();
    let (mut record, _) = approved(&record, &tenant);
    record.containment.as_mut().unwrap().state = ActionState::Executed;
    tenant.policy.two_approvers.insert("release".parse().unwrap());
    let (mut first, outcome) = ruled(&record, &tenant, Verb::Release, APPROVER, NOW);
    assert!(matches!(outcome, Outcome::ReleaseCounted) && first.release.is_none());
    let own = rule(&first, &tenant, Verb::Release, APPROVER, &[APPROVER_ROLE], NOW);
    assert_eq!(own.unwrap_err(), Refusal::OwnRelease);
    let (second, Outcome::Released(action)) = ruled(&first, &tenant, Verb::Release, SECOND, NOW) else {
        panic!("two have asked")
    };
    assert_eq!(action.approved_by().len(), 2);
    let stored = ActionRecord::approved(&action);
    let proof = |user| click(&button(&record, Verb::Release).to_string(), user, &[APPROVER_ROLE]).proof().clone();
    let keys = discord_keys();
    let reclaim = |record: &AlertRecord, proofs: &[ClickProof]| {
        ApprovedAction::reclaim(&stored, record, &tenant, grounds(proofs), &keys).map(|_| ())
    };
    assert_eq!(reclaim(&second, &[proof(APPROVER), proof(SECOND)]), Ok(()));
    assert_eq!(reclaim(&second, &[proof(APPROVER)]), Err(NotApproved::NotProven));
    first.release.clone_from(&second.release);
    assert!(reclaim(&first, &[proof(APPROVER), proof(SECOND)]).is_err(), "one of the two is not in the record");
}

#[test]
fn break_glass_is_one_approver_with_a_reason_in_a_form_that_a_command_opened() {
    let (record, mut tenant) = asked();
    tenant.quorum = 2;
    let bench = Bench::of(&tenant);
    let reason = [("reason", "it spreads")];
    let glass = sent_by_command(&record, Verb::BreakGlassForm, APPROVER, &reason);
    let ruling = bench.rule(&record, &glass, NOW).unwrap();
    let Outcome::BrokeGlass(action) = &ruling.outcome else { panic!("{ruling:?}") };
    assert_eq!(action.approved_by().len(), 1);
    let stored = ActionRecord::approved(action);
    let keys = discord_keys();
    let proven = ApprovedAction::reclaim(&stored, &ruling.record, &tenant, grounds(&[glass.proof().clone()]), &keys);
    assert!(proven.is_ok(), "the form's own signature proves it");

    let on_card = sent(&record, Verb::BreakGlassForm, APPROVER, &reason);
    assert_eq!(bench.rule(&record, &on_card, NOW).unwrap_err().why, Refusal::NotThisCard);
    let silent = sent_by_command(&record, Verb::BreakGlassForm, APPROVER, &[]);
    assert_eq!(bench.rule(&record, &silent, NOW).unwrap_err().why, Refusal::ReasonMissing);
    let stranger = crate::interaction::tests::command_form(
        &button(&record, Verb::BreakGlassForm).to_string(),
        APPROVER,
        &["999"],
        &reason,
    );
    assert_eq!(bench.rule(&record, &stranger, NOW).unwrap_err().why, Refusal::NotAnApprover);
    let approve = sent_by_command(&record, Verb::ApproveForm, APPROVER, &reason);
    assert_eq!(
        bench.rule(&record, &approve, NOW).unwrap_err().why,
        Refusal::NotThisCard,
        "no other verb without a card"
    );

    // Whoever has an authenticator enrolled gives its code, whatever the policy says.
    let bench = Bench { factor: Some(Factor::enrolled(NOW - 60)), ..Bench::of(&tenant) };
    assert_eq!(bench.rule(&record, &glass, NOW).unwrap_err().why, Refusal::CodeWrong);
    let code = crate::step_up::code(SECRET, NOW);
    let coded = [("reason", "it spreads"), ("totp", code.as_str())];
    assert!(bench.rule(&record, &sent_by_command(&record, Verb::BreakGlassForm, APPROVER, &coded), NOW).is_ok());
}

#[test]
fn an_earlier_vote_does_not_become_a_quorum_by_itself() {
    let (record, mut tenant) = asked();
    let (alone, action) = approved(&record, &tenant);
    let proof = click(&button(&record, Verb::Approve).to_string(), APPROVER, &[APPROVER_ROLE]).proof().clone();
    let stored = ActionRecord::approved(&action);
    let keys = discord_keys();
    let reclaim = |tenant: &Tenant| {
        ApprovedAction::reclaim(&stored, &alone, tenant, grounds(std::slice::from_ref(&proof)), &keys).map(|_| ())
    };
    assert_eq!(reclaim(&tenant), Ok(()));
    tenant.quorum = 2;
    assert_eq!(reclaim(&tenant), Err(NotApproved::TooFew));
    tenant.quorum = 1;
    tenant.policy.reason = ReasonRule::Always;
    assert_eq!(reclaim(&tenant), Err(NotApproved::NotProven), "a button that only opened a form");
}

#[test]
fn a_command_may_open_a_form_only_for_who_and_what_may_be_decided() {
    let (record, tenant) = asked();
    let bench = Bench::of(&tenant);
    let guild = tenant.guild_id.unwrap();
    let member = |roles: &[&str]| click("v1", APPROVER, roles).member().clone();
    let ask = |record: &AlertRecord, guild, roles: &[&str], verb| {
        admit_command(record, guild, &member(roles), verb, &bench.moment(NOW)).map(|plan| plan.digest())
    };
    let digest = record.plan().unwrap().digest();
    assert_eq!(ask(&record, guild, &[APPROVER_ROLE], Verb::BreakGlassForm), Ok(digest));
    assert_eq!(ask(&record, guild, &["999"], Verb::BreakGlassForm), Err(Refusal::NotAnApprover));
    assert_eq!(ask(&record, guild, &[APPROVER_ROLE], Verb::ReleaseForm), Err(Refusal::NothingToRelease));
    assert_eq!(ask(&record, guild, &[APPROVER_ROLE], Verb::ApproveForm), Err(Refusal::NotThisCard));
    assert_eq!(ask(&record, "601".parse().unwrap(), &[APPROVER_ROLE], Verb::BreakGlassForm), Err(Refusal::NotThisCard));
    let (decided, _) = approved(&record, &tenant);
    assert_eq!(ask(&decided, guild, &[APPROVER_ROLE], Verb::BreakGlassForm), Err(Refusal::AlreadyDecided));
}

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
