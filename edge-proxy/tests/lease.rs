//! Isolations that end by themselves: at their deadline, later when extended, after a restart, again when the EDR did not
//! take it. A test about leases goes here.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use support::edr::{Edr, Mood};
use support::{AID, Harness, NOW, TestClock, config, entries, eventually, live, receipt, signed_at};
use vyrox_audit::verify;
use vyrox_contract::Outcome;
use vyrox_edge_proxy::Config;
use vyrox_edr_standin::HostStatus;

/// An isolation of `seconds` under its own request id, signed at `at`.
fn leased(id: &'static str, seconds: u32, at: i64) -> impl FnOnce(&mut Value) {
    move |action| {
        action["request_id"] = json!(id);
        action["lease_seconds"] = json!(seconds);
        signed_at(action, at);
    }
}

fn changes(edr: &Edr) -> Vec<String> {
    edr.with(|falcon| falcon.changes.iter().map(|(name, _)| name.clone()).collect())
}

fn outcomes(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir.join("audit")).unwrap().map(|file| file.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    texts.map(|path| std::fs::read_to_string(path).unwrap().matches("\"phase\":\"outcome\"").count()).sum()
}

#[tokio::test]
async fn an_isolation_with_a_lease_is_released_at_its_deadline_and_the_release_says_who() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    let (status, body) = proxy.execute(leased("leased", 600, NOW)).await;
    assert_eq!((status, receipt(&body).lease_until), (200, Some(NOW + 600)));
    proxy.clock.advance(599);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(changes(&edr), ["contain"], "not a second early");
    proxy.clock.advance(1);
    eventually("the host is released", || outcomes(dir.path()) == 2).await;
    proxy.running.shutdown().await;
    assert_eq!(changes(&edr), ["contain", "lift_containment"]);
    let entries = entries(dir.path());
    assert_eq!(entries.len(), 4, "intent and outcome of both");
    let release = &entries[2];
    assert_eq!((release.approved_by(), &release.detail()["lease_of"]), ("the lease", &json!("leased")));
    assert_eq!(release.detail()["authenticated_by"], "lease");
    assert_eq!(entries[3].outcome(), Some("rolled_back"));
}

#[tokio::test]
async fn a_later_approved_isolation_extends_it_and_one_without_a_lease_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    proxy.execute(leased("first", 600, NOW)).await;
    let (_, body) = proxy.execute(leased("shorter", 60, NOW)).await;
    assert_eq!(receipt(&body).lease_until, Some(NOW + 600), "an earlier deadline shortens nothing");
    let (_, body) = proxy.execute(leased("longer", 1200, NOW)).await;
    assert_eq!((receipt(&body).outcome, receipt(&body).lease_until), (Outcome::Already, Some(NOW + 1200)));
    proxy.clock.advance(700);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(changes(&edr), ["contain"], "extended");
    let unlimited = |action: &mut Value| {
        action["request_id"] = json!("unlimited");
        signed_at(action, NOW + 700);
    };
    let (_, body) = proxy.execute(unlimited).await;
    assert_eq!(receipt(&body).lease_until, None);
    proxy.clock.advance(10_000);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(changes(&edr), ["contain"], "a person asked for it without an end");
    proxy.running.shutdown().await;
}

/// The second isolation is of the same device, known by another spelling of its id or by its name only.
#[tokio::test]
async fn a_device_has_one_lease_however_it_is_named() {
    let dashed = format!("{}-{}-{}-{}-{}", &AID[..8], &AID[8..12], &AID[12..16], &AID[16..20], &AID[20..]);
    for (first, second) in [(json!(AID), json!(dashed)), (json!(AID), Value::Null), (Value::Null, json!(AID))] {
        let dir = tempfile::tempdir().unwrap();
        let edr = Edr::start(Mood::Fine).await;
        let proxy = Harness::start(live(dir.path(), &edr.url)).await;
        let isolation = |lease: Option<u32>, device: Value| {
            move |action: &mut Value| {
                action["request_id"] = json!(if lease.is_some() { "leased" } else { "unlimited" });
                if let Some(seconds) = lease {
                    action["lease_seconds"] = json!(seconds);
                }
                match device {
                    Value::Null => drop(action["target"].as_object_mut().unwrap().remove("device_id")),
                    device => action["target"]["device_id"] = device,
                }
            }
        };
        let (_, body) = proxy.execute(isolation(Some(60), first.clone())).await;
        assert_eq!(receipt(&body).lease_until, Some(NOW + 60), "{body}");
        let (_, body) = proxy.execute(isolation(None, second.clone())).await;
        assert_eq!(receipt(&body).outcome, Outcome::Already, "{body}");
        proxy.clock.advance(10_000);
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        assert_eq!(changes(&edr), ["contain"], "{first} {second}: a person asked for it without an end");
        proxy.running.shutdown().await;
    }
}

/// Names with and without a domain are one device if the EDR says so, and two if it does not.
#[tokio::test]
async fn whether_two_names_are_one_device_is_for_the_edr_to_say() {
    let other = "fedcba9876543210fedcba9876543210";
    let hosts = [(AID, "WS-01"), (other, "ws-01.b.example")];
    let hosts = hosts.map(|(aid, name)| vyrox_edr_standin::Host { aid: aid.into(), hostname: name.into() });
    let options =
        vyrox_edr_standin::FalconOptions { hosts: hosts.into(), settle: Duration::ZERO, ..Default::default() };
    let isolation = |id: &'static str, name: &'static str, device: Option<&'static str>, lease: Option<u32>| {
        move |action: &mut Value| {
            action["request_id"] = json!(id);
            action["target"] = json!({"vendor": "crowdstrike", "hostname": name});
            device.into_iter().for_each(|device| action["target"]["device_id"] = json!(device));
            lease.into_iter().for_each(|seconds| action["lease_seconds"] = json!(seconds));
        }
    };
    for (first, second, is_one) in [
        (("ws-01.corp.example", Some(AID)), ("ws-01", None), true),
        (("ws-01", None), ("ws-01.corp.example", Some(AID)), true),
        (("ws-01", Some(AID)), ("ws-01.b.example", None), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let edr = vyrox_edr_standin::Falcon::start(options.clone()).await.unwrap();
        let proxy = Harness::start(support::vendors::with_falcon(dir.path(), &edr)).await;
        let (_, body) = proxy.execute(isolation("leased", first.0, first.1, Some(60))).await;
        assert_eq!(receipt(&body).lease_until, Some(NOW + 60), "{body}");
        let (status, body) = proxy.execute(isolation("unlimited", second.0, second.1, None)).await;
        assert_eq!(status, 200, "{body}");
        proxy.running.shutdown().await;
        // A start learns the same from the log.
        let clock = TestClock::new();
        clock.advance(10_000);
        let proxy = Harness::start_at(support::vendors::with_falcon(dir.path(), &edr), clock).await;
        if is_one {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        } else {
            eventually("its own lease has ended", || outcomes(dir.path()) == 3).await;
        }
        proxy.running.shutdown().await;
        let contained = [AID, other].map(|aid| edr.host_status(aid) == Some(HostStatus::Contained));
        assert_eq!(contained, [is_one, !is_one], "{first:?} {second:?}");
        edr.shutdown().await;
    }
}

#[tokio::test]
async fn a_deadline_that_passed_while_the_proxy_was_down_is_kept_when_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let config = live(dir.path(), &edr.url);
    let proxy = Harness::start(config.clone()).await;
    proxy.execute(leased("leased", 600, NOW)).await;
    proxy.running.shutdown().await;
    let proxy = Harness::start_after(&config, 60).await;
    proxy.ready().await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(changes(&edr), ["contain"], "rebuilt, not due");
    proxy.running.shutdown().await;
    let proxy = Harness::start_after(&config, 30 * 24 * 3600).await;
    eventually("the host is released", || outcomes(dir.path()) == 2).await;
    proxy.running.shutdown().await;
    assert_eq!(changes(&edr), ["contain", "lift_containment"]);
    entries(dir.path());
}

#[tokio::test]
async fn a_release_that_the_edr_did_not_take_is_tried_again_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let config = live(dir.path(), &edr.url);
    let proxy = Harness::start(config.clone()).await;
    proxy.execute(leased("leased", 60, NOW)).await;
    edr.with(|falcon| falcon.mood = Mood::Status(403));
    proxy.clock.advance(60);
    eventually("the first release has failed", || outcomes(dir.path()) == 2).await;
    proxy.running.shutdown().await;
    edr.with(|falcon| falcon.mood = Mood::Fine);
    let proxy = Harness::start_after(&config, 60 + 61).await;
    eventually("the second has not", || outcomes(dir.path()) == 3).await;
    proxy.running.shutdown().await;
    let entries = entries(dir.path());
    let ends: Vec<_> = entries.iter().filter_map(|entry| entry.outcome()).collect();
    assert_eq!(ends, ["executed", "failed", "rolled_back"]);
    let ids: std::collections::BTreeSet<_> = entries.iter().map(|entry| entry.request_id()).collect();
    assert_eq!(ids.len(), 3, "every attempt is a request of its own");
}

#[tokio::test]
async fn a_release_that_the_edr_took_and_did_not_do_is_tried_again_and_opens_no_breaker() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let mut config = live(dir.path(), &edr.url);
    config.policy.breaker_failures = 1;
    let proxy = Harness::start(config).await;
    proxy.execute(leased("leased", 60, NOW)).await;
    edr.with(|falcon| falcon.mood = Mood::Lies);
    proxy.clock.advance(60);
    eventually("it shows contained all the same", || outcomes(dir.path()) == 2).await;
    edr.with(|falcon| falcon.mood = Mood::Status(403));
    proxy.clock.advance(121);
    eventually("the next one fails", || outcomes(dir.path()) == 3).await;
    edr.with(|falcon| falcon.mood = Mood::Fine);
    proxy.clock.advance(3_700);
    eventually("the third has worked", || outcomes(dir.path()) == 4).await;
    let other = |action: &mut Value| {
        action["request_id"] = json!("other");
        signed_at(action, NOW + 60 + 121 + 3_700);
    };
    let (status, body) = proxy.execute(other).await;
    assert_eq!((status, &body["status"]), (200, &json!("executed")), "the breaker is closed");
    proxy.running.shutdown().await;
    let entries = entries(dir.path());
    let ends: Vec<_> = entries.iter().filter_map(|entry| entry.outcome()).collect();
    assert_eq!(ends, ["executed", "rolled_back", "failed", "rolled_back", "executed"]);
    assert!(entries.iter().all(|entry| entry.action_type() != "BREAKER_OPENED"));
}

#[tokio::test]
async fn what_a_person_released_or_isolated_before_has_no_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    proxy.execute(leased("leased", 600, NOW)).await;
    assert_eq!(proxy.rollback(|action| action["request_id"] = json!("by-hand")).await.0, 200);
    edr.with(|falcon| falcon.status = "contained".into());
    let (_, body) = proxy.execute(leased("somebody-else", 600, NOW)).await;
    assert_eq!((receipt(&body).outcome, receipt(&body).lease_until), (Outcome::Already, None));
    proxy.clock.advance(10_000);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    proxy.running.shutdown().await;
    // Nor after a restart: the entry of the release by hand says that the lease has ended.
    let proxy = Harness::start_after(&live(dir.path(), &edr.url), 20_000).await;
    proxy.ready().await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    proxy.running.shutdown().await;
    assert_eq!(changes(&edr), ["contain", "lift_containment"]);
}

const DAY: i64 = 24 * 3600;

fn is_compressed(dir: &Path, day: &str) -> bool {
    dir.join(format!("audit/audit-{day}.jsonl.gz")).exists()
}

#[tokio::test]
async fn a_lease_that_could_not_be_ended_for_weeks_outlives_restarts_and_the_compression_of_its_day() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let config = live(dir.path(), &edr.url);
    let proxy = Harness::start(config.clone()).await;
    proxy.execute(leased("leased", 60, NOW)).await;
    proxy.running.shutdown().await;
    edr.with(|falcon| falcon.mood = Mood::Status(403));
    // The second of these starts reads the first one's attempt in its window, and the isolation lies far behind it.
    for (hours, attempts) in [(0, 1), (2, 2), (4, 3)] {
        let proxy = Harness::start_after(&config, 12 * DAY + hours * 3600).await;
        eventually("another attempt is made", || edr.changes() == 1 + attempts).await;
        if hours > 0 {
            let compressed = || is_compressed(dir.path(), "2023-11-14");
            eventually("what the attempts tell again is not needed there any more", compressed).await;
        }
        proxy.running.shutdown().await;
    }
    edr.with(|falcon| falcon.mood = Mood::Fine);
    let proxy = Harness::start_after(&config, 12 * DAY + 6 * 3600).await;
    eventually("the host is released", || edr.with(|falcon| falcon.status == "normal")).await;
    proxy.running.shutdown().await;
    assert_eq!(edr.changes(), 5, "and then it is left alone");
    let proxy = Harness::start_after(&config, 12 * DAY + 12 * 3600).await;
    proxy.ready().await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    proxy.running.shutdown().await;
    assert_eq!(edr.changes(), 5);
    verify::directory(&dir.path().join("audit")).unwrap();
}

#[tokio::test]
async fn a_lease_outlives_weeks_of_a_dry_run_which_does_not_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let config = live(dir.path(), &edr.url);
    let proxy = Harness::start(config.clone()).await;
    proxy.execute(leased("leased", 60, NOW)).await;
    proxy.running.shutdown().await;
    let played = Config { dry_run: true, ..config.clone() };
    for day in [12, 13] {
        let proxy = Harness::start_after(&played, day * DAY).await;
        let (_, body) = proxy.execute(leased(["a", "b"][usize::from(day == 13)], 60, NOW + day * DAY)).await;
        assert_eq!(receipt(&body).outcome, Outcome::DryRun);
        proxy.clock.advance(60);
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        proxy.running.shutdown().await;
    }
    assert_eq!(changes(&edr), ["contain"]);
    let proxy = Harness::start_after(&config, 14 * DAY).await;
    eventually("the host is released", || edr.changes() == 2).await;
    proxy.running.shutdown().await;
    assert_eq!(changes(&edr), ["contain", "lift_containment"]);
}

#[tokio::test]
async fn a_dry_run_plays_the_lease_through_and_calls_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let (_, body) = proxy.execute(leased("leased", 60, NOW)).await;
    assert_eq!((receipt(&body).outcome, receipt(&body).lease_until), (Outcome::DryRun, Some(NOW + 60)));
    proxy.clock.advance(60);
    eventually("the release was played", || outcomes(dir.path()) == 2).await;
    proxy.running.shutdown().await;
    assert!(entries(dir.path()).iter().all(vyrox_audit::Entry::dry_run));
}
