//! Pages about a deployment that runs: its tenant has had an alert, an approver, a containment and a checkpoint.

use crate::running::World;
use std::path::Path;
use std::sync::{Arc, Mutex};
use vyrox_checkpoint::Idle;
use vyrox_contract::AlertId;
use vyrox_domain::webhook::Scheme;
use vyrox_tests::pages::{Page, root};
use vyrox_tests::{APPROVER, Stage};

/// What the pages call their tenant, and their proxy's log.
const TENANT: &str = "acme";
const PROXY_LOG: &str = "/var/lib/vyrox/audit";

/// A system whose tenant has one host contained.
async fn contained() -> (Stage, AlertId) {
    let stage = Stage::live().await;
    let checkpoint = async || stage.system.checkpointer.tenant(&stage.tenant(), Idle::ByAge).await.unwrap();
    checkpoint().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.contained(alert).await;
    stage.card_saying(alert, "CONTAINED").await;
    checkpoint().await;
    (stage, alert)
}

/// Where a page of this system is run.
fn world(stage: &Stage, others: &[&str]) -> Option<World> {
    let endpoints = &stage.system.endpoints;
    Some(
        World::with(others)?
            .set("AWS_ENDPOINT_URL", &endpoints.aws_endpoint_url)
            .set("API", &endpoints.webhook_base_url)
            .set("INGEST_URL", &endpoints.webhook_base_url)
            .before(&format!("ln -s '{}/events' events", root().display())),
    )
}

/// The same for pages about the tenant that there is.
fn of_tenant(stage: &Stage, alert: AlertId, others: &[&str]) -> Option<World> {
    let world = world(stage, others)?.named(TENANT, stage.tenant().as_str()).set("ALERT_ID", alert.to_string());
    Some(world.named(PROXY_LOG, stage.system.proxy_audit().display().to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operators_are_told_to_enter() {
    let (stage, alert) = contained().await;
    let Some(world) = of_tenant(&stage, alert, &[]) else { return };
    let said = world.run("docs/operations.md").await;
    for words in ["Credential dumping", "CONTAINED", "RECEIPT_RECORDED", "its decision stays", "OK  "] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let world = of_tenant(&stage, alert, &[]).unwrap();
    let said = world.run("docs/limits-and-evidence.md").await;
    assert!(said.contains("detect_id"), "the payload: {said}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_programs_ask_of_the_api() {
    let (stage, alert) = contained().await;
    let Some(world) = of_tenant(&stage, alert, &["curl", "jq"]) else { return };
    let said = world.run("docs/api.md").await;
    assert!(said.matches(&alert.to_string()).count() >= 3, "in both lists, and by itself: {said}");
    assert!(said.contains("OK  "), "the export verifies: {said}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_gets() {
    let (stage, alert) = contained().await;
    let Some(world) = of_tenant(&stage, alert, &["curl"]) else { return };
    let got = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let keeper = Arc::clone(&got);
    let keep = async move |axum::Json(spans): axum::Json<serde_json::Value>| keeper.lock().unwrap().push(spans);
    let collector = axum::Router::new().route("/v1/traces", axum::routing::post(keep));
    tokio::spawn(async move { axum::serve(listener, collector).await });
    world.named("https://collector.example", url).run("docs/signals.md").await;
    let got = got.lock().unwrap().clone();
    assert_eq!(got.len(), 1);
    assert!(got[0]["resourceSpans"].is_array(), "{got:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_auditors_do() {
    let (stage, alert) = contained().await;
    let Some(world) = of_tenant(&stage, alert, &["jq"]) else { return };
    let said = world.run("docs/audit-chain.md").await;
    assert!(said.matches("OK  ").count() >= 2, "{said}");

    let world = of_tenant(&stage, alert, &["python3", "openssl", "sha256sum"]).unwrap();
    world.run("docs/evidence.md").await;
    // The pack's own guide, followed by whoever was given the pack.
    let pack = world.folder().join(format!("{}-q1.zip", stage.tenant()));
    let request = stage.record(alert).await.containment.unwrap().request_id.to_string();
    let proxy = stage.proxy().await.value.id;
    let reader = World::with(&[]).unwrap();
    unpack(&pack, reader.folder());
    let guide = std::fs::read_to_string(reader.folder().join("README.md")).unwrap();
    let reader = reader.named("REQUEST_ID", request).named("proxy-NAME", format!("proxy-{proxy}"));
    reader.run_as("infra/ctl/src/evidence/guide.md", guide).await;
    stage.end().await;
}

fn unpack(archive: &Path, into: &Path) {
    let status = std::process::Command::new("python3").args(["-m", "zipfile", "-e"]).args([archive, into]).status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_senders_are_told() {
    let stage = Stage::dry_run().await;
    let Some(webhooks) = world(&stage, &["curl", "openssl", "base64", "od"]) else { return };
    let webhooks = webhooks
        .before(
            "vyroxctl tenant create acme --name 'Acme GmbH' --guild 600000000000000009 --channel 700000000000000009 \
             --approver-role 800000000000000009",
        )
        .before("vyroxctl tenant activate acme");
    let said = webhooks.run("docs/webhooks.md").await;
    let count = |status: &str| said.matches(&format!(r#""status":"{status}""#)).count();
    assert_eq!((count("queued"), count("duplicate"), count("ignored")), (5, 2, 1), "{said}");
    let audit = vyrox_local::cloud_audit(&stage.system.table, &TENANT.parse().unwrap()).await.unwrap();
    let audit = String::from_utf8(audit).unwrap();
    let of_kind = |kind: &str| audit.lines().filter(|line| line.contains(kind)).collect::<Vec<_>>().join("\n");
    let (accepted, changed) = (of_kind("ALERT_ACCEPTED"), of_kind("\"SOURCE_"));
    for scheme in Scheme::ALL {
        assert!(changed.contains(scheme.as_str()), "the page sets {} up", scheme.as_str());
        let is_seen = accepted.contains(&format!("\"scheme\":\"{}\"", scheme.as_str()));
        // The one repeats an alert under another proof; what Graph sends names alerts and carries none.
        let is_new = ![Scheme::VyroxHmac, Scheme::GraphClientState].contains(&scheme);
        assert_eq!(is_seen, is_new, "the page sends what {} proves", scheme.as_str());
    }

    let bodies = world(&stage, &[]).unwrap();
    let said = bodies.run("docs/adapters.md").await;
    assert!(said.contains("SRV-DB-01") && said.contains("read by wazuh-4"), "{said}");

    let page = Page::read("docs/adapters/field-maps.md");
    let block = |language: &str| page.blocks().into_iter().find(|block| block.language == language).unwrap().text;
    let maps = world(&stage, &[]).unwrap().named(TENANT, stage.tenant().as_str());
    let maps = maps.file("my-siem.toml", block("toml")).file("sample.json", block("json"));
    let said = maps.run("docs/adapters/field-maps.md").await;
    assert!(said.matches("WS-042").count() >= 2, "{said}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sets_a_tenant_up() {
    let stage = Stage::dry_run().await;
    let Some(discord) = world(&stage, &[]) else { return };
    let (application, token) = stage.bot();
    let given = format!("VYROX_DISCORD_APPLICATION_ID={application} VYROX_DISCORD_BOT_TOKEN={token}");
    let discord = discord.set("VYROX_DISCORD_API_URL", stage.system.discord.api_url());
    let discord = discord.named("VYROX_DISCORD_APPLICATION_ID=... VYROX_DISCORD_BOT_TOKEN=...", given);
    let said = discord.run("docs/discord.md").await;
    assert!(said.contains("are registered in every server"), "{said}");

    let tool = world(&stage, &[]).unwrap();
    let said = tool.run("infra/ctl/README.md").await;
    assert!(said.contains("Usage: vyroxctl"), "{said}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_the_edge_proxy() {
    let stage = Stage::dry_run().await;
    let Some(world) = world(&stage, &["jq"]) else { return };
    let folder = world.folder().to_owned();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let enrol = format!("vyroxctl proxy enrol {} --proxy-id berlin --json | jq -r .token >token.txt", stage.tenant());
    let world = world
        .set("VYROX_LISTEN", port.to_string())
        .set("RUST_LOG", "warn")
        .named("https://relay.example.com", &stage.system.endpoints.relay_url)
        .named("/data", folder.join("data").display().to_string())
        .named("cd VYROX", format!("cd '{}'", root().display()))
        .named("ELSEWHERE", folder.join("elsewhere").display().to_string())
        .before(&enrol)
        .before("mkdir elsewhere");
    let said = world.run("edge-proxy/README.md").await;
    for words in
        ["the configuration is sound (dry_run = true)", "the circuit breaker is closed", "this proxy's key is:", "OK  "]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let packages = std::fs::read_to_string(folder.join("elsewhere/metadata.json")).unwrap();
    assert!(packages.contains("vyrox-edge-proxy") && !packages.contains("vyrox-domain"));
    stage.end().await;
}
