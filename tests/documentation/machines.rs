//! Pages that start a system of their own, as their readers do.

use crate::running::{PIDS, World, built};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use vyrox_tests::{Options, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_ten_minutes() {
    let Some(world) = World::with(&["sed"]) else { return };
    let said = world.run("docs/quickstart.md").await;
    assert_eq!(said.matches("All of it happened, and both audit chains verify.").count(), 2, "{said}");
    assert!(said.contains("OK  "), "the export verifies: {said}");
    assert!(said.contains("/vyrox register"), "nothing is set up: {said}");

    let world = World::with(&[]).unwrap();
    let said = world.run("README.md").await;
    assert!(said.contains("Vyrox is running.") && said.contains("All of it happened"), "{said}");
}

/// The machine's own Discord is the stand-in of another system, and that system is also where the tenant moves to.
#[tokio::test(flavor = "multi_thread")]
async fn one_machine_is_set_up_and_left() {
    let Some(world) = World::with(&["jq"]) else { return };
    let aws = Stage::start(Options { fresh: true, ..Options::default() }).await;
    let (application, token) = aws.bot();
    let port = eight_ports();
    let built = built();
    let folder = world.folder().display().to_string();
    // What runs until Ctrl-C goes on beside the page's next commands.
    let runner = format!(
        "#!/bin/bash\n\"{0}/vyrox-local\" \"$@\" --port {port} --endpoints-file \"{folder}/ready.json\" >\"{folder}/log\" 2>&1 &\n\
         echo $! >>\"{folder}/{PIDS}\"\nuntil [ -s \"{folder}/ready.json\" ]; do kill -0 $! || {{ cat \"{folder}/log\" >&2; exit 1; }}; sleep 0.2; done\n",
        built.display()
    );
    let endpoint = &aws.system.endpoints.aws_endpoint_url;
    world.program(
        "aws",
        &format!("echo 'export AWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test'"),
    );
    let world = world
        .file("target/release/vyrox-local", runner)
        .set("VYROX_DISCORD_API_URL", aws.system.discord.api_url())
        .named("/var/lib/vyrox", format!("{folder}/data"))
        .named("127.0.0.1:4705", format!("127.0.0.1:{}", port + 5))
        .named(r#""DiscordApplicationId": "...""#, format!(r#""DiscordApplicationId": "{application}""#))
        .named(
            r#""DiscordPublicKey": "...""#,
            format!(r#""DiscordPublicKey": "{}""#, aws.system.discord.public_key_hex()),
        )
        .named(
            r#""DiscordBotToken": "...""#,
            format!(r#""DiscordBotToken": "{token}", "DiscordApiUrl": "{}""#, aws.system.discord.api_url()),
        )
        .named(
            "VYROX_DISCORD_APPLICATION_ID=... VYROX_DISCORD_BOT_TOKEN=...",
            format!("VYROX_DISCORD_APPLICATION_ID={application} VYROX_DISCORD_BOT_TOKEN={token}"),
        )
        .named(
            "--guild 6000 --channel 7000 --approver-role 8000",
            "--guild 600000000000000001 --channel 700000000000000001 --approver-role 800000000000000001",
        );
    let runner = world.folder().join("target/release/vyrox-local");
    std::fs::set_permissions(runner, std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = world.run("docs/one-machine.md").await;
    assert!(said.contains("are registered in every server"), "{said}");
    assert!(world.folder().join("old.pem").metadata().unwrap().len() > 100);
    aws.end().await;
}

/// The first of eight free ports in a row.
fn eight_ports() -> u16 {
    for _ in 0..200 {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let others: Vec<_> = (1..8).map(|next| TcpListener::bind(("127.0.0.1", port.saturating_add(next)))).collect();
        if others.iter().all(Result::is_ok) {
            return port;
        }
    }
    panic!("there are no eight free ports in a row");
}
