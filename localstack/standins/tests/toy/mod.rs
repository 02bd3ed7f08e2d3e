//! A small application behind an interactions URL: verifies strictly, answers by `custom_id`.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vyrox_standins::discord::{DiscordOptions, DiscordStandin, Member, Role};

pub const APPLICATION: &str = "290926444748734465";
pub const GUILD: &str = "290926798626357999";
pub const CHANNEL: &str = "345626669114982402";
pub const APPROVER: &str = "53908232506183680";
pub const VIEWER: &str = "53908232506183681";
pub const APPROVER_ROLE: &str = "539082325061836999";

pub fn options() -> DiscordOptions {
    DiscordOptions {
        members: vec![
            Member::new(APPROVER, "Approver", [APPROVER_ROLE]),
            Member::new(VIEWER, "Analyst", ["539082325061837000"]),
        ],
        roles: vec![
            Role::new(APPROVER_ROLE, "edr-approvers", 0x57_F287),
            Role::new("539082325061837000", "analysts", 0x5B_9BF5),
        ],
        key_seed: Some([9; 32]),
        ..DiscordOptions::new(APPLICATION, "bot-token", GUILD, CHANNEL)
    }
}

/// What the application saw, and the key it trusts.
#[derive(Clone)]
pub struct Toy {
    key: VerifyingKey,
    pub seen: Arc<Mutex<Vec<Value>>>,
    lax: bool,
}

/// Start the application for a stand-in and point the stand-in at it. A lax one does not verify.
pub async fn start(standin: &DiscordStandin, lax: bool) -> Toy {
    let key: [u8; 32] = hex::decode(standin.public_key_hex()).unwrap().try_into().unwrap();
    let toy = Toy { key: VerifyingKey::from_bytes(&key).unwrap(), seen: Arc::default(), lax };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    standin.set_interactions_url(format!("http://{}/interactions", listener.local_addr().unwrap()));
    let router = Router::new().route("/interactions", post(interact)).with_state(toy.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    toy
}

fn verified(toy: &Toy, headers: &HeaderMap, body: &[u8]) -> Option<()> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let signature: [u8; 64] = hex::decode(text("x-signature-ed25519")?).ok()?.try_into().ok()?;
    let message = [text("x-signature-timestamp")?.as_bytes(), body].concat();
    toy.key.verify_strict(&message, &Signature::from_bytes(&signature)).ok()
}

async fn interact(State(toy): State<Toy>, headers: HeaderMap, body: Bytes) -> Response {
    if !toy.lax && verified(&toy, &headers, &body).is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let interaction: Value = serde_json::from_slice(&body).unwrap();
    toy.seen.lock().unwrap().push(interaction.clone());
    let who = interaction["member"]["user"]["id"].as_str().unwrap_or_default();
    let update = |status: &str| {
        let mut embed = interaction["message"]["embeds"][0].clone();
        embed.as_object_mut().unwrap().remove("content_scan_version");
        let line =
            json!({"name": "Status", "value": format!("**{status}** by <@{who}> <t:1785578400:f>"), "inline": false});
        embed["fields"] = json!([line]);
        embed["color"] = json!(0x57_F287);
        json!({"type": 7, "data": {"content": format!("{status} by <@{who}>"), "embeds": [embed], "components": [],
            "allowed_mentions": {"parse": []}}})
    };
    let ephemeral = |text: &str| json!({"type": 4, "data": {"content": text, "flags": 64}});
    let reason = json!({"type": 18, "label": "Reason", "description": "Goes into the audit trail.", "component":
        {"type": 4, "custom_id": "reason", "style": 2, "required": true, "min_length": 3, "max_length": 200,
         "placeholder": "Why is this containment not wanted?"}});
    let code = json!({"type": 18, "label": "Code", "component":
        {"type": 4, "custom_id": "code", "style": 1, "required": false, "max_length": 6}});
    let answer = match (interaction["type"].as_u64(), interaction["data"]["custom_id"].as_str().unwrap_or_default()) {
        (Some(1), _) => json!({"type": 1}),
        (Some(2), _) => ephemeral("pong"),
        (Some(5), _) => update("DENIED"),
        (_, "approve") => update("APPROVED"),
        (_, "deny") => {
            json!({"type": 9, "data": {"custom_id": "deny-modal", "title": "Deny containment", "components": [reason, code]}})
        }
        (_, "investigate") => {
            ephemeral("Parent `winword.exe` spawned `powershell.exe`.\n**3** other hosts saw this hash.")
        }
        (_, "defer") => json!({"type": 5, "data": {"flags": 64}}),
        (_, "typo") => json!({"type": 4, "data": {"contents": "x"}}),
        (_, "pong") => json!({"type": 1}),
        (_, "slow") => {
            tokio::time::sleep(Duration::from_secs(5)).await;
            json!({"type": 6})
        }
        (_, "broken") => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        (_, "callback") => return StatusCode::ACCEPTED.into_response(),
        _ => json!({"type": 6}),
    };
    Json(answer).into_response()
}

/// The bot's client.
pub fn bot() -> reqwest::Client {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bot bot-token".parse().unwrap());
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .default_headers(headers)
        .user_agent("DiscordBot (https://vyrox.example, 0.1.0)")
        .build()
        .unwrap()
}

/// Register a few commands, of each kind of option.
pub async fn register(standin: &DiscordStandin) {
    let option = |kind: u64, name: &str, more: Value| {
        let mut option = json!({"type": kind, "name": name, "description": format!("The {name} that is meant")});
        option.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        option
    };
    let choices = json!({"required": true, "choices": [{"name": "CrowdStrike Falcon", "value": "crowdstrike"}, {"name": "Anything else", "value": "generic"}]});
    let commands = json!([{"name": "vyrox", "description": "Alerts and approvals", "contexts": [0], "integration_types": [0], "options": [
        option(1, "doctor", json!({})),
        option(1, "setup", json!({"options": [option(3, "source", choices), option(3, "header", json!({"max_length": 64}))]})),
        option(1, "stats", json!({"options": [option(4, "days", json!({"min_value": 1, "max_value": 90}))]})),
        option(2, "role", json!({"options": [option(1, "add", json!({"options": [option(8, "role", json!({"required": true}))]}))]})),
    ]}]);
    let url = format!("{}/applications/{APPLICATION}/commands", standin.api_url());
    let answer = bot().put(url).json(&commands).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

/// Post a message; status and answer.
pub async fn send(standin: &DiscordStandin, body: &Value) -> (u16, Value) {
    let url = format!("{}/channels/{CHANNEL}/messages", standin.api_url());
    let response = bot().post(url).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// A card with the given buttons, each `(custom_id, label, style)`.
pub fn card(buttons: &[(&str, &str, u64)]) -> Value {
    let buttons: Vec<Value> = buttons
        .iter()
        .map(|(id, label, style)| json!({"type": 2, "style": style, "label": label, "custom_id": id}))
        .collect();
    json!({
        "content": format!("CRITICAL on WS-042: isolate the host? <@&{APPROVER_ROLE}>"),
        "embeds": [{"title": "Encoded PowerShell from Word", "description": "seen on `WS-042`", "color": 0xED_4245}],
        "components": [{"type": 1, "components": buttons}],
        "allowed_mentions": {"parse": [], "roles": [APPROVER_ROLE]},
    })
}
