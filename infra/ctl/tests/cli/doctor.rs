use crate::stand::Stand;
use serde_json::Value;
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
