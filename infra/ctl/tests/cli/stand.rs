//! An embedded AWS, and `vyroxctl` run against it.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::process::Command;
use vyrox_contract::TenantId;
use vyrox_ingest::{Ingest, router};
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Provisioned, Topology};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::{Clock, SystemClock};
use vyrox_platform::config::{self, Aws};
use vyrox_platform::secrets::Secrets;
use vyrox_platform::table::Table;

pub(crate) const GUILD: &str = "600000000000000001";
pub(crate) const CHANNEL: &str = "700000000000000001";
pub(crate) const APPROVERS: &str = "800000000000000001";

pub(crate) struct Stand {
    pub(crate) provisioned: Provisioned,
    pub(crate) clients: Clients,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) endpoint: String,
    _aws: Embedded,
}

/// What one run of the command line said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Standard output as JSON, of a run that succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A refusal with this code that says this and prints nothing else.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, because: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(because), "{because:?} is not in {self:?}");
        assert_eq!(self.out, "", "a refusal prints nothing on standard output");
    }
}

impl Stand {
    pub(crate) async fn start() -> Self {
        let aws = Embedded::start(EmbeddedOptions::default()).await.unwrap();
        let endpoint = aws.endpoint_url();
        let topology = Topology::for_stack("vyrox").unwrap();
        let provisioned = topology.provision(&ClientSet::new(&endpoint)).await.unwrap();
        let clients = Clients::new(&Aws::local(&endpoint));
        let directory = tempfile::tempdir().unwrap();
        Self { provisioned, clients, clock: Arc::new(SystemClock), directory, endpoint, _aws: aws }
    }

    /// A stand with the active tenant `acme`.
    pub(crate) async fn with_tenant() -> Self {
        let stand = Self::start().await;
        stand
            .ok(&[
                "tenant",
                "create",
                "acme",
                "--name",
                "Acme",
                "--guild",
                GUILD,
                "--channel",
                CHANNEL,
                "--approver-role",
                APPROVERS,
            ])
            .await;
        stand.ok(&["tenant", "activate", "acme"]).await;
        stand
    }

    /// The binary with nothing in its environment but what is needed for this stand.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vyroxctl"));
        command
            .args(arguments)
            .env_clear()
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .stdin(Stdio::null());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().await.unwrap())
    }

    /// A run that must succeed; its standard output.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said.out
    }

    /// The same with `--json`.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.run(&arguments).await.json()
    }

    /// The audit's entries, read with the command itself, which adds one.
    pub(crate) async fn audit(&self, tenant: &str) -> Vec<Value> {
        let lines = self.ok(&["audit", "export", tenant]).await;
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one audit entry of this kind.
    pub(crate) async fn entry(&self, tenant: &str, kind: &str) -> Value {
        let entries = self.audit(tenant).await;
        let mut found = entries.into_iter().filter(|entry| entry["action_type"] == kind);
        let entry = found.next().unwrap_or_else(|| panic!("no {kind}"));
        assert!(found.next().is_none(), "{kind} more than once");
        entry
    }

    /// What the one entry of this kind tells beside the millisecond at which it was sealed.
    pub(crate) async fn detail(&self, tenant: &str, kind: &str) -> Value {
        told(&self.entry(tenant, kind).await)
    }

    pub(crate) fn table(&self) -> Table {
        Table::new(self.clients.dynamodb.clone(), self.provisioned.table("Table").unwrap())
    }

    pub(crate) fn secrets(&self) -> Secrets {
        let key = self.provisioned.key("SecretsKey").unwrap();
        Secrets::new(self.clients.kms.clone(), &key.id, Arc::clone(&self.clock))
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Ingest on a port of its own; its URL.
    pub(crate) async fn ingest(&self) -> String {
        let lookup = |name: &str| {
            Some(match name {
                "AWS_REGION" => "us-east-1".to_owned(),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test".to_owned(),
                "AWS_ENDPOINT_URL" => self.endpoint.clone(),
                "VYROX_TABLE" => self.provisioned.table("Table").unwrap().to_owned(),
                "VYROX_ALERTS_QUEUE_URL" => self.provisioned.queue_url("AlertsQueue").unwrap().to_owned(),
                "VYROX_SECRETS_KEY_ID" => self.provisioned.key("SecretsKey").unwrap().id.clone(),
                _ => return None,
            })
        };
        let config = config::Ingest::from_environment(&lookup).unwrap();
        let ingest = Ingest::new(&self.clients, &config, Arc::clone(&self.clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(Arc::new(ingest))).await });
        url
    }
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn acme() -> TenantId {
    "acme".parse().unwrap()
}

/// An entry's detail without the millisecond at which it was sealed, which every entry has.
pub(crate) fn told(entry: &Value) -> Value {
    let mut detail = entry["detail"].clone();
    assert!(detail.as_object_mut().unwrap().remove("at_ms").is_some_and(|at| at.is_i64()), "{entry}");
    detail
}
