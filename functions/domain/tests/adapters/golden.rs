//! Every payload of `events/` and what becomes of it, which stands beside it as `<name>.expected.json`.

use super::{VENDORS, events, outcome, payloads, switch};
use serde_json::Value;

#[test]
fn every_payload_becomes_exactly_what_stands_beside_it() {
    let bless = switch("VYROX_BLESS").is_some();
    let (mut compared, mut differ) = (0, Vec::new());
    for vendor in VENDORS {
        for path in payloads(&events(vendor)) {
            let found = outcome(vendor, &std::fs::read(&path).unwrap());
            let beside = path.with_extension("expected.json");
            if bless {
                std::fs::write(&beside, format!("{found:#}\n")).unwrap();
            }
            let Ok(expected) = std::fs::read(&beside) else {
                differ.push(format!("{}: nothing is expected of it (VYROX_BLESS=1 writes it)", path.display()));
                continue;
            };
            let expected: Value = serde_json::from_slice(&expected).unwrap();
            if found != expected {
                differ.push(format!("{}\nfound {found:#}\nexpected {expected:#}", path.display()));
            }
            compared += 1;
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
    assert!(compared >= 50, "only {compared} payloads were found");
}

#[test]
fn no_expectation_is_without_its_payload() {
    for vendor in VENDORS {
        for entry in std::fs::read_dir(events(vendor)).unwrap() {
            let path = entry.unwrap().path();
            if let Some(payload) = path.to_string_lossy().strip_suffix(".expected.json") {
                assert!(std::path::Path::new(&format!("{payload}.json")).exists(), "{}", path.display());
            }
        }
    }
}
