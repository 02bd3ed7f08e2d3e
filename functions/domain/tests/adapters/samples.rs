//! Payloads from outside this tree: `VYROX_SAMPLES=/a/folder`, every `.json` file in it, at any depth.
//!
//! A file in a folder named as a vendor is read at that vendor's route; any other at all four. What becomes of each is
//! printed as a table: mapped (with the fields it has), ignored, or refused with the reason.
#![allow(clippy::print_stderr, reason = "what was skipped, and what became of each file, must be seen")]

use super::{VENDORS, invention, outcome, switch};
use serde_json::Value;
use std::path::{Path, PathBuf};
use vyrox_contract::Vendor;

#[test]
fn every_sample_is_an_alert_or_ignored_or_refused_with_a_reason() {
    let Some(folder) = switch("VYROX_SAMPLES") else {
        eprintln!("SKIPPED: VYROX_SAMPLES is not set, so no payload from outside was read");
        return;
    };
    let mut files = Vec::new();
    find(Path::new(&folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "{folder} has no .json files");
    for path in files {
        let body = std::fs::read(&path).unwrap();
        for vendor in routes(&path) {
            let outcome = outcome(vendor, &body);
            let name = path.strip_prefix(&folder).unwrap_or(&path).display();
            eprintln!("{vendor:<12} {name}\n             {}", summary(&outcome));
            let reason = outcome["ignored"].as_str().or(outcome["refused"].as_str());
            let alerts = outcome["alerts"].as_array().map_or(0, Vec::len);
            assert!(alerts > 0 || reason.is_some_and(|reason| !reason.is_empty()), "{name}");
        }
        if let Ok(payload) = serde_json::from_slice::<Value>(&body) {
            invention::check(&payload).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
}

fn routes(path: &Path) -> Vec<Vendor> {
    let mut folders = path.components().filter_map(|part| part.as_os_str().to_str()?.parse().ok());
    folders.next_back().map_or_else(|| VENDORS.to_vec(), |vendor| vec![vendor])
}

fn summary(outcome: &Value) -> String {
    if let Some(reason) = outcome["ignored"].as_str() {
        return format!("ignored: {reason}");
    }
    if let Some(reason) = outcome["refused"].as_str() {
        return format!("refused: {reason}");
    }
    let alerts = outcome["alerts"].as_array().into_iter().flatten();
    let fields = alerts.map(|alert| {
        let always = ["tenant_id", "id", "source", "received_at", "revision"];
        let names = alert.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        names.filter(|name| !always.contains(name)).collect::<Vec<_>>().join(" ")
    });
    format!("mapped: {}", fields.collect::<Vec<_>>().join(" | "))
}
