//! The fuzz targets' properties over their seeds and over every payload of `events/`, without libFuzzer. A new test goes
//! into `fuzz/entries.rs`, with a target in `fuzz/targets/` and a seed in `fuzz/corpus/`.
#![allow(clippy::unwrap_used)]

#[path = "fuzz/entries.rs"]
#[allow(unreachable_pub)]
mod entries;

use std::path::{Path, PathBuf};

/// One fuzz target.
type Entry = fn(&[u8]);

const TARGETS: [(&str, Entry); 18] = [
    ("crowdstrike", entries::crowdstrike),
    ("sentinelone", entries::sentinelone),
    ("defender", entries::defender),
    ("generic", entries::generic),
    ("field_map", entries::field_map),
    ("signatures", entries::signatures),
    ("tenant_scan", entries::tenant_scan),
    ("heuristics", entries::heuristics),
    ("redaction", entries::redaction),
    ("model_answer", entries::model_answer),
    ("audit_recovery", entries::audit_recovery),
    ("edr_crowdstrike", entries::edr_crowdstrike),
    ("edr_sentinelone", entries::edr_sentinelone),
    ("edr_defender", entries::edr_defender),
    ("envelope", entries::envelope),
    ("action", entries::action),
    ("policy", entries::policy),
    ("proxy_config", entries::proxy_config),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

#[test]
fn every_seed_and_every_payload_holds_every_property() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs: Vec<PathBuf> =
        TARGETS.iter().flat_map(|(name, _)| files(&root.join("fuzz/corpus").join(name))).collect();
    for vendor in ["crowdstrike", "sentinelone", "defender", "generic"] {
        inputs.extend(files(&root.join("../events").join(vendor)));
    }
    assert!(inputs.len() > 100, "{}", inputs.len());
    for input in inputs {
        let bytes = std::fs::read(&input).unwrap();
        for (name, entry) in TARGETS {
            let outcome = std::panic::catch_unwind(|| entry(&bytes));
            assert!(outcome.is_ok(), "{name} does not hold for {}", input.display());
        }
    }
}

#[test]
fn every_target_has_seeds_and_is_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(!files(&root.join("corpus").join(name)).is_empty(), "{name} has no seeds");
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name} is not in Cargo.toml");
    }
    assert_eq!(files(&root.join("targets")).len(), TARGETS.len());
}
