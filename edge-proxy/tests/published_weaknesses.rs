//! The sixteen weaknesses that were measured in the proxy published before this one, each as a test that fails on its
//! behaviour. Other files test the same parts in more detail; here is one test for each weakness, under its number.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::edr::{Edr, Mood};
use support::process::{Process, now};
use support::vendors::{AGENT, THREAT, aimed, defender, send, sentinelone, with_defender, with_sentinelone};
use support::{
    AID, HOST, Harness, NOW, action, config, entries, envelope, eventually, live, platform, receipt, signed_by, within,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vyrox_audit::verify::{ExpectedHead, Verifier};
use vyrox_audit::{Entry, Phase};
use vyrox_contract::{Outcome, Verification};
use vyrox_edge_proxy::{Config, Proxy, Secret, SystemClock};

fn log_file(dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(dir.join("audit")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).max().unwrap()
}

/// How many bytes are in the log's files.
fn written(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir.join("audit")).into_iter().flatten().flatten();
    let logs = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "jsonl"));
    logs.map(|file| file.metadata().map_or(0, |file| file.len())).sum()
}

fn plenty(mut config: Config) -> Config {
    (config.policy.max_isolations_per_hour, config.policy.max_isolations_per_day) = (100_000, 100_000);
    config
}

fn request(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: proxy\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn connect(proxy: &Harness) -> TcpStream {
    TcpStream::connect(proxy.running.local_addr()).await.unwrap()
}

fn numbered(number: usize) -> String {
    envelope(|action| action["request_id"] = json!(format!("n-{number}")))
}

/// Every intent with an outcome, in a chain that verifies.
fn assert_whole(dir: &Path) -> Vec<Entry> {
    let entries = entries(dir);
    let of = |phase| entries.iter().filter(|entry| entry.phase() == phase).count();
    assert_eq!(of(Phase::Intent), of(Phase::Outcome), "what was begun has ended");
    entries
}

#[tokio::test]
async fn w01_a_client_that_leaves_early_does_not_break_the_audit_chain() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(plenty(config(dir.path()))).await;
    for number in 0..96 {
        let mut client = connect(&proxy).await;
        client.write_all(request("/execute", &numbered(number)).as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_micros(number as u64 * 50)).await;
        drop(client);
    }
    proxy.running.shutdown().await;
    assert!(!assert_whole(dir.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w02_kill_9_under_load_and_torn_tails_lose_nothing_and_restart_no_chain() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let rules = "[policy]\nmax_isolations_per_hour = 1000\nmax_isolations_per_day = 1000\n";
    let mut acknowledged = Vec::new();
    // A kill in the middle of a line, of a character, and of a line that is whole but has no end.
    for (round, torn) in [&b"{\"timestamp\":17"[..], b"{\"host\":\"\xe2\x82", b"\xf0\x9f"].into_iter().enumerate() {
        let process = Process::start_with(dir.path(), &edr.url, rules);
        let before = written(dir.path());
        let asked = (0..16).map(|number| {
            let (http, url, id) = (process.http.clone(), process.url.clone(), format!("r{round}-{number}"));
            tokio::spawn(async move {
                let answer = http.post(format!("{url}/execute")).body(now(&id)).send().await.ok()?;
                (answer.status() == 200).then_some(id)
            })
        });
        let asked: Vec<_> = asked.collect();
        eventually("something is written", || written(dir.path()) > before).await;
        process.kill();
        for task in asked {
            acknowledged.extend(task.await.unwrap());
        }
        let log = std::fs::OpenOptions::new().append(true).open(log_file(dir.path()));
        log.unwrap().write_all(torn).unwrap();
    }
    let process = Process::start_with(dir.path(), &edr.url, rules);
    assert_eq!(process.execute("after").await.unwrap().0, 200);
    assert_eq!(process.stop(), Some(0));
    let entries = assert_whole(dir.path());
    assert_eq!(entries[0].seq(), 0, "one chain from its beginning");
    for id in acknowledged.iter().chain([&"after".to_owned()]) {
        assert!(
            entries.iter().any(|entry| entry.request_id() == Some(id) && entry.outcome().is_some()),
            "{id} is lost"
        );
    }
}

#[tokio::test]
async fn w03_two_instances_do_not_share_a_log_and_a_garbage_log_does_not_boot() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let second = Proxy::start(config(dir.path()), Arc::new(SystemClock)).await;
    assert!(second.is_err_and(|error| format!("{error:?}").contains("Locked")));
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    proxy.running.shutdown().await;
    std::fs::write(log_file(dir.path()), "garbage\nmore garbage\n").unwrap();
    assert!(Proxy::start(config(dir.path()), Arc::new(SystemClock)).await.is_err(), "not silently");
}

#[tokio::test]
async fn w04_rewriting_deleting_or_truncating_entries_does_not_verify() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(plenty(config(dir.path()))).await;
    let mut last = None;
    for number in 0..3 {
        last = Some(receipt(&proxy.post("/execute", numbered(number)).await.1).audit_head);
    }
    proxy.running.shutdown().await;
    let text = std::fs::read_to_string(log_file(dir.path())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // The receipts that the platform holds anchor the chain.
    let last = last.unwrap();
    let verifies = |text: &str| {
        let head = ExpectedHead { chain: None, seq: last.seq, hash: last.hash.clone() };
        let mut verifier = Verifier::new().expect(head);
        verifier.reader(text.as_bytes(), "log").is_ok() && verifier.finish().is_ok()
    };
    assert!(verifies(&text));
    assert!(!verifies(&text.replacen("\"ws-01\"", "\"ws-02\"", 1)), "rewritten");
    let without = |number: usize| {
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != number).map(|(_, line)| format!("{line}\n"));
        kept.collect::<String>()
    };
    assert!((0..lines.len()).all(|number| !verifies(&without(number))), "one deleted, the first and the last included");
    assert!(!verifies(""), "all deleted");
}

#[tokio::test]
async fn w05_intent_and_outcome_are_told_apart_and_say_what_was_done_for_which_alert() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    proxy.execute(|_| ()).await;
    proxy.running.shutdown().await;
    let entries = entries(dir.path());
    assert_eq!(entries.iter().map(Entry::phase).collect::<Vec<_>>(), [Phase::Intent, Phase::Outcome]);
    assert_eq!((entries[0].outcome(), entries[1].outcome()), (None, Some("dry_run")));
    for entry in &entries {
        assert_eq!((entry.request_id(), entry.alert_id()), (Some("req-1"), action()["alert_id"].as_str()));
        assert_eq!((&entry.detail()["device_id"], &entry.detail()["operation"]), (&json!(AID), &json!("execute")));
    }
}

#[tokio::test]
async fn w06_a_captured_execute_body_is_not_accepted_at_rollback() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    assert_eq!(proxy.post("/rollback", envelope(|_| ())).await.0, 400);
    assert_eq!(proxy.execute(|_| ()).await.0, 200, "and it is not used up by that");
}

#[tokio::test]
async fn w07_times_that_overflow_are_outside_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    for (number, time) in [i64::MIN, i64::MIN + NOW, i64::MIN + NOW + 1, i64::MAX].into_iter().enumerate() {
        assert_eq!(proxy.execute(|action| action["issued_at"] = json!(time)).await.0, 410, "{time}");
        let approved = |action: &mut Value| {
            action["request_id"] = json!(format!("t-{number}"));
            action["approved_at"] = json!(time);
        };
        assert_eq!(proxy.execute(approved).await.0, 410, "{time}");
    }
}

#[tokio::test]
async fn w08_other_tenants_empty_tenants_and_empty_secrets_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    assert_eq!(proxy.execute(|action| action["tenant_id"] = json!("other")).await.0, 403);
    assert_eq!(proxy.execute(|action| action["tenant_id"] = json!("")).await.0, 422);
    for secret in [String::new(), " ".into(), "x".repeat(31)] {
        let mut config = config(&dir.path().join("other"));
        config.shared_secret = Some(Secret::new(secret));
        assert!(Proxy::start(config, Arc::new(SystemClock)).await.is_err());
    }
}

#[tokio::test]
async fn w09_restart_and_replay_or_timeout_and_retry_call_the_edr_once() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::TakesAndHangs).await;
    for _ in 0..3 {
        let proxy = Harness::start(live(dir.path(), &edr.url)).await;
        proxy.ready().await;
        for _ in 0..2 {
            let (status, body) = proxy.execute(|_| ()).await;
            assert_eq!((status, receipt(&body).outcome), (200, Outcome::Executed));
        }
        proxy.running.shutdown().await;
    }
    assert_eq!(edr.changes(), 1, "six requests, two of them into an EDR that did not answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w10_an_action_whose_client_has_gone_ends_is_recorded_and_sigterm_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::TakesAndHangs).await;
    let process = Process::start(dir.path(), &edr.url);
    let address = process.url.trim_start_matches("http://").to_owned();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request("/execute", &now("gone")).as_bytes()).await.unwrap();
    eventually("the EDR is asked", || edr.changes() == 1).await;
    drop(client);
    assert_eq!(tokio::task::spawn_blocking(|| process.stop()).await.unwrap(), Some(0));
    assert_eq!(assert_whole(dir.path())[1].outcome(), Some("executed"), "not cut off by the stop");
    let process = Process::start(dir.path(), &edr.url);
    let (status, body) = process.execute("gone").await.unwrap();
    assert_eq!((status, &body["status"]), (200, &json!("replayed")), "not 409 for ever");
}

#[tokio::test]
async fn w11_executed_is_said_only_of_what_the_edr_did() {
    for mood in [Mood::HostError(400), Mood::Silent, Mood::Status(500), Mood::Status(403)] {
        let dir = tempfile::tempdir().unwrap();
        let edr = Edr::start(mood).await;
        let proxy = Harness::start(live(dir.path(), &edr.url)).await;
        let (status, body) = proxy.execute(|_| ()).await;
        let told = receipt(&body);
        assert!(matches!(told.outcome, Outcome::Failed | Outcome::Ambiguous), "{mood:?}: {told:?}");
        assert_eq!(status, 502, "{mood:?}");
        assert_eq!(proxy.execute(|action| action["target"]["hostname"] = json!("")).await.0, 422, "an empty host");
    }
    let (dir, edr) = (tempfile::tempdir().unwrap(), sentinelone().await);
    edr.set_offline(AGENT);
    let isolation = aimed("HOST_ISOLATION", json!({"vendor": "sentinelone", "device_id": AGENT}));
    let sent = send(dir.path(), with_sentinelone(dir.path(), &edr), false, isolation).await;
    assert_eq!((sent.status, sent.receipt.outcome), (502, Outcome::Failed), "affected: 0");
    let dir = tempfile::tempdir().unwrap();
    let mut without = config(dir.path());
    without.dry_run = false;
    assert!(Proxy::start(without, Arc::new(SystemClock)).await.is_err(), "live, and nothing to act with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w12_a_sustained_unsigned_flood_locks_no_approval_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = plenty(config(dir.path()));
    // Fewer places than there are attackers, who keep their connections open.
    (config.limits.connections, config.limits.in_flight) = (32, 4);
    let proxy = Harness::start(config).await;
    let address = proxy.running.local_addr();
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    // The right key id and a wrong signature, so that each costs the proxy a verification; and mere junk.
    let mut forged = signed_by(&platform(), &action());
    forged.signatures[0].sig = "A".repeat(86) + "==";
    let bodies = [request("/execute", &serde_json::to_string(&forged).unwrap()), request("/execute", "junk")];
    let floods: Vec<_> = (0..96)
        .map(|number| {
            let (stop, sent, body) = (Arc::clone(&stop), Arc::clone(&sent), bodies[number % 2].clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut client) = TcpStream::connect(address).await else { continue };
                    let mut answer = [0; 512];
                    // As long as the proxy lets them.
                    while client.write_all(body.as_bytes()).await.is_ok() {
                        match client.read(&mut answer).await {
                            Ok(length) if length > 0 => sent.fetch_add(1, Ordering::Relaxed),
                            _ => break,
                        };
                    }
                }
            })
        })
        .collect();
    eventually("the flood is on", || sent.load(Ordering::Relaxed) > 200).await;
    let begun = Instant::now();
    let mut statuses = Vec::new();
    for number in 0..60 {
        // A connection of its own for each, as a new caller has.
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request("/execute", &numbered(number)).as_bytes()).await.unwrap();
        let mut answer = vec![0; 64];
        let length = client.read(&mut answer).await.unwrap();
        statuses.push(String::from_utf8_lossy(&answer[..length.min(15)]).into_owned());
    }
    let flood = sent.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    println!("{flood} unsigned requests were answered; 60 approvals took {:?}", begun.elapsed());
    assert!(statuses.iter().all(|status| status == "HTTP/1.1 200 OK"), "{statuses:?}");
    for task in floods {
        task.abort();
    }
    proxy.running.shutdown().await;
    assert_eq!(assert_whole(dir.path()).len(), 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_300_slow_connections_are_closed_within_the_configured_seconds_and_large_bodies_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    // Two different times, so that what is seen is the one that was configured and not some other.
    let (head, body) = (Duration::from_secs(1), Duration::from_secs(5));
    (config.limits.header_timeout, config.limits.body_timeout, config.limits.connections) = (head, body, 300);
    let proxy = Harness::start(config).await;
    let slow = (0..300).map(|number| {
        let address = proxy.running.local_addr();
        let (beginning, due) = match number % 3 {
            0 => ("", head),
            1 => ("POST /execute HTTP/1.1\r\nHost: pro", head),
            _ => ("POST /execute HTTP/1.1\r\nHost: proxy\r\nContent-Length: 100\r\n\r\n{", body),
        };
        tokio::spawn(async move {
            let begun = Instant::now();
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(beginning.as_bytes()).await.unwrap();
            let (sent, mut answer) = (Instant::now(), Vec::new());
            let closed = within(due + Duration::from_secs(4), client.read_to_end(&mut answer)).await;
            assert!(closed.is_some(), "{beginning:?}: still open {:?} after its last byte", sent.elapsed());
            assert!(begun.elapsed() >= due, "{beginning:?}: given only {:?}", begun.elapsed());
            assert_eq!(answer.starts_with(b"HTTP/1.1 408"), due == body, "{}", String::from_utf8_lossy(&answer));
        })
    });
    for client in slow.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let mut client = connect(&proxy).await;
    client.write_all(b"POST /execute HTTP/1.1\r\nHost: proxy\r\nContent-Length: 2097152\r\n\r\n").await.unwrap();
    client.write_all(&vec![b'a'; 66 * 1024]).await.unwrap();
    let mut answer = [0; 32];
    let refused = within(Duration::from_secs(20), client.read(&mut answer)).await;
    let length = refused.expect("the rest of it is not waited for").unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 413"), "refused before 2 MB have come");
    assert_eq!(proxy.execute(|_| ()).await.0, 200, "and everyone else is served");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn w14_hostile_fields_are_refused_and_forge_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    for hostile in ["../../etc/passwd", "a\nb", "\u{1b}[2J", "a;rm -rf /", "$(id)", "a\0b", "\u{202e}a"] {
        for pointer in ["/request_id", "/target/hostname", "/target/device_id", "/tenant_id"] {
            let change = |action: &mut Value| *action.pointer_mut(pointer).unwrap() = json!(hostile);
            assert_eq!(proxy.execute(change).await.0, 422, "{pointer} {hostile:?}");
        }
    }
    assert_eq!(proxy.execute(|action| action["request_id"] = json!("r".repeat(30_000))).await.0, 422);
    assert_eq!(proxy.execute(|action| action["request_id"] = json!("r".repeat(1 << 20))).await.0, 413);
    proxy.execute(|_| ()).await;
    proxy.running.shutdown().await;
    assert_eq!(std::fs::read_to_string(log_file(dir.path())).unwrap().lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w15_the_documented_minimum_runs_logs_by_default_and_the_image_is_not_root_and_has_a_health_check() {
    let program = env!("CARGO_BIN_EXE_vyrox-edge-proxy");
    let dir = tempfile::tempdir().unwrap();
    let empty = Command::new(program).current_dir(dir.path()).env_clear().output().unwrap();
    let text = String::from_utf8(empty.stderr).unwrap();
    assert_eq!(empty.status.code(), Some(64), "said, not panicked: {text}");
    assert!(text.contains("VYROX_TENANT_ID") && !text.contains("panicked"), "{text}");
    // The settings without which nothing works, and nothing else; `start` waits for the first line of its log.
    let edr = Edr::start(Mood::Fine).await;
    assert_eq!(Process::start(dir.path(), &edr.url).stop(), Some(0));
    let containerfile = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Containerfile")).unwrap();
    let has = |beginning: &str| containerfile.lines().any(|line| line.starts_with(beginning));
    assert!(has("USER 65532") && has("HEALTHCHECK") && has("FROM scratch"));
}

#[tokio::test]
async fn w16_what_cannot_be_done_exactly_is_refused_and_what_was_done_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Lies).await;
    let mut config = live(dir.path(), &edr.url);
    config.policy.allowed_actions.push(vyrox_contract::ActionType::NetworkQuarantine);
    let proxy = Harness::start(config).await;
    let (status, body) = proxy.execute(|action| action["action_type"] = json!("NETWORK_QUARANTINE")).await;
    assert_eq!((status, receipt(&body).outcome), (501, Outcome::Refused), "never another action in its place");
    assert_eq!(edr.changes(), 0);
    let (_, body) = proxy.execute(|action| action["request_id"] = json!("read-back")).await;
    assert_eq!(receipt(&body).verification, Verification::Contradicted, "the EDR said yes and did not");
    proxy.running.shutdown().await;

    // A process kill, Microsoft Defender, a host by its name alone.
    let done = (Outcome::Executed, Verification::Confirmed);
    let (dir, edr) = (tempfile::tempdir().unwrap(), sentinelone().await);
    let kill = json!({"vendor": "sentinelone", "device_id": AGENT, "threat_id": THREAT});
    let sent = send(dir.path(), with_sentinelone(dir.path(), &edr), false, aimed("PROCESS_KILL", kill)).await;
    assert_eq!((sent.receipt.outcome, sent.receipt.verification), done, "{}", sent.receipt.detail);
    let (dir, edr) = (tempfile::tempdir().unwrap(), defender().await);
    let by_name = aimed("HOST_ISOLATION", json!({"vendor": "defender", "hostname": format!("{HOST}.corp.example")}));
    let sent = send(dir.path(), with_defender(dir.path(), &edr), false, by_name).await;
    assert_eq!((sent.receipt.outcome, sent.receipt.verification), done, "{}", sent.receipt.detail);
}
