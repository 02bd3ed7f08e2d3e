//! The backup path: where a CRITICAL alert goes, once, while Discord is down.

use crate::record::AlertRecord;
use crate::verdict::VerdictLevel;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use vyrox_contract::UntrustedInput;

/// How long a CRITICAL alert waits for Discord before it goes over the backup path, in seconds.
pub const PATIENCE: i64 = 60;
/// How long a claimed attempt keeps another one away, in seconds.
const CLAIM: i64 = 120;

/// A tenant's backup path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupPath {
    /// A POST of JSON.
    Webhook(BackupUrl),
}

/// An address that our servers may post to on a tenant's wish: `https`, a host name or public address, no credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupUrl(String);

impl BackupUrl {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host, and its port.
    #[must_use]
    pub fn host(&self) -> (&str, u16) {
        let rest = &self.0["https://".len()..];
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().unwrap_or(0)),
            None => (authority, 443),
        }
    }
}

impl FromStr for BackupUrl {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason| UntrustedInput { what: "backup URL", reason };
        if !text.starts_with("https://") {
            return Err(refused("it does not begin with https://"));
        }
        if text.len() > 500 || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['\\', '@']) {
            return Err(refused(
                "it is longer than 500 characters, or holds credentials, spaces or special characters",
            ));
        }
        let url = Self(text.to_owned());
        let (host, port) = url.host();
        let is_name = host.contains('.')
            && !host.starts_with(['.', '-'])
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if port == 0 || !is_name {
            return Err(refused("its host is no full name"));
        }
        match host.parse::<IpAddr>() {
            Ok(address) if !is_public(address) => Err(refused("its address is not a public one")),
            Err(_) if host.rsplit('.').next().is_none_or(|last| last.bytes().all(|byte| byte.is_ascii_digit())) => {
                Err(refused("its host is a number in disguise"))
            }
            _ => Ok(url),
        }
    }
}

impl TryFrom<String> for BackupUrl {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BackupUrl> for String {
    fn from(url: BackupUrl) -> Self {
        url.0
    }
}

impl fmt::Display for BackupUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an address is out in the internet: not this machine, not a private network, not the cloud's own services.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        (0 | 10 | 127, ..) | (169, 254, _) | (192, 168, _) => true, // this network, private, loopback, link-local
        (172, 16..=31, _) | (100, 64..=127, _) => true,             // private, carriers
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) => true, // protocols, documentation, relays, benchmarks
        (198, 51, 100) | (203, 0, 113) => true,                     // documentation
        (224.., ..) => true,                                        // multicast, reserved, broadcast
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Addresses that hold an IPv4 address are as public as that one.
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, ..] => false, // protocols, documentation
        // Everything else that is assigned to the internet begins with 001.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// What went over the backup path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Whether it arrived, as far as is known.
    pub state: BackupState,
    /// Since when, unix seconds.
    pub at: i64,
}

/// Where the backup of an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// Somebody is sending it.
    Claimed,
    /// It was taken.
    Sent,
    /// It was not taken; it is tried again.
    Failed,
}

/// Whether an alert that could not be shown goes over the backup path now: it is CRITICAL, has no card, has waited long
/// enough (or Discord has said that waiting is of no use), and has not gone there before.
#[must_use]
pub fn is_due(record: &AlertRecord, is_hopeless: bool, now: i64) -> bool {
    let is_critical = record.verdict.as_ref().is_some_and(|verdict| verdict.verdict == VerdictLevel::Critical);
    let has_waited = is_hopeless || now.saturating_sub(record.alert.received_at) >= PATIENCE;
    let is_free = match record.backup {
        None => true,
        Some(Backup { state: BackupState::Sent, .. }) => false,
        Some(Backup { state: BackupState::Failed, .. }) => true,
        Some(Backup { state: BackupState::Claimed, at }) => now.saturating_sub(at) >= CLAIM,
    };
    is_critical && record.posted.is_none() && has_waited && is_free
}

/// What is sent: enough to know that somebody has to look, and nothing that the alert's sender could make executable. No
/// command line, no button: deciding stays in Discord.
#[must_use]
pub fn letter(record: &AlertRecord, now: i64) -> Value {
    let short = |text: Option<&str>| {
        text.map(|text| crate::text::visible(text).replace('\n', " ").chars().take(200).collect::<String>())
    };
    json!({
        "kind": "vyrox.backup", "version": 1,
        "why": "Discord cannot be reached, so this alert could not be shown there. Nothing is contained without a decision in Discord.",
        "tenant_id": record.alert.tenant_id, "alert_id": record.alert.id, "sent_at": now,
        "severity": record.verdict.as_ref().map(|verdict| verdict.verdict),
        "host": short(record.alert.hostname.as_deref()), "user": short(record.alert.username.as_deref()),
        "title": short(record.alert.title.as_deref()), "technique": short(record.alert.technique.as_deref()),
        "source": record.alert.source, "happened_at": record.alert.timestamp,
        "asks_for_a_decision_until": record.plan().map(crate::plan::Plan::expires_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_https_addresses_are_taken() {
        for good in ["https://hooks.example.com/x?y=1", "https://hooks.example.com:8443/", "https://8.8.8.8/x"] {
            assert_eq!(good.parse::<BackupUrl>().unwrap().as_str(), good);
        }
        assert_eq!("https://a.example:8443/x".parse::<BackupUrl>().unwrap().host(), ("a.example", 8443));
        assert_eq!("https://a.example?x:1".parse::<BackupUrl>().unwrap().host(), ("a.example", 443));
        for bad in [
            "",
            "http://hooks.example.com",
            "https://",
            "https://localhost/",
            "https://hooks",
            "https://user@a.example/",
            "https://a.example\\@b/",
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://a.example:0/",
            "https://a.example:99999/",
            "https://a b.example/",
            "https://ünï.example/",
            "ftp://a.example/",
        ] {
            assert!(bad.parse::<BackupUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_out_in_the_internet_is_known() {
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "ff02::1",
            "::7f00:1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
