//! What the tests share: a proxy in a temporary directory, a platform that signs, an EDR that counts.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod edr;
pub mod fleet;
pub mod process;
pub mod vendors;

use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use vyrox_audit::Entry;
use vyrox_contract::{Action, Ed25519Signer, Envelope, Payload as _, Receipt, Vendor, pre_authentication_encoding};
use vyrox_edge_proxy::{Base, Clock, Config, EdrConfig, Proxy, RunningProxy, Secret, Timing};

pub const NOW: i64 = 1_700_000_000;
pub const AID: &str = "0123456789abcdef0123456789abcdef";
pub const HOST: &str = "ws-01";

/// A clock that stands until it is moved.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW)))
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub fn platform() -> Ed25519Signer {
    Ed25519Signer::from_seed(&[9; 32])
}

pub fn proxy_signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(&[1; 32])
}

/// A dry-run proxy on a free port with its log in `dir`.
pub fn config(dir: &Path) -> Config {
    let (tenant, proxy) = ("acme".parse().unwrap(), "proxy-1".parse().unwrap());
    let mut config = Config::new(tenant, proxy, dir.join("audit"), vec![platform().verifying_key()], proxy_signer());
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.limits.drain = Duration::from_secs(5);
    // Most tests make the EDR fail; those about the breaker set their own number.
    config.policy.breaker_failures = 1_000;
    config
}

/// The same, calling the EDR at `url`, with short time limits.
pub fn live(dir: &Path, url: &str) -> Config {
    let mut config = config(dir);
    config.dry_run = false;
    let base = Base::loopback(Vendor::Crowdstrike, url).unwrap();
    let access = EdrConfig::new(base, Secret::new("falcon-secret".into()));
    config.edrs = vec![EdrConfig { client_id: "client".into(), timing: timing(), ..access }];
    config
}

/// Short time limits.
pub fn timing() -> Timing {
    let milliseconds = Duration::from_millis;
    Timing {
        request: milliseconds(500),
        action: Duration::from_secs(3),
        confirm_for: milliseconds(400),
        confirm_every: milliseconds(20),
    }
}

/// A running proxy and the means to speak to it.
pub struct Harness {
    pub running: RunningProxy,
    pub clock: TestClock,
    pub http: reqwest::Client,
    pub url: String,
}

impl Harness {
    pub async fn start(config: Config) -> Self {
        Self::start_at(config, TestClock::new()).await
    }

    pub async fn start_at(config: Config, clock: TestClock) -> Self {
        let running = Proxy::start(config, Arc::new(clock.clone())).await.unwrap();
        let url = format!("http://{}", running.local_addr());
        let http = vyrox_edge_proxy::outbound::client(Duration::from_secs(20)).unwrap();
        Self { running, clock, http, url }
    }

    /// By a clock that is so many seconds further.
    pub async fn start_after(config: &Config, seconds: i64) -> Self {
        let clock = TestClock::new();
        clock.advance(seconds);
        Self::start_at(config.clone(), clock).await
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let response = self.http.post(format!("{}{path}", self.url)).body(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    pub async fn execute(&self, change: impl FnOnce(&mut Value)) -> (u16, Value) {
        self.post("/execute", envelope(change)).await
    }

    pub async fn rollback(&self, change: impl FnOnce(&mut Value)) -> (u16, Value) {
        let release = |action: &mut Value| {
            action["operation"] = json!("rollback");
            change(action);
        };
        self.post("/rollback", envelope(release)).await
    }

    pub async fn ready(&self) {
        eventually("the proxy is ready", || self.running.is_ready()).await;
    }
}

/// An action that this proxy accepts.
pub fn action() -> Value {
    json!({
        "request_id": "req-1", "tenant_id": "acme", "proxy_id": "proxy-1",
        "alert_id": "8c5f1f9e-3f0a-5b1e-9d57-0d9f6f3f1a11", "operation": "execute", "action_type": "HOST_ISOLATION",
        "target": {"vendor": "crowdstrike", "device_id": AID, "hostname": HOST},
        "approved_by": [{"id": "100", "name": "approver"}], "approved_at": NOW - 60, "issued_at": NOW,
        "expires_at": NOW + 600, "plan_digest": "ab".repeat(32)
    })
}

/// Approved and signed anew at `at`.
pub fn signed_at(action: &mut Value, at: i64) {
    (action["issued_at"], action["approved_at"], action["expires_at"]) = (json!(at), json!(at), json!(at + 600));
}

/// The action with a change, signed by the platform, as a body.
pub fn envelope(change: impl FnOnce(&mut Value)) -> String {
    let mut payload = action();
    change(&mut payload);
    serde_json::to_string(&signed_by(&platform(), &payload)).unwrap()
}

pub fn signed_by(signer: &Ed25519Signer, payload: &Value) -> Envelope {
    let bytes = serde_json::to_vec(payload).unwrap();
    let signature = signer.sign(&pre_authentication_encoding(Action::TYPE, &bytes));
    Envelope::from_signature::<Action>(&bytes, signer.verifying_key().id(), &signature)
}

/// The receipt in an answer, its signature checked.
pub fn receipt(body: &Value) -> Receipt {
    let envelope: Envelope = serde_json::from_value(body["receipt"].clone()).unwrap();
    envelope.verify::<Receipt>(&[proxy_signer().verifying_key()]).unwrap().parse().unwrap()
}

/// Every entry of the log, read from the files, after checking the whole chain with the verifier.
pub fn entries(dir: &Path) -> Vec<Entry> {
    let mut files: Vec<_> = std::fs::read_dir(dir.join("audit")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let text: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    vyrox_audit::verify::reader(text.as_bytes(), "log").unwrap();
    text.lines().map(|line| Entry::from_line(line.as_bytes()).unwrap()).collect()
}

/// Waits for at most so long as this process itself sees: where a busy machine gives it no time, its own timers are late, too,
/// and what it waits for may be as late. `None` if it did not come.
pub async fn within<T>(limit: Duration, awaited: impl Future<Output = T>) -> Option<T> {
    const NAP: Duration = Duration::from_millis(100);
    tokio::pin!(awaited);
    let mut slept = Duration::ZERO;
    while slept < limit {
        if let Ok(came) = tokio::time::timeout(NAP, &mut awaited).await {
            return Some(came);
        }
        slept += NAP;
    }
    None
}

/// Waits for a condition.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
