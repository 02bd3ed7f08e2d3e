//! `vyroxctl rules`: with an empty environment, except for what reads a tenant's alerts.

use crate::stand::{Said, Stand, acme, said};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Command;
use vyrox_audit::Draft;
use vyrox_contract::Vendor;
use vyrox_domain::alert::{NormalizedAlert, alert_id};
use vyrox_domain::heuristics::Ruleset;
use vyrox_domain::judgement::{Consultation, Judgement};
use vyrox_domain::record::AlertRecord;
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::table::SortKey;

const RULES: &str = r#"
    [[rule]]
    id = "test-whoami"
    title = "Who is this"
    family = "who"
    platforms = ["windows"]
    techniques = ["T1033"]
    tactic = "discovery"
    weight = 0.6
    all = ["whoami"]
    false_positives = "none known"
    match = ["whoami /all"]
    no_match = ["hostname"]

    [[rule]]
    id = "test-trial"
    title = "On trial"
    family = "who"
    platforms = ["windows"]
    techniques = ["T1033"]
    tactic = "discovery"
    weight = 0.9
    stage = true
    all = ["/all"]
    false_positives = "none known"
    match = ["whoami /all"]
    no_match = ["hostname"]
"#;

const EVENTS: &str = r#"{"id":"one","os":"windows","process_name":"whoami.exe","process_cmdline":"whoami /all","parent_process":"cmd.exe"}

{"id":2,"os":"linux","process_cmdline":"ls -la"}
"#;

/// The binary with nothing at all in its environment.
async fn run(arguments: &[&str], input: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read its input may be gone already.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await;
    drop(stdin);
    said(child.wait_with_output().await.unwrap())
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("a.toml")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    folder
}

fn lines(said: &Said) -> Vec<Value> {
    assert_eq!(said.code, 0, "{said:?}");
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn each_event_is_one_line_with_id_score_and_verdict() {
    let folder = folder(RULES);
    let said = run(&["rules", "score", "-", "--rules", text(folder.path())], EVENTS).await;
    let scored = lines(&said);
    assert_eq!((scored.len(), &scored[0]["id"], &scored[1]["id"]), (2, &json!("one"), &json!(2)), "{said:?}");
    for line in &scored {
        let members: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(members, ["id", "score", "verdict"], "{said:?}");
        assert!((0.0..=1.0).contains(&line["score"].as_f64().unwrap()), "{said:?}");
    }
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, EVENTS).unwrap();
    assert_eq!(run(&["rules", "score", text(&file), "--rules", text(folder.path())], "").await.out, said.out);
    let built_in = lines(&run(&["rules", "score", text(&file)], "").await);
    assert_eq!(built_in.len(), 2, "the rules of the build need no folder");
}

#[tokio::test]
async fn an_explained_score_lists_rules_that_count_and_rules_on_trial() {
    let folder = folder(RULES);
    let said = run(&["rules", "score", "-", "--explain", "--rules", text(folder.path())], EVENTS).await;
    let lines = lines(&said);
    let matched = lines[0]["matched"].as_array().unwrap();
    let rule = matched.iter().find(|item| item["rule_id"] == "test-whoami").unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!((&rule["family"], &rule["matched"]), (&json!("who"), &json!("whoami /all")));
    assert_eq!(lines[0]["staged"][0]["rule_id"], "test-trial");
    let without_trial = RULES.split("[[rule]]").take(2).collect::<Vec<_>>().join("[[rule]]");
    let alone = self::folder(&without_trial);
    let alone = run(&["rules", "score", "-", "--rules", text(alone.path())], EVENTS).await;
    let alone: Value = serde_json::from_str(alone.out.lines().next().unwrap()).unwrap();
    assert_eq!(lines[0]["score"], alone["score"], "a trial does not count");
}

#[tokio::test]
async fn a_line_that_is_no_event_is_named_by_its_number() {
    let said = run(&["rules", "score", "-"], "{}\nnot json\n").await;
    assert!(said.code == 2 && said.err.contains("line 2"), "{said:?}");
    let said = run(&["rules", "score", "/nowhere/events.jsonl"], "").await;
    said.refused(2, "/nowhere/events.jsonl cannot be read");
}

#[tokio::test]
async fn lint_passes_whole_rules_and_counts_them() {
    let folder = folder(RULES);
    let report = run(&["rules", "lint", "--rules", text(folder.path()), "--json"], "").await.json();
    assert_eq!(report["mistakes"], json!([]));
    assert_eq!((&report["total"]["rules"], &report["total"]["staged"]), (&json!(2), &json!(1)));
    assert_eq!(report["platforms"]["windows"]["literals"], 2);
    assert_eq!(report["tactics"]["discovery"]["examples"], 4);
}

#[tokio::test]
async fn lint_names_mistakes_and_failing_examples_and_fails() {
    let broken = folder(&RULES.replace("T1033", "1033").replace("weight = 0.6", "weight = 6.0"));
    let said = run(&["rules", "lint", "--rules", text(broken.path())], "").await;
    assert_eq!(said.code, 1);
    for mistake in
        ["a.toml: test-trial: techniques: T1234", "a.toml: test-whoami: techniques: ", "a.toml: test-whoami: weight: "]
    {
        assert!(said.out.contains(mistake), "{mistake} is not in {said:?}");
    }
    let wrong = folder(&RULES.replacen("[\"hostname\"]", "[\"whoami\"]", 1));
    let said = run(&["rules", "lint", "--rules", text(wrong.path())], "").await;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("a.toml: test-whoami: no_match: on windows it matches"), "{said:?}");
    run(&["rules", "score", "-", "--rules", text(broken.path())], "{}").await.refused(1, "a.toml: test-whoami: weight");
}

#[tokio::test]
async fn an_explanation_has_every_form_every_rule_and_every_step() {
    let folder = folder(RULES);
    let rules = text(folder.path());
    let said = run(&["rules", "explain", "--os", "windows", "--cmdline", "w^h^oami /all", "--rules", rules], "").await;
    assert_eq!(said.code, 0, "{said:?}");
    for part in [" at 0.", "w^h^oami /all", "whoami /all", "test-whoami", "On trial", "test-trial"] {
        assert!(said.out.contains(part), "{part} is not in {}", said.out);
    }
    let event = r#"{"platform":"windows","process_cmdline":"whoami /all"}"#;
    let page = run(&["rules", "explain", "-", "--rules", rules, "--json"], event).await.json();
    let steps = page["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["family"] == "who").unwrap_or_else(|| panic!("{page}"));
    assert_eq!((&step["strongest"], &step["weight"]), (&json!("test-whoami"), &json!(0.6)));
    assert!(page["verdict"] != "BENIGN" && page["platforms"] == json!(["windows"]), "{page}");
    assert_eq!(run(&["rules", "explain"], "").await.code, 2, "there must be an event");
}

#[tokio::test]
async fn a_benchmark_measures_the_engine_beside_a_plain_loop() {
    let folder = folder(RULES);
    let report = run(&["rules", "bench", "-", "--rules", text(folder.path()), "--json"], EVENTS).await.json();
    assert_eq!((&report["rules"], &report["events"]), (&json!(2), &json!(2)));
    for measured in ["cpu_us_per_event", "init_ms"] {
        assert!(report[measured].as_f64().unwrap() > 0.0, "{measured} in {report}");
    }
    assert!(report["plain_loop"]["patterns"].as_u64().unwrap() >= 2, "{report}");
    run(&["rules", "bench", "-"], "\n").await.refused(2, "has no event");
}

/// Stores an alert as triage leaves it.
async fn store(stand: &Stand, raw_id: &str, cmdline: &str) -> String {
    let id = alert_id(&acme(), Vendor::Crowdstrike, raw_id);
    let alert: NormalizedAlert = serde_json::from_value(json!({
        "tenant_id": "acme", "id": id, "source": "crowdstrike", "raw_id": raw_id, "timestamp": 1_700_000_000,
        "hostname": "ws-01", "title": raw_id, "vendor_severity": "UNKNOWN", "received_at": 1_700_000_000, "revision": 0,
        "platform": "windows", "process_cmdline": cmdline,
    }))
    .unwrap();
    let verdict = Judgement::of(&alert, Ruleset::built_in()).conclude(&Consultation::NotAsked);
    let mut record = AlertRecord::received(alert);
    record.verdict = Some(verdict);
    let ledger = Ledger::new(stand.table(), "test", Arc::clone(&stand.clock));
    let change = Change::put(SortKey::alert(id), &record, Expect::Absent);
    ledger.commit(&acme(), &[change], &Draft::event(1_700_000_000, "acme", "VERDICT_RECORDED")).await.unwrap();
    id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_shows_what_other_rules_would_say_and_changes_nothing() {
    let stand = Stand::with_tenant().await;
    let raised = store(&stand, "raised", "whoami /all").await;
    let lowered = store(&stand, "lowered", "vssadmin delete shadows /all /quiet").await;
    store(&stand, "unchanged", "notepad.exe readme.txt").await;
    let (before, entries) = (stand.json(&["alert", "show", "acme", &lowered]).await, stand.audit("acme").await.len());

    let folder = folder(RULES);
    let replay = stand.json(&["rules", "replay", "acme", "--rules", text(folder.path())]).await;
    let tally = &replay["tally"];
    assert_eq!((&tally["alerts"], &tally["raised"], &tally["lowered"]), (&json!(3), &json!(1), &json!(1)), "{tally}");
    let difference = |id: &str| {
        let all = replay["differences"].as_array().unwrap().iter();
        all.clone().find(|difference| difference["alert"] == id).unwrap_or_else(|| panic!("{id} in {replay}")).clone()
    };
    assert_eq!(difference(&raised)["came"], json!(["test-whoami"]));
    assert_ne!(difference(&raised)["after"]["verdict"], difference(&raised)["before"]["verdict"]);
    assert_ne!(difference(&lowered)["after"]["verdict"], difference(&lowered)["before"]["verdict"]);
    assert!(!difference(&lowered)["went"].as_array().unwrap().is_empty());
    let page = stand.ok(&["rules", "replay", "acme", "--rules", text(folder.path())]).await;
    assert!(page.contains("1 raised, 1 lowered") && page.contains("+test-whoami"), "{page}");

    let same = stand.json(&["rules", "replay", "acme"]).await;
    assert_eq!(
        (&same["differences"], &same["tally"]["unchanged"]),
        (&json!([]), &json!(3)),
        "the rules that judged them"
    );
    assert_eq!(stand.json(&["alert", "show", "acme", &lowered]).await, before);
    assert_eq!(
        stand.audit("acme").await.len(),
        entries + 2,
        "the first reading of the audit itself, and the end of its lane"
    );
    stand.run(&["rules", "replay", "nobody"]).await.refused(2, "no tenant nobody");
}
