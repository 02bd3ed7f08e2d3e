use crate::stand::{Stand, acme, said};
use serde_json::{Value, json};
use vyrox_audit::Draft;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::ledger::{Change, Expect, LaneRecord, Ledger};
use vyrox_platform::table::SortKey;
use vyrox_platform::volatile::Volatile;
use vyrox_tests::Stage;

fn finding<'a>(findings: &'a Value, what: &str) -> &'a Value {
    let mut all = findings.as_array().unwrap().iter();
    all.find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("{what} is not in {findings:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_well_is_said_to_be_well() {
    let stand = Stand::start().await;
    let findings = stand.json(&["doctor"]).await;
    // An emulator keeps no backups.
    let found = findings.as_array().unwrap().iter().filter(|finding| finding["what"] != "point-in-time recovery");
    for finding in found {
        assert_eq!(finding["state"], "ok", "{finding}");
    }
    assert!(findings.as_array().unwrap().len() >= 14, "table, four queues with dead letters, three keys");
    let text = stand.ok(&["doctor"]).await;
    assert!(text.contains("WHAT") && text.contains("signing key"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_bad_and_each_finding_says_what_to_do() {
    let stand = Stand::with_tenant().await;
    let said = stand.run(&["doctor", "--stack", "elsewhere", "--json"]).await;
    assert_eq!(said.code, 1);
    let findings: Value = serde_json::from_str(&said.out).unwrap();
    for what in ["table elsewhere-table", "queue alerts", "signing key"] {
        assert_eq!(finding(&findings, what)["state"], "bad");
    }
    for finding in findings.as_array().unwrap().iter().filter(|finding| finding["state"] != "ok") {
        assert!(finding["advice"].as_str().is_some_and(|advice| advice.len() > 10), "{finding}");
    }
    let confused = stand.run(&["doctor", "--checkpoint-key", "alias/vyrox-signing", "--json"]).await;
    assert_eq!(finding(&serde_json::from_str(&confused.out).unwrap(), "checkpoint key")["found"], "one key does both");
    let wrong = stand.run(&["doctor", "--secrets-key", "alias/vyrox-signing"]).await;
    assert!(wrong.code == 1 && wrong.out.contains("not SYMMETRIC_DEFAULT"), "{wrong:?}");

    let said = stand.run(&["doctor", "acme", "--json"]).await;
    assert_eq!(said.code, 1, "no alert can come in");
    let findings: Value = serde_json::from_str(&said.out).unwrap();
    for (part, state) in
        [("settings", "ok"), ("sources", "bad"), ("proxy", "look"), ("audit", "look"), ("Discord", "?")]
    {
        assert_eq!(finding(&findings, &format!("acme: {part}"))["state"], state, "{part}");
    }
    stand.run(&["doctor", "nobody"]).await.refused(2, "no tenant nobody");
    let lost = stand.run(&["doctor", "acme", "--table", "elsewhere", "--json"]).await;
    assert_eq!((lost.code, lost.err.as_str()), (1, ""), "a missing table is a finding, whoever is asked for");
    let findings: Value = serde_json::from_str(&lost.out).unwrap();
    assert_eq!(finding(&findings, "table elsewhere")["state"], "bad");
    assert_eq!(finding(&findings, "acme: settings")["state"], "bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_tenant_is_well_and_its_dead_letters_are_seen() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    stage.card(alert).await;
    stage.system.checkpointer.tenant(&stage.tenant(), vyrox_checkpoint::Idle::ByAge).await.unwrap();
    let url = stage.resources().await.queue_url("CardsDeadLetters").unwrap().to_owned();
    stage.clients().sqs.send_message().queue_url(url).message_body("{}").send().await.unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
    command.args(["doctor", "demo", "--json"]).env_clear();
    command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    command.env("AWS_ENDPOINT_URL", &stage.system.endpoints.aws_endpoint_url);
    let findings = crate::stand::said(command.output().await.unwrap()).json();
    for part in ["settings", "sources", "proxy", "audit"] {
        assert_eq!(finding(&findings, &format!("demo: {part}"))["state"], "ok", "{findings:#}");
    }
    let dead = finding(&findings, "dead letters of cards");
    assert_eq!((&dead["state"], &dead["found"]), (&Value::from("look"), &Value::from("1")));
    assert!(dead["advice"].as_str().unwrap().contains("dlq redrive cards"));
    stage.end().await;
}

/// What the command finds with these variables besides.
async fn findings(stand: &Stand, arguments: &[&str], environment: &[(&str, &str)]) -> Value {
    let arguments: Vec<&str> = ["doctor", "--json"].into_iter().chain(arguments.iter().copied()).collect();
    let said = said(stand.command(&arguments).envs(environment.iter().copied()).output().await.unwrap());
    assert_eq!(said.err, "", "{said:?}");
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// It is bad, says what was found, and what to do.
#[track_caller]
fn assert_bad(findings: &Value, what: &str, found: &str, advice: &str) {
    let finding = finding(findings, what);
    assert_eq!(finding["state"], "bad", "{finding}");
    assert!(finding["found"].as_str().unwrap().contains(found), "{finding}");
    assert!(finding["advice"].as_str().unwrap().contains(advice), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_gone_and_a_table_that_is_are_named() {
    let stand = Stand::with_tenant().await;
    let delete = async |queue: &str| {
        let url = stand.provisioned.queue_url(queue).unwrap();
        stand.clients.sqs.delete_queue().queue_url(url).send().await.unwrap();
    };
    delete("CardsQueue").await;
    delete("ActionsDeadLetters").await;
    let found = findings(&stand, &[], &[]).await;
    assert_bad(&found, "queue cards", "vyrox-cards is not there", "Deploy the stack");
    assert_bad(&found, "queue actions-dlq", "vyrox-actions-dlq is not there", "Deploy the stack");
    assert_eq!(finding(&found, "queue alerts")["state"], "ok");
    stand.clients.dynamodb.delete_table().table_name("vyrox-table").send().await.unwrap();
    let found = findings(&stand, &["acme"], &[]).await;
    assert_bad(&found, "table vyrox-table", "it is not there", "Deploy the stack");
    assert_eq!(finding(&found, "acme: settings")["state"], "bad", "and what rests on it");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answering_at_all_is_a_finding_too() {
    let stand = Stand::start().await;
    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];
    let found = findings(&stand, &[], &nowhere).await;
    for what in ["table vyrox-table", "queue alerts", "signing key"] {
        assert_bad(&found, what, "", "AWS_ENDPOINT_URL");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_is_well_while_nothing_waits_and_not_when_it_is_left_alone_or_broken() {
    let stand = Stand::with_tenant().await;
    let (tenant, now) = (acme(), stand.now());
    let ledger = Ledger::new(stand.table(), "test", stand.clock.clone());
    let store = async |change: Change| {
        let event = Draft::event(now, "acme", "CHANGED_BY_TEST");
        ledger.commit(&tenant, &[change], &event).await.unwrap();
        ledger.close().await;
    };
    let audit = async || finding(&findings(&stand, &["acme"], &[]).await, "acme: audit").clone();
    assert_eq!(audit().await["found"], "no checkpoint has been signed yet");
    // A week without alerts: what there was is signed, and there is nothing else.
    store(Change::put(SortKey::checkpoint(0), &json!({"timestamp": now - 7 * 86_400}), Expect::Absent)).await;
    assert_eq!(audit().await["state"], "ok", "{}", audit().await);

    let lane = |at: i64| LaneRecord::opened(at);
    store(lane(now - 600).stored("ingest-young", Expect::Absent)).await;
    assert_eq!(audit().await["state"], "ok", "what has just begun is signed soon");
    store(lane(now - 3 * 3_600).stored("ingest-old", Expect::Absent)).await;
    assert_bad(&findings(&stand, &["acme"], &[]).await, "acme: audit", "entries wait since", "audit checkpoint acme");
    let broken = LaneRecord { broken: Some("entry 3 is not there any more".to_owned()), ..lane(now) };
    store(broken.stored("ingest-cut", Expect::Absent)).await;
    let found = findings(&stand, &["acme"], &[]).await;
    assert_bad(&found, "acme: audit", "lane ingest-cut is BROKEN: entry 3", "audit export acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_silent_or_revoked_and_a_bot_that_is_refused_are_told_apart() {
    let stage = Stage::dry_run().await;
    let run = async |token: &str| {
        let (application, _) = stage.bot();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
        command.args(["doctor", "demo", "--json"]).env_clear();
        command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
        command.env("AWS_ENDPOINT_URL", &stage.system.endpoints.aws_endpoint_url);
        command.env("VYROX_DISCORD_API_URL", stage.system.discord.api_url());
        command.env("VYROX_DISCORD_APPLICATION_ID", application).env("VYROX_DISCORD_BOT_TOKEN", token);
        let said = said(command.output().await.unwrap());
        serde_json::from_str::<Value>(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    };
    let (_, token) = stage.bot();
    assert_eq!(finding(&run(&token).await, "demo: Discord")["state"], "ok");
    assert_bad(&run("not.the.token").await, "demo: Discord", "refuses the bot's token", "DiscordBotToken");
    let now = stage.now();
    stage.change_proxy(|proxy| proxy.revoked_at = Some(now)).await;
    assert_bad(&run(&token).await, "demo: proxy", "is revoked", "proxy enrol demo");
    // Nothing that it polls is noted any more.
    stage.change_proxy(|proxy| proxy.revoked_at = None).await;
    stage.system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_was_heard_of_once_and_never_again_is_missed() {
    let stand = Stand::with_tenant().await;
    let tenant = acme();
    let enrolled = EnrolledProxy {
        id: "edge-1".parse().unwrap(),
        public_key: vyrox_contract::Ed25519Signer::from_seed(&[7; 32]).verifying_key().to_text(),
        enrolled_at: stand.now(),
        push_url: None,
        revoked_at: None,
        previous: None,
    };
    let ledger = Ledger::new(stand.table(), "test", stand.clock.clone());
    let change = Change::put(SortKey::proxy(&enrolled.id), &enrolled, Expect::Absent);
    ledger.commit(&tenant, &[change], &Draft::event(stand.now(), "acme", "CHANGED_BY_TEST")).await.unwrap();
    stand.ok(&["tenant", "set", "acme", "--proxy-id", "edge-1"]).await;
    let never = findings(&stand, &["acme"], &[]).await;
    assert_bad(&never, "acme: proxy", "never been heard of", "reach the relay");
    let volatile = Volatile::new(stand.table());
    volatile.note_proxy(&tenant, &enrolled.id, stand.now() - 3_600).await;
    let silent = findings(&stand, &["acme"], &[]).await;
    assert_bad(&silent, "acme: proxy", "edge-1 was last heard of", "Is it running?");
    volatile.note_proxy(&tenant, &enrolled.id, stand.now()).await;
    assert_eq!(finding(&findings(&stand, &["acme"], &[]).await, "acme: proxy")["state"], "ok");
}
