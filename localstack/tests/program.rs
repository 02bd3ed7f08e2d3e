//! The runner as people start it: what it prints, when it refuses, how it ends. (That there is a test of the program also makes
//! cargo build it wherever all tests run; those of the documents start it, too.)
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
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
    assert!(String::from_utf8_lossy(&second.stderr).contains("the embedded AWS could not be started"), "{second:?}");
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
