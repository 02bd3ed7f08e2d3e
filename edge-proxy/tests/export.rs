//! The audit log over HTTP.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{Harness, NOW, config, entries, envelope, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use vyrox_audit::Draft;
use vyrox_audit::log::Log;
use vyrox_edge_proxy::TokenDigest;

#[tokio::test]
async fn the_export_is_the_log_byte_for_byte_and_needs_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.export_token = Some(TokenDigest::of("export-token"));
    let proxy = Harness::start(config).await;
    for number in 0..20 {
        proxy.execute(|action| action["request_id"] = json!(format!("req-{number}"))).await;
    }
    let get = async |query: &str, token: Option<&str>| {
        let mut request = proxy.http.get(format!("{}/audit/export{query}", proxy.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    };
    assert_eq!(get("?tenant_id=acme", None).await.status(), 401);
    assert_eq!(get("?tenant_id=acme", Some("export-toke")).await.status(), 401);
    assert_eq!(get("?tenant_id=other", Some("export-token")).await.status(), 403);
    assert_eq!(get("", Some("export-token")).await.status(), 403);
    let metrics = proxy.http.get(format!("{}/metrics", proxy.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("vyrox_proxy_rejected_total 2"), "who tries tokens is counted: {metrics}");
    let lower = proxy.http.get(format!("{}/audit/export?tenant_id=acme", proxy.url));
    assert_eq!(lower.header("Authorization", "bearer export-token").send().await.unwrap().status(), 200);
    let response = get("?tenant_id=acme", Some("export-token")).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let exported = response.text().await.unwrap();
    let lines: Vec<String> = entries(dir.path()).iter().map(vyrox_audit::Entry::to_line).collect();
    assert_eq!(exported, lines.join("\n") + "\n");
    proxy.running.shutdown().await;
}

/// A log of so many MiB.
fn long_log(dir: &Path, mebibytes: usize) -> usize {
    let mut log = Log::open(&dir.join("audit"), "proxy-1", "acme", NOW).unwrap().log;
    for _ in 0..mebibytes {
        let mut draft = Draft::event(NOW, "acme", "FILLER");
        draft.detail.insert("text".into(), json!("x".repeat(8 * 1024)));
        log.append(NOW, &vec![draft; 128]).unwrap();
    }
    std::fs::metadata(&log.files().unwrap()[0]).unwrap().len().try_into().unwrap()
}

/// Asks for the export over a connection that holds little, so that what is not read is not sent.
async fn asks_for_the_export(proxy: &Harness) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut client = socket.connect(proxy.running.local_addr()).await.unwrap();
    let head = "GET /audit/export?tenant_id=acme HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer t\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_may_last_longer_than_a_connection_as_long_as_it_moves() {
    let dir = tempfile::tempdir().unwrap();
    let length = long_log(dir.path(), 24);
    let mut config = config(dir.path());
    config.export_token = Some(TokenDigest::of("t"));
    config.limits.connection_lifetime = Duration::from_secs(2);
    let proxy = Harness::start(config).await;
    let begun = Instant::now();
    let mut client = asks_for_the_export(&proxy).await;
    let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        match client.read(&mut buffer).await.unwrap() {
            0 => break,
            length => read += length,
        }
        // Four MiB a second: never still for long, and three lives of a connection in all.
        let due = begun + Duration::from_secs_f64(read as f64 / (4.0 * 1024.0 * 1024.0));
        tokio::time::sleep_until(due.into()).await;
    }
    // Beside the log there are the head and the lengths of the pieces.
    assert!(read >= length && read < length + length / 100, "{read} of {length}");
    proxy.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_for_an_export_and_does_not_read_it_is_disconnected() {
    let dir = tempfile::tempdir().unwrap();
    let length = long_log(dir.path(), 24);
    let mut config = config(dir.path());
    config.export_token = Some(TokenDigest::of("t"));
    (config.limits.connection_lifetime, config.limits.connections) = (Duration::from_secs(1), 1);
    let proxy = Harness::start(config).await;
    let mut client = asks_for_the_export(&proxy).await;
    let mut buffer = vec![0; 64 * 1024];
    let mut read = client.read(&mut buffer).await.unwrap();
    assert!(read > 0);
    // The one place is free again: this is answered.
    let asked = within(Duration::from_secs(30), proxy.execute(|_| ())).await;
    assert_eq!(asked.expect("a place").0, 200);
    while let Ok(length @ 1..) = client.read(&mut buffer).await {
        read += length;
    }
    assert!(read < length, "all of it was sent");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn without_a_configured_token_there_is_no_export() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    let request = proxy.http.get(format!("{}/audit/export?tenant_id=acme", proxy.url)).bearer_auth("");
    assert_eq!(request.send().await.unwrap().status(), 403);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn exports_under_load_are_whole_lines_of_a_valid_chain_and_do_not_stop_approvals() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.export_token = Some(TokenDigest::of("t"));
    (config.policy.max_isolations_per_hour, config.policy.max_isolations_per_day) = (1000, 1000);
    let proxy = Harness::start(config).await;
    let approvals = async {
        for number in 0..100 {
            let id = format!("load-{number}");
            assert_eq!(proxy.post("/execute", envelope(|action| action["request_id"] = json!(id))).await.0, 200);
        }
    };
    let exports = async {
        for _ in 0..20 {
            let request = proxy.http.get(format!("{}/audit/export?tenant_id=acme", proxy.url)).bearer_auth("t");
            let text = request.send().await.unwrap().text().await.unwrap();
            vyrox_audit::verify::reader(text.as_bytes(), "export").unwrap();
            assert!(text.is_empty() || text.ends_with('\n'));
        }
    };
    tokio::join!(approvals, exports);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn health_readiness_and_metrics_answer() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    proxy.ready().await;
    proxy.execute(|_| ()).await;
    let get = async |path: &str| {
        let response = proxy.http.get(format!("{}{path}", proxy.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(get("/health").await.0, 200);
    assert_eq!(get("/ready").await.0, 200);
    assert!(get("/metrics").await.1.contains("vyrox_proxy_actions_total{outcome=\"dry_run\"} 1\n"));
    assert_eq!(get("/other").await.0, 404);
    proxy.running.shutdown().await;
}
