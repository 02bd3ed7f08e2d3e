//! The commands of `docs/webhooks.md`, run as they stand against an embedded AWS and the real ingest on loopback.
#![allow(clippy::print_stderr, reason = "a test that is skipped must say so")]

use crate::stand::{Stand, acme};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::process::Command;
use vyrox_domain::webhook::Scheme;
use vyrox_ingest::{Ingest, router};
use vyrox_platform::config;
use vyrox_platform::source::Source;
use vyrox_platform::table::Prefix;

/// The blocks of a document that are marked `sh`, each with the number of its line.
fn blocks(document: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in document.lines().enumerate() {
        match (&mut open, line) {
            (None, "```sh") => open = Some((index + 1, String::new())),
            (Some(_), "```") => found.extend(open.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

impl Stand {
    /// Ingest on a port of its own; its URL.
    pub(crate) async fn ingest(&self) -> String {
        let lookup = |name: &str| {
            Some(match name {
                "AWS_REGION" => "us-east-1".to_owned(),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test".to_owned(),
                "AWS_ENDPOINT_URL" => self.endpoint.clone(),
                "VYROX_TABLE" => self.provisioned.table("Table").unwrap().to_owned(),
                "VYROX_ALERTS_QUEUE_URL" => self.provisioned.queue_url("AlertsQueue").unwrap().to_owned(),
                "VYROX_SECRETS_KEY_ID" => self.provisioned.key("SecretsKey").unwrap().id.clone(),
                _ => return None,
            })
        };
        let config = config::Ingest::from_environment(&lookup).unwrap();
        let ingest = Ingest::new(&self.clients, &config, Arc::clone(&self.clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(Arc::new(ingest))).await });
        url
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_commands_do_what_the_document_says() {
    for program in ["curl", "openssl", "base64", "od"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
        if !found.await.unwrap().success() {
            eprintln!("SKIPPED: {program} is not installed, so docs/webhooks.md was NOT tested");
            return;
        }
    }
    let stand = Stand::with_tenant().await;
    let url = stand.ingest().await;
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/webhooks.md");
    let blocks = blocks(&std::fs::read_to_string(document).unwrap());
    assert!(blocks.len() >= 10, "the document is not what it was");
    // One shell for all, so that a later block has an earlier one's variables; each says where it begins.
    let script: String = blocks.iter().map(|(line, text)| format!("echo '--- line {line}'\n{text}\necho\n")).collect();
    let binaries = Path::new(env!("CARGO_BIN_EXE_vyroxctl")).parent().unwrap().display().to_string();
    let output = Command::new("sh")
        .args(["-eu", "-c", &format!("PATH=\"{binaries}:$PATH\"\n{script}")])
        .current_dir(stand.directory.path())
        .env("INGEST_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_ENDPOINT_URL", &stand.endpoint)
        .env("no_proxy", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    let queued = out.matches(r#""status":"queued""#).count();
    let duplicates = out.matches(r#""status":"duplicate""#).count();
    let ignored = out.matches(r#""status":"ignored""#).count();
    assert_eq!((queued, duplicates, ignored), (5, 2, 1), "{out}\n{err}");

    let sources = stand.table().list::<Source>(&acme(), &Prefix::sources(), stand.now()).await.unwrap();
    let mut used: Vec<Scheme> =
        sources.iter().flat_map(|source| &source.value.credentials).map(|credential| credential.scheme).collect();
    used.push(Scheme::StaticHeader); // which the last block takes away
    used.sort();
    used.dedup();
    assert_eq!(used, Scheme::ALL, "the document shows every scheme");
    let entries = stand.audit("acme").await;
    let accepted: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["action_type"] == "ALERT_ACCEPTED")
        .map(|entry| entry["detail"]["scheme"].as_str().unwrap())
        .collect();
    for scheme in ["crowdstrike_hmac", "static_header", "bearer", "standard_webhooks"] {
        assert!(accepted.contains(&scheme), "{scheme} in {accepted:?}");
    }
}
