//! A proxy in front of each vendor's stand-in, and one action sent through it.

use super::{HOST, Harness, config, entries, receipt, timing};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use vyrox_audit::Entry;
use vyrox_contract::{ActionType, Receipt, Vendor};
use vyrox_edge_proxy::{Base, Config, EdrConfig, Secret, Timing};
use vyrox_edr_standin::{
    Agent, Defender, DefenderOptions, Falcon, FalconOptions, Host, Machine, Sentinelone, SentineloneOptions,
};

pub const AGENT: &str = "1409000000000000001";
pub const MACHINE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
pub const SHA1: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
pub const THREAT: &str = "1570395776954206544";
const SETTLE: Duration = Duration::from_millis(100);

pub async fn falcon() -> Falcon {
    let hosts = vec![Host { aid: super::AID.into(), hostname: HOST.to_uppercase() }];
    Falcon::start(FalconOptions { hosts, settle: SETTLE, ..FalconOptions::default() }).await.unwrap()
}

pub async fn sentinelone() -> Sentinelone {
    sentinelone_that_lists_after(Duration::ZERO).await
}

/// One that shows a mitigation only so long after it was asked for.
pub async fn sentinelone_that_lists_after(lists_after: Duration) -> Sentinelone {
    let agents = vec![Agent { id: AGENT.into(), name: HOST.to_uppercase() }];
    let options = SentineloneOptions { agents, settle: SETTLE, lists_after, ..Default::default() };
    let edr = Sentinelone::start(options).await.unwrap();
    edr.add_threat(THREAT, AGENT, "success");
    edr
}

pub async fn defender() -> Defender {
    let machines = vec![Machine { id: MACHINE.into(), name: format!("{HOST}.corp.example") }];
    Defender::start(DefenderOptions { machines, settle: SETTLE, ..Default::default() }).await.unwrap()
}

/// A proxy that may do anything, with time enough to see it happen.
fn live(dir: &Path) -> (Config, Timing) {
    let mut config = config(dir);
    config.dry_run = false;
    let policy = &mut config.policy;
    policy.allowed_actions = vec![ActionType::HostIsolation, ActionType::ProcessKill, ActionType::NetworkQuarantine];
    policy.max_isolations_per_hour = 100;
    (config, Timing { confirm_for: Duration::from_secs(2), ..timing() })
}

pub fn with_falcon(dir: &Path, edr: &Falcon) -> Config {
    let (mut config, timing) = live(dir);
    let base = Base::loopback(Vendor::Crowdstrike, &edr.url()).unwrap();
    let FalconOptions { client_id, client_secret, .. } = FalconOptions::default();
    config.edrs = vec![EdrConfig { client_id, timing, ..EdrConfig::new(base, Secret::new(client_secret)) }];
    config
}

pub fn with_sentinelone(dir: &Path, edr: &Sentinelone) -> Config {
    let (mut config, timing) = live(dir);
    let base = Base::loopback(Vendor::Sentinelone, &edr.url()).unwrap();
    let secret = Secret::new(SentineloneOptions::default().api_token);
    config.edrs = vec![EdrConfig { timing, ..EdrConfig::new(base, secret) }];
    config
}

pub fn with_defender(dir: &Path, edr: &Defender) -> Config {
    let (mut config, timing) = live(dir);
    let base = Base::loopback(Vendor::Defender, &edr.url()).unwrap();
    let DefenderOptions { directory, client_id, client_secret, .. } = DefenderOptions::default();
    let access = EdrConfig::new(base, Secret::new(client_secret));
    config.edrs = vec![EdrConfig { directory, client_id, timing, ..access }];
    config
}

/// Changes an action's kind and target.
pub fn aimed(kind: &str, target: Value) -> impl Fn(&mut Value) + use<> {
    let kind = kind.to_owned();
    move |action| {
        action["action_type"] = json!(kind);
        let mut target = target.clone();
        if target.get("hostname").is_none() {
            target["hostname"] = json!(HOST);
        }
        action["target"] = target;
    }
}

/// What became of one action.
pub struct Sent {
    pub status: u16,
    pub receipt: Receipt,
    pub entries: Vec<Entry>,
}

/// Sends one action through a proxy of its own, and stops it.
pub async fn send(dir: &Path, config: Config, rollback: bool, change: impl Fn(&mut Value)) -> Sent {
    let proxy = Harness::start(config).await;
    let (status, body) = if rollback { proxy.rollback(change).await } else { proxy.execute(change).await };
    proxy.running.shutdown().await;
    assert!(body.get("receipt").is_some(), "{status} {body}");
    Sent { status, receipt: receipt(&body), entries: entries(dir) }
}
