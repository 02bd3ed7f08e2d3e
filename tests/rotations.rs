//! A key is exchanged as `docs/operations.md` says, on one deployment that keeps its data: the platform's signing key, and the
//! key with which Discord signs clicks. Before, between the steps and after them an approved containment is carried out once,
//! borne out by the keys that are good then, and where they do not bear it out nothing is done.
//!
//! Here belongs what changes a key while proxies and tenants stay.
#![allow(clippy::unwrap_used)]

use ed25519_dalek::SigningKey;
use serde_json::json;
use std::path::Path;
use vyrox_contract::{AlertId, VerifyingKey};
use vyrox_domain::action::ActionState;
use vyrox_edr_standin::{Change, HostStatus};
use vyrox_local::scenario::Scenario;
use vyrox_tests::{APPROVER, Options, SECOND_APPROVER, Stage};

/// The template's parameters of a step.
type Keys<'a> = &'a [(&'a str, &'a str)];

async fn deployed(data: &Path, keys: Keys<'_>) -> Stage {
    let parameters = keys.iter().map(|(name, arn)| ((*name).to_owned(), (*arn).to_owned())).collect();
    Stage::start(Options { data: Some(data.to_owned()), live: true, parameters, ..Options::default() }).await
}

/// An alert that no other step has had.
async fn fired(stage: &Stage, scenario: &str, step: &str) -> AlertId {
    let scenario = Scenario::named(scenario).unwrap();
    stage.deliver(&scenario.body(step, stage.tenant().as_str(), stage.now())).await.alert_id()
}

/// An alert whose host is contained and released again; the ids of the keys that signed both.
async fn contained_and_released(stage: &Stage, step: &str) -> Vec<String> {
    let alert = fired(stage, "credential-dump", step).await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    assert_eq!(stage.contained(alert).await.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.host("WS-042"), HostStatus::Contained);
    let card = stage.card_saying(alert, "CONTAINED").await;
    stage.press(SECOND_APPROVER, &card, "Release").await;
    stage.card_saying(alert, "RELEASED").await;
    assert_eq!(stage.host("WS-042"), HostStatus::Normal);
    let (alert, entries) = (alert.to_string(), stage.audit().await);
    let of_this = entries.iter().filter(|entry| entry.alert_id() == Some(&alert));
    let delivered = of_this.filter(|entry| entry.action_type() == "ACTION_DELIVERED");
    delivered.map(|entry| entry.detail()["platform_key"].as_str().unwrap().to_owned()).collect()
}

/// The public half of a key in KMS.
async fn public(stage: &Stage, id: &str) -> VerifyingKey {
    let shown = stage.clients().kms.get_public_key().key_id(id).send().await.unwrap();
    VerifyingKey::from_spki(shown.public_key.unwrap().as_ref()).unwrap()
}

/// What the proxy's operator writes into its configuration.
fn pin(data: &Path, keys: &[&VerifyingKey]) {
    let file = data.join("proxy").join(vyrox_edge_proxy::enrol::CONFIG_FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let pinned = keys.iter().map(|key| json!(key.to_text()).to_string()).collect::<Vec<_>>().join(", ");
    let is_list = |line: &&str| line.starts_with("platform_keys");
    assert_eq!(text.lines().filter(is_list).count(), 1, "{text}");
    let line = |line: &str| match is_list(&line) {
        true => format!("platform_keys = [{pinned}]\n"),
        false => format!("{line}\n"),
    };
    std::fs::write(&file, text.lines().map(line).collect::<String>()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_go_on_while_the_signing_key_is_exchanged_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let stage = deployed(&data, &[]).await;
    let old = stage.resources().await.key("SigningKey").unwrap().arn.clone();
    let kms = stage.clients().kms;
    let made = kms.create_key().key_spec("ECC_NIST_P256".into()).key_usage("SIGN_VERIFY".into());
    let new = made.send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    let (old_key, new_key) = (public(&stage, &old).await, public(&stage, &new).await);
    let signed_with = |key: &VerifyingKey| vec![key.id().to_string(), key.id().to_string()];
    assert_eq!(contained_and_released(&stage, "before").await, signed_with(&old_key));
    stage.end().await;

    // Step 1: the new key is known beside the old one, which signs. Proxies have not heard of it.
    let announced = [("OtherSigningKeyArn", new.as_str())];
    let stage = deployed(&data, &announced).await;
    assert_eq!(contained_and_released(&stage, "announced").await, signed_with(&old_key));
    stage.end().await;

    // Exchanged too early: the proxy does nothing that is signed with a key that it does not know.
    let exchanged = [("SignWithKeyArn", new.as_str()), ("OtherSigningKeyArn", old.as_str())];
    let stage = deployed(&data, &exchanged).await;
    let alert = fired(&stage, "lateral-psexec", "early").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.wait("it is handed over", async || stage.entries(alert, "ACTION_DELIVERED").await > 0).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let waiting = stage.record(alert).await.containment.unwrap();
    assert!(!waiting.state.is_final(), "{waiting:?}");
    assert_eq!(stage.edr_calls(Change::Contain), 0, "nothing reached the EDR");
    stage.end().await;

    // Step 2: the proxy pins both. What waited is done, once, since its approval still stands.
    pin(&data, &[&old_key, &new_key]);
    let stage = deployed(&data, &exchanged).await;
    assert_eq!(stage.contained(alert).await.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.edr_calls(Change::Contain), 1);
    // Step 3: the new one signs.
    assert_eq!(contained_and_released(&stage, "exchanged").await, signed_with(&new_key));
    stage.end().await;

    // Step 4: the old one is gone on both sides.
    pin(&data, &[&new_key]);
    let stage = deployed(&data, &[("SignWithKeyArn", new.as_str())]).await;
    assert_eq!(contained_and_released(&stage, "done").await, signed_with(&new_key));
    stage.end().await;
}

/// Another application's key, as the template takes it.
fn strangers_key() -> String {
    hex::encode(SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_count_while_discords_key_is_exchanged_as_long_as_their_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let stage = deployed(&data, &[]).await;
    let (now, other) = (stage.system.discord.public_key_hex(), strangers_key());
    contained_and_released(&stage, "alone").await;
    stage.end().await;
    // Both for a while, whichever comes first. The stand-in signs with the one that it has.
    for (step, both) in [("old first", format!("{now},{other}")), ("new first", format!("{other},{now}"))] {
        let stage = deployed(&data, &[("DiscordPublicKey", &both)]).await;
        contained_and_released(&stage, step).await;
        stage.end().await;
    }
    // Approved under the old key, and the old key is taken out before the proxy was handed anything.
    let stage = deployed(&data, &[]).await;
    let alert = fired(&stage, "lateral-psexec", "too early").await;
    let card = stage.card(alert).await;
    let cut_off = stage.now();
    stage.change_proxy(|proxy| proxy.revoked_at = Some(cut_off)).await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.end().await;
    let stage = deployed(&data, &[("DiscordPublicKey", &other)]).await;
    stage.change_proxy(|proxy| proxy.revoked_at = None).await;
    let refused = async || stage.entries(alert, "ACTION_REFUSED").await == 1;
    stage.wait("what nothing bears out any more is not signed", refused).await;
    assert_eq!((stage.entries(alert, "ACTION_DELIVERED").await, stage.edr_calls(Change::Contain)), (0, 0));
    stage.end().await;
}
