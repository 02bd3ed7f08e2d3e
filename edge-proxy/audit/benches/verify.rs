//! How fast a log is verified, beside the plain SHA-256 of its bytes, and how much memory that takes.
//!
//! `cargo bench -p vyrox-audit --bench verify` writes 100,000 and then 1,000,000 entries into a temporary directory.

use sha2::{Digest as _, Sha256};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;
use std::time::Instant;
use vyrox_audit::{Chain, Draft, Phase, verify};

/// An action's outcome, of the length that a real one has.
fn draft(number: u64) -> Draft {
    let mut draft = Draft {
        host: format!("workstation-{}", number % 500),
        approved_by: "approver-1".to_owned(),
        phase: Phase::Outcome,
        request_id: Some(format!("01J0000000000000{number:010}")),
        alert_id: Some("6f1d3c0e-54ab-5c52-9f0e-0c9f8f0a7d11".to_owned()),
        outcome: Some("executed".to_owned()),
        ..Draft::event(1_700_000_000, "acme", "HOST_ISOLATION")
    };
    for (name, value) in
        [("verification", "confirmed"), ("text", "contained, and read back"), ("vendor", "crowdstrike")]
    {
        draft.detail.insert(name.to_owned(), value.into());
    }
    draft
}

fn write(file: &Path, entries: u64) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    let mut chain = Chain::genesis("edge-1");
    for number in 0..entries {
        let entry = chain.seal(&draft(number)).expect("the draft holds no float");
        writeln!(out, "{}", entry.to_line())?;
        chain.advance(&entry);
    }
    out.flush()
}

/// The most memory that this process has had resident, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn hash(file: &Path) -> std::io::Result<()> {
    let (mut file, mut hasher, mut buffer) = (std::fs::File::open(file)?, Sha256::new(), vec![0; 256 * 1024]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            std::hint::black_box(hasher.finalize());
            return Ok(());
        }
        hasher.update(&buffer[..read]);
    }
}

fn main() -> std::io::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("audit-2026-01-01.jsonl");
    let mut out = std::io::stdout().lock();
    for entries in [100_000, 1_000_000] {
        write(&file, entries)?;
        let megabytes = std::fs::metadata(&file)?.len() as f64 / 1e6;
        let began = Instant::now();
        hash(&file)?;
        let plain = began.elapsed().as_secs_f64();
        let before = peak();
        let began = Instant::now();
        let report = verify::directory(directory.path()).expect("the log is sound");
        let took = began.elapsed().as_secs_f64();
        assert_eq!(report.entries, entries);
        writeln!(
            out,
            "{entries} entries, {megabytes:.0} MB: verified at {:.0} entries/s and {:.0} MB/s; plain SHA-256 {:.0} MB/s; \
             peak memory {before} MiB before, {} MiB after",
            entries as f64 / took,
            megabytes / took,
            megabytes / plain,
            peak()
        )?;
    }
    Ok(())
}
