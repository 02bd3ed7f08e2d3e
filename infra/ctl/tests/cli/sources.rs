use crate::stand::{Said, Stand, acme};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use vyrox_contract::Vendor;
use vyrox_domain::webhook::Scheme;
use vyrox_platform::source::{Credential, Kept, Source, TokenHash};
use vyrox_platform::table::{Lookup, SortKey};

async fn stored(stand: &Stand, vendor: Vendor) -> Source {
    stand.table().read::<Source>(&acme(), &SortKey::source(vendor), stand.now()).await.unwrap().unwrap().value
}

async fn open(stand: &Stand, vendor: Vendor, kept: &Kept) -> Vec<u8> {
    let Kept::Sealed(sealed) = kept else { panic!("{kept:?}") };
    stand.secrets().open(&acme(), vendor, sealed).await.unwrap().as_ref().to_vec()
}

/// The secrets of a scheme of the CrowdStrike source.
async fn opened(stand: &Stand, scheme: Scheme) -> (String, Option<String>) {
    let source = stored(stand, Vendor::Crowdstrike).await;
    let credential = source.credential(scheme).unwrap();
    let text = async |kept| String::from_utf8(open(stand, Vendor::Crowdstrike, kept).await).unwrap();
    let previous = match &credential.previous {
        Some(previous) => Some(text(&previous.secret).await),
        None => None,
    };
    (text(&credential.secret).await, previous)
}

/// Runs a command with this on its standard input.
async fn fed(stand: &Stand, arguments: &[&str], input: &str) -> Said {
    let mut command = stand.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses before it reads closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    crate::stand::said(child.wait_with_output().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_added_with_a_secret_that_is_shown_once_and_stored_sealed() {
    let stand = Stand::with_tenant().await;
    let added = stand.json(&["source", "add", "acme", "crowdstrike", "--account", "cid-1"]).await;
    let secret = added["secret"].as_str().unwrap().to_owned();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
    assert_eq!(added["webhook_path"], "/webhook/crowdstrike/acme");
    assert_eq!(opened(&stand, Scheme::VyroxHmac).await, (secret.clone(), None));
    let named = stand.table().owner(&Lookup::account(Vendor::Crowdstrike, "cid-1")).await.unwrap();
    assert_eq!(named.unwrap().0, acme());

    let listed = stand.json(&["source", "list", "acme"]).await;
    assert_eq!(listed[0]["account"], "cid-1");
    assert_eq!(listed[0]["schemes"], json!([{"scheme": "vyrox_hmac", "previous_until": null}]));
    let rest = [
        listed.to_string(),
        stand.ok(&["source", "list", "acme"]).await,
        Value::from(stand.audit("acme").await).to_string(),
    ];
    let source = json!(stored(&stand, Vendor::Crowdstrike).await);
    let sealed = source["credentials"][0]["secret"]["sealed"].as_str().unwrap();
    for text in rest {
        assert!(!text.contains(&secret) && !text.contains(sealed), "{text}");
    }
    assert_eq!(
        stand.detail("acme", "SOURCE_ADDED").await,
        json!({"source": "crowdstrike", "account": "cid-1", "schemes": ["vyrox_hmac"]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn for_people_the_secret_stands_there_exactly_once() {
    let stand = Stand::with_tenant().await;
    let text = stand.ok(&["source", "add", "acme", "crowdstrike"]).await;
    let (secret, _) = opened(&stand, Scheme::VyroxHmac).await;
    assert_eq!(text.matches(&secret).count(), 1, "{text}");
    assert!(text.contains("/webhook/crowdstrike/acme"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_secret_opens_for_no_other_tenant_and_no_other_source() {
    let stand = Stand::with_tenant().await;
    stand.ok(&["source", "add", "acme", "crowdstrike"]).await;
    let source = stored(&stand, Vendor::Crowdstrike).await;
    let Kept::Sealed(sealed) = &source.credentials[0].secret else { panic!("{source:?}") };
    let secrets = stand.secrets();
    assert!(secrets.open(&"other".parse().unwrap(), Vendor::Crowdstrike, sealed).await.is_err());
    assert!(secrets.open(&acme(), Vendor::Sentinelone, sealed).await.is_err());
    assert!(secrets.open(&acme(), Vendor::Crowdstrike, sealed).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scheme_can_be_active_at_once_each_with_a_secret_of_its_own() {
    let stand = Stand::with_tenant().await;
    let mut add = vec!["source", "add", "acme", "crowdstrike", "--header", "X-Webhook-Secret"];
    for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::CrowdstrikeHmac) {
        add.extend(["--scheme", scheme.as_str()]);
    }
    let added = stand.json(&add).await;
    assert_eq!(added.get("secret"), None, "there are several");
    let more = stand.json(&["source", "scheme", "add", "acme", "crowdstrike", "crowdstrike_hmac"]).await;
    assert!(more["secret"].is_string());

    let source = stored(&stand, Vendor::Crowdstrike).await;
    assert_eq!(source.credentials.iter().map(|credential| credential.scheme).collect::<Vec<_>>(), Scheme::ALL);
    for Credential { scheme, header, secret, previous } in &source.credentials {
        let shown = added["schemes"].as_array().unwrap().iter().find(|shown| shown["scheme"] == scheme.as_str());
        let shown = shown.unwrap_or(&more)["secret"].as_str().unwrap();
        match scheme {
            Scheme::Bearer => {
                let token = vyrox_platform::secrets::Secret::new(shown.as_bytes().to_vec());
                assert_eq!(*secret, Kept::Sha256(TokenHash::of(&token)), "only its hash is stored");
                assert!(shown.starts_with("vyrox_") && shown.len() == 70, "{shown}");
            }
            Scheme::StandardWebhooks => {
                let key = vyrox_domain::webhook::parse_standard_webhooks_key(shown).unwrap();
                assert_eq!(open(&stand, Vendor::Crowdstrike, secret).await, key);
            }
            _ => assert_eq!(open(&stand, Vendor::Crowdstrike, secret).await, shown.as_bytes(), "{scheme}"),
        }
        assert_eq!(header.as_deref(), (*scheme == Scheme::StaticHeader).then_some("x-webhook-secret"), "{scheme}");
        assert!(previous.is_none());
    }
    assert_eq!(
        stand.detail("acme", "SOURCE_SCHEME_ADDED").await,
        json!({"source": "crowdstrike", "scheme": "crowdstrike_hmac"})
    );
    let text = stand.ok(&["source", "list", "acme"]).await;
    assert!(text.contains("static_header (x-webhook-secret)") && text.contains("standard_webhooks"), "{text}");

    stand.run(&["source", "scheme", "add", "acme", "crowdstrike", "bearer"]).await.refused(1, "--scheme bearer");
    let remove = ["source", "scheme", "remove", "acme", "crowdstrike", "bearer"];
    stand.run(&remove).await.refused(2, "--yes");
    stand.ok(&[&remove[..], &["--yes"]].concat()).await;
    assert!(stored(&stand, Vendor::Crowdstrike).await.credential(Scheme::Bearer).is_none());
    stand.run(&remove).await.refused(2, "no scheme bearer");
    stand.entry("acme", "SOURCE_SCHEME_REMOVED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_vendors_console_is_read_from_standard_input_and_not_repeated() {
    let stand = Stand::with_tenant().await;
    let secret = "kept-by-the-vendors-console";
    let add = ["source", "add", "acme", "sentinelone", "--scheme", "static_header", "--header", "X-Webhook-Secret"];
    let add = [&add[..], &["--secret-stdin", "--json"]].concat();
    fed(&stand, &add, "short\n").await.refused(2, "16 to 1024");
    fed(&stand, &add, "").await.refused(2, "16 to 1024");
    let said = fed(&stand, &add, &format!("{secret}\r\n")).await;
    assert_eq!(said.json()["schemes"][0]["header"], "x-webhook-secret");
    assert!(!said.out.contains(secret), "{said:?}");
    let kept = stored(&stand, Vendor::Sentinelone).await.credentials[0].secret.clone();
    assert_eq!(open(&stand, Vendor::Sentinelone, &kept).await, secret.as_bytes());

    let rotate = ["source", "rotate", "acme", "sentinelone", "--secret-stdin"];
    let said = fed(&stand, &rotate, "another-value-of-the-console").await;
    assert_eq!(said.code, 0, "{said:?}");
    let credential = stored(&stand, Vendor::Sentinelone).await.credentials[0].clone();
    assert_eq!(credential.header.as_deref(), Some("x-webhook-secret"), "a rotation keeps the header");
    assert_eq!(open(&stand, Vendor::Sentinelone, &credential.previous.unwrap().secret).await, secret.as_bytes());

    let standard = ["source", "add", "acme", "generic", "--scheme", "standard_webhooks", "--secret-stdin"];
    fed(&stand, &standard, "whsec_AAAA").await.refused(2, "24 to 64 bytes");
    assert_eq!(fed(&stand, &standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await.code, 0);
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
    assert_eq!(opened(&stand, Scheme::VyroxHmac).await, (second.clone(), Some(first)));
    let source = stored(&stand, Vendor::Crowdstrike).await;
    assert_eq!(source.credentials[0].previous.as_ref().unwrap().until, until);
    // It still is found by its account.
    let named = stand.table().owner(&Lookup::account(Vendor::Crowdstrike, "acme")).await.unwrap();
    assert_eq!(named.unwrap().0, acme());

    // A third secret ends the first one early, so that is asked about; and an end at once is, too.
    let again = ["source", "rotate", "acme", "crowdstrike", "--overlap-hours", "0"];
    stand.run(&again).await.refused(2, "--yes");
    assert_eq!(opened(&stand, Scheme::VyroxHmac).await.0, second);
    stand.ok(&[&again[..], &["--yes"]].concat()).await;
    let (third, previous) = opened(&stand, Scheme::VyroxHmac).await;
    assert!(third != second && previous.is_none());
    stand.run(&again).await.refused(2, "present secret ends now");

    let audit = Value::from(stand.audit("acme").await).to_string();
    assert_eq!(audit.matches("SOURCE_ROTATED").count(), 2);
    assert!(!audit.contains(&second) && !audit.contains(&third));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_schemes_the_one_that_is_named_is_rotated() {
    let stand = Stand::with_tenant().await;
    stand.ok(&["source", "add", "acme", "generic", "--scheme", "bearer", "--scheme", "vyrox_hmac"]).await;
    let before = stored(&stand, Vendor::Generic).await;
    stand.run(&["source", "rotate", "acme", "generic"]).await.refused(2, "--scheme");
    stand.run(&["source", "rotate", "acme", "generic", "--scheme", "static_header"]).await.refused(2, "no scheme");
    let rotated = stand.json(&["source", "rotate", "acme", "generic", "--scheme", "bearer"]).await;
    assert!(rotated["secret"].as_str().unwrap().starts_with("vyrox_"));
    let after = stored(&stand, Vendor::Generic).await;
    assert_eq!(after.credential(Scheme::VyroxHmac), before.credential(Scheme::VyroxHmac));
    let (old, new) = (before.credential(Scheme::Bearer).unwrap(), after.credential(Scheme::Bearer).unwrap());
    assert_eq!(new.previous.as_ref().unwrap().secret, old.secret);
    assert_eq!(stand.entry("acme", "SOURCE_ROTATED").await["detail"]["scheme"], "bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_map_is_checked_saved_shown_and_cleared() {
    let stand = Stand::with_tenant().await;
    stand.ok(&["source", "add", "acme", "generic"]).await;
    let (file, path) = (stand.file("map.toml"), stand.file("map.toml").display().to_string());
    let save = ["source", "map", "acme", "generic", "--file", &path];
    stand.run(&save).await.refused(2, "map.toml");
    for (text, because) in [
        ("[fields]\nraw_id = \"id\"", "fields.timestamp"),
        ("[fields]\nraw_id = \"id\"\ntimestamp = \"time\"\nhostnam = \"h\"", "fields.hostnam"),
        ("[fields]\nraw_id = \"lookup(id, t)\"\ntimestamp = \"time\"", "fields.raw_id"),
        ("raw_id =", "not TOML"),
    ] {
        std::fs::write(&file, text).unwrap();
        stand.run(&save).await.refused(2, because);
        assert_eq!(stored(&stand, Vendor::Generic).await.field_map, None);
    }
    let text = "name = \"siem\"\n[fields]\nraw_id = \"id\"\ntimestamp = \"time\"\n";
    std::fs::write(&file, text).unwrap();
    assert!(stand.ok(&save).await.contains("reads every body"));
    assert_eq!(stored(&stand, Vendor::Generic).await.field_map.as_deref(), Some(text));
    assert_eq!(stand.entry("acme", "SOURCE_MAPPED").await["detail"]["name"], "siem");
    assert_eq!(stand.ok(&["source", "map", "acme", "generic"]).await, text);
    assert_eq!(stand.json(&["source", "list", "acme"]).await[0]["field_map"], "siem");
    stand.ok(&["source", "rotate", "acme", "generic"]).await;
    assert!(stored(&stand, Vendor::Generic).await.field_map.is_some(), "a rotation keeps it");
    stand.ok(&["source", "map", "acme", "generic", "--clear"]).await;
    assert_eq!(stored(&stand, Vendor::Generic).await.field_map, None);
    stand.entry("acme", "SOURCE_MAP_CLEARED").await;
    stand.run(&["source", "map", "acme", "generic"]).await.refused(2, "no field map");
    stand.run(&["source", "map", "acme", "defender", "--clear"]).await.refused(2, "source add");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_source_is_refused() {
    let stand = Stand::with_tenant().await;
    stand.run(&["source", "add", "nobody", "crowdstrike"]).await.refused(2, "no tenant nobody");
    stand.run(&["source", "add", "acme", "norton"]).await.refused(2, "crowdstrike");
    stand.run(&["source", "rotate", "acme", "crowdstrike"]).await.refused(2, "source add");
    let add = ["source", "add", "acme", "crowdstrike"];
    for (flags, because) in [
        (vec!["--scheme", "basic"], "standard_webhooks"),
        (vec!["--scheme", "static_header"], "needs --header"),
        (vec!["--header", "x-a"], "static_header and crowdstrike_hmac"),
        (vec!["--scheme", "static_header", "--header", "a b"], "letters"),
        (vec!["--scheme", "static_header", "--scheme", "crowdstrike_hmac", "--header", "x-a"], "scheme add"),
        (vec!["--scheme", "bearer", "--secret-stdin"], "made here"),
        (vec!["--scheme", "bearer", "--scheme", "vyrox_hmac", "--secret-stdin"], "one scheme's"),
    ] {
        stand.run(&[&add[..], &flags].concat()).await.refused(2, because);
    }
    stand.ok(&["source", "add", "acme", "crowdstrike", "--account", "cid-1"]).await;
    let before = stored(&stand, Vendor::Crowdstrike).await;
    stand.run(&add).await.refused(1, "source rotate");
    let last = ["source", "scheme", "remove", "acme", "crowdstrike", "vyrox_hmac", "--yes"];
    stand.run(&last).await.refused(1, "last scheme");
    assert_eq!(stored(&stand, Vendor::Crowdstrike).await, before);
    // An account that two tenants claim would belong to neither.
    stand.ok(&["tenant", "create", "other", "--name", "Other"]).await;
    stand.run(&["source", "add", "other", "crowdstrike", "--account", "cid-1"]).await.refused(1, "another tenant");
}

/// A sample that the field map presets take, as a file.
fn sample(stand: &Stand, name: &str) -> String {
    let path = stand.directory.path().join(name);
    let body = json!({"id": format!("s1-{name}"), "accountId": "acme", "createdAt": stand.now(), "mitreTactic": "Execution",
        "severity": "high", "agentRealtimeInfo": {"computerName": "WS-042"}});
    std::fs::write(&path, body.to_string()).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_posted_as_its_source_would_post_it() {
    let stand = Stand::with_tenant().await;
    let url = format!("{}/webhook/sentinelone/acme", stand.ingest().await);
    let add = ["source", "add", "acme", "sentinelone"];
    let mut secrets = vec![(Scheme::VyroxHmac, stand.json(&add).await)];
    for scheme in [Scheme::CrowdstrikeHmac, Scheme::StandardWebhooks, Scheme::Bearer] {
        let added = ["source", "scheme", "add", "acme", "sentinelone", scheme.as_str()];
        secrets.push((scheme, stand.json(&added).await));
    }
    let with_header =
        ["source", "scheme", "add", "acme", "sentinelone", "static_header", "--header", "x-webhook-secret"];
    secrets.push((Scheme::StaticHeader, stand.json(&with_header).await));
    for (scheme, shown) in secrets {
        let secret = shown["secret"].as_str().unwrap();
        let file = sample(&stand, scheme.as_str());
        let mut post = vec!["source", "test", "--file", &file, "--send", &url, "--scheme", scheme.as_str()];
        if scheme == Scheme::StaticHeader {
            post.extend(["--header", "x-webhook-secret"]);
        }
        let said = fed(&stand, &post, &format!("{secret}\n")).await;
        assert_eq!(said.code, 0, "{scheme}: {said:?}");
        assert!(said.out.starts_with("202 ") && said.out.contains("vyroxctl trace "), "{scheme}: {said:?}");
        let again = fed(&stand, &post, secret).await;
        assert!(again.code == 0 && again.out.contains("knows this alert already"), "{scheme}: {again:?}");
        assert!(!format!("{said:?}{again:?}").contains(secret), "a secret is not printed");
    }
    let accepted: Vec<Value> =
        stand.audit("acme").await.into_iter().filter(|entry| entry["action_type"] == "ALERT_ACCEPTED").collect();
    let mut schemes: Vec<&str> = accepted.iter().map(|entry| entry["detail"]["scheme"].as_str().unwrap()).collect();
    schemes.sort_unstable();
    assert_eq!(schemes, ["bearer", "crowdstrike_hmac", "standard_webhooks", "static_header", "vyrox_hmac"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_refuses_a_sample_says_what_to_do() {
    let stand = Stand::with_tenant().await;
    let ingest = stand.ingest().await;
    let secret = stand.json(&["source", "add", "acme", "sentinelone"]).await["secret"].as_str().unwrap().to_owned();
    let (file, url) = (sample(&stand, "refused"), format!("{ingest}/webhook/sentinelone/acme"));
    let post = |url: String| ["source", "test", "--file", &file, "--send", &url, "--json"].map(str::to_owned);
    let run = async |url: String, secret: &str| {
        let arguments = post(url);
        fed(&stand, &arguments.each_ref().map(String::as_str), secret).await
    };
    let wrong = run(url.clone(), "not the secret").await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let answer: Value = serde_json::from_str(&wrong.out).unwrap();
    assert_eq!((&answer["status"], &answer["taken"]), (&json!(401), &json!(false)));
    assert_eq!(run(format!("{ingest}/webhooks"), &secret).await.code, 2);
    run(url.clone(), "").await.refused(2, "is empty");
    run("http://192.0.2.1/webhook/sentinelone/acme".to_owned(), &secret).await.refused(2, "only https");
    run("http://127.0.0.1:9/webhook/sentinelone/acme".to_owned(), &secret).await.refused(1, "nobody answers");
    let unreadable = stand.directory.path().join("unreadable");
    std::fs::write(&unreadable, r#"{"severity":"high"}"#).unwrap();
    let text = fed(&stand, &["source", "test", "--file", unreadable.to_str().unwrap(), "--send", &url], &secret).await;
    assert!(text.code == 2 && text.out.starts_with("422 ") && text.out.contains("without --send"), "{text:?}");
}
