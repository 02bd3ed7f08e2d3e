//! What is asked of the EDR, and what each of its answers counts as.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use support::edr::{Edr, Mood};
use support::{AID, Harness, NOW, entries, eventually, live, receipt};
use vyrox_contract::{Outcome, Receipt, Verification};
use vyrox_edge_proxy::config::PolicyConfig;

const SECONDS: Duration = Duration::from_secs(1);

async fn outcome(mood: Mood) -> (u16, Receipt, Edr) {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(mood).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    let (status, body) = proxy.execute(|_| ()).await;
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 2, "intent and outcome, whatever the EDR answers");
    (status, receipt(&body), edr)
}

#[tokio::test]
async fn an_isolation_is_asked_for_once_and_read_back() {
    let (status, receipt, edr) = outcome(Mood::Fine).await;
    assert_eq!((status, receipt.outcome, receipt.verification), (200, Outcome::Executed, Verification::Confirmed));
    assert_eq!(receipt.vendor_reference.as_deref(), Some("trace-1"));
    edr.with(|falcon| {
        assert_eq!(falcon.changes, [("contain".to_owned(), json!({"ids": [AID]}))]);
        assert_eq!(falcon.tokens, 1, "one token for all calls");
    });
}

#[tokio::test]
async fn a_release_lifts_the_containment() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    edr.with(|falcon| falcon.status = "contained".into());
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    let (status, body) = proxy.rollback(|_| ()).await;
    let receipt = receipt(&body);
    assert_eq!((status, receipt.outcome, receipt.verification), (200, Outcome::RolledBack, Verification::Confirmed));
    assert_eq!(edr.with(|falcon| falcon.changes[0].0.clone()), "lift_containment");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_device_that_was_found_by_a_name_must_bear_it_also_to_be_released() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    edr.with(|falcon| (falcon.status, falcon.hostname) = ("contained".into(), Some("ws-02".into())));
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    let (status, body) =
        proxy.rollback(|action| drop(action["target"].as_object_mut().unwrap().remove("device_id"))).await;
    assert_eq!((status, receipt(&body).outcome, edr.changes()), (502, Outcome::Failed, 0), "{body}");
    let (status, body) = proxy.rollback(|action| action["request_id"] = json!("by-id")).await;
    assert_eq!((status, receipt(&body).outcome), (200, Outcome::RolledBack), "renamed since: an id is enough");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn accepted_is_not_done_until_the_state_says_so() {
    let (status, receipt, _) = outcome(Mood::Pending).await;
    assert_eq!((status, receipt.outcome, receipt.verification), (200, Outcome::Executed, Verification::Unconfirmed));
    let (_, receipt, _) = outcome(Mood::Lies).await;
    assert_eq!((receipt.outcome, receipt.verification), (Outcome::Executed, Verification::Contradicted));
}

#[tokio::test]
async fn a_202_with_an_error_for_the_host_is_not_executed() {
    let (status, receipt, _) = outcome(Mood::HostError(400)).await;
    assert_eq!((status, receipt.outcome), (502, Outcome::Failed));
    assert!(!receipt.detail.contains('\u{1b}'), "{}", receipt.detail);
    let (_, receipt, _) = outcome(Mood::HostError(409)).await;
    assert_eq!(receipt.outcome, Outcome::Already);
    let (status, receipt, _) = outcome(Mood::Silent).await;
    assert_eq!((status, receipt.outcome), (502, Outcome::Ambiguous), "a 202 that names nobody");
}

#[tokio::test]
async fn a_host_that_is_contained_already_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    edr.with(|falcon| falcon.status = "contained".into());
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    let (_, body) = proxy.execute(|_| ()).await;
    let receipt = receipt(&body);
    assert_eq!((receipt.outcome, receipt.verification), (Outcome::Already, Verification::Confirmed));
    assert_eq!(edr.changes(), 0);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_timeout_is_settled_by_reading_the_state_not_by_asking_again() {
    let (status, receipt, edr) = outcome(Mood::TakesAndHangs).await;
    assert_eq!((status, receipt.outcome, receipt.verification), (200, Outcome::Executed, Verification::Confirmed));
    assert_eq!(edr.changes(), 1, "it was taken: not a second time");
    let (status, receipt, edr) = outcome(Mood::Hangs).await;
    assert_eq!((status, receipt.outcome), (502, Outcome::Ambiguous));
    assert_eq!(edr.changes(), 2, "the state was unchanged, so once more, and no third time");
}

#[tokio::test]
async fn refusals_of_the_edr_are_failures_with_a_reason() {
    for (code, reason) in [(403, "Hosts: WRITE"), (400, "HTTP 400"), (401, "credentials"), (429, "rate limit")] {
        let (status, receipt, edr) = outcome(Mood::Status(code)).await;
        assert_eq!((status, receipt.outcome), (502, Outcome::Failed), "{code}");
        assert!(receipt.detail.contains(reason), "{code}: {}", receipt.detail);
        assert_eq!(edr.with(|falcon| falcon.status.clone()), "normal");
    }
    let (_, receipt, edr) = outcome(Mood::Status(401)).await;
    assert_eq!((receipt.outcome, edr.with(|falcon| falcon.tokens)), (Outcome::Failed, 2), "one new token, not more");
    let (status, receipt, _) = outcome(Mood::Status(503)).await;
    assert_eq!((status, receipt.outcome), (502, Outcome::Ambiguous));
}

#[tokio::test]
async fn an_expired_token_and_a_rate_limit_are_waited_out_once() {
    let (_, receipt, edr) = outcome(Mood::TokenExpiredOnce).await;
    assert_eq!((receipt.outcome, edr.with(|falcon| falcon.tokens)), (Outcome::Executed, 2));
    let (_, receipt, edr) = outcome(Mood::RateLimitedOnce).await;
    assert_eq!((receipt.outcome, edr.changes()), (Outcome::Executed, 2));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (status, receipt, _) = outcome(Mood::Redirect).await;
    assert_eq!((status, receipt.outcome), (502, Outcome::Failed));
    assert!(receipt.detail.contains("307"), "{}", receipt.detail);
}

#[tokio::test]
async fn the_device_must_be_the_host_that_the_approver_saw() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let mut config = live(dir.path(), &edr.url);
    config.policy.protected_hosts = vec!["dc-*".into(), "ws-03.corp.example".into()];
    config.policy.max_isolations_per_hour = 10;
    let proxy = Harness::start(config).await;
    for (number, (name, reason, expected)) in [
        ("ws-02", "another name", (502, Outcome::Failed)),
        ("dc-01", "protected", (403, Outcome::Refused)),
        ("WS-03", "protected", (403, Outcome::Refused)),
        ("", "no name", (502, Outcome::Failed)),
        ("none", "no name", (502, Outcome::Failed)),
    ]
    .into_iter()
    .enumerate()
    {
        let name = Some(name).filter(|name| *name != "none");
        edr.with(|falcon| falcon.hostname = name.map(str::to_owned));
        let (status, body) = proxy.execute(|action| action["request_id"] = json!(format!("r-{number}"))).await;
        assert_eq!((status, receipt(&body).outcome), expected, "{name:?}");
        assert!(receipt(&body).detail.contains(reason), "{body}");
    }
    edr.with(|falcon| falcon.known = false);
    let (_, body) = proxy.execute(|action| action["request_id"] = json!("r-gone")).await;
    assert!(receipt(&body).detail.contains("no device"), "{body}");
    assert_eq!(edr.changes(), 0);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn quorum_and_maintenance_hold_for_the_name_by_which_the_edr_knows_the_device() {
    let rules = "[[quorum]]\nhosts = ['srv-*.corp.example']\napprovers = 2\n\
                 [[maintenance]]\nhosts = ['db-7']\nfrom = '00:00'\nto = '00:00'\n";
    let people = |ids: &[&str]| json!(ids.iter().map(|id| json!({"id": id, "name": "someone"})).collect::<Vec<_>>());
    // What was signed, whether the names must match, what the EDR knows, which rule that is for.
    for (signed, must_match, known, rule) in [
        ("ws-01", false, "SRV-1.corp.example", "approvers"),
        ("ws-01", false, "srv-1", "approvers"),
        ("srv-1.other.example", true, "SRV-1", "approvers"),
        ("ws-01", false, "Db-7.corp.example.", "maintenance"),
        ("db-7.other.example", true, "DB-7", "maintenance"),
        ("ws-01", false, " ", "no name"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let edr = Edr::start(Mood::Fine).await;
        edr.with(|falcon| falcon.hostname = Some(known.to_owned()));
        let mut config = live(dir.path(), &edr.url);
        config.policy = PolicyConfig { require_hostname_match: must_match, ..toml::from_str(rules).unwrap() };
        let proxy = Harness::start(config).await;
        let by = |id: &'static str, approvers: &[&str]| {
            let approvers = people(approvers);
            move |action: &mut Value| {
                action["request_id"] = json!(id);
                (action["target"]["hostname"], action["approved_by"]) = (json!(signed), approvers);
            }
        };
        let (status, body) = proxy.execute(by("one", &["1", "1"])).await;
        assert!(receipt(&body).detail.contains(rule), "{signed} {known}: {body}");
        let expected = if rule == "no name" { (502, Outcome::Failed) } else { (403, Outcome::Refused) };
        assert_eq!((status, receipt(&body).outcome), expected, "{signed} {known}");
        assert_eq!(edr.changes(), 0);
        let (status, _) = proxy.execute(by("two", &["1", "2"])).await;
        assert_eq!((status, edr.changes()), if rule == "approvers" { (200, 1) } else { (expected.0, 0) });
        assert_eq!(proxy.rollback(by("back", &["1"])).await.0, 200, "a release is never held up");
        proxy.running.shutdown().await;
    }
}

/// What is over by the time at which it would be sent, whatever it has waited for.
#[tokio::test]
async fn what_expires_while_it_waits_is_refused_and_not_sent() {
    let late = |name: &'static str, expires_at: i64| {
        move |action: &mut Value| {
            action["request_id"] = json!(name);
            action["expires_at"] = json!(expires_at);
        }
    };
    // The action's own end, and the approval's age.
    for (expires_at, wait, reason) in [(NOW + 600, 601, "expired"), (NOW + 100_000, 3_541, "too old")] {
        for waits_for in ["the lookup", "the rate limit", "its turn"] {
            let dir = tempfile::tempdir().unwrap();
            let edr = Edr::start(Mood::Fine).await;
            let mut config = live(dir.path(), &edr.url);
            let timing = &mut config.edrs[0].timing;
            (timing.request, timing.action, timing.confirm_for) = (SECONDS * 20, SECONDS * 20, SECONDS * 2);
            let proxy = Harness::start(config).await;
            let waiting = async || match waits_for {
                "the lookup" => {
                    edr.with(|falcon| falcon.pause = SECONDS);
                    let asked = proxy.execute(late("late", expires_at));
                    let over = async {
                        eventually("the device is asked for", || edr.with(|falcon| falcon.reads) == 1).await;
                        proxy.clock.advance(wait);
                    };
                    (tokio::join!(asked, over).0, 0)
                }
                "the rate limit" => {
                    edr.with(|falcon| falcon.mood = Mood::RateLimitedOnce);
                    let asked = proxy.execute(late("late", expires_at));
                    let over = async {
                        eventually("it is throttled", || edr.changes() == 1).await;
                        proxy.clock.advance(wait);
                    };
                    (tokio::join!(asked, over).0, 1)
                }
                _ => {
                    edr.with(|falcon| falcon.mood = Mood::Pending);
                    let first = proxy.execute(late("first", expires_at));
                    let second = async {
                        eventually("the first has its turn", || edr.changes() == 1).await;
                        let asked = proxy.rollback(late("late", expires_at));
                        let over = async {
                            eventually("the second is on disk", || intents(dir.path()) == 2).await;
                            proxy.clock.advance(wait);
                        };
                        tokio::join!(asked, over).0
                    };
                    (tokio::join!(first, second).1, 1)
                }
            };
            let ((status, body), changes) = waiting().await;
            assert_eq!((status, receipt(&body).outcome), (410, Outcome::Refused), "{waits_for}: {body}");
            assert!(receipt(&body).detail.contains(reason), "{waits_for}: {body}");
            assert_eq!(edr.changes(), changes, "{waits_for}");
            proxy.running.shutdown().await;
        }
    }
}

#[tokio::test]
async fn the_kill_switch_stops_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::RateLimitedOnce).await;
    let mut config = live(dir.path(), &edr.url);
    let file = dir.path().join("stop");
    config.policy.kill_switch_file = Some(file.clone());
    let proxy = Harness::start(config).await;
    let stop = async {
        eventually("it is throttled", || edr.changes() == 1).await;
        std::fs::write(&file, "").unwrap();
    };
    let ((status, body), ()) = tokio::join!(proxy.execute(|_| ()), stop);
    assert_eq!((status, receipt(&body).outcome, edr.changes()), (403, Outcome::Refused, 1), "{body}");
    proxy.running.shutdown().await;
}

fn intents(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir.join("audit")).unwrap().map(|file| file.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    texts.map(|path| std::fs::read_to_string(path).unwrap().matches("\"phase\":\"intent\"").count()).sum()
}

#[tokio::test]
async fn an_isolation_and_a_release_of_one_device_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Pending).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    let release = async {
        support::eventually("the isolation is asked for", || edr.changes() == 1).await;
        proxy.rollback(|_| ()).await.1
    };
    let ((_, isolated), released) = tokio::join!(proxy.execute(|_| ()), release);
    let verification = receipt(&isolated).verification;
    assert_eq!(verification, Verification::Unconfirmed, "it read back its own state, not the release's");
    assert_eq!(receipt(&released).outcome, Outcome::RolledBack);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn an_edr_that_cannot_be_reached_is_a_failure_not_an_ambiguity() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(live(dir.path(), "http://127.0.0.1:9")).await;
    let (status, body) = proxy.execute(|_| ()).await;
    assert_eq!((status, receipt(&body).outcome), (502, Outcome::Failed));
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_dry_run_calls_no_edr_even_when_one_is_configured() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let mut config = live(dir.path(), &edr.url);
    config.dry_run = true;
    let proxy = Harness::start(config).await;
    assert_eq!(proxy.execute(|_| ()).await.1["status"], "dry_run");
    proxy.running.shutdown().await;
    edr.with(|falcon| assert_eq!((falcon.tokens, falcon.reads, falcon.changes.len()), (0, 0, 0)));
}
