//! The program as it is called.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

use std::process::{Command, Output};

fn run(dir: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"));
    command.args(arguments).current_dir(dir).env_clear().output().unwrap()
}

#[test]
fn without_any_configuration_it_says_what_is_missing_and_exits_64() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    for name in
        ["VYROX_TENANT_ID", "VYROX_PROXY_ID", "VYROX_PLATFORM_KEYS", "VYROX_SIGNING_KEY_FILE", "VYROX_AUDIT_DIR"]
    {
        assert!(text.contains(name), "{name} in {text}");
    }
}

#[test]
fn the_printed_default_configuration_passes_its_own_check_once_there_is_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let printed = run(dir.path(), &["--print-default-config"]);
    std::fs::write(dir.path().join("proxy.toml"), &printed.stdout).unwrap();
    assert_eq!(run(dir.path(), &["--check-config"]).status.code(), Some(64), "no key yet");
    let signer = vyrox_contract::Ed25519Signer::from_seed(&[3; 32]);
    std::fs::write(dir.path().join("proxy-key.pem"), signer.to_pem()).unwrap();
    let checked = run(dir.path(), &["--check-config"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(String::from_utf8(checked.stdout).unwrap().contains("dry_run = true"));
}

#[test]
fn a_variable_can_name_the_configuration_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("other.toml"), "tenant_id = \"acme\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"));
    let output = command.arg("--check-config").env_clear().env("VYROX_CONFIG", dir.path().join("other.toml")).output();
    let text = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(!text.contains("VYROX_TENANT_ID") && text.contains("VYROX_PROXY_ID"), "{text}");
}

#[test]
fn too_few_open_files_are_told_of_before_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let printed = run(dir.path(), &["--print-default-config"]);
    std::fs::write(dir.path().join("proxy.toml"), &printed.stdout).unwrap();
    let signer = vyrox_contract::Ed25519Signer::from_seed(&[3; 32]);
    std::fs::write(dir.path().join("proxy-key.pem"), signer.to_pem()).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 100 && exec \"$0\" --check-config", env!("CARGO_BIN_EXE_vyrox-edge-proxy")]);
    let output = shell.current_dir(dir.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("100 open files") && text.contains("36 connections"), "{text}");
}

#[test]
fn health_fails_when_nothing_listens() {
    let dir = tempfile::tempdir().unwrap();
    let printed = String::from_utf8(run(dir.path(), &["--print-default-config"]).stdout).unwrap();
    std::fs::write(dir.path().join("proxy.toml"), printed.replace("127.0.0.1:8787", "127.0.0.1:9")).unwrap();
    let signer = vyrox_contract::Ed25519Signer::from_seed(&[3; 32]);
    std::fs::write(dir.path().join("proxy-key.pem"), signer.to_pem()).unwrap();
    assert_eq!(run(dir.path(), &["health"]).status.code(), Some(1));
}
