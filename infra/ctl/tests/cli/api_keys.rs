use crate::stand::{Stand, acme};
use serde_json::{Value, json};
use vyrox_platform::api_key::{ApiKey, ApiKeyToken};
use vyrox_platform::table::{Lookup, SortKey};

async fn stored(stand: &Stand, token: &ApiKeyToken) -> ApiKey {
    let key = SortKey::api_key(token.prefix());
    stand.table().read::<ApiKey>(&acme(), &key, stand.now()).await.unwrap().unwrap().value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_found_by_its_prefix_and_stored_as_a_hash() {
    let stand = Stand::with_tenant().await;
    let made = stand.json(&["apikey", "create", "acme", "--role", "security", "--name", "SIEM", "--days", "7"]).await;
    let text = made["key"].as_str().unwrap();
    let token: ApiKeyToken = text.parse().unwrap();
    assert_eq!(made["prefix"], token.prefix().as_str());
    let owner = stand.table().owner(&Lookup::api_key(token.prefix())).await.unwrap().unwrap();
    assert_eq!(owner, (acme(), SortKey::api_key(token.prefix())));
    let key = stored(&stand, &token).await;
    assert!(key.admits(&token, stand.now()) && !key.admits(&token, made["expires_at"].as_i64().unwrap()));
    assert!((key.expires_at - stand.now() - 7 * 86_400).abs() < 300);

    let secret = text.rsplit('_').next().unwrap();
    let entry = stand.entry("acme", "API_KEY_CREATED").await;
    assert_eq!((&entry["detail"]["key"], &entry["detail"]["role"]), (&made["prefix"], &json!("security")));
    let listed = stand.json(&["apikey", "list", "acme"]).await;
    assert_eq!((&listed[0]["name"], &listed[0]["last_used_at"]), (&json!("SIEM"), &Value::Null));
    for text in [listed.to_string(), Value::from(stand.audit("acme").await).to_string()] {
        assert!(!text.contains(secret) && !text.contains(&token.digest()), "{text}");
    }
    let people = stand.ok(&["apikey", "list", "acme"]).await;
    assert!(people.contains(&format!("vyxk_{}", token.prefix())) && people.contains("good until"), "{people}");
    let shown = stand.ok(&["apikey", "create", "acme", "--role", "viewer"]).await;
    assert_eq!(shown.matches("vyxk_").count(), 1, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_narrow_a_role_and_cannot_widen_it() {
    let stand = Stand::with_tenant().await;
    let create = ["apikey", "create", "acme", "--role"];
    let narrow = stand.json(&[&create[..], &["owner", "--scope", "read_statistics"]].concat()).await;
    assert_eq!(narrow["permissions"], json!(["read_statistics"]));
    let wide = [&create[..], &["viewer", "--scope", "read_alerts"]].concat();
    stand.run(&wide).await.refused(2, "does not have the scope read_alerts");
    stand.run(&[&create[..], &["root"]].concat()).await.refused(2, "not a role");
    stand.run(&[&create[..], &["owner", "--days", "367"]].concat()).await.refused(2, "367");
    stand.run(&["apikey", "create", "nobody", "--role", "owner"]).await.refused(2, "no tenant nobody");
    assert_eq!(stand.json(&["apikey", "list", "acme"]).await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_admits_nobody_and_stays_listed() {
    let stand = Stand::with_tenant().await;
    let made = stand.json(&["apikey", "create", "acme", "--role", "owner"]).await;
    let token: ApiKeyToken = made["key"].as_str().unwrap().parse().unwrap();
    let prefix = token.prefix().as_str();
    stand.run(&["apikey", "revoke", "acme", prefix]).await.refused(2, "--yes");
    assert!(stored(&stand, &token).await.admits(&token, stand.now()), "nothing happens without a yes");
    stand.ok(&["apikey", "revoke", "acme", prefix, "--yes"]).await;
    assert!(!stored(&stand, &token).await.admits(&token, stand.now()));
    assert_eq!(stand.entry("acme", "API_KEY_REVOKED").await["detail"]["key"], prefix);
    assert!(stand.json(&["apikey", "list", "acme"]).await[0]["revoked_at"].is_i64());
    assert!(stand.table().owner(&Lookup::api_key(token.prefix())).await.unwrap().is_some(), "it stays this tenant's");
    stand.run(&["apikey", "revoke", "acme", "000000000000", "--yes"]).await.refused(2, "no API key 000000000000");
}
