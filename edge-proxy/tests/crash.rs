//! `kill -9` of the real program, and what the next start makes of it.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::edr::{Edr, Mood};
use support::process::{Process, now};
use support::{AID, entries, eventually, receipt};
use vyrox_audit::Phase;
use vyrox_contract::{Outcome, Verification};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_an_action_it_reports_ambiguous_and_never_acts_again() {
    for (mood, state) in [(Mood::Hangs, Verification::Unconfirmed), (Mood::TakesAndHangs, Verification::Confirmed)] {
        let dir = tempfile::tempdir().unwrap();
        let edr = Edr::start(mood).await;
        let process = Process::start(dir.path(), &edr.url);
        let asked = tokio::spawn({
            let (http, url) = (process.http.clone(), process.url.clone());
            async move { http.post(format!("{url}/execute")).body(now("killed")).send().await.is_err() }
        });
        eventually("the EDR is asked", || edr.changes() == 1).await;
        let before = entries(dir.path());
        assert_eq!(before.len(), 1, "the intent was on disk before the EDR was asked");
        assert_eq!(before[0].phase(), Phase::Intent);
        process.kill();
        assert!(asked.await.unwrap());

        let process = Process::start(dir.path(), &edr.url);
        let mut answer = process.execute("killed").await.unwrap();
        for _ in 0..500 {
            if answer.0 != 409 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = process.execute("killed").await.unwrap();
        }
        assert_eq!((answer.0, &answer.1["status"]), (200, &json!("replayed")));
        let receipt = receipt(&answer.1);
        assert_eq!((receipt.outcome, receipt.verification), (Outcome::Ambiguous, state), "{}", receipt.detail);
        assert_eq!(edr.changes(), 1, "read back, not repeated");
        assert_eq!(process.stop(), Some(0));

        let entries = entries(dir.path());
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].outcome(), Some("ambiguous"));
        assert_eq!(entries[1].detail()["device_id"], AID);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_the_chain_stays_whole() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    for round in 0..3 {
        let process = Process::start(dir.path(), &edr.url);
        let load: Vec<_> = (0..40)
            .map(|number| {
                let (http, url) = (process.http.clone(), process.url.clone());
                let body = now(&format!("load-{round}-{number}"));
                tokio::spawn(async move { http.post(format!("{url}/execute")).body(body).send().await.is_ok() })
            })
            .collect();
        let counted = round * 10;
        eventually("some are recorded", || log_lines(dir.path()) > counted).await;
        process.kill();
        for task in load {
            let _ = task.await;
        }
    }
    let process = Process::start(dir.path(), &edr.url);
    assert_eq!(process.execute("after").await.unwrap().0, 403, "the budget was counted across all of it");
    assert_eq!(process.stop(), Some(0));
    let entries = entries(dir.path());
    let open = entries.iter().filter(|entry| entry.phase() == Phase::Intent).filter(|intent| {
        let same = |entry: &&vyrox_audit::Entry| entry.request_id() == intent.request_id();
        !entries.iter().filter(same).any(|entry| entry.phase() == Phase::Outcome)
    });
    assert_eq!(open.count(), 0, "every intent has an outcome after the last start");
}

fn log_lines(dir: &Path) -> usize {
    let Ok(files) = std::fs::read_dir(dir.join("audit")) else { return 0 };
    let logs = files.filter_map(Result::ok).map(|file| file.path());
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    logs.map(|path| std::fs::read(path).unwrap().iter().filter(|byte| **byte == b'\n').count()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_termination_signal_lets_the_action_end_first() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Pending).await;
    let process = Process::start(dir.path(), &edr.url);
    let asked = tokio::spawn({
        let (http, url) = (process.http.clone(), process.url.clone());
        async move { http.post(format!("{url}/execute")).body(now("stopped")).send().await.unwrap().status().as_u16() }
    });
    eventually("the EDR is asked", || edr.changes() == 1).await;
    assert_eq!(tokio::task::spawn_blocking(|| process.stop()).await.unwrap(), Some(0));
    assert_eq!(asked.await.unwrap(), 200);
    assert_eq!(entries(dir.path())[1].outcome(), Some("executed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_on_one_log_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let process = Process::start(dir.path(), &edr.url);
    let config = std::fs::read_to_string(dir.path().join("proxy.toml")).unwrap();
    let address = process.url.trim_start_matches("http://");
    std::fs::write(dir.path().join("health.toml"), config.replace("127.0.0.1:0", address)).unwrap();
    let health = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"))
        .args(["health", "--config"])
        .arg(dir.path().join("health.toml"))
        .env("VYROX_CROWDSTRIKE_CLIENT_SECRET", "falcon-secret")
        .status()
        .unwrap();
    assert!(health.success());
    let second = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"))
        .arg("--config")
        .arg(dir.path().join("proxy.toml"))
        .env("VYROX_CROWDSTRIKE_CLIENT_SECRET", "falcon-secret")
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another process"));
    assert_eq!(process.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_garbage_does_not_start_silently() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    assert_eq!(Process::start(dir.path(), &edr.url).stop(), Some(0));
    std::fs::create_dir_all(dir.path().join("audit")).unwrap();
    std::fs::write(dir.path().join("audit/audit-2026-01-01.jsonl"), "garbage\nmore garbage\n").unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"))
        .arg("--config")
        .arg(dir.path().join("proxy.toml"))
        .env("VYROX_CROWDSTRIKE_CLIENT_SECRET", "falcon-secret")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("damaged"), "{refused:?}");
}
