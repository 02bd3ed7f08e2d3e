//! What the end-to-end tests share: the whole system on free ports ([`Stage`]), and hands that do to it what vendors,
//! members of the Discord guild and the operator do. No assertions about behaviour live here except [`Stage::end`]'s,
//! which hold after every test: both audit chains verify, Discord would have taken every message, and no function has asked AWS
//! for anything that its role does not name.
//!
//! ```text
//!  stage/webhook.rs      a vendor: bodies, signatures, answers
//!  stage/sender.rs       what each authentication scheme's sender computes, independently of the product
//!  stage/member.rs       a member of the guild: cards, buttons, clicks signed by the test itself
//!  stage/commands.rs     slash commands as members enter them
//!  stage/inspect.rs      the auditor: records, items, audit entries, waiting for a state
//!  stage/openapi.rs      docs/openapi.yaml, against which every answer is checked
//!  stage/operator.rs     the operator: tenants, queues, keys, direct writes through the ledger
//!  stage/reckoning.rs   whoever compares what was promised with what there is
//!  stage/judge.rs        triage by itself, with a model endpoint of the test's choice
//!  stage/shifted.rs      a clock that can be moved on
//!  stage/desk.rs         interactions alone: one tenant, posted cards, clicks signed by the test, with time standing still
//!  stage/bench.rs        ingest alone, in any number of execution environments, with time standing still
//!  stage/line.rs         the functions between a webhook and its card one by one, on that bench
//!  stage/functions.rs    all nine functions one by one on that bench, each as Lambda would call it
//!  stage/environment.rs  what a function's binary is told, as the template says
//!  stage/hop.rs          what lies between the functions and AWS: counts, meters, slows, refuses, swallows
//!  stage/process.rs      what a function's process has taken: time, page faults, memory
//!  stage/pages.rs        the documents: pages, blocks, commands
//! ```

mod bench;
mod commands;
mod config;
mod desk;
mod environment;
mod functions;
mod hop;
mod inspect;
mod judge;
mod line;
mod member;
mod openapi;
mod operator;
pub mod pages;
mod process;
mod reckoning;
mod sender;
mod shifted;
mod webhook;

pub use bench::{Bench, Queued, post};
pub use commands::{
    ADMIN_ROLE, ADMINISTRATOR, APPROVER_ROLE, Entered, ROLE_OPTION, TEXT, WHOLE, command_body, options, said,
};
pub use config::{
    aws_of_its_own, chaos_seconds, discord_outage, injection_table, pack_copy, program_folders, python, races,
};
pub use desk::{CHANNEL, Desk, GUILD, ROLE, Said};
pub use functions::{FUNCTIONS, Functions, starts_with};
pub use hop::{Fault, Hop, Units};
pub use inspect::Snapshot;
pub use judge::{again, is_fallback, models, unlike};
pub use line::{Record, batch, message, request};
pub use member::{APPROVER, Answered, Card, ClickBody, ONLOOKER, SECOND_APPROVER, message_of, shown_buttons};
pub use openapi::OpenApi;
pub use process::{Process, Resident};
pub use reckoning::{Promised, Reckoning};
pub use sender::{notification, proof};
pub use shifted::ShiftedClock;
pub use vyrox_domain::storm::StormPolicy;
pub use vyrox_local::{Delivery, Options};
pub use webhook::Reply;

use ed25519_dalek::SigningKey;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use vyrox_contract::TenantId;
use vyrox_local::System;
use vyrox_platform::clock::Clock as _;
use vyrox_platform::ledger::Ledger;

/// How long a state may take to come about before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a state is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// A running system with everything a test does to it.
pub struct Stage {
    /// The system.
    pub system: System,
    /// The functions' clock; the proxy and the stand-ins keep the real time.
    pub clock: Arc<ShiftedClock>,
    /// For direct writes, as the operator makes them.
    pub ledger: Ledger,
    pub(crate) http: reqwest::Client,
    pub(crate) discord_key: SigningKey,
    pub(crate) counter: AtomicU64,
}

impl Stage {
    /// A system in dry run that polls.
    pub async fn dry_run() -> Self {
        Self::start(Options::default()).await
    }

    /// A system whose proxy acts on the EDR stand-in, and polls.
    pub async fn live() -> Self {
        Self::start(Options { live: true, ..Options::default() }).await
    }

    /// A system whose proxy acts on the EDR stand-in, and is pushed to.
    pub async fn live_push() -> Self {
        Self::start(Options { live: true, delivery: Delivery::Push, ..Options::default() }).await
    }

    /// Any system.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(mut options: Options) -> Self {
        // Every alert of a test has a card of its own, unless the test is about storms.
        let calm = StormPolicy { cards: u16::MAX, group_seconds: 0, ..StormPolicy::default() };
        options.storm = options.storm.or(Some(calm));
        let clock = Arc::new(ShiftedClock::default());
        let system = System::start(options, clock.clone()).await.expect("the system starts");
        let home = home(&system);
        let text = std::fs::read_to_string(home.join("local.json")).expect("the runner keeps its secrets there");
        let state: serde_json::Value = serde_json::from_str(&text).expect("local.json is JSON");
        let mut seed = [0; 32];
        hex::decode_to_slice(state["discord_seed"].as_str().unwrap_or_default(), &mut seed)
            .expect("a seed of 32 bytes");
        Self {
            ledger: Ledger::new(system.table.clone(), "test", clock.clone()),
            http: vyrox_platform::http::client(Duration::from_secs(15)).expect("an HTTP client"),
            discord_key: SigningKey::from_bytes(&seed),
            counter: AtomicU64::new(0),
            system,
            clock,
        }
    }

    /// The tenant that the runner provisions.
    ///
    /// # Panics
    /// Never: it is a word.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.system.endpoints.tenant_id.parse().expect("the runner's tenant id is one")
    }

    /// The functions' time, unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    pub(crate) fn home(&self) -> PathBuf {
        home(&self.system)
    }

    /// Checks what must hold after every story, and stops the system.
    ///
    /// # Panics
    /// An audit chain does not verify, or Discord would have refused a message.
    pub async fn end(self) {
        let cloud = vyrox_local::cloud_audit(&self.system.table, &self.tenant()).await.expect("the audit can be read");
        let report = vyrox_audit::verify::reader(cloud.as_slice(), "cloud");
        assert!(report.as_ref().is_ok_and(|report| report.entries > 0), "the cloud's audit: {report:?}");
        let report = vyrox_audit::verify::directory(self.system.proxy_audit());
        assert!(report.is_ok(), "the proxy's audit: {report:?}");
        assert_eq!(self.system.discord.violations(), [], "Discord would have refused this");
        let denied = self.system.roles.as_ref().map(|roles| roles.denied()).unwrap_or_default();
        assert!(denied.is_empty(), "IAM would have refused this: {denied:#?}");
        self.system.shutdown().await;
    }
}

/// The runner's data directory: the proxy's log is in `proxy/audit` of it.
fn home(system: &System) -> PathBuf {
    let proxy = system.proxy_audit().parent().expect("the log lies in the proxy's directory");
    proxy.parent().expect("the proxy's directory lies in the runner's").to_owned()
}
