//! What a model costs: answers that are cached, tokens that are counted. A new test goes here if it is about asking less.
#![allow(clippy::unwrap_used)]

use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::heuristics::Ruleset;
use vyrox_domain::judgement::{Consultation, Judgement};
use vyrox_domain::tenant::TenantStatus;
use vyrox_domain::verdict::{DecidedBy, VerdictLevel};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Table};
use vyrox_platform::volatile::{Reserved, Volatile};
use vyrox_standins::llm::LlmMode;
use vyrox_tests::{Stage, again, is_fallback, models, unlike};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_behaviour_is_asked_about_once_a_day_and_the_card_says_so() {
    let stage = Stage::dry_run().await;
    let alert = unlike(&stage.ambiguous().await, "cached");
    let llm = &stage.system.llm;
    let triage = stage.triage(Some(models(&llm.base_url(), &["m"]))).await;
    let again_on = |host: &str| NormalizedAlert { hostname: Some(host.to_owned()), ..again(&alert, host) };
    llm.forget();
    let decided_by = async |alert: &NormalizedAlert| stage.judged(&triage, alert).await.verdict.unwrap().decided_by;

    // At the same time: one asks, the others wait for its answer.
    let at_once = [again_on("WS-1"), again_on("WS-2"), again_on("WS-3")];
    let [one, two, three] = &at_once;
    let (one, two, three) = tokio::join!(decided_by(one), decided_by(two), decided_by(three));
    let decided = [one, two, three];
    assert_eq!(decided.iter().filter(|by| **by == DecidedBy::Llm).count(), 1, "{decided:?}");
    assert_eq!(decided.iter().filter(|by| **by == DecidedBy::Cache).count(), 2, "{decided:?}");
    assert_eq!(llm.requests().len(), 1);

    // Later, from the table; the card says where the verdict is from.
    let fresh = stage.triage(Some(models(&llm.base_url(), &["m"]))).await;
    let later = again_on("WS-4");
    let record = stage.judged(&fresh, &later).await;
    let verdict = record.verdict.unwrap();
    assert_eq!((verdict.decided_by, verdict.model.as_deref()), (DecidedBy::Cache, Some("m")));
    assert!(verdict.verdict < VerdictLevel::Medium || stage.card(later.id).await.text().contains("by cache"));
    assert_eq!(llm.requests().len(), 1);

    // Another tenant asks for itself; so does everybody a day later.
    let other = stage.second_tenant("other", "600000000000000002", "the-other-secret", TenantStatus::Active).await;
    let theirs = NormalizedAlert { tenant_id: other.clone(), ..again_on("WS-1") };
    let theirs = NormalizedAlert { id: vyrox_domain::alert::alert_id(&other, theirs.source, &theirs.raw_id), ..theirs };
    assert_eq!(decided_by(&theirs).await, DecidedBy::Llm);
    stage.clock.advance(24 * 3_600 + 1);
    assert_eq!(decided_by(&again_on("WS-5")).await, DecidedBy::Llm);
    assert_eq!(llm.requests().len(), 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_answer_that_somebody_altered_can_do_no_more_than_an_answer() {
    let stage = Stage::dry_run().await;
    let alert = unlike(&stage.ambiguous().await, "altered");
    let judgement = Judgement::of(&alert, Ruleset::built_in());
    let floor = judgement.conclude(&Consultation::NotAsked).verdict;
    let key = SortKey::cached_verdict(&judgement.fingerprint(&alert));
    let triage = stage.triage(Some(models(&stage.system.llm.base_url(), &["m"]))).await;
    let now = stage.now();
    let answer = |verdict: &str, action: &str| {
        format!(
            r#"{{"verdict":"{verdict}","confidence":1.0,"reasoning":"x","mitre_techniques":[],"suggested_action":"{action}"}}"#
        )
    };
    let stored = |answer: &str, model: &str, asked_at: i64| {
        serde_json::from_str::<serde_json::Value>(&format!(
            r#"{{"model":"{model}","answer":{answer},"asked_at":{asked_at}}}"#
        ))
        .unwrap()
    };
    let cases = [
        ("lower than the floor", stored(&answer("BENIGN", "monitor"), "m", now), DecidedBy::Cache, floor),
        (
            "higher than the ceiling",
            stored(&answer("CRITICAL", "quarantine"), "m", now),
            DecidedBy::Cache,
            VerdictLevel::High,
        ),
        (
            "an action that is none",
            stored(&answer("HIGH", "wipe_disk"), "m", now),
            DecidedBy::Llm,
            VerdictLevel::Medium,
        ),
        ("another model", stored(&answer("HIGH", "escalate"), "unknown", now), DecidedBy::Llm, VerdictLevel::Medium),
        ("too old", stored(&answer("HIGH", "escalate"), "m", now - 86_400), DecidedBy::Llm, VerdictLevel::Medium),
        (
            "from the future",
            stored(&answer("HIGH", "escalate"), "m", now + 9_999),
            DecidedBy::Llm,
            VerdictLevel::Medium,
        ),
        ("no answer at all", serde_json::json!({"approve": true}), DecidedBy::Llm, VerdictLevel::Medium),
    ];
    for (what, item, decided_by, level) in cases {
        stage.commit(&stage.tenant(), &[Change::put(key.clone(), &item, Expect::Anything)]).await;
        let verdict = stage.judged(&triage, &again(&alert, what)).await.verdict.unwrap();
        assert_eq!((verdict.decided_by, verdict.verdict), (decided_by, level), "{what}");
        assert!(verdict.verdict >= floor, "{what}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_s_tokens_are_reserved_before_asking_and_settled_after() {
    let stage = Stage::dry_run().await;
    let alert = stage.ambiguous().await;
    let llm = &stage.system.llm;
    let triage = stage.triage(Some(models(&llm.base_url(), &["m"]))).await;
    let volatile = Volatile::new(stage.system.table.clone());
    let tenant = stage.tenant();
    let spent = async || volatile.spent(&tenant, stage.now()).await.unwrap();

    let before = spent().await;
    llm.forget();
    stage.judged(&triage, &unlike(&alert, "settled")).await;
    let cost = spent().await - before;
    assert!((50..2_000).contains(&cost), "{cost}: what the endpoint said it was");

    // An endpoint that does not say what it cost is counted as reserved.
    llm.set_mode(LlmMode::NoUsage);
    let before = spent().await;
    stage.judged(&triage, &unlike(&alert, "unsettled")).await;
    assert!(spent().await - before > cost, "the reservation stands");
    llm.set_mode(LlmMode::Sensible);

    // The profile's number goes before the configured one.
    let used = spent().await;
    stage.change_profile(|tenant| tenant.llm_daily_tokens = Some(used + 100)).await;
    llm.forget();
    let verdict = stage.judged(&triage, &unlike(&alert, "used-up")).await.verdict.unwrap();
    assert!(is_fallback(&verdict));
    assert_eq!(verdict.reasoning.as_deref(), Some("token budget of the day is used up"));
    assert_eq!((llm.requests().len(), spent().await), (0, used));

    // Tomorrow is another day.
    stage.clock.advance(24 * 3_600);
    stage.change_profile(|tenant| tenant.llm_daily_tokens = Some(10_000)).await;
    assert_eq!(stage.judged(&triage, &unlike(&alert, "tomorrow")).await.verdict.unwrap().decided_by, DecidedBy::Llm);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_stay_within_the_budget_and_a_count_never_goes_below_zero() {
    let stage = Stage::dry_run().await;
    let volatile =
        Volatile::new(Table::new(stage.function_clients().dynamodb.clone(), &stage.system.endpoints.table_name));
    let (tenant, now) = ("counting".parse().unwrap(), stage.now());
    let tries = (0..24).map(|_| volatile.reserve(&tenant, 100, 500, now));
    let granted = futures::future::join_all(tries).await;
    assert_eq!(granted.into_iter().filter(|result| *result.as_ref().unwrap() == Reserved::Granted).count(), 5);
    volatile.settle(&tenant, 100, 30, now).await;
    assert_eq!(volatile.spent(&tenant, now).await.unwrap(), 430);
    volatile.settle(&tenant, 9_999, 0, now).await;
    assert_eq!(volatile.spent(&tenant, now).await.unwrap(), 430, "more than was counted is not given back");
    volatile.settle(&tenant, 100, 250, now).await;
    assert_eq!(volatile.spent(&tenant, now).await.unwrap(), 580, "what was really spent counts, over the limit too");
    assert_eq!(volatile.reserve(&tenant, 1, 500, now).await.unwrap(), Reserved::UsedUp);
    assert_eq!(volatile.reserve(&tenant, 501, 500, now + 86_400).await.unwrap(), Reserved::UsedUp);
    stage.end().await;
}
