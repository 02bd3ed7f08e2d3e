//! Numbers for alarms, as CloudWatch's embedded metric format: one JSON line in the function's log, no call, no grant.

use crate::clock::Clock;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// The namespace of all of them.
const NAMESPACE: &str = "Vyrox";

/// Whether a log is read as metrics: that of a function's own process is, a runner's terminal is not.
static IS_READ: AtomicBool = AtomicBool::new(false);

/// From now on numbers are written. For the start of a function's own process.
pub(crate) fn switch_on() {
    IS_READ.store(true, Ordering::Relaxed);
}

/// Writes numbers, under a dimension `function`.
pub fn emit(clock: &dyn Clock, function: &str, numbers: &[(&str, u64)]) {
    if !IS_READ.load(Ordering::Relaxed) {
        return;
    }
    // Without a log there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", line(clock.now_millis(), function, numbers));
}

fn line(millis: i64, function: &str, numbers: &[(&str, u64)]) -> Value {
    let metrics: Vec<Value> = numbers.iter().map(|(name, _)| json!({"Name": name, "Unit": "Count"})).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": millis,
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": metrics}],
        }),
    );
    line.insert("function".to_owned(), json!(function));
    line.extend(numbers.iter().map(|(name, number)| ((*name).to_owned(), json!(number))));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::line;
    use serde_json::json;

    #[test]
    fn a_line_names_its_metrics_and_holds_their_numbers() {
        let line = line(1_700_000_000_000, "checkpoint", &[("BrokenLanes", 2)]);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Vyrox");
        assert_eq!(directive["Dimensions"], json!([["function"]]));
        assert_eq!(directive["Metrics"][0]["Name"], "BrokenLanes");
        assert_eq!((&line["function"], &line["BrokenLanes"]), (&json!("checkpoint"), &json!(2)));
    }
}
