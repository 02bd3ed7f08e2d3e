//! Scores process events: one JSON object per line in, `{"id","score","verdict"}` per line out.
//!
//! `cargo run -p vyrox-domain --example score -- FILE [rules]`; with `rules` each line also lists the rules that matched.

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use serde::Deserialize;
use std::io::{BufRead, BufReader};
use vyrox_domain::alert::Platform;
use vyrox_domain::heuristics::{Observation, Ruleset, deterministic_level};

#[derive(Deserialize)]
struct Event {
    id: String,
    os: Option<Platform>,
    process_name: Option<String>,
    process_path: Option<String>,
    process_cmdline: Option<String>,
    parent_process: Option<String>,
    parent_cmdline: Option<String>,
    username: Option<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: score FILE [rules]")?;
    let with_rules = arguments.next().is_some();
    for line in BufReader::new(std::fs::File::open(file)?).lines() {
        let event: Event = serde_json::from_str(&line?)?;
        let assessment = Ruleset::built_in().evaluate(&Observation {
            platform: event.os,
            process_name: event.process_name.as_deref(),
            process_path: event.process_path.as_deref(),
            process_cmdline: event.process_cmdline.as_deref(),
            parent_process: event.parent_process.as_deref(),
            parent_cmdline: event.parent_cmdline.as_deref(),
            username: event.username.as_deref(),
            ..Observation::EMPTY
        });
        let mut scored = serde_json::json!({
            "id": event.id,
            "score": assessment.confidence,
            "verdict": deterministic_level(assessment.confidence),
        });
        if with_rules {
            scored["rules"] = assessment.evidence.iter().map(|item| item.rule_id.as_str()).collect();
        }
        println!("{scored}");
    }
    Ok(())
}
