//! What the functions say about themselves: one alert is one trace in every function's log, every stage has its number, and
//! documents and template name no metric that the code does not know.
//!
//! Here belongs: a new metric that must come up in an alert's way, a new place that names metrics.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};
use tracing_subscriber::fmt::MakeWriter;
use vyrox_contract::AlertId;
use vyrox_domain::trace::TraceId;
use vyrox_local_aws::template::{DEPLOYED, Template, resolve};
use vyrox_platform::metric::{self, FUNCTION, Kept, Metric, NAMESPACE};
use vyrox_platform::telemetry;
use vyrox_tests::{APPROVER, SECOND_APPROVER, Stage};

/// Everything that this process logs, as it would be written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Both are a process's own, so the tests share them and look for their own alerts.
static SAID: LazyLock<(Log, Kept)> = LazyLock::new(|| {
    let log = Log::default();
    telemetry::init_into(Some("info"), log.clone());
    (log, metric::keep())
});

impl Log {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// The lines of work on this alert, by function.
    fn about(&self, alert: AlertId) -> BTreeMap<String, Vec<Value>> {
        let trace = TraceId::from(alert).to_string();
        let mut found = BTreeMap::<_, Vec<Value>>::new();
        for line in self.lines().into_iter().filter(|line| line["span"]["trace_id"] == trace.as_str()) {
            found.entry(line["span"]["function"].as_str().unwrap().to_owned()).or_default().push(line);
        }
        found
    }
}

fn spans(lines: &[Value], id: &str) -> BTreeSet<String> {
    lines.iter().filter_map(|line| line["span"][id].as_str()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_one_trace_in_the_log_of_every_function_that_it_passes() {
    let (log, _) = &*SAID;
    for (stage, delivers) in [(Stage::live().await, "relay"), (Stage::live_push().await, "dispatch")] {
        let alert = stage.fire("credential-dump").await;
        let card = stage.card(alert).await;
        stage.press(APPROVER, &card, "Approve").await;
        stage.contained(alert).await;
        stage.card_saying(alert, "CONTAINED").await;
        let about = || log.about(alert);
        // The line about the card may be written a moment after Discord has it; dispatch's, after the proxy has polled.
        let passed = ["dispatch", "ingest", "interactions", "notify", delivers, "triage"];
        stage.wait("all have logged", async || passed.iter().all(|function| about().contains_key(*function))).await;

        let found = about();
        // Who caused whom travels with the messages.
        for (function, cause) in [("triage", "ingest"), ("notify", "triage"), ("dispatch", "interactions")] {
            let parents = spans(&found[function], "parent_id");
            let causes = spans(&found[cause], "span_id");
            assert!(!parents.is_disjoint(&causes), "{function} was caused by {cause}: {parents:?}, {causes:?}");
        }
        let receipts = found[delivers].iter().filter(|line| line["message"] == "receipt").count();
        assert_eq!(receipts, 1, "{:#?}", found[delivers]);
        // Whatever names the alert is in its trace.
        let (id, trace) = (alert.to_string(), TraceId::from(alert).to_string());
        for line in log.lines().iter().filter(|line| line["alert_id"] == id.as_str()) {
            assert_eq!(line["span"]["trace_id"], trace.as_str(), "{line}");
        }
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_has_its_number_and_no_id_is_a_dimension() {
    let (_, kept) = &*SAID;
    let stage = Stage::live().await;
    stage.fire("discovery-burst").await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.contained(alert).await;
    let card = stage.card_saying(alert, "CONTAINED").await;
    stage.press(SECOND_APPROVER, &card, "Release").await;
    stage.card_saying(alert, "RELEASED").await;
    assert_eq!(stage.deliver(b"{}").await.status, 422);
    stage.system.checkpointer.run(std::time::Duration::from_secs(5), vyrox_checkpoint::Idle::ByAge).await.unwrap();
    let expected: BTreeSet<(&str, Metric)> = [
        ("ingest", Metric::AlertsAccepted),
        ("ingest", Metric::DeliveriesRefused),
        ("ingest", Metric::WebhookToAnswer),
        ("triage", Metric::Verdicts),
        ("triage", Metric::AlertsInBand),
        ("triage", Metric::ModelAnswers),
        ("triage", Metric::ModelTokens),
        ("triage", Metric::WebhookToVerdict),
        ("notify", Metric::CardsPosted),
        ("notify", Metric::CardsEdited),
        ("notify", Metric::VerdictToCard),
        ("interactions", Metric::Clicks),
        ("interactions", Metric::Decisions),
        ("interactions", Metric::ClickToAnswer),
        ("relay", Metric::ActionsDelivered),
        ("relay", Metric::ApprovalToDelivery),
        ("relay", Metric::Receipts),
        ("relay", Metric::DeliveryToReceipt),
        ("checkpoint", Metric::Checkpoints),
        ("checkpoint", Metric::TenantsLeft),
        ("checkpoint", Metric::BrokenLanes),
    ]
    .into();
    let missing = || {
        let lines = kept.lines();
        let told = |(function, metric): &(&str, Metric)| {
            lines.iter().any(|line| line[FUNCTION] == *function && !line[metric.name()].is_null())
        };
        expected.iter().filter(|pair| !told(pair)).copied().collect::<Vec<_>>()
    };
    stage.wait("all numbers are told", async || missing().is_empty()).await;

    for line in kept.lines() {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        let metrics: Vec<Metric> = directive["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|defined| *Metric::ALL.iter().find(|metric| metric.name() == defined["Name"]).unwrap())
            .collect();
        let sets = directive["Dimensions"].as_array().unwrap();
        for dimension in sets.iter().flat_map(|set| set.as_array().unwrap()) {
            let value = line[dimension.as_str().unwrap()].as_str().unwrap();
            let is_word = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            assert!(is_word && value.len() < 24 && value != stage.tenant().as_str(), "{dimension} of {line}");
        }
        for metric in metrics {
            let values = line[metric.name()].as_array().cloned().unwrap_or_else(|| vec![line[metric.name()].clone()]);
            // Generous: the machine may be busy. What is checked is that seconds were not taken for milliseconds.
            assert!(values.iter().all(|value| value.as_u64().unwrap() < 120_000), "{metric:?} of {line}");
        }
    }
    let verdict = kept.lines().into_iter().find(|line| line["level"] == "CRITICAL").unwrap();
    assert!(verdict["Verdicts"].as_u64().unwrap() >= 1, "{verdict}");
    stage.end().await;
}

/// A metric with the dimensions that it is named with.
type Named = (String, BTreeMap<String, String>);

/// All metrics of ours that the template's alarms watch and its dashboard shows.
fn in_template(template: &Template) -> Vec<Named> {
    let mut found = Vec::new();
    for alarm in template.resources_of("AWS::CloudWatch::Alarm") {
        let properties = resolve(alarm.properties(), &BTreeMap::new());
        let nested = properties["Metrics"].as_array().into_iter().flatten().map(|one| &one["MetricStat"]["Metric"]);
        for watched in nested.chain([&properties]).filter(|watched| watched["Namespace"] == NAMESPACE) {
            let dimensions = watched["Dimensions"].as_array().unwrap().iter();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let dimensions = dimensions.map(|one| (text(&one["Name"]), text(&one["Value"]))).collect();
            found.push((text(&watched["MetricName"]), dimensions));
        }
    }
    let dashboard = template.resources().find(|resource| resource.logical_id == "Dashboard").unwrap();
    let body = resolve(&dashboard.properties()["DashboardBody"], &BTreeMap::new());
    let body: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
    for widget in body["widgets"].as_array().unwrap() {
        let mut before = Vec::<String>::new();
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let words = metric.as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>();
            if words.is_empty() {
                continue;
            }
            before = spelled_out(&words, &before);
            if before[0] == NAMESPACE {
                let pairs = before[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                found.push((before[1].clone(), pairs.collect()));
            }
        }
    }
    found
}

/// A dashboard's abbreviations: `.` is what stood there before, `...` all that stood there up to the words that follow.
fn spelled_out(words: &[&str], before: &[String]) -> Vec<String> {
    let rest = &words[1..];
    if words[0] == "..." {
        let kept = before[..before.len() - rest.len()].iter().cloned();
        return kept.chain(rest.iter().map(|word| (*word).to_owned())).collect();
    }
    let word = |(at, word): (usize, &&str)| if *word == "." { before[at].clone() } else { (*word).to_owned() };
    words.iter().enumerate().map(word).collect()
}

#[test]
fn the_template_names_only_metrics_that_there_are() {
    let template = Template::parse(DEPLOYED).unwrap();
    let named = in_template(&template);
    assert!(named.len() > 30, "{named:#?}");
    let functions: BTreeSet<String> = template
        .resources_of("AWS::Serverless::Function")
        .map(|function| function.logical_id.trim_end_matches("Function").to_lowercase())
        .collect();
    for (name, dimensions) in named {
        let metric = Metric::ALL.iter().find(|metric| metric.name() == name);
        let metric = metric.unwrap_or_else(|| panic!("the template names {name}, which the functions do not tell"));
        assert!(functions.contains(&dimensions[FUNCTION]), "{name} of {dimensions:?}");
        let more: Vec<&str> = dimensions.keys().map(String::as_str).filter(|name| *name != FUNCTION).collect();
        assert!(more.iter().all(|name| metric.dimension() == Some(name)), "{name} is not told by {more:?}");
    }
}

#[test]
fn the_page_lists_every_metric_as_it_is() {
    let page = include_str!("../docs/signals.md");
    let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let known = Metric::ALL.iter().map(|metric| {
        let by = metric.dimension().map(|dimension| format!("`{dimension}`")).unwrap_or_default();
        format!("| `{}` | {} | {by} | {} |", metric.name(), metric.unit().as_str(), metric.says())
    });
    assert_eq!(listed, known.collect::<Vec<_>>());
}
