//! The vectors in `vectors/`: what the writer makes, what the verifier says of it, and what `verify.py` says of it.
//! A new case belongs into [`cases`]; `cargo test -p vyrox-audit --test vectors -- --ignored` then writes the files.

#![allow(clippy::unwrap_used, reason = "test code outside of a #[test] function")]

mod cases;

use cases::{Case, Expected, cases, checkpoints};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use vyrox_audit::verify::{Failure, PublicKey, Report, Verifier, clock};

/// The key that signed the checkpoints among the vectors.
const KEY: &str = "checkpoint-key.pem";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn index() -> Value {
    cases()
        .iter()
        .map(|case| match &case.expected {
            Expected::Sound { entries, heads } => json!({
                "file": case.file(), "about": case.about, "partial": case.partial, "signed": case.signed, "ok": true, "entries": entries,
                "heads": heads,
            }),
            Expected::Broken { line, problem } => json!({
                "file": case.file(), "about": case.about, "partial": case.partial, "signed": case.signed, "ok": false, "line": line,
                "problem": problem,
            }),
        })
        .collect()
}

fn verify(case: &Case) -> Result<Report, Failure> {
    let mut verifier = Verifier::new().at(clock::now());
    if case.partial {
        verifier = verifier.partial();
    }
    if case.signed {
        verifier = verifier.trust(PublicKey::from_text(&checkpoints::key()).unwrap());
    }
    verifier.file(&folder().join(case.file()))?;
    verifier.finish()
}

#[test]
#[ignore = "writes the files that the other tests read"]
fn write_the_vectors() {
    for case in cases() {
        std::fs::write(folder().join(case.file()), &case.bytes).unwrap();
    }
    std::fs::write(folder().join(KEY), checkpoints::key()).unwrap();
    std::fs::write(folder().join("index.json"), serde_json::to_string_pretty(&index()).unwrap() + "\n").unwrap();
}

#[test]
fn the_writer_still_makes_the_published_bytes() {
    for case in cases() {
        let stored = std::fs::read(folder().join(case.file())).unwrap();
        assert!(stored == case.bytes, "{} differs", case.file());
    }
    let stored: Value = serde_json::from_slice(&std::fs::read(folder().join("index.json")).unwrap()).unwrap();
    assert_eq!(stored, index());
    assert_eq!(std::fs::read_to_string(folder().join(KEY)).unwrap(), checkpoints::key());
    let files =
        std::fs::read_dir(folder()).unwrap().filter(|f| f.as_ref().unwrap().path().extension().unwrap() == "jsonl");
    assert_eq!(files.count(), cases().len(), "a file without a case");
}

#[test]
fn the_verifier_says_what_the_index_says() {
    for case in cases() {
        match (&case.expected, verify(&case)) {
            (Expected::Sound { entries, heads }, Ok(report)) => {
                assert_eq!(report.entries, *entries, "{}", case.name);
                let found: Vec<_> =
                    report.chains.iter().map(|c| format!("{}={}:{}", c.chain, c.last_seq, c.head)).collect();
                assert_eq!(found, *heads, "{}", case.name);
            }
            (Expected::Broken { line, problem }, Err(failure)) => {
                assert_eq!((failure.line, failure.problem.code()), (*line, *problem), "{}", case.name);
            }
            (_, other) => panic!("{}: {other:?}", case.name),
        }
    }
}

#[test]
fn the_python_verifier_says_the_same() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.py");
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    for case in cases() {
        let file = folder().join(case.file());
        let mut command = Command::new("python3");
        command.arg(&script).arg(&file);
        if case.partial {
            command.arg("--partial");
        }
        if case.signed {
            command.arg("--key").arg(folder().join(KEY));
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        match &case.expected {
            Expected::Sound { entries, heads } => {
                assert_eq!(output.status.code(), Some(0), "{}: {text}", case.name);
                assert!(
                    text.contains(&format!("OK  {entries} entries in {} chains", heads.len())),
                    "{}: {text}",
                    case.name
                );
                for head in heads {
                    let (_, place) = head.rsplit_once('=').unwrap();
                    assert!(text.contains(&format!("head {place}\n")), "{}: {text}", case.name);
                }
            }
            Expected::Broken { line: 0, problem } => {
                assert_eq!(output.status.code(), Some(1), "{}: {text}", case.name);
                assert!(text.starts_with("FAILED  chain ") && text.ends_with(&format!(": {problem}\n")), "{text}");
            }
            Expected::Broken { line, problem } => {
                assert_eq!(output.status.code(), Some(1), "{}: {text}", case.name);
                assert_eq!(text, format!("FAILED  {}:{line}: {problem}\n", file.display()), "{}", case.name);
            }
        }
    }
}
