//! The model is down, slow, limited, confused or dear: the queue drains, verdicts are MEDIUM at 0.5 with the reason, nothing
//! is lost, nothing is asked twice. A new test goes here if it is about the endpoint, the budget, the cache or waiting.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::heuristics::Ruleset;
use vyrox_domain::judgement::{Consultation, Judgement};
use vyrox_domain::message::AlertQueued;
use vyrox_domain::tenant::LlmConsent;
use vyrox_domain::verdict::DecidedBy;
use vyrox_platform::batch::{self, Lease, SourceQueue};
use vyrox_platform::clock::SystemClock;
use vyrox_platform::{Class, Classified};
use vyrox_standins::llm::LlmMode;
use vyrox_tests::{Options, Stage, is_fallback, models, unlike};

/// Ambiguous by the rules.
const AMBIGUOUS: &str = "discovery-burst";

/// A system whose models have one second each and three together.
async fn impatient() -> Stage {
    let parameters = [("LlmTrySeconds", "1"), ("LlmTotalSeconds", "3")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Stage::start(Options { parameters: BTreeMap::from(parameters), ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_endpoint_does_the_queue_drains_and_verdicts_are_medium_at_one_half_with_the_reason() {
    const ALERTS: usize = 5;
    let stage = impatient().await;
    let cases: [(&str, LlmMode, &str); 24] = [
        ("slow", LlmMode::Slow(30_000), "did not answer in time"),
        ("a byte now and then", LlmMode::Trickle, "did not answer in time"),
        ("rate limited", LlmMode::RateLimited, "rate limited (429)"),
        ("failing", LlmMode::ServerError, "endpoint failed (500)"),
        ("key refused", LlmMode::KeyRefused, "endpoint does not accept the key (401)"),
        ("request refused", LlmMode::BadRequest, "endpoint does not take the request (400)"),
        ("filtered", LlmMode::Filtered, "answer was withheld by the provider's filter"),
        ("empty", LlmMode::Empty, "answer is empty"),
        ("garbage", LlmMode::Garbage, "answer is not JSON"),
        ("200 with a wrong schema", LlmMode::WrongSchema, "answer is not the object that was asked for"),
        ("megabytes", LlmMode::Huge, "response is too large"),
        ("broken off", LlmMode::BreaksOff, "answer broke off"),
        ("HTML", LlmMode::WrongContentType, "response is not JSON by its own account"),
        ("200 with an error", LlmMode::ErrorWith200, "response is an error with status 200"),
        ("no choices", LlmMode::NoChoices, "response contains no answer"),
        ("a refusal", LlmMode::Refusal, "model refused to answer"),
        ("cut short", LlmMode::CutShort, "answer was cut short"),
        ("a tool call", LlmMode::ToolCalls, "model asked for a tool instead of answering"),
        ("a stream that nobody asked for", LlmMode::Streamed, "response is not JSON by its own account"),
        ("compressed, though nobody reads that", LlmMode::Compressed, "response is not JSON"),
        ("two answers", LlmMode::TwoChoices, "response contains several answers"),
        ("the same member twice", LlmMode::SaidTwice, "response says the same thing twice"),
        ("an answer that ended in an error", LlmMode::EndsInError, "answer did not end as an answer ends"),
        ("a list instead of the object", LlmMode::ListAnswer, "answer is not the object that was asked for"),
    ];
    println!("| endpoint | alerts | verdicts | reason |\n|---|---|---|---|");
    let mut all = 0;
    for (what, mode, why) in cases.into_iter().chain([
        ("a redirect", LlmMode::Redirect, "endpoint redirects elsewhere (307)"),
        ("down", LlmMode::Sensible, "endpoint cannot be reached"),
    ]) {
        stage.system.llm.set_mode(mode);
        if what == "down" {
            stage.system.llm.shutdown();
            let address = stage.system.llm.address();
            stage.wait("nobody listens there", async || tokio::net::TcpStream::connect(address).await.is_err()).await;
        }
        let mut alerts = Vec::new();
        for _ in 0..ALERTS {
            alerts.push(stage.fire(AMBIGUOUS).await);
        }
        let mut reason = String::new();
        for alert in alerts {
            let record = stage.until("it has a verdict", alert, |record| record.verdict.is_some()).await;
            let verdict = record.verdict.unwrap();
            assert!(is_fallback(&verdict), "{what}: {verdict:#?}");
            reason = verdict.reasoning.unwrap();
            assert!(reason.starts_with(&format!("local-primary: {why}")), "{what}: {reason}");
            assert_eq!(stage.card(alert).await.labels(), ["Investigate"], "{what}: nothing can be approved");
            assert_eq!(stage.entries(alert, "VERDICT_RECORDED").await, 1, "{what}");
        }
        all += ALERTS;
        println!("| {what} | {ALERTS} | {ALERTS} x MEDIUM at 0.5 by fallback | {reason} |");
    }
    assert_eq!(stage.system.llm.followed(), 0, "a redirect was followed");
    stage.quiet().await;
    let stages = stage.system.timeline.stages();
    let judged = stages.iter().filter(|stage| stage.part == "triage");
    assert_eq!(judged.clone().filter(|stage| stage.detail.ends_with(" done")).count(), all, "each was handled once");
    assert_eq!(judged.filter(|stage| stage.detail.ends_with(" again")).count(), 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_model_that_answers_well_decides() {
    let stage = Stage::dry_run().await;
    let alert = stage.ambiguous().await;
    let llm = &stage.system.llm;
    llm.set_model_mode("a", LlmMode::ServerError);
    llm.set_model_mode("b", LlmMode::WrongSchema);
    let triage = stage.triage(Some(models(&llm.base_url(), &["a", "b", "c"]))).await;
    llm.forget();
    let verdict = stage.judged(&triage, &unlike(&alert, "one")).await.verdict.unwrap();
    assert_eq!((verdict.decided_by, verdict.model.as_deref()), (DecidedBy::Llm, Some("c")));
    let asked: Vec<String> = llm.requests().iter().map(|request| request.body["model"].to_string()).collect();
    assert_eq!(asked, ["\"a\"", "\"b\"", "\"c\""]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_takes_only_the_newer_parameters_is_asked_with_these_from_then_on() {
    let stage = Stage::dry_run().await;
    let alert = stage.ambiguous().await;
    let llm = &stage.system.llm;
    llm.set_mode(LlmMode::Reasoning);
    let triage = stage.triage(Some(models(&llm.base_url(), &["thinks"]))).await;
    for (word, statuses) in [("first", [400, 200].as_slice()), ("second", [200].as_slice())] {
        llm.forget();
        let verdict = stage.judged(&triage, &unlike(&alert, word)).await.verdict.unwrap();
        assert_eq!((verdict.decided_by, verdict.model.as_deref()), (DecidedBy::Llm, Some("thinks")), "{word}");
        let answered: Vec<u16> = llm.requests().iter().map(|request| request.status).collect();
        assert_eq!(answered, statuses, "{word}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_speaks_no_tls_cannot_be_reached() {
    let stage = Stage::dry_run().await;
    let alert = stage.ambiguous().await;
    let url = stage.system.llm.base_url().replace("http://", "https://");
    let triage = stage.triage(Some(models(&url, &["plain"]))).await;
    let verdict = stage.judged(&triage, &unlike(&alert, "tls")).await.verdict.unwrap();
    assert!(is_fallback(&verdict), "{verdict:#?}");
    assert_eq!(verdict.reasoning.as_deref(), Some("plain: endpoint cannot be reached"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_come_back_later_is_asked_again_if_later_is_soon_enough() {
    let stage = Stage::dry_run().await;
    let alert = stage.ambiguous().await;
    let llm = &stage.system.llm;
    for (model, seconds, decided_by) in [("soon", 1, DecidedBy::Llm), ("late", 600, DecidedBy::Fallback)] {
        llm.set_model_mode(model, LlmMode::RateLimitedOnce(seconds));
        let triage = stage.triage(Some(models(&llm.base_url(), &[model]))).await;
        let began = tokio::time::Instant::now();
        let verdict = stage.judged(&triage, &unlike(&alert, model)).await.verdict.unwrap();
        assert_eq!(verdict.decided_by, decided_by, "{model}");
        assert!(began.elapsed() < Duration::from_secs(4), "{model}: {:?}", began.elapsed());
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_or_without_consent_nobody_is_connected_to() {
    let stage = Stage::dry_run().await;
    let alert = stage.ambiguous().await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });

    let by_rules =
        |alert: &NormalizedAlert| Judgement::of(alert, Ruleset::built_in()).conclude(&Consultation::NotAsked);
    let mock = stage.triage(None).await;
    let first = unlike(&alert, "mock");
    assert_eq!(stage.judged(&mock, &first).await.verdict.unwrap(), by_rules(&first));

    let triage = stage.triage(Some(models(&url, &["m"]))).await;
    stage.change_profile(|tenant| tenant.llm = LlmConsent::OptedOut).await;
    let second = unlike(&alert, "opted-out");
    assert_eq!(stage.judged(&triage, &second).await.verdict.unwrap(), by_rules(&second));
    assert_eq!(connections.load(Ordering::SeqCst), 0);

    stage.change_profile(|tenant| tenant.llm = LlmConsent::OptedIn).await;
    assert!(is_fallback(&stage.judged(&triage, &unlike(&alert, "asked")).await.verdict.unwrap()));
    assert_eq!(connections.load(Ordering::SeqCst), 1, "the counter counts");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_holds_no_other_alert_back() {
    let stage = Stage::start(Options {
        parameters: BTreeMap::from([("LlmTrySeconds".to_owned(), "20".to_owned())]),
        ..Options::default()
    })
    .await;
    let alert = stage.ambiguous().await;
    stage.system.llm.set_mode(LlmMode::SlowOn("the-slow-one", 12_000));
    let mut queued = Vec::new();
    for word in ["the-slow-one", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11"] {
        let alert = unlike(&alert, word);
        let message = stage.received(&alert).await;
        queued.push((alert.id, serde_json::to_string(&message).unwrap()));
    }
    for (_, body) in &queued {
        stage.send("AlertsQueue", body).await;
    }
    let (slow, quick) = queued.split_first().unwrap();
    for (id, _) in quick {
        let record = stage.until("it has a verdict", *id, |record| record.verdict.is_some()).await;
        assert_eq!(record.verdict.unwrap().decided_by, DecidedBy::Llm);
    }
    assert!(stage.record(slow.0).await.verdict.is_none(), "the slow one is still being asked about");
    stage.until("the slow one has its own", slow.0, |record| record.verdict.is_some()).await;
    stage.quiet().await;
    for (id, body) in &queued {
        assert_eq!((stage.times_handled("triage", body), stage.entries(*id, "VERDICT_RECORDED").await), (1, 1));
    }
    stage.end().await;
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Classified for Never {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// Works on ten messages, one of them for five seconds, whose visibility ends after two; returns how many another receiver
/// got meanwhile, and how many are left.
async fn received_elsewhere(lease: Lease) -> (usize, u64) {
    let stage = Stage::dry_run().await;
    let sqs = stage.clients().sqs;
    let queue = sqs.create_queue().queue_name("leased").send().await.unwrap().queue_url.unwrap();
    for number in 0..10 {
        let message = AlertQueued {
            tenant_id: stage.tenant(),
            alert_id: vyrox_domain::alert::alert_id(
                &stage.tenant(),
                vyrox_contract::Vendor::Generic,
                &number.to_string(),
            ),
            revision: number,
        };
        sqs.send_message()
            .queue_url(&queue)
            .message_body(serde_json::to_string(&message).unwrap())
            .send()
            .await
            .unwrap();
    }
    let mut event = SqsEvent::default();
    let mut receipts = HashMap::new();
    while event.records.len() < 10 {
        let got = sqs.receive_message().queue_url(&queue).max_number_of_messages(10).visibility_timeout(2).send().await;
        for message in got.unwrap().messages.unwrap_or_default() {
            let mut record = SqsMessage::default();
            record.message_id = message.message_id.clone();
            record.receipt_handle = message.receipt_handle.clone();
            record.body = message.body;
            receipts.insert(message.message_id, message.receipt_handle.unwrap());
            event.records.push(record);
        }
    }
    let source = SourceQueue::new("triage", sqs.clone(), &queue, Arc::new(SystemClock)).at_once(4).leased(lease);
    let work = batch::run(&source, event, async |message: AlertQueued| {
        if message.revision == 0 {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Ok::<(), Never>(())
    });
    let elsewhere = async {
        let mut received = 0;
        loop {
            let got =
                sqs.receive_message().queue_url(&queue).max_number_of_messages(10).wait_time_seconds(1).send().await;
            received += got.unwrap().messages.unwrap_or_default().len();
            if received > 0 {
                return received;
            }
        }
    };
    let received = tokio::select! {
        received = elsewhere => received,
        response = work => {
            assert!(response.batch_item_failures.is_empty());
            0
        }
    };
    for receipt in receipts.into_values() {
        let _ = sqs.delete_message().queue_url(&queue).receipt_handle(receipt).send().await;
    }
    let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let attributes = sqs.get_queue_attributes().queue_url(&queue).attribute_names(name.clone()).send().await.unwrap();
    let left = attributes.attributes.unwrap()[&name].parse().unwrap();
    stage.end().await;
    (received, left)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_message_of_a_batch_waits_none_of_them_comes_twice() {
    let (renewed, never) = tokio::join!(
        received_elsewhere(Lease { every: Duration::from_millis(500), length: Duration::from_secs(3) }),
        received_elsewhere(Lease { every: Duration::from_secs(600), length: Duration::from_secs(3) }),
    );
    assert_eq!(renewed, (0, 0));
    assert!(never.0 > 0, "without renewal they come twice, or this test shows nothing");
}
