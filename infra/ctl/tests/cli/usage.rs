use crate::stand::Stand;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_in_the_environment_is_named_and_is_usage() {
    let stand = Stand::start().await;
    let mut command = stand.command(&["tenant", "show", "acme"]);
    command.env_remove("AWS_REGION").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("AWS_REGION") && text.contains("AWS_SECRET_ACCESS_KEY"), "{text}");
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
async fn another_table_is_chosen_by_flag_or_variable() {
    let stand = Stand::with_tenant().await;
    stand.ok(&["tenant", "show", "acme", "--table", "vyrox-table", "--stack", "elsewhere"]).await;
    stand.run(&["tenant", "show", "acme", "--table", "elsewhere"]).await.refused(1, "cannot be read");
    let output = stand.command(&["tenant", "show", "acme"]).env("VYROX_TABLE", "elsewhere").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
}
