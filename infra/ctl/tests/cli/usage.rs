use crate::stand::{Stand, said};
use serde_json::Value;
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_in_the_environment_is_named_and_is_usage() {
    let stand = Stand::start().await;
    let mut command = stand.command(&["tenant", "show", "acme"]);
    command.env_remove("AWS_REGION").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("AWS_REGION") && text.contains("AWS_SECRET_ACCESS_KEY"), "{text}");
    let mut command = stand.command(&["tenant", "show", "acme"]);
    let said = said(command.env("AWS_ENDPOINT_URL", "localhost:4566").output().await.unwrap());
    said.refused(2, "AWS_ENDPOINT_URL is not an http or https URL");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_read_enough_is_told_nothing_more() {
    let stand = Stand::with_tenant().await;
    let mut command = stand.command(&["completions", "bash"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than a pipe holds is still to come.
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(1), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_are_usage_and_help_says_what_codes_mean() {
    let stand = Stand::start().await;
    assert_eq!(stand.run(&["tenant", "create", "a/b", "--name", "x"]).await.code, 2);
    assert_eq!(stand.run(&["tenant", "create", "acme", "--name", "x", "--quorum", "3"]).await.code, 2);
    assert_eq!(stand.run(&["tenant", "create", "acme", "--name", "x", "--guild", "general"]).await.code, 2);
    let help = stand.ok(&["--help"]).await;
    for part in ["Exit codes:", "vyroxctl tenant create acme", "VYROX_TABLE", "--json"] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_json_an_error_is_one_object_on_standard_error() {
    let stand = Stand::start().await;
    let said = stand.run(&["tenant", "show", "nobody", "--json"]).await;
    said.refused(2, "no tenant nobody");
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["exit_code"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_json_a_mistake_in_what_was_typed_is_an_object_too() {
    let stand = Stand::start().await;
    for (typed, because) in [
        (&["tenant", "show", "--json"][..], "<ID>"),
        (&["--json", "tenant", "show", "a/b"], "a/b"),
        (&["alert", "list", "acme", "--limit", "0", "--json"], "--limit"),
        (&["--json", "nosuch"], "nosuch"),
        (&["--json", "source", "scheme"], "add"),
    ] {
        let said = stand.run(typed).await;
        said.refused(2, "");
        let error: Value = serde_json::from_str(&said.err).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        assert_eq!(error["exit_code"], 2);
        assert!(error["error"].as_str().unwrap().contains(because), "{said:?}");
    }
    let people = stand.run(&["tenant", "show"]).await;
    people.refused(2, "error: ");
    assert_eq!(stand.run(&["--json", "--help"]).await.code, 0, "help is no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_named_and_a_refused_export_leaves_none() {
    let stand = Stand::with_tenant().await;
    for command in [&["export", "acme"][..], &["audit", "export", "acme"]] {
        let typed: Vec<&str> = command.iter().copied().chain(["--output", "/nonexistent/acme.jsonl"]).collect();
        stand.run(&typed).await.refused(2, "/nonexistent/acme.jsonl cannot be written");
    }
    stand.run(&["man", "--dir", "/dev/null/man"]).await.refused(2, "/dev/null/man cannot be written");
    let file = stand.file("nobody.jsonl");
    stand.run(&["audit", "export", "nobody", "--output", file.to_str().unwrap()]).await.refused(2, "no tenant nobody");
    assert!(!stand.file("nobody.jsonl.unfinished").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_table_is_chosen_by_flag_or_variable() {
    let stand = Stand::with_tenant().await;
    stand.ok(&["tenant", "show", "acme", "--table", "vyrox-table", "--stack", "elsewhere"]).await;
    stand.run(&["tenant", "show", "acme", "--table", "elsewhere"]).await.refused(1, "cannot be read");
    let output = stand.command(&["tenant", "show", "acme"]).env("VYROX_TABLE", "elsewhere").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
}
