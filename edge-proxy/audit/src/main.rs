//! `vyrox-audit`: verifies audit logs offline.

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vyrox_audit::verify::{ExpectedHead, Failure, Problem, Report, Verifier};

const MANUAL: &str = "\
WHAT IS CHECKED
  Every entry carries a hash over its content and over the hash of the entry before it. All of them are recomputed. A
  changed byte, a removed, repeated or reordered line, a torn end: each is reported with file, line and chain.

WHAT CANNOT BE SEEN IN A LOG ALONE
  Entries removed from the end of a chain leave a shorter sound chain. So note heads elsewhere, and require them:
      vyrox-audit head /var/lib/vyrox/audit >> /elsewhere/heads
      vyrox-audit verify /var/lib/vyrox/audit $(sed 's/^/--expect-head /' /elsewhere/heads)
  Vyrox does the same by itself: a proxy's head travels to the cloud in every receipt, the cloud's checkpoint to the
  proxy in every action.

EXAMPLES
  vyrox-audit verify /var/lib/vyrox/audit                  a proxy's directory
  vyrox-audit verify export.jsonl                          an export: any number of chains in one file
  curl -s 'http://.../audit/export?tenant_id=acme' | vyrox-audit verify -
  vyrox-audit verify --partial audit-2026-05-23.jsonl      one day out of many

EXIT CODES
  0 sound    1 something is wrong    2 wrong usage, nothing to verify, or it cannot be read";

#[derive(Parser)]
#[command(name = "vyrox-audit", version, about = "Verifies Vyrox audit logs, offline", after_long_help = MANUAL)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Recompute every hash and every link; print the chains, or the first thing that is wrong
    #[command(after_long_help = MANUAL)]
    Verify(Input),
    /// Verify, then print only the heads, each as CHAIN=SEQ:HASH, the form that --expect-head takes
    Head(Input),
}

#[derive(Args)]
struct Input {
    /// Directories with audit-*.jsonl, files, or - for standard input; together they are one stream
    #[arg(required = true)]
    path: Vec<PathBuf>,
    /// Require this entry, noted earlier, to be there still: [CHAIN=]SEQ:HASH; may be repeated
    #[arg(long, value_name = "HEAD", value_parser = expected_head)]
    expect_head: Vec<ExpectedHead>,
    /// Let chains begin anywhere: for a part of a log
    #[arg(long)]
    partial: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn expected_head(text: &str) -> Result<ExpectedHead, String> {
    let form = || "the form is [CHAIN=]SEQ:HASH, with a hash of 64 hex digits".to_owned();
    let (place, hash) = text.rsplit_once(':').ok_or_else(form)?;
    let (chain, seq) = match place.rsplit_once('=') {
        Some((chain, seq)) => (Some(chain.to_owned()), seq),
        None => (None, place),
    };
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let seq = seq.parse().ok().filter(|_| is_hash).ok_or_else(form)?;
    Ok(ExpectedHead { chain, seq, hash: hash.to_ascii_lowercase() })
}

fn main() -> ExitCode {
    let (input, heads_only) = match Cli::parse().command {
        Command::Verify(input) => (input, false),
        Command::Head(input) => (input, true),
    };
    let result = verify(&input);
    let (text, code) = match &result {
        Ok(report) if report.entries == 0 => (nothing(input.json), 2),
        Ok(report) if input.json => (format!("{}\n", success(report)), 0),
        Ok(report) if heads_only => (heads(report), 0),
        Ok(report) => (table(report), 0),
        Err(failure) => {
            let text = if input.json { format!("{}\n", refusal(failure)) } else { format!("FAILED  {failure}\n") };
            (text, if matches!(failure.problem, Problem::Unreadable(_)) { 2 } else { 1 })
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(2),
    }
}

fn verify(input: &Input) -> Result<Report, Failure> {
    let mut verifier = input.expect_head.iter().cloned().fold(Verifier::new(), Verifier::expect);
    if input.partial {
        verifier = verifier.partial();
    }
    for path in &input.path {
        if path == Path::new("-") {
            verifier.reader(io::stdin().lock(), "stdin")?;
        } else if path.is_dir() {
            verifier.directory(path)?;
        } else {
            verifier.file(path)?;
        }
    }
    verifier.finish()
}

fn nothing(as_json: bool) -> String {
    let text = "no entries found, nothing was verified";
    if as_json {
        format!("{}\n", json!({"ok": false, "problem": "nothing", "message": text}))
    } else {
        format!("{text}\n")
    }
}

fn table(report: &Report) -> String {
    let mut out = String::new();
    for chain in &report.chains {
        // Escaped by {:?}: names come from the log, and a hostile one must not write to the terminal.
        let name = if chain.chain.is_empty() { "(unnamed)".to_owned() } else { format!("{:?}", chain.chain) };
        let (entries, first, last, head) = (chain.entries, chain.first_seq, chain.last_seq, &chain.head);
        let _ = writeln!(out, "ok  chain {name}: {entries} entries, {first} to {last}, head {last}:{head}");
    }
    let _ = writeln!(out, "OK  {} entries in {} chains", report.entries, report.chains.len());
    out
}

fn heads(report: &Report) -> String {
    report.chains.iter().fold(String::new(), |mut out, chain| {
        let name: String = chain.chain.chars().filter(|character| !character.is_control()).collect();
        let _ = writeln!(out, "{name}={}:{}", chain.last_seq, chain.head);
        out
    })
}

fn success(report: &Report) -> serde_json::Value {
    json!({"ok": true, "entries": report.entries, "chains": report.chains})
}

fn refusal(failure: &Failure) -> serde_json::Value {
    json!({
        "ok": false,
        "file": failure.file,
        "line": failure.line,
        "chain": failure.chain,
        "problem": failure.problem.code(),
        "message": failure.problem.to_string(),
    })
}
