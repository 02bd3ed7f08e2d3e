//! The vendors' sections of the file, and the way from there to the access to their APIs. Absent as a whole a section is no
//! problem; begun, it must be complete.

use super::seconds;
use super::settings::Reading;
use super::vendors::{
    CrowdstrikeBase, CrowdstrikeConfig, DefenderBase, DefenderConfig, SentineloneBase, SentineloneConfig, Timing,
};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// `[crowdstrike]`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CrowdstrikeSection {
    cloud: Option<String>,
    loopback_url: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    #[serde(deserialize_with = "seconds::optional")]
    confirm_seconds: Option<Duration>,
    #[serde(deserialize_with = "seconds::optional")]
    action_seconds: Option<Duration>,
}

/// `[sentinelone]`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SentineloneSection {
    console: Option<String>,
    loopback_url: Option<String>,
    api_token: Option<String>,
    api_token_file: Option<PathBuf>,
    #[serde(deserialize_with = "seconds::optional")]
    confirm_seconds: Option<Duration>,
    #[serde(deserialize_with = "seconds::optional")]
    action_seconds: Option<Duration>,
}

/// `[defender]`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DefenderSection {
    cloud: Option<String>,
    loopback_url: Option<String>,
    directory: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    #[serde(deserialize_with = "seconds::optional")]
    confirm_seconds: Option<Duration>,
    #[serde(deserialize_with = "seconds::optional")]
    action_seconds: Option<Duration>,
}

impl CrowdstrikeSection {
    pub(super) fn access(self, read: &mut Reading<'_>) -> Option<CrowdstrikeConfig> {
        let base = one(self.cloud, CrowdstrikeBase::cloud, self.loopback_url, CrowdstrikeBase::loopback);
        let wanted = "must name one of CrowdStrike's clouds (or loopback_url a stand-in on loopback)";
        read.require(base.is_some(), "crowdstrike.cloud", wanted);
        let client_id = read.required("crowdstrike.client_id", self.client_id);
        let secret = read.secret("crowdstrike.client_secret", self.client_secret, self.client_secret_file);
        let client_secret = read.required("crowdstrike.client_secret", secret);
        let timing = timing(self.confirm_seconds, self.action_seconds);
        Some(CrowdstrikeConfig { base: base?, client_id: client_id?, client_secret: client_secret?, timing })
    }
}

impl SentineloneSection {
    pub(super) fn access(self, read: &mut Reading<'_>) -> Option<SentineloneConfig> {
        let base = one(self.console, SentineloneBase::console, self.loopback_url, SentineloneBase::loopback);
        let wanted = "must be NAME of https://NAME.sentinelone.net (or loopback_url a stand-in on loopback)";
        read.require(base.is_some(), "sentinelone.console", wanted);
        let token = read.secret("sentinelone.api_token", self.api_token, self.api_token_file);
        let api_token = read.required("sentinelone.api_token", token);
        let timing = timing(self.confirm_seconds, self.action_seconds);
        Some(SentineloneConfig { base: base?, api_token: api_token?, timing })
    }
}

impl DefenderSection {
    pub(super) fn access(self, read: &mut Reading<'_>) -> Option<DefenderConfig> {
        let base = one(self.cloud, DefenderBase::cloud, self.loopback_url, DefenderBase::loopback);
        let wanted = "must name one of Microsoft's clouds (or loopback_url a stand-in on loopback)";
        read.require(base.is_some(), "defender.cloud", wanted);
        let directory = read.required("defender.directory", self.directory);
        let client_id = read.required("defender.client_id", self.client_id);
        let secret = read.secret("defender.client_secret", self.client_secret, self.client_secret_file);
        let client_secret = read.required("defender.client_secret", secret);
        let timing = timing(self.confirm_seconds, self.action_seconds);
        let (base, directory) = (base?, directory?);
        Some(DefenderConfig { base, directory, client_id: client_id?, client_secret: client_secret?, timing })
    }
}

/// The API by the vendor's name for it, or a stand-in; not both.
fn one<T>(
    name: Option<String>,
    named: fn(&str) -> Option<T>,
    url: Option<String>,
    standin: fn(&str) -> Option<T>,
) -> Option<T> {
    match (name, url) {
        (Some(name), None) => named(&name),
        (None, Some(url)) => standin(&url),
        _ => None,
    }
}

fn timing(confirm: Option<Duration>, action: Option<Duration>) -> Timing {
    let default = Timing::default();
    Timing { confirm_for: confirm.unwrap_or(default.confirm_for), action: action.unwrap_or(default.action), ..default }
}
