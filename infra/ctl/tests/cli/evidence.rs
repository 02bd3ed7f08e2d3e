use crate::stand::{Stand, acme, told};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use vyrox_audit::verify::{PublicKey, Verifier, clock};
use vyrox_audit::{Chain, Draft};
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::table::SortKey;

const DAYS: [&str; 4] = ["--from", "2000-01-01", "--to", "2099-12-31"];

/// The arguments of a pack of acme at this place.
fn arguments(out: &Path) -> Vec<&str> {
    let out = out.to_str().unwrap();
    ["evidence", "--tenant", "acme", "--out", out].into_iter().chain(DAYS).collect()
}

/// The pack's files by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn assert_digests(files: &BTreeMap<String, Vec<u8>>) {
    let sums = std::str::from_utf8(&files["SHA256SUMS"]).unwrap();
    let sums: BTreeMap<&str, &str> =
        sums.lines().map(|line| line.split_once("  ").unwrap()).map(|(d, n)| (n, d)).collect();
    let others = files.iter().filter(|(name, _)| *name != "SHA256SUMS");
    for (name, content) in others.clone() {
        assert_eq!(sums[name.as_str()], hex::encode(Sha256::digest(content)), "{name}");
    }
    assert_eq!(sums.len(), others.count());
}

/// A proxy's log directory with two entries of this tenant.
fn proxy_log(stand: &Stand, name: &str, tenant: &str) -> PathBuf {
    let folder = stand.file(name);
    std::fs::create_dir(&folder).unwrap();
    let mut chain = Chain::genesis("edge-1");
    let mut lines = String::new();
    for kind in ["STARTED", "STOPPED"] {
        let entry = chain.seal(&Draft::event(1_700_000_000, tenant, kind)).unwrap();
        chain.advance(&entry);
        lines.push_str(&format!("{}\n", entry.to_line()));
    }
    std::fs::write(folder.join("audit-2023-11-14.jsonl"), lines).unwrap();
    std::fs::write(folder.join("private.key"), "not to be given away").unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_verifies_with_what_is_in_it() {
    let stand = Stand::with_tenant().await;
    stand.ok(&["audit", "checkpoint", "acme"]).await;
    let (out, log) = (stand.file("pack"), proxy_log(&stand, "log", "acme"));
    let log = log.to_str().unwrap();
    let given: Vec<&str> =
        arguments(&out).into_iter().chain(["--proxy-log", log, "--operator", "jane", "--json"]).collect();
    let said = stand.run(&given).await.json();
    assert_eq!(said["verification"]["holds"], true, "{said}");
    let files = files(&out);
    assert_digests(&files);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    for name in [
        "README.md",
        "SHA256SUMS",
        "actions.jsonl",
        "audit/checkpoints.jsonl",
        "audit/cloud.jsonl",
        "controls.csv",
        "keys/action.pem",
        "keys/checkpoint.pem",
        "manifest.json",
        "proxy-log-1/audit-2023-11-14.jsonl",
        "receipts.jsonl",
        "report.html",
        "verifier/audit-chain.md",
        "verifier/p256.py",
        "verifier/verify.py",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("private")), "only the log is taken: {names:?}");

    let key = PublicKey::from_text(std::str::from_utf8(&files["keys/checkpoint.pem"]).unwrap()).unwrap();
    let mut verifier = Verifier::new().at(clock::now()).trust(key);
    verifier.reader(files["audit/cloud.jsonl"].as_slice(), "cloud").unwrap();
    let report = verifier.finish().unwrap();
    assert!(report.checkpoints == 1 && report.signatures_checked, "{report:?}");
    let python = Command::new("python3")
        .current_dir(&out)
        .args(["verifier/verify.py", "--key", "keys/checkpoint.pem", "audit/cloud.jsonl"])
        .output()
        .unwrap();
    assert!(python.status.success(), "{python:?}");
    let checkpoints = &files["audit/checkpoints.jsonl"];
    assert!(files["audit/cloud.jsonl"].starts_with(checkpoints) && checkpoints.ends_with(b"}\n"));

    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!((&manifest["tenant_id"], &manifest["operator"]), (&json!("acme"), &json!("jane")));
    let keys = stand.json(&["audit", "keys"]).await;
    assert_eq!(keys["checkpoint_key"].as_str().unwrap().as_bytes(), files["keys/checkpoint.pem"]);
    assert_eq!(keys["action_key"].as_str().unwrap().as_bytes(), files["keys/action.pem"]);
    let guide = std::str::from_utf8(&files["README.md"]).unwrap();
    assert!(!guide.contains('{'), "every place of the guide is filled: {guide}");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_pack_was_taken_is_in_the_audit_and_in_the_pack() {
    let stand = Stand::with_tenant().await;
    let out = stand.file("pack");
    stand.ok(&arguments(&out)).await;
    let audit = std::fs::read_to_string(out.join("audit/cloud.jsonl")).unwrap();
    let entries: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let exported: Vec<&Value> = entries.iter().filter(|entry| entry["action_type"] == "AUDIT_EXPORTED").collect();
    assert_eq!(exported.len(), 1);
    assert_eq!(told(exported[0]), json!({"as": "evidence pack", "from": "2000-01-01", "to": "2099-12-31"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_holds_the_same_files() {
    let stand = Stand::with_tenant().await;
    let out = stand.file("pack.zip");
    stand.ok(&arguments(&out)).await;
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&out).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(file.name().to_owned(), content);
    }
    assert_digests(&files);
    assert!(files.contains_key("audit/cloud.jsonl") && files.contains_key("verifier/verify.py"));
    let left: Vec<_> =
        std::fs::read_dir(stand.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["pack.zip"], "nothing unfinished is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_somebody_changed_is_packed_and_reported() {
    let stand = Stand::with_tenant().await;
    let mut entry = stand.entry("acme", "TENANT_ACTIVATED").await;
    let key = SortKey::audit(entry["chain"].as_str().unwrap(), entry["seq"].as_u64().unwrap());
    entry["detail"]["changed"] = Value::Null;
    let ledger = Ledger::new(stand.table(), "test", Arc::clone(&stand.clock));
    let change = Change::put(key, &entry, Expect::Anything);
    ledger.commit(&acme(), &[change], &Draft::event(stand.now(), "acme", "TEST")).await.unwrap();
    let out = stand.file("pack");
    let said = stand.run(&arguments(&out)).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("WRONG  The cloud's audit does not verify: audit/cloud.jsonl:"), "{said:?}");
    let manifest: Value = serde_json::from_slice(&std::fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["verification"]["holds"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_packed_leaves_nothing_behind() {
    let stand = Stand::with_tenant().await;
    let out = stand.file("pack");
    let (foreign, empty) = (proxy_log(&stand, "foreign", "globex"), stand.file("empty"));
    std::fs::create_dir(&empty).unwrap();
    let broken = proxy_log(&stand, "broken", "acme");
    std::fs::write(broken.join("audit-2023-11-15.jsonl"), "{}\n").unwrap();
    for (log, code, because) in
        [(&foreign, 2, "another tenant"), (&empty, 2, "holds no audit-"), (&broken, 1, "does NOT verify")]
    {
        let given: Vec<&str> = arguments(&out).into_iter().chain(["--proxy-log", log.to_str().unwrap()]).collect();
        stand.run(&given).await.refused(code, because);
    }
    let out = out.to_str().unwrap();
    let days = |tenant, from, to| ["evidence", "--tenant", tenant, "--from", from, "--to", to, "--out", out];
    stand.run(&days("nobody", "2026-01-01", "2026-01-01")).await.refused(2, "no tenant nobody");
    stand.run(&days("acme", "2026-01-02", "2026-01-01")).await.refused(2, "before --from");
    stand.run(&days("acme", "January", "2026-01-01")).await.refused(2, "2026-01-31");
    let mut left: Vec<_> =
        std::fs::read_dir(stand.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["broken", "empty", "foreign"]);
    std::fs::create_dir(stand.file("pack")).unwrap();
    stand.run(&days("acme", "2026-01-01", "2026-01-01")).await.refused(2, "exists already");
    assert!(!stand.audit("acme").await.iter().any(|entry| entry["detail"]["as"] == "evidence pack"));
}
