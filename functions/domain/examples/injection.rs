//! Looks for instructions to a model in process events: one JSON object per line in, what was found per line out, how many
//! lines that were, and how long looking took.
//!
//! `cargo run -p vyrox-domain --example injection -- FILE`

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::llm::injection::inspect;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: injection FILE")?;
    let (mut lines, mut found, mut took) = (0_u32, 0_u32, Duration::ZERO);
    for line in BufReader::new(std::fs::File::open(file)?).lines() {
        let mut event: Value = serde_json::from_str(&line?)?;
        event["platform"] = event["os"].take();
        for (name, value) in [
            ("tenant_id", json!("any")),
            ("raw_id", event["id"].clone()),
            ("id", json!("00000000-0000-5000-8000-000000000000")),
            ("source", json!("generic")),
            ("timestamp", json!(0)),
            ("received_at", json!(0)),
            ("revision", json!(0)),
            ("vendor_severity", json!("UNKNOWN")),
        ] {
            event[name] = value;
        }
        let alert: NormalizedAlert = serde_json::from_value(event)?;
        lines += 1;
        let began = Instant::now();
        let evidence = inspect(&alert).evidence();
        took += began.elapsed();
        if !evidence.is_empty() {
            found += 1;
            println!("{}", json!({"id": alert.raw_id, "evidence": evidence}));
        }
    }
    let all = f64::from(lines.max(1));
    let (share, each) = (f64::from(found) * 100.0 / all, took.as_secs_f64() * 1e6 / all);
    eprintln!("{found} of {lines} lines, {share:.3} %, {each:.1} us a line");
    Ok(())
}
