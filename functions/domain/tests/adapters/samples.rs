//! Payloads from outside this tree: `VYROX_SAMPLES=/a/folder` with `crowdstrike/`, `sentinelone/`, `defender/`, `generic/` in it.
#![allow(clippy::print_stderr, reason = "what was skipped, and what became of each file, must be seen")]

use super::{VENDORS, outcome, payloads, switch};
use std::path::Path;

#[test]
fn every_sample_is_an_alert_or_ignored_or_refused_with_a_reason() {
    let Some(folder) = switch("VYROX_SAMPLES") else {
        eprintln!("SKIPPED: VYROX_SAMPLES is not set, so no payload from outside was read");
        return;
    };
    let mut read = 0;
    for vendor in VENDORS {
        for path in payloads(&Path::new(&folder).join(vendor.as_str())) {
            let outcome = outcome(vendor, &std::fs::read(&path).unwrap());
            eprintln!("{vendor} {}\n{outcome:#}", path.file_name().unwrap_or_default().to_string_lossy());
            let reason = outcome["ignored"].as_str().or(outcome["refused"].as_str());
            let alerts = outcome["alerts"].as_array().map_or(0, Vec::len);
            assert!(alerts > 0 || reason.is_some_and(|reason| !reason.is_empty()), "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 0, "{folder} has no payloads");
}
