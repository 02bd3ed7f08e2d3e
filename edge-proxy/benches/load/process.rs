//! The real program as a child process, and what the system says about it.

use super::envelopes::Platform;
use serde_json::Value;
use sha2::Digest as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;
use tokio::time::Instant;
use vyrox_contract::Ed25519Signer;

const TOKEN: &str = "export-token";

/// What is started.
pub static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

pub struct Proxy {
    child: Child,
    pub address: SocketAddr,
    began: Instant,
    /// From the beginning of the process until it listened.
    pub started_after: Duration,
    messages: mpsc::Receiver<String>,
}

impl Proxy {
    pub fn start(dir: &Path, platform: &Platform) -> Self {
        let token = hex::encode(sha2::Sha256::digest(TOKEN));
        let toml = format!(
            "tenant_id = \"acme\"\nproxy_id = \"proxy-1\"\nplatform_keys = [\"{}\"]\naudit_dir = \"audit\"\n\
             signing_key_file = \"key.pem\"\nlisten = \"127.0.0.1:0\"\nexport_token_sha256 = \"{token}\"\n\
             [policy]\nmax_isolations_per_hour = 100000000\nmax_isolations_per_day = 100000000\n",
            platform.key.to_text()
        );
        std::fs::write(dir.join("proxy.toml"), toml).unwrap();
        std::fs::write(dir.join("key.pem"), Ed25519Signer::from_seed(&[1; 32]).to_pem()).unwrap();
        let began = Instant::now();
        let mut child = Command::new(PROGRAM.get().unwrap())
            .arg("--config")
            .arg(dir.join("proxy.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, messages) = mpsc::channel();
        let (started, address) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Read on, so that the proxy never waits for its log, but look into few of the lines.
                if line.contains("\"action ended\"") {
                    continue;
                }
                let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
                if line["fields"]["message"] == "started" {
                    let _ = started.send((began.elapsed(), line["fields"]["address"].as_str().unwrap().to_owned()));
                }
                let _ = sender.send(line["fields"]["message"].as_str().unwrap_or_default().to_owned());
            }
        });
        let (started_after, address) = address.recv_timeout(Duration::from_secs(60)).expect("it starts");
        Self { child, address: address.parse().unwrap(), began, started_after, messages }
    }

    pub const fn export_token(&self) -> &'static str {
        TOKEN
    }

    /// Waits until it says that it is ready; how long after its beginning.
    pub async fn ready_after(&self) -> Duration {
        let http = vyrox_edge_proxy::outbound::client(Duration::from_secs(5)).unwrap();
        while !http.get(format!("http://{}/ready", self.address)).send().await.unwrap().status().is_success() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.began.elapsed()
    }

    /// Waits until it has checked its log.
    pub async fn background_work_is_over(&self) {
        for _ in 0..3000 {
            if self.messages.try_iter().any(|message| message.contains("is sound")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the log was not checked");
    }

    /// User and system time so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // Ticks of 10 ms, by the ABI.
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// The largest resident size so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Lets the largest resident size begin at the present one, which is returned, in KiB.
    pub fn forget_peak_memory(&self) -> u64 {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Writes and entries of its audit log.
    pub async fn audit_counts(&self) -> (u64, u64) {
        let http = vyrox_edge_proxy::outbound::client(Duration::from_secs(5)).unwrap();
        let text = http.get(format!("http://{}/metrics", self.address)).send().await.unwrap().text().await.unwrap();
        let count = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse().unwrap()
        };
        (count("vyrox_proxy_audit_writes_total "), count("vyrox_proxy_audit_entries_total "))
    }

    /// SIGTERM, and the end.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The machine in a line.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split(':').nth(1).unwrap_or("unknown").trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    format!(
        "Machine: {cores} cores ({}), {} of memory, Linux {}, load average {} at the beginning.",
        field(&read("/proc/cpuinfo"), "model name"),
        field(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or_default()
    )
}
