use crate::stand::{Stand, acme};
use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;
use vyrox_contract::Ed25519Signer;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::config;
use vyrox_platform::enrolment::{Enrolment, EnrolmentToken};
use vyrox_platform::random;
use vyrox_platform::table::SortKey;
use vyrox_relay::Relay;

/// Enrols at the real relay, which has another signing key to come: the status, and what it answers.
async fn enrol(stand: &Stand, token: &str) -> (u16, Value) {
    let discord_key = Ed25519Signer::from_seed(&[1; 32]).verifying_key().to_spki();
    let discord_key = hex::encode(&discord_key[discord_key.len() - 32..]);
    let variable = |name: &str| {
        let value = match name {
            "VYROX_TABLE" => stand.provisioned.table("Table")?,
            "VYROX_CARDS_QUEUE_URL" => stand.provisioned.queue_url("CardsQueue")?,
            "VYROX_SIGNING_KEY_ID" => &stand.provisioned.key("SigningKey")?.id,
            // Another key of the same kind.
            "VYROX_OTHER_SIGNING_KEY_ID" => &stand.provisioned.key("CheckpointKey")?.id,
            "VYROX_DISCORD_PUBLIC_KEY" => &discord_key,
            "AWS_ENDPOINT_URL" | "AWS_ENDPOINT_URL_DYNAMODB" => &stand.endpoint,
            _ => "test",
        };
        Some(value.to_owned())
    };
    let settings = config::Relay::from_environment(&variable).unwrap();
    let relay = Relay::connect(&stand.clients, &settings, Arc::clone(&stand.clock)).await.unwrap();
    let signer = Ed25519Signer::from_seed(&random::bytes());
    let (key, proof) = (signer.verifying_key().to_text(), vyrox_contract::prove_possession(token, &signer));
    let body = Body::from(json!({"token": token, "public_key": key, "proof": proof}).to_string());
    let request = http::Request::post("/proxy/v1/enrol").body(body).unwrap();
    let response = vyrox_relay::router(Arc::new(relay)).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_token_is_the_one_whose_hash_is_stored() {
    let stand = Stand::with_tenant().await;
    let made = stand.json(&["proxy", "enrol", "acme", "--minutes", "5", "--relay-url", "https://relay.example"]).await;
    let text = made["token"].as_str().unwrap();
    let token: EnrolmentToken = text.parse().unwrap();
    let key = SortKey::enrolment(token.id());
    let stored = stand.table().read::<Enrolment>(&acme(), &key, stand.now()).await.unwrap().unwrap().value;
    assert!(stored.admits(&token, stand.now()));
    assert!(!stored.admits(&token, made["expires_at"].as_i64().unwrap()));
    assert_eq!((stored.proxy_id.as_str(), stored.uses_left), ("edge-1", 1));
    assert!(stored.expires_at - stand.now() <= 300, "five minutes, not {}", stored.expires_at - stand.now());
    assert_eq!(made["enrol"], "vyrox-edge-proxy enrol --url https://relay.example --token -");

    let secret = text.rsplit('_').next().unwrap();
    let audit = Value::from(stand.audit("acme").await).to_string();
    assert!(audit.contains("ENROLMENT_CREATED") && audit.contains(token.id()) && !audit.contains(secret), "{audit}");
    assert!(!audit.contains(&stored.hash));
    let listed = stand.json(&["proxy", "list", "acme"]).await;
    assert_eq!(
        (listed["tokens"][0]["proxy_id"].as_str(), listed["proxies"].as_array().unwrap().len()),
        (Some("edge-1"), 0)
    );
    assert!(!listed.to_string().contains(secret) && !listed.to_string().contains("argon2"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn for_people_the_token_stands_there_exactly_once_with_the_line_to_run() {
    let stand = Stand::with_tenant().await;
    let text = stand.ok(&["proxy", "enrol", "acme"]).await;
    assert_eq!(text.matches("vyxe_acme_").count(), 1, "{text}");
    assert!(text.contains("vyrox-edge-proxy enrol --url <RelayUrl> --token -"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_enrols_is_listed_and_is_shut_out_when_revoked() {
    let stand = Stand::with_tenant().await;
    let made = stand.json(&["proxy", "enrol", "acme"]).await;
    let (status, answer) = enrol(&stand, made["token"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{answer}");
    let platform = vyrox_contract::VerifyingKey::from_text(answer["platform_keys"][0].as_str().unwrap()).unwrap();
    assert_eq!(made["platform_key"], json!(platform.id()), "what the operator compares is the relay's key");
    assert_eq!(answer["platform_keys"].as_array().unwrap().len(), 2, "and the key to come is told with it");

    let listed = stand.json(&["proxy", "list", "acme"]).await;
    assert_eq!((&listed["proxies"][0]["id"], &listed["proxies"][0]["acts"]), (&json!("edge-1"), &json!(true)));
    assert_eq!(listed["tokens"], json!([]), "it is used up");
    assert!(stand.ok(&["proxy", "list", "acme"]).await.contains("acts for the tenant"));
    stand.run(&["proxy", "enrol", "acme"]).await.refused(1, "revoke it first");

    stand.run(&["proxy", "revoke", "acme", "edge-1"]).await.refused(2, "--yes");
    assert_eq!(stand.json(&["proxy", "list", "acme"]).await["proxies"][0]["acts"], true);
    stand.ok(&["proxy", "revoke", "acme", "edge-1", "--yes"]).await;
    let listed = stand.json(&["proxy", "list", "acme"]).await;
    assert_eq!(listed["proxies"][0]["acts"], false);
    assert!(listed["proxies"][0]["revoked_at"].is_i64(), "{listed}");
    let tenant = stand.table().read::<Tenant>(&acme(), &SortKey::profile(), stand.now()).await.unwrap().unwrap();
    assert_eq!(tenant.value.proxy_id, None, "no plan names a proxy that was shut out");
    assert_eq!(stand.entry("acme", "PROXY_REVOKED").await["detail"]["acted"], true);
    stand.run(&["tenant", "set", "acme", "--proxy-id", "edge-1"]).await.refused(2, "no proxy edge-1");

    // Its place can be taken again.
    let again = stand.json(&["proxy", "enrol", "acme"]).await;
    assert_eq!(enrol(&stand, again["token"].as_str().unwrap()).await.0, 200);
    assert_eq!(stand.json(&["tenant", "show", "acme"]).await["proxy_id"], "edge-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_takes_open_tokens_away_before_they_are_used() {
    let stand = Stand::with_tenant().await;
    let made = stand.json(&["proxy", "enrol", "acme", "--proxy-id", "berlin"]).await;
    let other = stand.json(&["proxy", "enrol", "acme", "--proxy-id", "paris"]).await;
    let revoked = stand.json(&["proxy", "revoke", "acme", "berlin", "--yes"]).await;
    assert_eq!(revoked["open_tokens"], 1);
    assert_eq!(enrol(&stand, made["token"].as_str().unwrap()).await.0, 401);
    assert_eq!(enrol(&stand, other["token"].as_str().unwrap()).await.0, 200);
    stand.run(&["proxy", "revoke", "acme", "berlin", "--yes"]).await.refused(2, "no proxy berlin");
}

#[tokio::test(flavor = "multi_thread")]
async fn which_proxy_acts_can_be_chosen() {
    let stand = Stand::with_tenant().await;
    for id in ["edge-1", "edge-2"] {
        let made = stand.json(&["proxy", "enrol", "acme", "--proxy-id", id]).await;
        assert_eq!(enrol(&stand, made["token"].as_str().unwrap()).await.0, 200);
    }
    assert_eq!(stand.json(&["tenant", "show", "acme"]).await["proxy_id"], "edge-1");
    stand.ok(&["tenant", "set", "acme", "--proxy-id", "edge-2"]).await;
    stand.ok(&["proxy", "revoke", "acme", "edge-1", "--yes"]).await;
    assert_eq!(stand.json(&["tenant", "show", "acme"]).await["proxy_id"], "edge-2");
}
