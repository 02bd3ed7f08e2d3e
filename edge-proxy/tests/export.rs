//! The audit log over HTTP.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::json;
use support::{Harness, config, entries, envelope};
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
    let response = get("?tenant_id=acme", Some("export-token")).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let exported = response.text().await.unwrap();
    let lines: Vec<String> = entries(dir.path()).iter().map(vyrox_audit::Entry::to_line).collect();
    assert_eq!(exported, lines.join("\n") + "\n");
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
