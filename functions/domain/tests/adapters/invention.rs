//! For any JSON at any route: no panic, and no text in an alert that is not in the payload.
//!
//! Random JSON seldom is a vendor's shape, so the payloads are the fixtures with parts exchanged for random values, and
//! random objects made of the vendors' own keys.

use super::{VENDORS, events, outcome, payloads};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static FIXTURES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let files = VENDORS.into_iter().flat_map(|vendor| payloads(&events(vendor)));
    let read = |path| std::fs::read(path).expect("the fixture can be read");
    files.map(|path| serde_json::from_slice(&read(path)).expect("the fixture is JSON")).collect()
});

static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut keys = BTreeSet::new();
    FIXTURES.iter().for_each(|fixture| collect_keys(fixture, &mut keys));
    keys.into_iter().collect()
});

fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                keys.insert(key.clone());
                collect_keys(value, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (1_600_000_000_i64..1_800_000_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-zA-Z0-9\\\\/:,= .\"é_-]{0,30}".prop_map(Value::from),
        "[0-9a-f]{40}".prop_map(Value::from),
        "\\{\"[$]?(id|ref|Host|ImageFile)\":[\"0-9{}a-z]{0,12}\\}".prop_map(Value::from),
        Just(Value::from("2023-11-14T22:13:20Z")),
        Just(Value::from("Process")),
        Just(Value::from("AdvancedHunting-AlertEvidence")),
        Just(Value::from("EppDetectionSummaryEvent")),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    let key = prop_oneof![4 => (0..KEYS.len()).prop_map(|at| KEYS[at].clone()), 1 => any::<String>()];
    leaf().prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// A fixture in which some places have other values, or none.
fn mutated() -> impl Strategy<Value = Value> {
    let change = (any::<u32>(), prop_oneof![3 => leaf().prop_map(Some), 2 => tree().prop_map(Some), 1 => Just(None)]);
    (0..FIXTURES.len(), prop::collection::vec(change, 0..5)).prop_map(|(at, changes)| {
        let mut value = FIXTURES[at].clone();
        for (place, new) in changes {
            let places = count(&value);
            replace(&mut value, &mut (place as usize % places), new.as_ref());
        }
        value
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(object) => object.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// Exchanges the value at the `place`-th place in depth-first order.
fn replace(value: &mut Value, place: &mut usize, new: Option<&Value>) -> bool {
    if *place == 0 {
        *value = new.cloned().unwrap_or_default();
        return true;
    }
    *place -= 1;
    match value {
        Value::Object(object) => object.values_mut().any(|value| replace(value, place, new)),
        Value::Array(items) => items.iter_mut().any(|item| replace(item, place, new)),
        _ => false,
    }
}

/// Everything that the payload says, with the documents inside its texts, as one text in one spelling.
fn said(value: &Value, into: &mut String) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                into.push_str(&spelling(key));
                into.push('\n');
                said(value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| said(item, into)),
        Value::String(text) => {
            into.push_str(&spelling(text));
            into.push('\n');
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                said(&inner, into);
            }
        }
        other => {
            into.push_str(&other.to_string());
            into.push('\n');
        }
    }
}

/// Hashes change case, and doubled backslashes and escaped quotes are undone: neither is an invention.
fn spelling(text: &str) -> String {
    text.chars().filter(|char| !matches!(char, '\\' | '"')).flat_map(char::to_lowercase).collect()
}

const TEXTS: [&str; 13] = [
    "raw_id",
    "hostname",
    "process_name",
    "process_cmdline",
    "sha256",
    "sha1",
    "tactic",
    "technique",
    "device_id",
    "threat_id",
    "parent_process",
    "parent_cmdline",
    "title",
];

pub(super) fn check(payload: &Value) -> Result<usize, TestCaseError> {
    let body = serde_json::to_vec(payload).expect("a value is JSON");
    let mut source = String::new();
    said(payload, &mut source);
    let mut alerts = 0;
    for vendor in VENDORS {
        let outcome = outcome(vendor, &body);
        for alert in outcome["alerts"].as_array().into_iter().flatten() {
            alerts += 1;
            for field in TEXTS {
                if let Some(text) = alert[field].as_str() {
                    prop_assert!(source.contains(&spelling(text)), "{vendor} invented {field} {text:?} for {payload}");
                }
            }
            if let Some(number) = alert["process_id"].as_u64() {
                prop_assert!(source.contains(&number.to_string()), "{vendor} invented process {number} for {payload}");
            }
            // These two are joined of two parts, each of which is the payload's.
            let joined = [("username", vec!['\\']), ("process_path", vec!['\\', '/'])];
            for (field, separators) in joined {
                let text = alert[field].as_str().unwrap_or_default();
                let whole = source.contains(&spelling(text));
                let parts = text.char_indices().filter(|(_, char)| separators.contains(char)).any(|(at, _)| {
                    source.contains(&spelling(&text[..at])) && source.contains(&spelling(&text[at + 1..]))
                });
                prop_assert!(whole || parts, "{vendor} invented {field} {text:?} for {payload}");
            }
        }
    }
    Ok(alerts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fixture_with_parts_exchanged_panics_nowhere_and_invents_nothing(payload in mutated()) {
        check(&payload)?;
    }

    #[test]
    fn any_json_panics_nowhere_and_invents_nothing(payload in tree()) {
        check(&payload)?;
    }
}

#[test]
fn the_check_sees_alerts_and_would_see_an_invention() {
    let alerts: usize = FIXTURES.iter().map(|fixture| check(fixture).unwrap()).sum();
    assert!(alerts >= 50, "{alerts}");
    let mut source = String::new();
    said(&serde_json::json!({"a": "C:\\\\Windows", "b": "{\"c\":\"inside\"}"}), &mut source);
    assert!(source.contains(&spelling("C:\\Windows")) && source.contains("inside") && !source.contains("linux"));
}
