use crate::stand::{Stand, acme, said};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Json;
use axum::routing::put;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use vyrox_platform::link_code::{LinkCode, StoredCode};
use vyrox_platform::table::SortKey;

/// What reached the address that stands for Discord: path, proof, commands.
type Seen = Arc<Mutex<Vec<(String, String, Value)>>>;

async fn discord() -> (String, Seen) {
    let seen = Seen::default();
    let take = |State(seen): State<Seen>, uri: Uri, headers: HeaderMap, Json(body): Json<Value>| async move {
        let proof = headers["authorization"].to_str().unwrap().to_owned();
        seen.lock().unwrap().push((uri.path().to_owned(), proof, body.clone()));
        Json(body)
    };
    let router = Router::new().route("/{*path}", put(take)).with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_shown_without_a_deployment_and_registered_everywhere_or_in_one_server() {
    let stand = Stand::start().await;
    let shown = stand.run(&["discord", "register", "--dry-run"]).await;
    let commands: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(commands[0]["name"], "vyrox");
    assert_eq!(stand.json(&["discord", "register", "--dry-run"]).await, commands);
    stand.run(&["discord", "register"]).await.refused(2, "VYROX_DISCORD_BOT_TOKEN");

    let (url, seen) = discord().await;
    let register = async |more: &[&str]| {
        let arguments: Vec<&str> = ["discord", "register"].into_iter().chain(more.iter().copied()).collect();
        let mut command = stand.command(&arguments);
        command.env("VYROX_DISCORD_API_URL", &url).env("VYROX_DISCORD_APPLICATION_ID", "500");
        said(command.env("VYROX_DISCORD_BOT_TOKEN", "the-token").output().await.unwrap())
    };
    assert_eq!(register(&[]).await.code, 0);
    let told = register(&["--guild", "600"]).await;
    assert!(told.out.contains("server 600") && !told.out.contains("the-token"), "{told:?}");
    let seen = seen.lock().unwrap();
    let paths: Vec<&str> = seen.iter().map(|(path, _, _)| path.as_str()).collect();
    assert_eq!(paths, ["/applications/500/commands", "/applications/500/guilds/600/commands"]);
    assert!(seen.iter().all(|(_, proof, body)| proof == "Bot the-token" && *body == commands));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_code_is_shown_once_and_only_its_hash_is_kept() {
    let stand = Stand::with_tenant().await;
    let made = stand.json(&["tenant", "link-code", "acme", "--minutes", "5"]).await;
    let text = made["code"].as_str().unwrap();
    let code: LinkCode = text.parse().unwrap();
    let stored = stand.table().read::<StoredCode>(&acme(), &SortKey::link_code(code.id()), stand.now()).await;
    let stored = stored.unwrap().unwrap().value;
    assert!(stored.admits(&code, stand.now()) && !stored.admits(&code, stand.now() + 301));
    let entry = stand.entry("acme", "LINK_CODE_CREATED").await;
    assert_eq!(entry["detail"]["code"], json!(code.id()));
    let secret = text.rsplit('_').next().unwrap();
    assert!(!entry.to_string().contains(secret) && !json!(stored).to_string().contains(secret));
    assert!(stand.ok(&["tenant", "link-code", "acme"]).await.contains("shown this once"));
    stand.run(&["tenant", "link-code", "nobody"]).await.refused(2, "no tenant nobody");
}
