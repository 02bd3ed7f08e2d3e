//! The real program as a child process.

use super::{HOST, action, platform, proxy_signer, signed_by};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use vyrox_edge_proxy::{Clock as _, SystemClock};

pub struct Process {
    child: Child,
    pub url: String,
    pub http: reqwest::Client,
    /// Reads the log; fails on a line that should not be there.
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Process {
    /// A live proxy whose log is in `dir` and whose EDR is at `edr`, listening.
    pub fn start(dir: &Path, edr: &str) -> Self {
        Self::start_with(dir, edr, "")
    }

    /// The same with more settings, as TOML.
    pub fn start_with(dir: &Path, edr: &str, settings: &str) -> Self {
        let (mut process, started) = Self::spawn(dir, edr, settings);
        process.url = loop {
            let line = started.recv_timeout(Duration::from_secs(60)).expect("it starts");
            if line["fields"]["message"] == "started" {
                break format!("http://{}", line["fields"]["address"].as_str().unwrap());
            }
        };
        process
    }

    /// The process at its beginning, and what it will log. It runs as the owner of `dir`.
    pub fn spawn(dir: &Path, edr: &str, settings: &str) -> (Self, mpsc::Receiver<Value>) {
        let key = platform().verifying_key().to_text();
        let toml = format!(
            "tenant_id = \"acme\"\nproxy_id = \"proxy-1\"\nplatform_keys = [\"{key}\"]\naudit_dir = \"audit\"\n\
             signing_key_file = \"key.pem\"\nlisten = \"127.0.0.1:0\"\ndry_run = false\n\
             [crowdstrike]\nloopback_url = \"{edr}\"\nclient_id = \"client\"\nconfirm_seconds = 1\n{settings}"
        );
        std::fs::write(dir.join("proxy.toml"), toml).unwrap();
        std::fs::write(dir.join("key.pem"), proxy_signer().to_pem()).unwrap();
        let built = env!("CARGO_BIN_EXE_vyrox-edge-proxy");
        let mut program = Command::new(built);
        let owner = std::fs::metadata(dir).unwrap().uid();
        if owner != std::fs::metadata("/proc/self").unwrap().uid() {
            for file in ["proxy.toml", "key.pem"] {
                std::os::unix::fs::chown(dir.join(file), Some(owner), Some(owner)).unwrap();
            }
            // Where it was built, others may not look.
            let own = dir.join("vyrox-edge-proxy");
            std::fs::copy(built, &own).unwrap();
            program = Command::new(own);
            program.current_dir(dir).uid(owner).gid(owner);
        }
        let mut child = program
            .arg("--config")
            .arg(dir.join("proxy.toml"))
            .env("VYROX_CROWDSTRIKE_CLIENT_SECRET", "falcon-secret")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, messages) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|length| length > 0) {
                assert!(!line.contains("falcon-secret") && !line.contains(HOST), "a log line shows too much: {line}");
                // A line that a kill cut off has no end.
                if line.ends_with('\n') {
                    let line = serde_json::from_str::<Value>(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                    let _ = lines.send(line);
                }
                line.clear();
            }
        });
        let http = vyrox_edge_proxy::outbound::client(Duration::from_secs(30)).unwrap();
        (Self { child, url: String::new(), http, reader: Some(reader) }, messages)
    }

    pub async fn execute(&self, request_id: &str) -> Result<(u16, Value), reqwest::Error> {
        let response = self.http.post(format!("{}/execute", self.url)).body(now(request_id)).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// SIGHUP: read the configuration again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().expect("every log line is as it should be");
    }

    /// SIGTERM; the exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().expect("every log line is as it should be");
        code
    }
}

impl Drop for Process {
    /// A test that fails must not leave the program running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An envelope of the present.
pub fn now(request_id: &str) -> String {
    now_with(request_id, |_| ())
}

/// The same with a change.
pub fn now_with(request_id: &str, change: impl FnOnce(&mut Value)) -> String {
    let now = SystemClock.now();
    let mut action = action();
    action["request_id"] = json!(request_id);
    (action["issued_at"], action["approved_at"], action["expires_at"]) = (json!(now), json!(now), json!(now + 600));
    change(&mut action);
    serde_json::to_string(&signed_by(&platform(), &action)).unwrap()
}
