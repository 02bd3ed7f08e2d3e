//! The vendors' sections of the file, and the way from there to the access to their APIs. Absent as a whole a section is no
//! problem; begun, it must be complete.

use super::seconds;
use super::settings::Reading;
use super::vendors::{Base, EdrConfig, Timing};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use vyrox_contract::Vendor;

/// `[crowdstrike]`, `[sentinelone]` or `[defender]`: what any of them has.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Section {
    cloud: Option<String>,
    console: Option<String>,
    loopback_url: Option<String>,
    directory: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    api_token: Option<String>,
    api_token_file: Option<PathBuf>,
    #[serde(deserialize_with = "seconds::optional")]
    confirm_seconds: Option<Duration>,
    #[serde(deserialize_with = "seconds::optional")]
    action_seconds: Option<Duration>,
}

impl Section {
    pub(super) fn access(self, vendor: Vendor, read: &mut Reading<'_>) -> Option<EdrConfig> {
        let (sentinelone, defender) = (vendor == Vendor::Sentinelone, vendor == Vendor::Defender);
        for (is_set, has, name) in [
            (self.cloud.is_some(), !sentinelone, "cloud"),
            (self.console.is_some(), sentinelone, "console"),
            (self.directory.is_some(), defender, "directory"),
            (self.client_id.is_some(), !sentinelone, "client_id"),
            (self.client_secret.is_some() || self.client_secret_file.is_some(), !sentinelone, "client_secret"),
            (self.api_token.is_some() || self.api_token_file.is_some(), sentinelone, "api_token"),
        ] {
            read.require(has || !is_set, &format!("{vendor}.{name}"), "is not a setting of this vendor");
        }
        // The API by the vendor's name for it, or a stand-in; not both.
        let base = match (self.cloud.or(self.console), self.loopback_url) {
            (Some(name), None) => Base::named(vendor, &name),
            (None, Some(url)) => Base::loopback(vendor, &url),
            _ => None,
        };
        let (name, wanted) = match sentinelone {
            true => {
                ("console", "must be NAME of https://NAME.sentinelone.net (or loopback_url a stand-in on loopback)")
            }
            false => ("cloud", "must name one of the vendor's clouds (or loopback_url a stand-in on loopback)"),
        };
        read.require(base.is_some(), &format!("{vendor}.{name}"), wanted);
        let mut required = |name, value: Option<String>, has| match has {
            true => read.required(&format!("{vendor}.{name}"), value),
            false => Some(String::new()),
        };
        let directory = required("directory", self.directory, defender);
        let client_id = required("client_id", self.client_id, !sentinelone);
        let (name, secret, file) = match sentinelone {
            true => (format!("{vendor}.api_token"), self.api_token, self.api_token_file),
            false => (format!("{vendor}.client_secret"), self.client_secret, self.client_secret_file),
        };
        let secret = read.secret(&name, secret, file);
        let secret = read.required(&name, secret);
        let default = Timing::default();
        let confirm_for = self.confirm_seconds.unwrap_or(default.confirm_for);
        let timing = Timing { confirm_for, action: self.action_seconds.unwrap_or(default.action), ..default };
        let (directory, client_id) = (directory?, client_id?);
        Some(EdrConfig { client_id, directory, timing, ..EdrConfig::new(base?, secret?) })
    }
}
