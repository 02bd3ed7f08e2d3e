//! What the people who run it do while it runs: a new configuration, a breaker to reset, a certificate of its own. Against the
//! real program.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]
#![allow(clippy::print_stdout, reason = "a test that is skipped must say so")]

mod support;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use support::edr::{Edr, Mood};
use support::process::{Process, now_with};
use support::{Harness, config, entries, eventually, live, receipt, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn command(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"))
        .args(arguments)
        .arg("--config")
        .arg(dir.join("proxy.toml"))
        .env("VYROX_CROWDSTRIKE_CLIENT_SECRET", "falcon-secret")
        .output()
        .unwrap()
}

/// How many entries of this name are on disk.
fn count(dir: &Path, name: &str) -> usize {
    let files = std::fs::read_dir(dir.join("audit")).unwrap().map(|file| file.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    texts.map(|path| std::fs::read_to_string(path).unwrap().matches(&format!("\"{name}\"")).count()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_policy_takes_effect_without_a_restart_and_a_wrong_one_changes_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let process = Process::start_with(dir.path(), &edr.url, "[policy]\nprotected_hosts = []\n");
    assert_eq!(process.execute("before").await.unwrap().0, 200);
    let file = dir.path().join("proxy.toml");
    let text = std::fs::read_to_string(&file).unwrap();

    std::fs::write(&file, text.replace("protected_hosts = []", "protected_hosts = ['ws-*']")).unwrap();
    process.hang_up();
    eventually("it is reloaded", || count(dir.path(), "CONFIG_RELOADED") == 1).await;
    let (status, body) = process.execute("protected").await.unwrap();
    assert_eq!((status, receipt(&body).detail.contains("protected")), (403, true));

    let wrong = [
        ("protected_hosts = []", "protected_hosts = 'hunter2"),
        ("protected_hosts = []", "protected_hostz = ['hunter2']"),
        ("dry_run = false", "dry_run = true"),
    ];
    for (number, (from, to)) in wrong.into_iter().enumerate() {
        std::fs::write(&file, text.replace(from, to)).unwrap();
        process.hang_up();
        eventually("it is refused", || count(dir.path(), "CONFIG_REFUSED") == number + 1).await;
        let (status, _) = process.execute(&format!("still-protected-{number}")).await.unwrap();
        assert_eq!(status, 403, "the policy before stays in force");
    }
    std::fs::write(&file, &text).unwrap();
    process.hang_up();
    eventually("it is reloaded", || count(dir.path(), "CONFIG_RELOADED") == 2).await;
    assert_eq!(process.execute("after").await.unwrap().0, 200);
    assert_eq!(process.stop(), Some(0));
    let entries = entries(dir.path());
    let refused: Vec<_> = entries.iter().filter(|entry| entry.action_type() == "CONFIG_REFUSED").collect();
    assert!(refused.iter().all(|entry| !entry.detail()["reason"].to_string().contains("hunter2")));
    assert!(refused[2].detail()["reason"].to_string().contains("dry_run cannot change while the proxy runs"));
    let digests: Vec<_> = entries.iter().filter_map(|entry| entry.detail().get("policy_digest")).collect();
    assert!(digests.iter().any(|digest| *digest != digests[0]), "every outcome says under which policy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_breaker_opens_stays_open_across_a_restart_lets_releases_through_and_a_person_closes_it() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::HostError(400)).await;
    let rules = "[policy]\nbreaker_failures = 3\nmax_isolations_per_hour = 100\nmax_isolations_per_day = 100\n";
    let process = Process::start_with(dir.path(), &edr.url, rules);
    assert_eq!(
        command(dir.path(), &["breaker", "reset"]).stdout,
        b"the circuit breaker is closed: there is nothing to reset\n"
    );
    for number in 0..3 {
        assert_eq!(process.execute(&format!("fails-{number}")).await.unwrap().0, 502);
    }
    eventually("it is open", || count(dir.path(), "BREAKER_OPENED") == 1).await;
    edr.with(|falcon| falcon.mood = Mood::Fine);
    let (status, body) = process.execute("held").await.unwrap();
    assert_eq!((status, receipt(&body).detail.contains("breaker reset")), (403, true), "and it says what to do");
    assert_eq!(process.stop(), Some(0));

    let process = Process::start_with(dir.path(), &edr.url, rules);
    assert_eq!(process.execute("held-again").await.unwrap().0, 403);
    let release = now_with("release", |action| action["operation"] = json!("rollback"));
    let answer = process.http.post(format!("{}/rollback", process.url)).body(release).send().await.unwrap();
    assert_eq!(answer.status(), 200, "undoing is not held up");
    let metrics = process.http.get(format!("{}/metrics", process.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("vyrox_proxy_breaker_open 1"), "{metrics}");
    assert_eq!(command(dir.path(), &["breaker", "status"]).stdout, b"the circuit breaker is open\n");

    let reset = command(dir.path(), &["breaker", "reset", "--reason", "the EDR was down"]);
    assert!(reset.status.success() && String::from_utf8_lossy(&reset.stdout).starts_with("reset"), "{reset:?}");
    eventually("it is closed", || count(dir.path(), "BREAKER_RESET") == 1).await;
    let mut status = 403;
    for number in 0..100 {
        status = process.execute(&format!("after-{number}")).await.unwrap().0;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 200);
    assert_eq!(process.stop(), Some(0));
    let entries = entries(dir.path());
    let reset = entries.iter().find(|entry| entry.action_type() == "BREAKER_RESET").unwrap();
    assert_eq!((&reset.detail()["reason"], &reset.detail()["was_open"]), (&json!("the EDR was down"), &json!(true)));
    assert!(reset.detail()["by_uid"].is_u64());
}

#[tokio::test]
async fn a_reset_whose_file_cannot_be_removed_is_entered_once_and_takes_effect_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("audit/breaker-open");
    // A directory counts as open, and is not removed as a file is.
    std::fs::create_dir_all(&open).unwrap();
    let proxy = Harness::start(config(dir.path())).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 403);
    assert!(vyrox_edge_proxy::breaker::ask_for_reset(&dir.path().join("audit"), "looked").unwrap());
    eventually("it is entered", || count(dir.path(), "BREAKER_RESET") == 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(count(dir.path(), "BREAKER_RESET"), 1, "not twice a second");
    std::fs::remove_dir(&open).unwrap();
    eventually("it is closed", || !dir.path().join("audit/breaker-reset").exists()).await;
    assert_eq!(proxy.execute(|action| action["request_id"] = json!("after")).await.0, 200);
    assert_eq!(count(dir.path(), "BREAKER_RESET"), 1);
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_breaker_whose_file_could_not_be_made_is_open_after_a_restart_and_can_be_reset() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Status(500)).await;
    let mut config = live(dir.path(), &edr.url);
    config.policy.breaker_failures = 1;
    let proxy = Harness::start(config.clone()).await;
    assert_eq!(proxy.execute(|_| ()).await.0, 502);
    eventually("it is entered", || count(dir.path(), "BREAKER_OPENED") == 1).await;
    proxy.running.shutdown().await;
    let (audit, open) = (dir.path().join("audit"), dir.path().join("audit/breaker-open"));
    // As if it had never been made: no file could be made any more, say.
    std::fs::remove_file(&open).unwrap();
    let proxy = Harness::start(config.clone()).await;
    assert_eq!(proxy.execute(|action| action["request_id"] = json!("again")).await.0, 403);
    eventually("it is made up for", || open.exists()).await;
    assert!(vyrox_edge_proxy::breaker::ask_for_reset(&audit, "looked").unwrap());
    eventually("it is closed", || !open.exists()).await;
    proxy.running.shutdown().await;
    edr.with(|falcon| falcon.mood = Mood::Fine);
    let proxy = Harness::start(config).await;
    assert_eq!(proxy.execute(|action| action["request_id"] = json!("after")).await.0, 200);
    proxy.running.shutdown().await;
}

/// Needs root, to be two people: else it says SKIPPED.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_by_root_with_a_strict_umask_reaches_the_user_of_the_proxy_with_its_reason() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    const SERVICE: u32 = 65532;
    let dir = tempfile::tempdir().unwrap();
    if std::fs::metadata(dir.path()).unwrap().uid() != 0 {
        println!("SKIPPED: only root can be another user than the proxy's");
        return;
    }
    chown(dir.path(), Some(SERVICE), Some(SERVICE)).unwrap();
    let edr = Edr::start(Mood::HostError(400)).await;
    let process = Process::start_with(dir.path(), &edr.url, "[policy]\nbreaker_failures = 1\n");
    assert_eq!(process.execute("fails").await.unwrap().0, 502);
    eventually("it is open", || count(dir.path(), "BREAKER_OPENED") == 1).await;
    let reset = Command::new("sh")
        .args(["-c", "umask 077; exec \"$0\" breaker reset --reason 'the EDR was down' --config \"$1\""])
        .arg(env!("CARGO_BIN_EXE_vyrox-edge-proxy"))
        .arg(dir.path().join("proxy.toml"))
        .env("VYROX_CROWDSTRIKE_CLIENT_SECRET", "falcon-secret")
        .output()
        .unwrap();
    assert!(reset.status.success(), "{reset:?}");
    eventually("it is closed", || !dir.path().join("audit/breaker-open").exists()).await;
    eventually("and nothing is left of it", || !dir.path().join("audit/breaker-reset").exists()).await;
    assert_eq!(process.stop(), Some(0));
    let entries = entries(dir.path());
    let reset = entries.iter().find(|entry| entry.action_type() == "BREAKER_RESET").unwrap();
    assert_eq!((&reset.detail()["reason"], &reset.detail()["by_uid"]), (&json!("the EDR was down"), &json!(0)));
}

#[tokio::test]
async fn it_serves_tls_with_its_own_certificate_and_nothing_else_then() {
    let dir = tempfile::tempdir().unwrap();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let mut config = config(dir.path());
    config.limits.header_timeout = Duration::from_secs(2);
    config.tls = Some(vyrox_edge_proxy::config::TlsConfig {
        certificate_file: files.join("server.pem"),
        key_file: files.join("server-key.pem"),
    });
    let proxy = Harness::start(config).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files.join("authority.pem")).unwrap()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(proxy.running.local_addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    tls.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = tls.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let mut plain = tokio::net::TcpStream::connect(proxy.running.local_addr()).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "plain text is not answered");
    let mut silent = tokio::net::TcpStream::connect(proxy.running.local_addr()).await.unwrap();
    let closed = within(Duration::from_secs(15), silent.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_some(), "a handshake that never begins is not waited for");
    proxy.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_export_token_counts_from_the_reload_on() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let process = Process::start(dir.path(), &edr.url);
    let export = async |token: &str| {
        let request = process.http.get(format!("{}/audit/export?tenant_id=acme", process.url));
        request.bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    assert_eq!(export("one").await, 403, "none is configured");
    let file = dir.path().join("proxy.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for (number, (token, other)) in [("one", "two"), ("two", "one")].into_iter().enumerate() {
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(token));
        std::fs::write(&file, format!("export_token_sha256 = \"{digest}\"\n{text}")).unwrap();
        process.hang_up();
        eventually("it is reloaded", || count(dir.path(), "CONFIG_RELOADED") == number + 1).await;
        assert_eq!((export(token).await, export(other).await), (200, 401));
    }
    assert_eq!(process.stop(), Some(0));
}

/// What `health` is told by a proxy that listens here.
async fn health(dir: &Path, listen: &str, tls: &str, arguments: &'static [&str]) -> Option<i32> {
    let printed = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy")).arg("--print-default-config").output().unwrap();
    let text = String::from_utf8(printed.stdout).unwrap().replace("127.0.0.1:8787", listen);
    std::fs::write(dir.join("proxy.toml"), text.replace("allow_plaintext_listen = false", tls)).unwrap();
    std::fs::write(dir.join("proxy-key.pem"), support::proxy_signer().to_pem()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"));
    command.args(arguments).current_dir(dir);
    tokio::task::spawn_blocking(move || command.status().unwrap().code()).await.unwrap()
}

#[tokio::test]
async fn health_asks_a_proxy_with_a_certificate_of_its_own_in_tls() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let (certificate_file, key_file) = (files.join("server.pem"), files.join("server-key.pem"));
    let tls =
        format!("tls_certificate_file = '{}'\ntls_key_file = '{}'", certificate_file.display(), key_file.display());
    let mut config = config(dir.path());
    config.tls = Some(vyrox_edge_proxy::config::TlsConfig { certificate_file, key_file });
    let proxy = Harness::start(config).await;
    proxy.ready().await;
    let listen = proxy.running.local_addr().to_string();
    assert_eq!(health(other.path(), &listen, &tls, &["health"]).await, Some(0));
    assert_eq!(health(other.path(), &listen, &tls, &["health", "--live"]).await, Some(0));
    assert_eq!(health(other.path(), &listen, "", &["health"]).await, Some(1), "in plain text nobody answers");
    proxy.running.shutdown().await;
}

#[tokio::test]
async fn a_proxy_that_is_not_ready_is_alive_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let router = axum::Router::new()
        .route("/health", axum::routing::get(|| async { "" }))
        .route("/ready", axum::routing::get(|| async { axum::http::StatusCode::SERVICE_UNAVAILABLE }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(health(dir.path(), &listen, "", &["health"]).await, Some(1));
    assert_eq!(health(dir.path(), &listen, "", &["health", "--live"]).await, Some(0));
}

#[test]
fn it_says_which_keys_it_believes_and_which_policy_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy")).arg("--print-default-config").output().unwrap();
    std::fs::write(dir.path().join("proxy.toml"), printed.stdout).unwrap();
    let key = dir.path().join("proxy-key.pem");
    std::fs::write(&key, support::proxy_signer().to_pem()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    // Without a vendor's secret in the environment, which would be one half of a vendor.
    let mut command = Command::new(env!("CARGO_BIN_EXE_vyrox-edge-proxy"));
    let output = command.arg("--check-config").current_dir(dir.path()).output().unwrap();
    let checked = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{checked}{}", String::from_utf8_lossy(&output.stderr));
    assert!(checked.contains(support::proxy_signer().verifying_key().id().as_str()), "{checked}");
    assert_eq!(checked.lines().filter(|line| line.starts_with("a key of the platform")).count(), 1);
}
