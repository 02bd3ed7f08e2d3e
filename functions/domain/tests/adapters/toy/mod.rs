//! A vendor that does not exist, added by the steps of `docs/adapters.md`, in the test tree and against the public interface
//! only: one file (`adapter.rs`), one row (below), one folder of fixtures (`events/`), one page (`page.md`).

mod adapter;

use super::{outcome_by, payloads, switch};
use serde_json::Value;
use std::path::{Path, PathBuf};
use vyrox_contract::Vendor;
use vyrox_domain::vendor::{ADAPTERS, Adapter};

/// The row that a new vendor adds to the table, before the presets of the same route.
const ROW: Adapter = Adapter {
    name: "toy",
    route: Vendor::Generic,
    hint: "a watchdog event has `watchdog.event` and `watchdog.at`",
    recognises: adapter::recognises,
    normalise: adapter::normalise,
};

fn table() -> Vec<Adapter> {
    [ROW].into_iter().chain(ADAPTERS.iter().copied()).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adapters/toy")
}

#[test]
fn with_its_row_every_fixture_becomes_what_stands_beside_it() {
    let mut compared = 0;
    for path in payloads(&folder().join("events")) {
        let found = outcome_by(&table(), Vendor::Generic, &std::fs::read(&path).unwrap());
        let beside = path.with_extension("expected.json");
        if switch("VYROX_BLESS").is_some() {
            std::fs::write(&beside, format!("{found:#}\n")).unwrap();
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(&beside).unwrap()).unwrap();
        assert_eq!(found, expected, "{}", path.display());
        compared += 1;
    }
    assert_eq!(compared, 3, "an alert, an event that is none, and one that is refused");
}

#[test]
fn without_its_row_its_bodies_are_refused() {
    for path in payloads(&folder().join("events")) {
        let found = outcome_by(ADAPTERS, Vendor::Generic, &std::fs::read(&path).unwrap());
        assert!(found["refused"].is_string(), "{found}");
    }
}

#[test]
fn its_row_takes_nothing_from_the_vendors_that_are_there() {
    for vendor in super::VENDORS {
        for path in payloads(&super::events(vendor)) {
            let body = std::fs::read(&path).unwrap();
            assert_eq!(outcome_by(&table(), vendor, &body), outcome_by(ADAPTERS, vendor, &body), "{}", path.display());
        }
    }
}

#[test]
fn every_row_has_its_fixtures_and_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for adapter in ADAPTERS {
        assert!(!payloads(&root.join("events").join(adapter.name)).is_empty(), "events/{}", adapter.name);
        let page = root.join("docs/adapters").join(adapter.name).with_extension("md");
        let text = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(text.contains(&format!("/webhook/{}", adapter.route)), "{} does not name its route", page.display());
    }
    let page = std::fs::read_to_string(folder().join("page.md")).unwrap();
    assert!(page.contains("watchdog.event"));
}
