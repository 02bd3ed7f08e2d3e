//! A tenant moves from one store to another: nothing of it is lost or changed, its audit verifies there, and alerts go on.

use crate::stand::{Said, Stand, acme, said};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use vyrox_audit::Draft;
use vyrox_checkpoint::{Checkpointer, Idle};
use vyrox_domain::action::ActionState;
use vyrox_platform::config::{self, Aws};
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::table::SortKey;
use vyrox_platform::transfer::Transfer;
use vyrox_tests::{APPROVER, Options, Stage};

/// `vyroxctl` against the store of a running system.
async fn ctl(endpoint: &str, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    said(command.env("AWS_ENDPOINT_URL", endpoint).output().await.unwrap())
}

async fn ok(endpoint: &str, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    ctl(endpoint, &arguments).await.json()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_moves_with_its_alerts_decisions_and_audit_and_goes_on() {
    let old = Stage::live().await;
    let (contained, denied) = (old.fire("credential-dump").await, old.fire("ransomware").await);
    let card = old.card(contained).await;
    old.press(APPROVER, &card, "Approve").await;
    old.contained(contained).await;
    let card = old.card(denied).await;
    let open = old.record(denied).await.posted;
    old.press(APPROVER, &card, "Deny").await;
    // A card that is drawn anew after the export would be another one here: some seconds after a click notify looks again.
    old.card_saying(contained, "CONTAINED").await;
    old.until("the card is known to show the decision", denied, |record| record.posted != open).await;
    old.quiet().await;
    old.system.checkpointer.tenant(&old.tenant(), Idle::ByAge).await.unwrap();
    let at = old.system.endpoints.aws_endpoint_url.clone();

    let new = Stand::start().await;
    let (file, key) = (new.file("demo.jsonl"), new.file("old.pem"));
    // Secrets are not written unless somebody says so twice.
    let arguments = ["export", "demo", "--with-secrets", "--output", text(&file)];
    ctl(&at, &arguments).await.refused(2, "in the clear");
    let told = ok(&at, &[&arguments[..], &["--yes", "--operator", "mover"]].concat()).await;
    assert_eq!((&told["items"]["ALERT"], &told["items"]["EVIDENCE"]), (&json!(2), &json!(2)));
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap()) & 0o777, 0o600);
    ctl(&at, &arguments).await.refused(2, "--yes");

    let imported = ok(&new.endpoint, &["import", text(&file)]).await;
    assert_eq!(imported["same"], 0);
    std::fs::write(&key, imported["checkpoint_key"].as_str().unwrap()).unwrap();
    // Again, nothing is written; and both audits tell of it.
    let again = ok(&new.endpoint, &["import", text(&file)]).await;
    assert_eq!((&again["missing"], &again["same"]), (&json!(0), &imported["missing"]));
    assert_eq!(new.entry("demo", "TENANT_EXPORTED").await["detail"]["operator"], "mover", "the old audit came along");
    assert_eq!(new.entry("demo", "TENANT_IMPORTED").await["detail"]["written"], imported["written"]);

    for alert in [contained, denied].map(|id| id.to_string()) {
        let show = ["alert", "show", "demo", &alert];
        assert_eq!(new.json(&show).await, ok(&at, &show).await);
        let evidence = ["alert", "evidence", "demo", &alert];
        assert_eq!(new.json(&evidence).await, ok(&at, &evidence).await, "sealed anew, and the same");
    }
    new.run(&["audit", "verify", "demo"]).await.refused(1, "not signed by a given key");
    let verified = new.json(&["audit", "verify", "demo", "--trust", text(&key)]).await;
    assert_eq!(verified["ok"], true);

    // The system goes on there: the next alert is judged, shown, approved and carried out.
    let options = Options { live: true, aws_endpoint: Some(new.endpoint.clone()), ..Options::default() };
    let next = Stage::start(options).await;
    assert_eq!(next.record(contained).await.containment.unwrap().state, ActionState::Executed);
    let alert = next.fire("lateral-psexec").await;
    let card = next.card(alert).await;
    next.press(APPROVER, &card, "Approve").await;
    assert_eq!(next.contained(alert).await.containment.unwrap().state, ActionState::Executed);
    next.quiet().await;
    next.system.checkpointer.tenant(&next.tenant(), Idle::ByAge).await.unwrap();
    let after = new.json(&["audit", "verify", "demo", "--trust", text(&key)]).await;
    assert!(after["entries"].as_u64() > verified["entries"].as_u64());

    // Once more: what was changed here since stays, and is no reason to refuse.
    let late = ok(&new.endpoint, &["import", text(&file)]).await;
    assert_eq!((&late["written"], &late["missing"]), (&json!(0), &json!(0)));
    assert!(late["changed"].as_u64() > Some(0), "{late}");
    assert_eq!(new.json(&["audit", "verify", "demo", "--trust", text(&key)]).await["ok"], true);
    next.end().await;
    old.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_secrets_a_tenant_is_whole_but_for_them() {
    let old = Stand::with_tenant().await;
    old.ok(&["source", "add", "acme", "crowdstrike", "--scheme", "vyrox_hmac", "--scheme", "bearer"]).await;
    let file = old.file("acme.jsonl");
    let secret_less = old.json(&["export", "--all", "--output", text(&file)]).await;
    assert_eq!(secret_less["tenants"], json!(["acme"]));
    let content = std::fs::read_to_string(&file).unwrap();
    assert!(!content.contains("\"clear\"") && !content.contains("sealed"), "{content}");

    let new = Stand::start().await;
    assert_eq!(new.json(&["import", text(&file), "--dry-run"]).await["written"], 0);
    new.run(&["tenant", "show", "acme"]).await.refused(2, "no tenant acme");
    new.ok(&["import", text(&file)]).await;
    let sources = new.json(&["source", "list", "acme"]).await;
    let schemes: Vec<&Value> =
        sources[0]["schemes"].as_array().unwrap().iter().map(|scheme| &scheme["scheme"]).collect();
    assert_eq!(schemes, ["bearer"], "a token's hash is no secret");
    new.ok(&["source", "scheme", "add", "acme", "crowdstrike", "vyrox_hmac"]).await;

    // Through a pipe, into a store where another tenant has the same server.
    let third = Stand::start().await;
    third.ok(&["tenant", "create", "other", "--name", "Other", "--guild", crate::stand::GUILD]).await;
    let mut import = third.command(&["import", "-"]);
    let import = import.stdin(std::fs::File::open(&file).unwrap()).output().await.unwrap();
    said(import).refused(1, "another tenant answers to its name");
    third.run(&["tenant", "show", "acme"]).await.refused(2, "no tenant acme");
}

/// The tenant's items that are in a table, as they are stored.
async fn held(stand: &Stand, tenant: &str) -> usize {
    let transfer = Transfer::new(stand.table());
    let (mut count, mut after) = (0, None);
    loop {
        let (items, next) = transfer.page(&tenant.parse().unwrap(), after).await.unwrap();
        count += items.len();
        match next {
            Some(key) => after = Some(key),
            None => return count,
        }
    }
}

/// The function that signs audits, as it runs every five minutes wherever the template is deployed.
async fn checkpointer(stand: &Stand) -> Checkpointer {
    let config = config::Checkpoint {
        aws: Aws::local(&stand.endpoint),
        table: stand.provisioned.table("Table").unwrap().to_owned(),
        checkpoint_key_id: stand.provisioned.key("CheckpointKey").unwrap().id.clone(),
        lane_idle_minutes: 30,
        audit_retention_days: 0,
        checkpoint_bucket: None,
    };
    Checkpointer::connect(&stand.clients, &config, Arc::clone(&stand.clock)).await.unwrap()
}

/// An import that is killed when so many items are there.
async fn killed(new: &Stand, file: &Path, at: usize) {
    let mut import = new.command(&["import", text(file)]).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    while held(new, "acme").await < at {
        assert!(import.try_wait().unwrap().is_none(), "it was quicker");
    }
    import.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_half_way_is_gone_on_with_whatever_runs_there_meanwhile() {
    let old = Stand::with_tenant().await;
    let checkpoint = async |stand: &Stand| stand.ok(&["audit", "checkpoint", "acme"]).await;
    for days in 1..60 {
        let days = days.to_string();
        old.ok(&["apikey", "create", "acme", "--role", "viewer", "--days", &days]).await;
    }
    checkpoint(&old).await;
    let file = old.file("acme.jsonl");
    let whole = old.json(&["export", "acme", "--output", text(&file)]).await;
    let items: u64 = whole["items"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();

    let new = Stand::start().await;
    for at in [30, 80] {
        killed(&new, &file, at).await;
        // Half of a tenant is none: nobody can use it, and no function touches its audit.
        new.run(&["tenant", "show", "acme"]).await.refused(2, "no tenant acme");
        let run = checkpointer(&new).await.run(Duration::from_secs(60), Idle::All).await.unwrap();
        assert_eq!((run.tenants, run.checkpoints), (0, 0), "{run:?}");
    }
    let told = new.json(&["import", text(&file)]).await;
    let sum = |told: &Value| told["written"].as_u64().unwrap() + told["same"].as_u64().unwrap();
    assert_eq!(sum(&told), items);
    assert!(told["same"].as_u64().unwrap() >= 80, "it went on: {told}");
    assert_eq!(new.entry("acme", "TENANT_IMPORTED").await["detail"]["written"], told["written"]);
    let (again, key) = (new.json(&["import", text(&file)]).await, new.file("old.pem"));
    assert_eq!((again["written"].as_u64(), sum(&again)), (Some(0), items));
    std::fs::write(&key, again["checkpoint_key"].as_str().unwrap()).unwrap();
    assert_eq!(new.json(&["audit", "verify", "acme", "--trust", text(&key)]).await["ok"], true);
    checkpoint(&new).await;
    assert_eq!(new.json(&["import", text(&file)]).await["written"], 0, "its audit went on, and that is no obstacle");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_tenant_is_read_in_pages_that_an_embedded_store_can_bear() {
    let stand = Stand::with_tenant().await;
    let ledger = Ledger::new(stand.table(), "test", stand.clock.clone());
    for block in 1..=15 {
        let click = |number: u64| {
            Change::put(SortKey::interaction(number.to_string().parse().unwrap()), &json!({}), Expect::Absent)
        };
        let clicks: Vec<Change> = (block * 1_000..block * 1_000 + 90).map(click).collect();
        ledger.commit(&acme(), &clicks, &Draft::event(stand.now(), "acme", "CHANGED_BY_TEST")).await.unwrap();
    }
    let transfer = Transfer::new(stand.table());
    let (page, next) = transfer.page(&acme(), None).await.unwrap();
    assert!(page.len() == 1_000 && next.is_some(), "{}", page.len());
    assert!(held(&stand, "acme").await > 1_350);
    assert_eq!(transfer.tenants().await.unwrap(), [acme()], "found behind more than one page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_whole_is_not_imported() {
    let old = Stand::with_tenant().await;
    let file = old.file("acme.jsonl");
    old.ok(&["export", "acme", "--output", text(&file)]).await;
    old.run(&["export", "acme", "--output", text(&file)]).await.refused(2, "exists already");
    old.run(&["export", "nobody"]).await.refused(2, "no tenant nobody");
    let whole = std::fs::read_to_string(&file).unwrap();
    let (without_end, _) = whole.trim_end().rsplit_once('\n').unwrap();
    let new = Stand::start().await;
    for (what, content, because) in [
        ("nothing", String::new(), "empty"),
        ("no manifest", format!("{without_end}\n"), "no manifest"),
        ("cut within a line", whole[..whole.len() - 20].to_owned(), "cut off"),
        ("another name", whole.replacen("Acme", "Evil", 1), "manifest"),
        ("a line less", without_line(&whole, 1), "manifest"),
        ("something behind it", format!("{whole}{{}}\n"), "follows"),
        ("no export", "{}\n".to_owned(), "first line"),
        ("a newer one", whole.replacen("\"vyrox_export\":1", "\"vyrox_export\":2", 1), "newer"),
        ("another tenant's item", whole.replacen("\"tenant_id\":\"acme\"", "\"tenant_id\":\"emca\"", 1), "first line"),
    ] {
        let altered = old.file("altered.jsonl");
        std::fs::write(&altered, content).unwrap();
        let said = new.run(&["import", text(&altered)]).await;
        assert_eq!(said.code, 2, "{what}: {said:?}");
        assert!(said.err.contains(because), "{what}: {said:?}");
        new.run(&["tenant", "show", "acme"]).await.refused(2, "no tenant acme");
    }
}

fn without_line(text: &str, index: usize) -> String {
    text.lines().enumerate().filter(|(at, _)| *at != index).map(|(_, line)| format!("{line}\n")).collect()
}

/// On a terminal one sees how far it has got; elsewhere nothing is said but the answer.
#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_move_has_got_is_shown_on_a_terminal() {
    let (old, new) = (Stand::with_tenant().await, Stand::start().await);
    let file = old.file("acme.jsonl");
    old.ok(&["export", "acme", "--output", text(&file)]).await;
    let arguments = ["import", text(&file)];
    let alone = new.run(&[&arguments[..], &["--dry-run"]].concat()).await;
    assert_eq!((alone.code, alone.err.as_str()), (0, ""));

    // Its second argument is where it keeps what it has seen.
    let line = format!("'{}' import '{}'", env!("CARGO_BIN_EXE_vyroxctl"), file.display());
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env_clear().stdin(Stdio::null());
    terminal.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    terminal.envs([("AWS_ENDPOINT_URL", new.endpoint.as_str()), ("TERM", "xterm"), ("PATH", "/usr/bin:/bin")]);
    let shown = said(terminal.output().await.unwrap());
    assert_eq!(shown.code, 0, "{shown:?}");
    for part in [" items compared", " items written", "here already"] {
        assert!(shown.out.contains(part), "{part:?} is not in {shown:?}");
    }
}
