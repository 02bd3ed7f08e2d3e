//! The program as it is called.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

use std::os::unix::ffi::OsStrExt as _;
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
fn variables_that_are_no_text_are_no_reason_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    let no_text = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"));
    command.arg("--check-config").current_dir(dir.path()).env_clear();
    let output = command.env("LESS", no_text).env("VYROX_TENANT_ID", no_text).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("VYROX_TENANT_ID"));
}

#[test]
fn a_panic_is_a_line_of_json_with_its_place_and_without_its_text() {
    let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let writer = lines.clone();
    let make = move || Lines(writer.clone());
    let subscriber = tracing_subscriber::fmt().json().with_writer(make).finish();
    let before = std::panic::take_hook();
    vyrox_edge_proxy::cli::log_panics();
    let ended =
        tracing::subscriber::with_default(subscriber, || std::panic::catch_unwind(|| panic!("hunter2\nforged")));
    std::panic::set_hook(before);
    assert!(ended.is_err());
    let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(line["fields"]["place"].as_str().unwrap().contains("command_line.rs"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
