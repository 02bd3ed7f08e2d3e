//! Clients that leave, stall, flood or send too much.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::edr::{Edr, Mood};
use support::{Harness, config, entries, envelope, eventually, live, receipt, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn request(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: proxy\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn connect(proxy: &Harness) -> TcpStream {
    TcpStream::connect(proxy.running.local_addr()).await.unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_early_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::TakesAndHangs).await;
    let proxy = Harness::start(live(dir.path(), &edr.url)).await;
    let mut client = connect(&proxy).await;
    client.write_all(request("/execute", &envelope(|_| ())).as_bytes()).await.unwrap();
    eventually("the EDR is asked", || edr.changes() == 1).await;
    drop(client);
    let (status, _) = proxy.execute(|_| ()).await;
    assert!(status == 409 || status == 200, "{status}");
    let mut answer = proxy.execute(|_| ()).await;
    for _ in 0..500 {
        if answer.0 != 409 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = proxy.execute(|_| ()).await;
    }
    assert_eq!((answer.0, &answer.1["status"]), (200, &json!("replayed")));
    assert_eq!(receipt(&answer.1).outcome.as_str(), "executed");
    assert_eq!(edr.changes(), 1);
    proxy.running.shutdown().await;
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn many_clients_that_leave_at_any_moment_leave_a_whole_chain() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    (config.policy.max_isolations_per_hour, config.policy.max_isolations_per_day) = (1000, 1000);
    let proxy = Harness::start(config).await;
    for number in 0..120_usize {
        let body = request("/execute", &envelope(|action| action["request_id"] = json!(format!("leave-{number}"))));
        let mut client = connect(&proxy).await;
        let part = if number % 3 == 0 { body.len() * (number % 40) / 40 } else { body.len() };
        client.write_all(&body.as_bytes()[..part]).await.unwrap();
        if number % 5 == 0 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        drop(client);
    }
    assert_eq!(proxy.execute(|_| ()).await.0, 200);
    proxy.running.shutdown().await;
    let entries = entries(dir.path());
    let of = |phase| entries.iter().filter(|entry| entry.phase() == phase).count();
    assert_eq!(of(vyrox_audit::Phase::Intent), of(vyrox_audit::Phase::Outcome), "everything begun has ended");
}

#[tokio::test]
async fn a_large_body_is_refused_without_being_kept() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let mut client = connect(&proxy).await;
    let head = "POST /execute HTTP/1.1\r\nHost: proxy\r\nContent-Length: 2097152\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    // Only a little over the limit is ever sent: the answer must not wait for the rest.
    client.write_all(&vec![b'a'; 80 * 1024]).await.unwrap();
    let mut answer = [0; 64];
    let length = client.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer[..length]));
    // Nor for any of it, if it says how long it is.
    let mut client = connect(&proxy).await;
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let length = within(Duration::from_secs(5), client.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer[..length]));
    assert_eq!(proxy.post("/execute", "a".repeat(65 * 1024)).await.0, 413);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn slow_and_silent_clients_are_disconnected_and_do_not_keep_others_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.limits.header_timeout = Duration::from_millis(200);
    config.limits.body_timeout = Duration::from_millis(200);
    config.limits.connections = 8;
    let proxy = Harness::start(config).await;
    let mut clients = Vec::new();
    for number in 0..24 {
        let mut client = connect(&proxy).await;
        let beginning = match number % 4 {
            0 => "",
            // Answered, and then nothing more: a connection that is kept alive is not kept for ever.
            3 => "GET /health HTTP/1.1\r\nHost: proxy\r\n\r\n",
            1 => "POST /execute HTTP/1.1\r\nHost: pro",
            _ => "POST /execute HTTP/1.1\r\nHost: proxy\r\nContent-Length: 100\r\n\r\n{",
        };
        client.write_all(beginning.as_bytes()).await.unwrap();
        clients.push(client);
    }
    assert_eq!(proxy.execute(|_| ()).await.0, 200, "served although three times the limit is connected");
    for mut client in clients {
        let mut rest = Vec::new();
        let read = within(Duration::from_secs(10), client.read_to_end(&mut rest)).await;
        assert!(read.is_some(), "still open");
    }
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn who_proves_no_key_keeps_no_connection_and_keeps_no_approval_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.limits.connections = 8;
    config.export_token = Some(vyrox_edge_proxy::TokenDigest::of("token"));
    let proxy = Harness::start(config).await;
    let captured = request("/execute", &envelope(|action| action["issued_at"] = json!(support::NOW - 600)));
    let mut asks: Vec<String> =
        ["/health", "/ready", "/metrics", "/nothing", "/execute", "/audit/export?tenant_id=acme"]
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: proxy\r\n\r\n"))
            .into();
    asks.extend([captured, request("/rollback", "junk")]);
    let mut clients = Vec::new();
    for ask in asks {
        let mut client = connect(&proxy).await;
        // Asks again and again on its one connection.
        clients.push(tokio::spawn(async move {
            let mut answer = [0; 4096];
            loop {
                client.write_all(ask.as_bytes()).await?;
                if client.read(&mut answer).await? == 0 {
                    return Ok::<_, std::io::Error>(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let approval = within(Duration::from_secs(5), proxy.execute(|_| ())).await;
    assert_eq!(approval.expect("a place is free").0, 200);
    for client in clients {
        assert!(within(Duration::from_secs(5), client).await.is_some(), "still connected");
    }
    // With a key a connection serves many.
    let mut client = connect(&proxy).await;
    for _ in 0..3 {
        client.write_all(request("/execute", &envelope(|_| ())).as_bytes()).await.unwrap();
        let mut answer = [0; 8192];
        let length = client.read(&mut answer).await.unwrap();
        let text = String::from_utf8_lossy(&answer[..length]).to_lowercase();
        assert!(text.starts_with("http/1.1 200") && !text.contains("connection: close"), "{text}");
    }
    proxy.running.shutdown().await;
}

/// What is logged, kept in memory.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_unsigned_flood_does_not_fill_the_log_of_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let sink = Sink::default();
    let writer = sink.clone();
    let _logging =
        tracing::subscriber::set_default(tracing_subscriber::fmt().with_writer(move || writer.clone()).finish());
    let proxy = Harness::start(config(dir.path())).await;
    for round in 1..=2 {
        for _ in 0..50 {
            assert_eq!(proxy.post("/execute", "junk").await.0, 400);
        }
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("turned away").count(), round, "one line for each second of the clock: {text}");
        proxy.clock.advance(1);
    }
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn an_unsigned_flood_does_not_lock_approvals_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.limits.in_flight = 4;
    (config.policy.max_isolations_per_hour, config.policy.max_isolations_per_day) = (1000, 1000);
    let proxy = Harness::start(config).await;
    let junk = envelope(|_| ()).replace("\"sig\":\"", "\"sig\":\"AAAA");
    let flood = futures::future::join_all((0..400).map(|_| proxy.post("/execute", junk.clone())));
    let approvals = async {
        let mut statuses = Vec::new();
        for number in 0..60 {
            let id = format!("approved-{number}");
            statuses.push(proxy.execute(|action| action["request_id"] = json!(id)).await.0);
        }
        statuses
    };
    let (flooded, approved) = tokio::join!(flood, approvals);
    assert!(flooded.iter().all(|(status, _)| *status == 401));
    assert!(approved.iter().all(|status| *status == 200), "{approved:?}");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn more_work_than_places_is_told_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::TakesAndHangs).await;
    let mut config = live(dir.path(), &edr.url);
    config.limits.in_flight = 1;
    let proxy = Harness::start(config).await;
    let busy = async {
        eventually("the EDR is asked", || edr.changes() == 1).await;
        proxy.execute(|action| action["request_id"] = json!("second")).await.0
    };
    let (first, second) = tokio::join!(proxy.execute(|_| ()), busy);
    assert_eq!((first.0, second), (200, 429));
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_stop_waits_for_work_and_answers_it() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::TakesAndHangs).await;
    let Harness { running, http, url, .. } = Harness::start(live(dir.path(), &edr.url)).await;
    let client = tokio::spawn(async move {
        let response = http.post(format!("{url}/execute")).body(envelope(|_| ())).send().await.unwrap();
        response.status().as_u16()
    });
    eventually("the EDR is asked", || edr.changes() == 1).await;
    running.shutdown().await;
    assert_eq!(client.await.unwrap(), 200);
    assert_eq!(entries(dir.path())[1].outcome(), Some("executed"));
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_disconnected() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.limits.connection_lifetime = Duration::from_millis(300);
    let proxy = Harness::start(config).await;
    let mut client = connect(&proxy).await;
    // With a key: others lose the connection with the first answer.
    let ask = request("/execute", &envelope(|_| ())).repeat(64);
    let asking = async { while client.write_all(ask.as_bytes()).await.is_ok() {} };
    assert!(within(Duration::from_secs(20), asking).await.is_some(), "still connected");
    proxy.running.shutdown().await;
}
