//! Numbers for alarms and dashboards, as CloudWatch's embedded metric format: JSON lines in the function's log, no call, no
//! grant.
//!
//! ```text
//!  gather(clock, "triage", work)          one invocation: a batch, a request, a run of a schedule
//!    `- Metric::Verdicts.add_by("HIGH", 1)    anywhere within it, however deep
//!  at its end: one line for all of its numbers, and one more for each value of a dimension
//! ```
//!
//! Every metric is in the [catalogue](Metric); a dimension's value is a word of the program (`&'static str`), so that no id
//! from outside can become one: CloudWatch charges for every combination that it has ever seen. Whose alert it was is in the
//! log, under the trace's id.

mod catalogue;

pub use catalogue::{Metric, Unit};

use crate::clock::Clock;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The namespace of all of them.
pub const NAMESPACE: &str = "Vyrox";
/// The dimension that every metric has.
pub const FUNCTION: &str = "function";
/// The most values of one metric in a line, by the format's specification.
const MOST_VALUES: usize = 100;

/// Who reads the lines: nobody, unless a function's own process or somebody else asks for them. A runner's terminal is not read
/// as metrics.
static READER: RwLock<Reader> = RwLock::new(Reader::Nobody);

#[derive(Clone)]
enum Reader {
    Nobody,
    Log,
    Kept(Kept),
}

/// The lines since [`keep`].
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Value>>>);

impl Kept {
    /// All of them so far, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// From now on numbers are written to the log. For the start of a function's own process.
pub(crate) fn switch_on() {
    set(Reader::Log);
}

/// From now on this process keeps its lines instead of writing them: for whoever wants to look at them.
#[must_use]
pub fn keep() -> Kept {
    let kept = Kept::default();
    set(Reader::Kept(kept.clone()));
    kept
}

fn set(reader: Reader) {
    *READER.write().unwrap_or_else(PoisonError::into_inner) = reader;
}

fn reader() -> Reader {
    READER.read().unwrap_or_else(PoisonError::into_inner).clone()
}

tokio::task_local! {
    static GATHERED: Arc<Gathered>;
}

/// The numbers of one invocation.
#[derive(Debug)]
struct Gathered {
    function: &'static str,
    clock: Arc<dyn Clock>,
    numbers: Mutex<Numbers>,
}

/// A dimension beyond the function, with its value.
type By = Option<(&'static str, &'static str)>;
/// Values of each metric, by dimension.
type Numbers = BTreeMap<By, BTreeMap<Metric, Vec<u64>>>;

/// Writes what was gathered, however the work ended.
struct Told(Arc<Gathered>);

impl Drop for Told {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut *self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner));
        let millis = self.0.clock.now_millis();
        for (by, metrics) in &numbers {
            for line in lines(millis, self.0.function, *by, metrics) {
                write(&line);
            }
        }
    }
}

/// Does one invocation's work, and writes the numbers that came up in it. `function` is the dimension that all of them have.
/// Within another's it adds to that one's.
pub fn gather<F: Future>(clock: Arc<dyn Clock>, function: &'static str, work: F) -> impl Future<Output = F::Output> {
    // A function's whole work is one large future: moved once, and not through every layer.
    let work = Box::pin(work);
    async move {
        if matches!(reader(), Reader::Nobody) || GATHERED.try_with(|_| ()).is_ok() {
            return work.await;
        }
        let gathered = Arc::new(Gathered { function, clock, numbers: Mutex::default() });
        let _told = Told(Arc::clone(&gathered));
        GATHERED.scope(gathered, work).await
    }
}

impl Metric {
    /// So many more; nothing for none.
    pub fn add(self, count: u64) {
        debug_assert!(self.dimension().is_none(), "{} is counted by a dimension", self.name());
        self.enter(None, count);
    }

    /// So many more of this kind.
    pub fn add_by(self, value: &'static str, count: u64) {
        debug_assert!(self.dimension().is_some(), "{} has no dimension", self.name());
        self.enter(self.dimension().map(|dimension| (dimension, value)), count);
    }

    /// How many there are now, none included: for what is looked at once a run.
    pub fn set(self, count: u64) {
        enter(self, None, |values| *values = vec![count]);
    }

    /// Something that began and ended at these times, milliseconds since 1970. Clocks of two machines may differ: less than
    /// nothing counts as nothing.
    pub fn took(self, (began, ended): (i64, i64)) {
        debug_assert_eq!(self.unit(), Unit::Milliseconds);
        let millis = u64::try_from(ended.saturating_sub(began)).unwrap_or(0);
        enter(self, None, |values| values.push(millis));
    }

    fn enter(self, by: By, count: u64) {
        debug_assert_eq!(self.unit(), Unit::Count);
        if count > 0 {
            enter(self, by, |values| match values.as_mut_slice() {
                [sum] => *sum += count,
                _ => values.push(count),
            });
        }
    }
}

/// Outside of [`gather`] nobody reads them.
fn enter(metric: Metric, by: By, change: impl FnOnce(&mut Vec<u64>)) {
    let _ = GATHERED.try_with(|gathered| {
        let mut numbers = gathered.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        change(numbers.entry(by).or_default().entry(metric).or_default());
    });
}

fn write(line: &Value) {
    match reader() {
        Reader::Nobody => {}
        // One write for the line, since stderr has no buffer. Without a log there is nobody to tell.
        Reader::Log => drop(std::io::stderr().lock().write_all(format!("{line}\n").as_bytes())),
        Reader::Kept(kept) => kept.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone()),
    }
}

/// The metrics of one dimension's value, in as few lines as the format allows.
fn lines(millis: i64, function: &str, by: By, metrics: &BTreeMap<Metric, Vec<u64>>) -> Vec<Value> {
    let most = metrics.values().map(Vec::len).max().unwrap_or(0);
    (0..most)
        .step_by(MOST_VALUES)
        .map(|from| {
            let part = |values: &[u64]| values.iter().skip(from).take(MOST_VALUES).copied().collect::<Vec<u64>>();
            let parts = metrics.iter().map(|(metric, values)| (*metric, part(values)));
            line(millis, function, by, parts.filter(|(_, values)| !values.is_empty()))
        })
        .collect()
}

fn line(millis: i64, function: &str, by: By, metrics: impl Iterator<Item = (Metric, Vec<u64>)>) -> Value {
    let (mut members, mut defined) = (Map::new(), Vec::new());
    for (metric, values) in metrics {
        defined.push(json!({"Name": metric.name(), "Unit": metric.unit().as_str()}));
        let value = if let [value] = values[..] { json!(value) } else { json!(values) };
        members.insert(metric.name().to_owned(), value);
    }
    let mut dimensions = vec![vec![FUNCTION]];
    dimensions.extend(by.map(|(name, _)| vec![FUNCTION, name]));
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": defined});
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({"Timestamp": millis, "CloudWatchMetrics": [directive]}));
    line.insert(FUNCTION.to_owned(), json!(function));
    line.extend(by.map(|(name, value)| (name.to_owned(), json!(value))));
    line.extend(members);
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn an_invocations_numbers_are_a_line_for_each_value_of_a_dimension() {
        let kept = keep();
        let clock = Arc::new(ManualClock::at(1_700_000_000));
        Metric::ModelTokens.add(7);
        gather(clock.clone(), "triage", async {
            Metric::Verdicts.add_by("HIGH", 1);
            Metric::Verdicts.add_by("HIGH", 1);
            Metric::Verdicts.add_by("LOW", 1);
            Metric::ModelTokens.add(40);
            Metric::ModelTokens.add(0);
            Metric::WebhookToVerdict.took((1_000, 1_120));
            // Deeper down, and from a machine whose clock is behind.
            gather(clock.clone(), "other", async { Metric::WebhookToVerdict.took((5, 3)) }).await;
        })
        .await;
        gather(clock, "triage", async {}).await;
        let lines = kept.lines();
        assert_eq!(lines.len(), 3, "{lines:#?}");
        let directive = |line: &Value| line["_aws"]["CloudWatchMetrics"][0].clone();
        assert_eq!(lines[0]["_aws"]["Timestamp"], 1_700_000_000_000_i64);
        assert_eq!(
            directive(&lines[0]),
            json!({"Namespace": "Vyrox", "Dimensions": [["function"]], "Metrics": [
                {"Name": "ModelTokens", "Unit": "Count"}, {"Name": "WebhookToVerdict", "Unit": "Milliseconds"},
            ]})
        );
        assert_eq!((&lines[0]["ModelTokens"], &lines[0]["WebhookToVerdict"]), (&json!(40), &json!([120, 0])));
        assert_eq!(directive(&lines[1])["Dimensions"], json!([["function"], ["function", "level"]]));
        assert_eq!((&lines[1]["level"], &lines[1]["Verdicts"]), (&json!("HIGH"), &json!(2)));
        assert_eq!((&lines[2]["level"], &lines[2]["function"]), (&json!("LOW"), &json!("triage")));
        for line in &lines {
            is_well_formed(line);
        }
    }

    #[test]
    fn more_values_than_a_line_may_hold_make_more_lines() {
        let metrics = BTreeMap::from([(Metric::WebhookToVerdict, (0..250).collect()), (Metric::ModelTokens, vec![9])]);
        let lines = lines(1, "triage", None, &metrics);
        let lengths: Vec<_> = lines.iter().map(|line| line["WebhookToVerdict"].as_array().unwrap().len()).collect();
        assert_eq!(lengths, [100, 100, 50]);
        assert!(lines[1]["ModelTokens"].is_null());
        lines.iter().for_each(is_well_formed);
    }

    /// What the format's specification asks of every line.
    fn is_well_formed(line: &Value) {
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for dimension in directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap())
            {
                assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension} of {line}");
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                let value = &line[metric["Name"].as_str().unwrap()];
                let is_list = value.as_array().is_some_and(|list| (1..=100).contains(&list.len()));
                assert!(value.is_u64() || is_list, "{metric} of {line}");
                assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
            }
        }
    }

    #[test]
    fn no_two_metrics_have_one_name() {
        let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}
