//! What a tenant may ask of a click besides a role: a reason, a code, a second approver; and break-glass.

use super::*;

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
    let unasked = sent(&record, Verb::ApproveForm, APPROVER, &[("totp", "000000")]);
    let refused = bench.rule(&record, &unasked, NOW).unwrap_err();
    assert_eq!(refused.why, Refusal::CodeNotEnrolled, "a form that was not opened, and no code to compare");
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
