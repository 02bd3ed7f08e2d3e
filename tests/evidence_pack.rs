//! The evidence pack of a real containment: written by the operator's command while the system runs, verified with nothing
//! but what is in it, and read as a person reads it.
//!
//! Here belongs: what a pack must hold, must not hold, or must show of what happened. It is a test of `infra/ctl`, whose
//! program it runs.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use base64::Engine as _;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use vyrox_audit::verify::{Failure, PublicKey, Verifier, clock};
use vyrox_checkpoint::Idle;
use vyrox_tests::{APPROVER, ONLOOKER, SECOND_APPROVER, Stage};

/// The pack of a containment and its release, and the request's id.
async fn pack(stage: &Stage, out: &Path) -> String {
    let checkpoint = async || {
        stage.system.checkpointer.tenant(&stage.tenant(), Idle::ByAge).await.unwrap();
    };
    checkpoint().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let stranger = stage.click_body(ONLOOKER, &[], &card, &card.custom_id("Approve")).await;
    assert!(stage.post_click(&stranger).await.ephemeral, "refused");
    stage.press(APPROVER, &card, "Approve").await;
    let request = stage.contained(alert).await.containment.unwrap().request_id.to_string();
    let card = stage.card_saying(alert, "CONTAINED").await;
    stage.press(SECOND_APPROVER, &card, "Release").await;
    stage
        .until("the release has a receipt", alert, |record| {
            record.release.as_ref().is_some_and(|action| action.state.is_final())
        })
        .await;
    stage.card_saying(alert, "RELEASED").await;
    let other = stage.fire("ransomware").await;
    let card = stage.card(other).await;
    stage.press(APPROVER, &card, "Deny").await;
    checkpoint().await;

    let (endpoint, log) = (&stage.system.endpoints.aws_endpoint_url, stage.system.proxy_audit());
    let output = Command::new(env!("CARGO_BIN_EXE_vyroxctl"))
        .args(["evidence", "--tenant", stage.tenant().as_str(), "--from", &day(stage.now() - 6 * 86_400)])
        .args(["--to", &day(stage.now()), "--operator", "auditor@acme", "--out"])
        .arg(out)
        .arg("--proxy-log")
        .arg(log)
        .env_clear()
        .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .env("AWS_ENDPOINT_URL", endpoint)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    request
}

fn day(unix: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(unix).unwrap().date().to_string()
}

/// What the first verifier says of the pack's cloud audit, with the pack's key.
fn verified(pack: &Path) -> Result<u64, Failure> {
    let key = PublicKey::from_text(&read(pack, "keys/checkpoint.pem")).unwrap();
    let mut verifier = Verifier::new().at(clock::now()).trust(key);
    verifier.file(&pack.join("audit/cloud.jsonl"))?;
    verifier.finish().map(|report| report.entries)
}

/// Whether the second one accepts it: the copy in the pack, run within the pack.
fn python_accepts(pack: &Path) -> bool {
    let output = Command::new("python3")
        .current_dir(pack)
        .args(["verifier/verify.py", "--key", "keys/checkpoint.pem", "audit/cloud.jsonl"])
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    output.status.success()
}

fn read(pack: &Path, name: &str) -> String {
    std::fs::read_to_string(pack.join(name)).unwrap()
}

fn all(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { all(&path) } else { vec![path] }).collect()
}

/// Everything in the pack that is readable, signed payloads included.
fn everything(pack: &Path) -> String {
    let mut text: String = all(pack).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for name in ["actions.jsonl", "receipts.jsonl"] {
        for line in read(pack, name).lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let payload = line["envelope"]["payload"].as_str().unwrap();
            let payload = base64::engine::general_purpose::STANDARD.decode(payload).unwrap();
            text.push_str(std::str::from_utf8(&payload).unwrap());
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_verifies_a_containment_with_the_pack_alone() {
    let stage = Stage::live().await;
    let folder = tempfile::tempdir().unwrap();
    let pack_folder = folder.path().join("pack");
    let request = pack(&stage, &pack_folder).await;
    let payload: Value = serde_json::from_slice(&stage.body("credential-dump")).unwrap();
    stage.end().await;
    let pack = pack_folder.as_path();
    if let Some(copy) = vyrox_tests::pack_copy() {
        for path in all(pack) {
            let to = copy.join(path.strip_prefix(pack).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(path, to).unwrap();
        }
    }

    assert!(verified(pack).unwrap() > 20);
    assert!(python_accepts(pack));
    let manifest: Value = serde_json::from_str(&read(pack, "manifest.json")).unwrap();
    let verification = &manifest["verification"];
    assert_eq!((&verification["holds"], &verification["crosschecked"]), (&true.into(), &true.into()), "{manifest:#}");
    for kind in ["actions", "receipts"] {
        assert_eq!(verification["signatures"][kind]["valid"], 2, "a containment and a release: {manifest:#}");
    }

    let report = read(pack, "report.html");
    for shown in [
        "<strong>Verified</strong>",
        ">APPROVED<",
        ">RELEASE_APPROVED<",
        ">DENIED<",
        ">CLICK_REFUSED<",
        request.as_str(),
        "the same plan",
        "<b>executed</b>",
        "<b>rolled_back</b>",
        "<dt>Read back from the EDR</dt><dd><b>confirmed</b>",
        "<svg",
        "CC7.4",
    ] {
        assert!(report.contains(shown), "{shown} is not in the report");
    }
    assert!(!report.contains("Not in this table"), "a kind of entry without controls");
    assert!(!report.contains("http://") && !report.contains("https://") && !report.contains("<script"));

    let text = everything(pack);
    let mut texts = Vec::new();
    long_texts(&payload, &mut texts);
    assert!(!texts.is_empty());
    for raw in texts {
        assert!(!text.contains(&raw), "a raw text of the payload is in the pack: {raw}");
    }
    for secret in ["PRIVATE KEY", "Bot ", "argon2", "vyxe_"] {
        assert!(!text.contains(secret), "{secret} is in the pack");
    }
}

/// Texts of a payload that nothing but the payload would hold: command lines and the like.
fn long_texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(' ') && text.len() > 24 => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| long_texts(value, found)),
        Value::Object(members) => members.values().for_each(|value| long_texts(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_in_the_pack_is_found_by_both_verifiers() {
    let stage = Stage::live().await;
    let folder = tempfile::tempdir().unwrap();
    let pack_folder = folder.path().join("pack");
    pack(&stage, &pack_folder).await;
    stage.end().await;
    let cloud = pack_folder.join("audit/cloud.jsonl");
    let sound = std::fs::read(&cloud).unwrap();
    for part in 1..8 {
        let mut bytes = sound.clone();
        let at = bytes.len() * part / 8;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        std::fs::write(&cloud, bytes).unwrap();
        assert!(verified(&pack_folder).is_err(), "byte {at}");
        assert!(!python_accepts(&pack_folder), "byte {at}");
    }
    std::fs::write(&cloud, &sound).unwrap();
    assert!(verified(&pack_folder).is_ok() && python_accepts(&pack_folder));
}
