//! The runner as people start it: what it prints, when it refuses, how it ends. (That there is a test of the program also makes
//! cargo build it wherever all tests run; those of the documents start it, too.)
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use vyrox_local::Endpoints;
use vyrox_local::scenario::SCENARIOS;

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn runner(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyrox-local"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    runner(arguments).output().unwrap()
}

/// A runner that keeps this directory, once it is ready.
fn started(data: &Path, ready: &Path) -> Child {
    let mut command = runner(&["up", "--port", "0", "--data"]);
    let mut child = command.arg(data).arg("--endpoints-file").arg(ready).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !ready.exists() {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed() < PATIENCE, "it does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

#[test]
fn it_lists_what_can_be_fired() {
    let output = run(&["scenarios"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for scenario in SCENARIOS {
        assert!(text.contains(scenario.name) && text.contains(scenario.summary), "{text}");
    }
}

#[test]
fn a_directory_has_one_runner_which_ends_when_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = started(&data, &folder.path().join("ready.json"));
    let second = runner(&["up", "--port", "0", "--data"]).arg(&data).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("is being used by another vyrox-local") && said.contains(data.to_str().unwrap()), "{said}");
    // Only the ports are in the way: what is said is what to do about them.
    let endpoints: Endpoints =
        serde_json::from_slice(&std::fs::read(folder.path().join("ready.json")).unwrap()).unwrap();
    let taken = endpoints.webhook_base_url.rsplit_once(':').unwrap().1.to_owned();
    let said = refusal(1, &["up", "--port", &taken]);
    assert!(said.contains("--port 0") && said.contains("could not be started"), "{said}");
    let asked = Command::new("kill").arg(first.id().to_string()).status().unwrap();
    assert!(asked.success() && first.wait().unwrap().success());
}

#[test]
fn what_is_wrong_with_parameters_is_said_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parameters.json");
    std::fs::write(&file, "{\"DiscordBotToken\": \"very-secret\", }").unwrap();
    let output = runner(&["up", "--parameters"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("not one JSON object") && !said.contains("very-secret"), "{said}");
}

/// What it says when it refuses to start, with this exit code.
#[track_caller]
fn refusal(code: i32, arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn what_it_is_asked_wrongly_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parameters.json");
    std::fs::write(&file, r#"{"DiscordBotTokn": "very-secret"}"#).unwrap();
    let said = refusal(2, &["up", "--port", "0", "--parameters", file.to_str().unwrap()]);
    assert!(said.contains("has no parameter DiscordBotTokn") && !said.contains("very-secret"), "{said}");
    assert!(refusal(2, &["up", "--port", "65529"]).contains("0..=65528"));
    assert!(refusal(2, &["up", "--aws-endpoint", "localhost:4566"]).contains("http://HOST:PORT"));
    let fire = ["fire", "ransomware", "--secret", "s", "--tenant", "demo", "--url"];
    assert!(refusal(2, &[&fire[..], &["localhost"]].concat()).contains("http://HOST:PORT"));
    assert!(refusal(2, &[&fire[..], &["http://127.0.0.1:9", "--count", "0"]].concat()).contains("--count"));
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a-file"), "").unwrap();
    let said = refusal(1, &["up", "--port", "0", "--data", &path("a-file")]);
    assert!(said.contains(&path("a-file")) && said.contains("--data"), "{said}");
    for (name, content) in [("cut-off", "{\"webhook_sec"), ("older", "{}"), ("empty", "")] {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::write(path(&format!("{name}/local.json")), content).unwrap();
        let said = refusal(1, &["up", "--port", "0", "--data", &path(name)]);
        assert!(said.contains(&path(&format!("{name}/local.json"))) && said.contains("damaged"), "{said}");
    }
    std::fs::create_dir_all(path("torn/aws")).unwrap();
    std::fs::write(path("torn/local.json"), r#"{"webhook_secret": "w", "discord_seed": "d", "bot_token": "b"}"#)
        .unwrap();
    std::fs::write(path("torn/aws/dynamodb.sqlite"), [7; 5_000]).unwrap();
    let said = refusal(1, &["up", "--port", "0", "--data", &path("torn")]);
    assert!(said.contains("dynamodb.sqlite") && said.contains("backup"), "{said}");
}

#[test]
fn a_directory_of_somebody_elses_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("thesis.tex"), "years of work").unwrap();
    let said = refusal(1, &["up", "--port", "0", "--data", home.to_str().unwrap()]);
    assert!(said.contains(home.to_str().unwrap()) && said.contains("thesis.tex"), "{said}");
    let left: Vec<_> = std::fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.tex"]);

    let later = folder.path().join("later");
    std::fs::create_dir(&later).unwrap();
    std::fs::write(later.join("local.json"), r#"{"form": 2, "what": "is new"}"#).unwrap();
    let said = refusal(1, &["up", "--port", "0", "--data", later.to_str().unwrap()]);
    assert!(said.contains("newer vyrox-local") && !said.contains("damaged"), "{said}");
}
