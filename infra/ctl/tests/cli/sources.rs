use crate::stand::{Stand, acme};
use serde_json::{Value, json};
use vyrox_contract::Vendor;
use vyrox_platform::secrets::Source;
use vyrox_platform::table::{Lookup, SortKey};

async fn stored(stand: &Stand) -> Source {
    let key = SortKey::source(Vendor::Crowdstrike);
    stand.table().read::<Source>(&acme(), &key, stand.now()).await.unwrap().unwrap().value
}

async fn opened(stand: &Stand, source: &Source) -> (String, Option<String>) {
    let secrets = stand.secrets();
    let secret = secrets.open(&acme(), Vendor::Crowdstrike, &source.secret).await.unwrap();
    let previous = match &source.previous {
        Some((sealed, _)) => Some(secrets.open(&acme(), Vendor::Crowdstrike, sealed).await.unwrap()),
        None => None,
    };
    (secret.expose().to_owned(), previous.map(|secret| secret.expose().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_added_with_a_secret_that_is_shown_once_and_stored_sealed() {
    let stand = Stand::with_tenant().await;
    let added = stand.json(&["source", "add", "acme", "crowdstrike", "--account", "cid-1"]).await;
    let secret = added["secret"].as_str().unwrap().to_owned();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
    assert_eq!(added["webhook_path"], "/webhook/crowdstrike/acme");
    assert_eq!(opened(&stand, &stored(&stand).await).await, (secret.clone(), None));
    let named = stand.table().owner(&Lookup::account(Vendor::Crowdstrike, "cid-1")).await.unwrap();
    assert_eq!(named.unwrap().0, acme());

    let listed = stand.json(&["source", "list", "acme"]).await;
    assert_eq!(listed[0]["account"], "cid-1");
    let rest = [
        listed.to_string(),
        stand.ok(&["source", "list", "acme"]).await,
        Value::from(stand.audit("acme").await).to_string(),
    ];
    let sealed = serde_json::to_value(stored(&stand).await.secret).unwrap();
    for text in rest {
        assert!(!text.contains(&secret) && !text.contains(sealed.as_str().unwrap()), "{text}");
    }
    assert_eq!(
        stand.entry("acme", "SOURCE_ADDED").await["detail"],
        json!({"source": "crowdstrike", "account": "cid-1"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn for_people_the_secret_stands_there_exactly_once() {
    let stand = Stand::with_tenant().await;
    let text = stand.ok(&["source", "add", "acme", "crowdstrike"]).await;
    let (secret, _) = opened(&stand, &stored(&stand).await).await;
    assert_eq!(text.matches(&secret).count(), 1, "{text}");
    assert!(text.contains("/webhook/crowdstrike/acme"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_keeps_the_old_secret_for_as_long_as_was_said() {
    let stand = Stand::with_tenant().await;
    let first = stand.json(&["source", "add", "acme", "crowdstrike"]).await["secret"].as_str().unwrap().to_owned();
    let before = stand.now();
    let rotated = stand.json(&["source", "rotate", "acme", "crowdstrike", "--overlap-hours", "2"]).await;
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let until = rotated["previous_until"].as_i64().unwrap();
    assert!((before + 7_200..=stand.now() + 7_200).contains(&until), "{until}");
    let source = stored(&stand).await;
    assert_eq!(opened(&stand, &source).await, (second.clone(), Some(first)));
    assert_eq!(source.previous.unwrap().1, until);
    // It still is found by its account.
    let named = stand.table().owner(&Lookup::account(Vendor::Crowdstrike, "acme")).await.unwrap();
    assert_eq!(named.unwrap().0, acme());

    // A third secret ends the first one early, so that is asked about; and an end at once is, too.
    let again = ["source", "rotate", "acme", "crowdstrike", "--overlap-hours", "0"];
    stand.run(&again).await.refused(2, "--yes");
    assert_eq!(opened(&stand, &stored(&stand).await).await.0, second);
    stand.ok(&[&again[..], &["--yes"]].concat()).await;
    let (third, previous) = opened(&stand, &stored(&stand).await).await;
    assert!(third != second && previous.is_none());
    stand.run(&again).await.refused(2, "present secret ends now");

    let audit = Value::from(stand.audit("acme").await).to_string();
    assert_eq!(audit.matches("SOURCE_ROTATED").count(), 2);
    assert!(!audit.contains(&second) && !audit.contains(&third));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_source_is_refused() {
    let stand = Stand::with_tenant().await;
    stand.run(&["source", "add", "nobody", "crowdstrike"]).await.refused(2, "no tenant nobody");
    stand.run(&["source", "add", "acme", "norton"]).await.refused(2, "crowdstrike");
    stand.run(&["source", "rotate", "acme", "crowdstrike"]).await.refused(2, "source add");
    stand.ok(&["source", "add", "acme", "crowdstrike", "--account", "cid-1"]).await;
    let before = stored(&stand).await;
    stand.run(&["source", "add", "acme", "crowdstrike"]).await.refused(1, "source rotate");
    assert_eq!(stored(&stand).await, before);
    // An account that two tenants claim would belong to neither.
    stand.ok(&["tenant", "create", "other", "--name", "Other"]).await;
    stand.run(&["source", "add", "other", "crowdstrike", "--account", "cid-1"]).await.refused(1, "another tenant");
}
