//! interactions under Lambda's runtime API: how long Discord waits, cold and warm, of the three seconds that it gives.
//!
//! ```text
//! cargo build --release -p vyrox-interactions && cargo bench -p vyrox-tests --bench interactions
//! ```
//!
//! The real binary, a process of its own; AWS is the embedded one behind TLS on loopback, so that a cold start pays for the
//! handshake as in the cloud. Cold is from the start of the process to the answer of its first click; each click approves a
//! card of its own: verified, ruled on, queued, committed with its audit entry. What Lambda itself adds before the process
//! (its own part of a cold start) is not in it. The certificate is the edge proxy's tests' own.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use vyrox_domain::custom_id::Verb;
use vyrox_standins::lambda::RuntimeApi;
use vyrox_tests::Desk;

const COLD: usize = 100;
const WARM_UP: usize = 20;
const WARM: usize = 500;
const APPROVER: &str = "900000000000000001";

#[tokio::main]
async fn main() {
    let clock = vyrox_local::clock::system();
    let desk = Desk::start_at(clock.now()).await;
    // Past any cap, so that every click decides.
    desk.set(|tenant| tenant.policy.caps = vyrox_domain::tenant::Caps { per_user: u32::MAX, hosts_per_hour: u32::MAX })
        .await;
    let endpoint = tls_before(&desk.aws_url()).await;
    let mut cold = Vec::new();
    for _ in 0..COLD {
        let event = desk.event(desk.ask().await, Verb::Approve, APPROVER, clock.now()).await;
        let runtime = RuntimeApi::start().await.unwrap();
        let began = Instant::now();
        let _child = start(&desk, &endpoint, &runtime);
        decide(&runtime, &event).await;
        cold.push(began.elapsed());
        runtime.shutdown();
    }
    let runtime = RuntimeApi::start().await.unwrap();
    let _child = start(&desk, &endpoint, &runtime);
    let mut warm = Vec::new();
    for number in 0..WARM_UP + WARM {
        let event = desk.event(desk.ask().await, Verb::Approve, APPROVER, clock.now()).await;
        let began = Instant::now();
        decide(&runtime, &event).await;
        if number >= WARM_UP {
            warm.push(began.elapsed());
        }
    }
    println!("interactions   p50 ms   p99 ms   max ms");
    for (name, mut times) in [("cold", cold), ("warm", warm)] {
        times.sort_unstable();
        let at = |share: f64| ms(times[((times.len() - 1) as f64 * share).round() as usize]);
        println!("{name:<12} {:>8.1} {:>8.1} {:>8.1}   ({} clicks)", at(0.5), at(0.99), at(1.0), times.len());
    }
    std::process::exit(0);
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Beside this executable's folder `deps`.
fn binary() -> PathBuf {
    let path = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("interactions");
    assert!(path.exists(), "build it first: cargo build --release -p vyrox-interactions ({})", path.display());
    path
}

fn start(desk: &Desk, endpoint: &str, runtime: &RuntimeApi) -> Child {
    let mut command = Command::new(binary());
    command.envs(desk.environment("InteractionsFunction", endpoint)).envs(runtime.environment("interactions"));
    command.env("SSL_CERT_FILE", certificates().join("authority.pem"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
}

/// One click, which must decide.
async fn decide(runtime: &RuntimeApi, event: &Value) {
    let answer = runtime.invoke(event).await.unwrap();
    let body = answer["body"].as_str().unwrap_or_default();
    assert!(answer["statusCode"] == 200 && body.contains("APPROVED"), "{answer}");
}

fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge-proxy/tests/tls")
}

/// Ends TLS and passes everything on; where it listens.
async fn tls_before(behind: &str) -> String {
    let chain = CertificateDer::pem_file_iter(certificates().join("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(certificates().join("server-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let behind = behind.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let (Ok(mut inside), Ok(mut outside)) =
                    (TcpStream::connect(&behind).await, acceptor.accept(stream).await)
                else {
                    return;
                };
                let _ = (inside.set_nodelay(true), outside.get_ref().0.set_nodelay(true));
                // Either side may go away; the function then connects anew.
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    format!("https://localhost:{port}")
}
