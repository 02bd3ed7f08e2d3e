//! A writer that is killed again and again loses nothing that it had acknowledged and never breaks its chain.

#![allow(clippy::unwrap_used, reason = "test code outside of a #[test] function")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use vyrox_audit::log::Log;
use vyrox_audit::verify::{ExpectedHead, Verifier};
use vyrox_audit::{Draft, Phase};

const NOW: i64 = 1_700_000_000;
const CYCLES: usize = 20;

/// The child: appends batches in its working directory and prints each head that it could acknowledge, until killed.
#[test]
#[ignore = "never ends; the other test runs and kills it"]
fn append_until_killed() {
    let mut log = Log::open(Path::new("log"), "proxy-1", "acme", NOW).unwrap().log;
    let draft =
        Draft { phase: Phase::Intent, host: "wörkstation".into(), ..Draft::event(NOW, "acme", "HOST_ISOLATION") };
    for batch in 1.. {
        log.append(NOW, &vec![draft.clone(); batch % 300]).unwrap();
        if let Some(head) = log.head() {
            println!("head {} {}", head.seq, head.hash);
            std::io::stdout().flush().unwrap();
        }
    }
}

#[test]
fn every_acknowledged_entry_survives_twenty_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<ExpectedHead> = Vec::new();
    for cycle in 0..CYCLES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "append_until_killed", "--nocapture"])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let heads = output.by_ref().filter_map(|line| head(&line)).take(2 + cycle);
        acknowledged.extend(heads);
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(output.filter_map(|line| head(&line)));

        let opened = Log::open(&dir.path().join("log"), "proxy-1", "acme", NOW).unwrap();
        let found = opened.log.head().unwrap();
        assert!(found.seq >= acknowledged.last().unwrap().seq, "cycle {cycle}");
        let mut verifier = acknowledged.iter().cloned().fold(Verifier::new(), Verifier::expect);
        verifier.directory(&dir.path().join("log")).unwrap();
        assert_eq!(verifier.finish().unwrap().chains[0].head, found.hash, "cycle {cycle}");
    }
    assert!(acknowledged.len() >= 2 * CYCLES);
}

fn head(line: &str) -> Option<ExpectedHead> {
    // The first line of the harness may stand before it.
    let (_, text) = line.split_once("head ")?;
    let (seq, hash) = text.split_once(' ')?;
    (hash.len() == 64).then(|| ExpectedHead {
        chain: Some("proxy-1".into()),
        seq: seq.parse().unwrap(),
        hash: hash.into(),
    })
}
