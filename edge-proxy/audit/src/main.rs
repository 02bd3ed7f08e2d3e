//! `vyrox-audit`: verifies audit logs offline.

#![forbid(unsafe_code)]

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use vyrox_audit::verify::crosscheck::{self, Comparison};
use vyrox_audit::verify::explain::{self, ExplainError, Sources};
use vyrox_audit::verify::{ExpectedHead, Failure, Problem, PublicKey, Report, Verifier, clock};

const MANUAL: &str = "\
WHAT IS CHECKED
  Every entry carries a hash over its content and over the hash of the entry before it. All of them are recomputed. A \
  changed byte, a removed, repeated or reordered line, a torn end: each is reported with file, line and chain.

  A cloud's export holds checkpoints, which note every lane's head: a lane that was cut, rewritten or dropped is \
  reported. With --checkpoint-key their signatures are checked, too; without, whoever can rewrite all of the log is not \
  found.

WHAT CANNOT BE SEEN IN A LOG ALONE
  Entries removed from the end of a chain, behind the last checkpoint, leave a shorter sound chain. So note heads \
  elsewhere, and require them:
      vyrox-audit head /var/lib/vyrox/audit >> /elsewhere/heads
      vyrox-audit verify /var/lib/vyrox/audit $(sed 's/^/--expect-head /' /elsewhere/heads)
  Vyrox does the same by itself: a proxy's head travels to the cloud in every receipt and poll, the cloud's checkpoint to \
  the proxy in every action; `vyrox-audit crosscheck` compares them.

EXAMPLES
  vyrox-audit verify /var/lib/vyrox/audit                  a proxy's directory
  vyrox-audit verify export.jsonl                          an export: any number of chains
  curl -s 'http://.../audit/export?tenant_id=acme' | vyrox-audit verify -
  vyrox-audit verify --partial audit-2026-05-23.jsonl.gz   one day of many; gzip, zstd too
  vyrox-audit verify cloud.jsonl --checkpoint-key checkpoint.pem
  vyrox-audit crosscheck cloud.jsonl /var/lib/vyrox/audit --checkpoint-key checkpoint.pem
  vyrox-audit explain REQUEST_ID cloud.jsonl --proxy /var/lib/vyrox/audit --platform-key action.pem

EXIT CODES
  0 sound: every check that could be made holds
  1 something is wrong: it is said what, and where
  2 wrong usage, nothing to verify, no such request id, or it cannot be read: says nothing about the log";

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
    #[command(after_long_help = MANUAL)]
    Head(Input),
    /// Compare the cloud's export with a proxy's log: which of them was cut or rewritten, and between which entries
    #[command(after_long_help = MANUAL)]
    Crosscheck(Crosscheck),
    /// Tell the story of one action: alert, verdict, approval, signature, what the EDR said, release
    #[command(after_long_help = MANUAL)]
    Explain(Explain),
}

#[derive(Args)]
struct Input {
    /// Directories with audit-*.jsonl[.gz], such files, or - for standard input; together they are one stream
    #[arg(required = true)]
    path: Vec<PathBuf>,
    /// Require this entry, noted earlier, to be there still: [CHAIN=]SEQ:HASH; may be repeated
    #[arg(long, value_name = "HEAD", value_parser = expected_head)]
    expect_head: Vec<ExpectedHead>,
    /// Let chains begin anywhere: for a part of a log
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Args)]
struct Shared {
    /// Require checkpoints to be signed with the key in this file (SPKI, PEM or base64); may be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint_key: Vec<PathBuf>,
    /// Judge as of this time (unix seconds) whether a lane's retention has ended, instead of now
    #[arg(long, value_name = "TIME")]
    as_of: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Crosscheck {
    /// The cloud's export
    cloud: PathBuf,
    /// The proxy's directory, or its export; may be repeated
    #[arg(required = true)]
    proxy: Vec<PathBuf>,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Args)]
struct Explain {
    /// The action's id
    request_id: String,
    /// The cloud's export; not standard input, it is read twice
    #[arg(required = true)]
    cloud: Vec<PathBuf>,
    /// The proxy's directory, or its export; may be repeated
    #[arg(long, value_name = "PATH")]
    proxy: Vec<PathBuf>,
    /// The platform's key that signs actions, against which the action's signature is checked; may be repeated
    #[arg(long, value_name = "FILE")]
    platform_key: Vec<PathBuf>,
    /// The proxy's own public key, against which the receipt's signature is checked; may be repeated
    #[arg(long, value_name = "FILE")]
    proxy_key: Vec<PathBuf>,
    #[command(flatten)]
    shared: Shared,
}

/// What is printed, and the exit code.
type Said = (String, u8);

/// A file that was given for a key holds none: wrong usage.
fn keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, Said> {
    let key = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let key = text.and_then(|text| PublicKey::from_text(&text).map_err(|error| error.to_string()));
        key.map_err(|error| (format!("{}: {error}\n", file.display()), 2))
    };
    files.iter().map(key).collect()
}

impl Shared {
    fn now(&self) -> i64 {
        self.as_of.unwrap_or_else(clock::now)
    }
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
    let said = match Cli::parse().command {
        Command::Verify(input) => verified(&input, table),
        Command::Head(input) => verified(&input, heads),
        Command::Crosscheck(arguments) => crosschecked(&arguments),
        Command::Explain(arguments) => explained(&arguments),
    };
    let (text, code) = said.unwrap_or_else(|wrong_usage| wrong_usage);
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(2),
    }
}

fn verified(input: &Input, in_words: fn(&Report) -> String) -> Result<Said, Said> {
    let keys = keys(&input.shared.checkpoint_key)?;
    let as_json = input.shared.json;
    Ok(match verify(input, keys) {
        Ok(report) if report.entries == 0 => (nothing(as_json), 2),
        Ok(report) if as_json => (format!("{}\n", success(&report)), 0),
        Ok(report) => (in_words(&report), 0),
        Err(failure) => failed(&failure, as_json),
    })
}

fn verify(input: &Input, keys: Vec<PublicKey>) -> Result<Report, Failure> {
    let mut verifier = input.expect_head.iter().cloned().fold(Verifier::new(), Verifier::expect);
    verifier = keys.into_iter().fold(verifier.at(input.shared.now()), Verifier::trust);
    if input.partial {
        verifier = verifier.partial();
    }
    input.path.iter().try_for_each(|path| verifier.path(path))?;
    verifier.finish()
}

fn crosschecked(arguments: &Crosscheck) -> Result<Said, Said> {
    let keys = keys(&arguments.shared.checkpoint_key)?;
    let as_json = arguments.shared.json;
    let cloud = std::slice::from_ref(&arguments.cloud);
    Ok(match crosscheck::crosscheck(cloud, &arguments.proxy, &keys, arguments.shared.now()) {
        Ok(compared) if compared.cloud.entries == 0 => (nothing(as_json), 2),
        Ok(compared) => {
            let code = u8::from(!compared.findings.is_empty());
            let text = if as_json {
                let mut object = json!(compared);
                object["ok"] = json!(code == 0);
                format!("{object}\n")
            } else {
                comparison(&compared)
            };
            (text, code)
        }
        Err(failure) => failed(&failure, as_json),
    })
}

fn explained(arguments: &Explain) -> Result<Said, Said> {
    let sources = Sources {
        cloud: arguments.cloud.clone(),
        proxy: arguments.proxy.clone(),
        platform_keys: keys(&arguments.platform_key)?,
        proxy_keys: keys(&arguments.proxy_key)?,
        checkpoint_keys: keys(&arguments.shared.checkpoint_key)?,
    };
    let as_json = arguments.shared.json;
    Ok(match explain::explain(&arguments.request_id, &sources, arguments.shared.now()) {
        Ok(story) => {
            let text = if as_json { format!("{}\n", json!(story)) } else { story.to_string() };
            (text, u8::from(!story.holds()))
        }
        Err(ExplainError::Unsound(failure)) => failed(&failure, as_json),
        Err(error @ ExplainError::Unknown) => (format!("{error}\n"), 2),
    })
}

fn failed(failure: &Failure, as_json: bool) -> Said {
    let text = if as_json { format!("{}\n", refusal(failure)) } else { format!("FAILED  {failure}\n") };
    (text, if matches!(failure.problem, Problem::Unreadable(_)) { 2 } else { 1 })
}

fn comparison(compared: &Comparison) -> String {
    let mut out = String::new();
    for finding in &compared.findings {
        let _ = writeln!(out, "FAILED  {finding}");
    }
    for proxy in &compared.not_given {
        let _ = writeln!(out, "note  the cloud knows a proxy {proxy:?}, whose log was not given");
    }
    let mark = if compared.findings.is_empty() { "OK" } else { "FAILED" };
    let Comparison { proxy_heads, checkpoints, .. } = compared;
    let _ = writeln!(
        out,
        "{mark}  {proxy_heads} heads of the proxy are as the cloud noted them, {checkpoints} checkpoints as the proxy did"
    );
    out
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
    if report.checkpoints > 0 {
        let open = report.chains.iter().filter(|chain| chain.covered != Some(chain.last_seq)).count();
        let signed =
            if report.signatures_checked { "signatures checked" } else { "signatures NOT checked: no key given" };
        let _ = writeln!(
            out,
            "ok  {} checkpoints, {signed}; {open} chains go on behind the last one that covers them",
            report.checkpoints
        );
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
    json!({
        "ok": true,
        "entries": report.entries,
        "chains": report.chains,
        "checkpoints": report.checkpoints,
        "signatures_checked": report.signatures_checked,
    })
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
