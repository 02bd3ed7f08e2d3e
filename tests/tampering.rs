//! The tamper matrix: a cloud's export and a proxy's log of one real containment, altered in every way that somebody with
//! access to one of them could, and what finds it: `verify`, `verify.py`, `crosscheck`. Every row says where.
//!
//! Here belongs: another way to tamper. What the scheduled function finds in the table is in `checkpoint.rs`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use vyrox_audit::verify::crosscheck::{Comparison, Finding, How, Side, crosscheck};
use vyrox_audit::verify::explain::{Sources, Verdict, explain};
use vyrox_audit::verify::{Failure, PublicKey, Report, Verifier, clock};
use vyrox_checkpoint::Idle;
use vyrox_platform::checkpoint::CheckpointKey;
use vyrox_platform::signer::Signer;
use vyrox_tests::{APPROVER, SECOND_APPROVER, Stage};

const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Both logs of a containment and its release, with the keys, in files.
struct Files {
    directory: tempfile::TempDir,
    cloud: Vec<String>,
    proxy: Vec<String>,
    request_id: String,
}

impl Files {
    async fn of_a_containment() -> Self {
        let stage = Stage::live().await;
        let resources = stage.resources().await;
        stage.system.checkpointer.tenant(&stage.tenant(), Idle::ByAge).await.unwrap();
        let alert = stage.fire("credential-dump").await;
        let card = stage.card(alert).await;
        stage.press(APPROVER, &card, "Approve").await;
        let request_id = stage.contained(alert).await.containment.unwrap().request_id.to_string();
        // Another checkpoint travels with the release.
        stage.system.checkpointer.tenant(&stage.tenant(), Idle::ByAge).await.unwrap();
        let card = stage.card_saying(alert, "CONTAINED").await;
        stage.press(SECOND_APPROVER, &card, "Release").await;
        stage
            .until("the release has a receipt", alert, |record| {
                record.release.as_ref().is_some_and(|action| action.state.is_final())
            })
            .await;
        stage.card_saying(alert, "RELEASED").await;
        stage.system.checkpointer.tenant(&stage.tenant(), Idle::ByAge).await.unwrap();

        let directory = tempfile::tempdir().unwrap();
        let kms = stage.function_clients().kms.clone();
        let id = |key: &str| resources.key(key).unwrap().id.clone();
        let checkpoints = CheckpointKey::connect(kms.clone(), &id("CheckpointKey")).await.unwrap();
        let actions = Signer::connect(kms, &id("SigningKey")).await.unwrap();
        let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).unwrap();
        write("checkpoint.pem", checkpoints.public_key().to_text());
        write("action.pem", actions.public_key().to_text());
        write("proxy.pem", stage.proxy().await.value.public_key);
        let cloud = vyrox_local::cloud_audit(&stage.system.table, &stage.tenant()).await.unwrap();
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        let files = Self {
            cloud: lines(std::str::from_utf8(&cloud).unwrap()),
            proxy: lines(&stage.proxy_log()),
            directory,
            request_id,
        };
        stage.end().await;
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn key(&self, name: &str) -> PublicKey {
        PublicKey::from_text(&std::fs::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    /// Puts both logs into files.
    fn write(&self, cloud: &[String], proxy: &[String]) -> (PathBuf, PathBuf) {
        let (cloud_file, proxy_file) = (self.path("cloud.jsonl"), self.path("proxy.jsonl"));
        let text = |lines: &[String]| lines.iter().fold(String::new(), |text, line| text + line + "\n");
        std::fs::write(&cloud_file, text(cloud)).unwrap();
        std::fs::write(&proxy_file, text(proxy)).unwrap();
        (cloud_file, proxy_file)
    }

    fn verify(&self, file: &Path) -> Result<Report, Failure> {
        let mut verifier = Verifier::new().at(clock::now()).trust(self.key("checkpoint.pem"));
        verifier.file(file)?;
        verifier.finish()
    }

    /// What `verify.py` says: nothing, or the line (0: the end) and the problem.
    fn python(&self, file: &Path) -> Option<(u64, String)> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge-proxy/audit/verify.py");
        let output =
            Command::new("python3").arg(script).arg("--key").arg(self.path("checkpoint.pem")).arg(file).output();
        let output = output.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        if output.status.code() == Some(0) {
            return None;
        }
        assert_eq!(output.status.code(), Some(1), "{text} {}", String::from_utf8_lossy(&output.stderr));
        let problem = text.trim_end().rsplit(": ").next().unwrap().to_owned();
        let line = text.strip_prefix(&format!("FAILED  {}:", file.display()));
        let line = line.and_then(|rest| rest.split(':').next()?.parse().ok()).unwrap_or(0);
        Some((line, problem))
    }

    fn crosscheck(&self, cloud: &Path, proxy: &Path) -> Result<Comparison, Failure> {
        crosscheck(&[cloud.to_owned()], &[proxy.to_owned()], &[self.key("checkpoint.pem")], clock::now())
    }
}

fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// All hashes, links and numbers made right again, as somebody would who knows the format and has no key.
fn resealed(lines: &[String]) -> Vec<String> {
    let mut heads: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let seal = |line: &String| {
        let mut entry = parsed(line);
        let chain = field(&entry, "chain").to_owned();
        let (seq, previous) = heads.get(&chain).cloned().unwrap_or((0, GENESIS.to_owned()));
        entry["seq"] = seq.into();
        entry["previous_hash"] = previous.clone().into();
        entry.as_object_mut().unwrap().remove("hash");
        let content = String::from_utf8(vyrox_contract::canonical::to_bytes(&entry).unwrap()).unwrap();
        let hash = hex::encode(Sha256::digest(format!("{previous}|{content}")));
        entry["hash"] = hash.clone().into();
        heads.insert(chain, (seq + 1, hash));
        String::from_utf8(vyrox_contract::canonical::to_bytes(&entry).unwrap()).unwrap()
    };
    lines.iter().map(seal).collect()
}

/// The checkpoints of a cloud's lines made to note the lanes as they are now; their signatures stay what they were.
fn renoted(lines: &[String]) -> Vec<String> {
    let lines = resealed(lines);
    let entries: Vec<Value> = lines.iter().map(|line| parsed(line)).collect();
    let hash_at = |chain: &Value, seq: &Value| {
        let found = entries.iter().find(|entry| entry["chain"] == *chain && entry["seq"] == *seq);
        found.map(|entry| entry["hash"].clone())
    };
    let renote = |line: &String| {
        let mut entry = parsed(line);
        for lane in entry.pointer_mut("/detail/lanes").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(hash) = hash_at(&lane["chain"], &lane["seq"]) {
                lane["hash"] = hash;
            }
        }
        entry.to_string()
    };
    resealed(&lines.iter().map(renote).collect::<Vec<_>>())
}

fn without(lines: &[String], at: usize) -> Vec<String> {
    lines.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, line)| line.clone()).collect()
}

/// A field changed, and its hash made right.
fn forged(line: &str) -> String {
    let mut entry = parsed(line);
    entry["host"] = "FORGED".into();
    entry.as_object_mut().unwrap().remove("hash");
    let content = String::from_utf8(vyrox_contract::canonical::to_bytes(&entry).unwrap()).unwrap();
    entry["hash"] = hex::encode(Sha256::digest(format!("{}|{content}", field(&entry, "previous_hash")))).into();
    String::from_utf8(vyrox_contract::canonical::to_bytes(&entry).unwrap()).unwrap()
}

/// What must be found: by both verifiers, at this line with this problem (an empty one: they agree on where, and on a link, a
/// noted head or a signature that is wrong); or by crosschecking alone.
enum Found {
    Verifiers(u64, &'static str),
    Crosscheck(Side, How),
}

struct Row {
    how: &'static str,
    lines: Vec<String>,
    found: Found,
}

fn row(how: &'static str, lines: Vec<String>, found: Found) -> Row {
    Row { how, lines, found }
}

fn cloud_rows(cloud: &[String]) -> Vec<Row> {
    use Found::{Crosscheck, Verifiers};
    let entries: Vec<Value> = cloud.iter().map(|line| parsed(line)).collect();
    let checkpoints = entries.iter().filter(|entry| entry["action_type"] == "CHECKPOINT").count();
    assert!(checkpoints >= 3, "{checkpoints}");
    // A lane of at least three entries that checkpoints cover to its end.
    let notes = entries[..checkpoints].iter().flat_map(|entry| entry["detail"]["lanes"].as_array().unwrap());
    let covered: BTreeMap<&str, u64> =
        notes.map(|lane| (field(lane, "chain"), lane["seq"].as_u64().unwrap())).collect();
    let ends_there = |lane: &str, seq: u64| {
        entries.iter().filter(|entry| entry["chain"] == lane).all(|entry| entry["seq"].as_u64().unwrap() <= seq)
    };
    let (lane, last) = covered
        .iter()
        .find(|(lane, seq)| **seq >= 2 && ends_there(lane, **seq))
        .map(|(lane, seq)| ((*lane).to_owned(), *seq))
        .unwrap();
    let at =
        |seq: u64| entries.iter().position(|entry| entry["chain"] == lane.as_str() && entry["seq"] == seq).unwrap();
    let (first, second, end) = (at(0), at(1), at(last));
    let line = |index: usize| index as u64 + 1;
    let replaced = |index: usize, with: String| {
        let mut lines = cloud.to_vec();
        lines[index] = with;
        lines
    };
    let swapped = |a: usize, b: usize| {
        let mut lines = cloud.to_vec();
        lines.swap(a, b);
        lines
    };
    let fork = {
        let mut lines = cloud.to_vec();
        lines.insert(second + 1, forged(&cloud[second]));
        lines
    };
    let of_other_lanes =
        |lane: &str| cloud.iter().filter(|line| parsed(line)["chain"] != lane).cloned().collect::<Vec<_>>();
    // As it was at the first checkpoint: later entries and checkpoints are gone.
    let old: BTreeMap<&str, u64> = entries[0]["detail"]["lanes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lane| (field(lane, "chain"), lane["seq"].as_u64().unwrap()))
        .collect();
    let was_there = |entry: &Value| {
        (entry["action_type"] == "CHECKPOINT" && entry["seq"] == 0)
            || old.get(field(entry, "chain")).is_some_and(|seq| entry["seq"].as_u64().unwrap() <= *seq)
    };
    let old_state =
        cloud.iter().zip(&entries).filter(|(_, entry)| was_there(entry)).map(|(line, _)| line.clone()).collect();
    let mut again = cloud.to_vec();
    again.insert(checkpoints, cloud[0].clone());
    vec![
        row(
            "change",
            replaced(second, cloud[second].replacen("\"tenant_id\":\"demo\"", "\"tenant_id\":\"evil\"", 1)),
            Verifiers(line(second), "hash_mismatch"),
        ),
        row("change and seal", replaced(second, forged(&cloud[second])), Verifiers(0, "")),
        row(
            "change and seal the rest of the lane",
            resealed(&replaced(first, forged(&cloud[first]))),
            Verifiers(0, ""),
        ),
        row("delete", without(cloud, second), Verifiers(line(second), "sequence_gap")),
        row("swap", swapped(first, second), Verifiers(line(first), "sequence_gap")),
        row("truncate a lane", without(cloud, end), Verifiers(0, "head_missing")),
        row("fork", fork, Verifiers(line(second) + 1, "sequence_gap")),
        row("drop a lane", of_other_lanes(&lane), Verifiers(0, "head_missing")),
        row(
            "drop the later checkpoints",
            [&cloud[..1], &cloud[checkpoints..]].concat(),
            Crosscheck(Side::Cloud, How::Cut),
        ),
        row("replay an old checkpoint as a new one", again, Verifiers(line(checkpoints), "sequence_gap")),
        row("replay the state of an old checkpoint", old_state, Crosscheck(Side::Cloud, How::Cut)),
        row("rewrite everything without the key", renoted(&replaced(first, forged(&cloud[first]))), Verifiers(0, "")),
    ]
}

fn proxy_rows(proxy: &[String]) -> Vec<Row> {
    use Found::{Crosscheck, Verifiers};
    assert!(proxy.len() >= 4, "an intent and an outcome, twice");
    let mut fork = proxy.to_vec();
    fork.insert(2, forged(&proxy[1]));
    let mut swapped = proxy.to_vec();
    swapped.swap(1, 2);
    let replaced = |index: usize, with: String| {
        let mut lines = proxy.to_vec();
        lines[index] = with;
        lines
    };
    vec![
        row(
            "change",
            replaced(1, proxy[1].replacen("\"dry_run\":false", "\"dry_run\":true", 1)),
            Verifiers(2, "hash_mismatch"),
        ),
        row("change and seal", replaced(1, forged(&proxy[1])), Verifiers(3, "broken_link")),
        row("delete", without(proxy, 1), Verifiers(2, "sequence_gap")),
        row("swap", swapped, Verifiers(2, "sequence_gap")),
        row("fork", fork, Verifiers(3, "sequence_gap")),
        row("truncate", proxy[..2].to_vec(), Crosscheck(Side::Proxy, How::Cut)),
        row("delete and seal", resealed(&without(proxy, 1)), Crosscheck(Side::Proxy, How::Rewritten)),
        row(
            "change and seal the rest",
            resealed(&replaced(1, forged(&proxy[1]))),
            Crosscheck(Side::Proxy, How::Rewritten),
        ),
        row("rewrite everything", resealed(&replaced(0, forged(&proxy[0]))), Crosscheck(Side::Proxy, How::Rewritten)),
        row("drop all of it", Vec::new(), Crosscheck(Side::Proxy, How::Cut)),
    ]
}

impl Files {
    fn try_row(&self, side: Side, Row { how, lines, found }: Row) {
        let (cloud, proxy) = match side {
            Side::Cloud => self.write(&lines, &self.proxy),
            Side::Proxy => self.write(&self.cloud, &lines),
        };
        let file = if side == Side::Cloud { &cloud } else { &proxy };
        let (ours, python) = (self.verify(file), if lines.is_empty() { None } else { self.python(file) });
        match found {
            Found::Verifiers(line, problem) => {
                let failure = ours.expect_err(how);
                let seen = (failure.line, failure.problem.code().to_owned());
                println!("{side:?}: {how}: line {line}: {failure}");
                assert_eq!(python.as_ref(), Some(&seen), "{side:?}: {how}: both say the same");
                if problem.is_empty() {
                    let codes = ["broken_link", "checkpoint_mismatch", "bad_signature"];
                    assert!(codes.contains(&failure.problem.code()), "{side:?}: {how}: {failure}");
                } else {
                    assert_eq!(seen, (line, problem.to_owned()), "{side:?}: {how}");
                }
                assert!(self.crosscheck(&cloud, &proxy).is_err(), "{side:?}: {how}: crosscheck verifies first");
            }
            Found::Crosscheck(where_, in_what_way) => {
                assert!(
                    ours.is_ok() && python.is_none(),
                    "{side:?}: {how}: by itself it is sound: {ours:?} {python:?}"
                );
                let compared = self.crosscheck(&cloud, &proxy).unwrap();
                println!("{side:?}: {how}: {:?}", compared.findings.iter().map(Finding::to_string).collect::<Vec<_>>());
                let is_it = |finding: &Finding| finding.side == where_ && finding.how == in_what_way;
                assert!(compared.findings.iter().any(is_it), "{side:?}: {how}: {:#?}", compared.findings);
                let between =
                    compared.findings.iter().all(|finding| finding.after.is_none_or(|after| after < finding.until));
                assert!(between, "{side:?}: {how}: between an entry and a later one: {:#?}", compared.findings);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_tamper_is_found_where_it_was_done() {
    let files = Files::of_a_containment().await;
    let (cloud, proxy) = files.write(&files.cloud, &files.proxy);
    for file in [&cloud, &proxy] {
        assert!(files.verify(file).is_ok() && files.python(file).is_none(), "untouched, {} is sound", file.display());
    }
    let compared = files.crosscheck(&cloud, &proxy).unwrap();
    assert_eq!(compared.findings, [], "untouched, both sides agree");
    assert!(compared.proxy_heads >= 2 && compared.checkpoints >= 2, "{compared:?}");
    assert!(compared.cloud.checkpoints >= 3 && compared.cloud.signatures_checked);

    for row in cloud_rows(&files.cloud) {
        files.try_row(Side::Cloud, row);
    }
    for row in proxy_rows(&files.proxy) {
        files.try_row(Side::Proxy, row);
    }

    // The same logs tell the whole story of the action, with every signature checked.
    let (cloud, proxy) = files.write(&files.cloud, &files.proxy);
    let sources = |platform: &str| Sources {
        cloud: vec![cloud.clone()],
        proxy: vec![proxy.clone()],
        platform_keys: vec![files.key(platform)],
        proxy_keys: vec![files.key("proxy.pem")],
        checkpoint_keys: vec![files.key("checkpoint.pem")],
    };
    let story = explain(&files.request_id, &sources("action.pem"), clock::now()).unwrap();
    println!("{story}");
    assert!(story.checks.iter().all(|check| check.verdict == Verdict::Holds), "{:#?}", story.checks);
    let kinds: Vec<&str> = story.steps.iter().map(|step| step.kind.as_str()).collect();
    for kind in [
        "ALERT_ACCEPTED",
        "VERDICT_RECORDED",
        "CARD_POSTED",
        "APPROVED",
        "ACTION_DELIVERED",
        "RECEIPT_RECORDED",
        "RELEASE_APPROVED",
    ] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let other_key = explain(&files.request_id, &sources("checkpoint.pem"), clock::now()).unwrap();
    assert!(!other_key.holds(), "another key than the platform's has not signed it");
    assert!(explain("nothing", &sources("action.pem"), clock::now()).is_err());
}
