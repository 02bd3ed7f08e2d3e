//! Configuration: one typed struct, filled from `proxy.toml` and `VYROX_*` variables, or by a program that embeds the
//! proxy. Every problem is found before any is reported, and reported by name, never by value.

mod layers;
mod policy;
mod problem;
mod seconds;
mod sections;
mod settings;
mod vendors;

pub use policy::{Maintenance, PolicyConfig, Quorum};
pub use problem::{ConfigError, Problem};
pub use vendors::{Base, EdrConfig, Timing};

use crate::secret::{Secret, TokenDigest};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use vyrox_contract::{Ed25519Signer, ProxyId, TenantId, VerifyingKey, canonical};

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "proxy.toml";

/// The variable that names another file.
pub const FILE_VARIABLE: &str = "VYROX_CONFIG";

/// The documented file with every default.
pub const EXAMPLE: &str = include_str!("../proxy.example.toml");

/// The variables of the environment, read once.
pub type Environment = BTreeMap<String, String>;

/// Everything the proxy needs to know. [`Config::new`] has the defaults; set the fields that differ.
#[derive(Debug, Clone)]
pub struct Config {
    /// The one tenant it serves.
    pub tenant_id: TenantId,
    /// Its own id.
    pub proxy_id: ProxyId,
    /// Where it listens. Default `127.0.0.1:8787`.
    pub listen: SocketAddr,
    /// Whether it may listen in plain text on an address that is not loopback (behind something that ends TLS).
    pub allow_plaintext_listen: bool,
    /// Its own certificate and key, to listen in TLS. None: plain text.
    pub tls: Option<TlsConfig>,
    /// Where the audit log is; created if missing.
    pub audit_dir: PathBuf,
    /// The platform's keys. One, or two during a rotation.
    pub platform_keys: Vec<VerifyingKey>,
    /// Its own key: signs receipts and polls.
    pub signer: Ed25519Signer,
    /// Where its key was read from; a rotation replaces it there.
    pub signing_key_file: Option<PathBuf>,
    /// The relay to poll, e.g. `https://relay.example.com`. None: push only.
    pub relay_url: Option<String>,
    /// Whether the relay may be plain HTTP on an address that is not loopback.
    pub allow_plaintext_relay: bool,
    /// How often it polls.
    pub poll: PollConfig,
    /// Whether every check and audit entry happens but no EDR is called. Default true.
    pub dry_run: bool,
    /// What it agrees to do.
    pub policy: PolicyConfig,
    /// The vendors' APIs, each vendor's once. One at least is needed when not in dry run.
    pub edrs: Vec<EdrConfig>,
    /// For published clients that sign with a shared secret, at least 32 bytes. None: only envelopes are accepted.
    pub shared_secret: Option<Secret>,
    /// The digest of the bearer token for `GET /audit/export`. None: no export over HTTP.
    pub export_token: Option<TokenDigest>,
    /// Sizes, counts and time limits.
    pub limits: Limits,
    /// Problems that do not stop it, for the log.
    pub warnings: Vec<String>,
}

/// How often the relay is polled. The relay's `next_poll_seconds` counts within these bounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollConfig {
    /// At most this often, and the first back-off after a failure. Default 2 s.
    #[serde(rename = "min_seconds", with = "seconds")]
    pub min: Duration,
    /// At least this often, and the longest back-off. Default 60 s.
    #[serde(rename = "max_seconds", with = "seconds")]
    pub max: Duration,
}

impl Default for PollConfig {
    fn default() -> Self {
        Self { min: Duration::from_secs(2), max: Duration::from_secs(60) }
    }
}

/// The PEM files of a certificate chain, the server's own first, and of its private key.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// The chain.
    pub certificate_file: PathBuf,
    /// The key.
    pub key_file: PathBuf,
}

/// Sizes, counts and time limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Of a request's body, in bytes. Default 64 KiB.
    pub body_bytes: usize,
    /// For a request's head to arrive. Default 10 s.
    #[serde(rename = "header_timeout_seconds", with = "seconds")]
    pub header_timeout: Duration,
    /// For a request's body to arrive. Default 10 s.
    #[serde(rename = "body_timeout_seconds", with = "seconds")]
    pub body_timeout: Duration,
    /// For a whole connection, however busy it is: a client that never reads its answers must not keep its place. An export
    /// that is read begins it anew. Default 300 s. Work that was begun goes on.
    #[serde(rename = "connection_lifetime_seconds", with = "seconds")]
    pub connection_lifetime: Duration,
    /// Open connections; more wait. Default 256.
    pub connections: usize,
    /// Authenticated actions at work; more are told to come back. Default 64.
    pub in_flight: usize,
    /// How long a stop waits for work. Default 25 s.
    #[serde(rename = "drain_seconds", with = "seconds")]
    pub drain: Duration,
    /// How long a request id is remembered, in seconds. Default 7 days.
    pub retention_seconds: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            connection_lifetime: Duration::from_secs(300),
            connections: 256,
            in_flight: 64,
            drain: Duration::from_secs(25),
            retention_seconds: 7 * 24 * 3600,
        }
    }
}

impl Config {
    /// A proxy with every default: dry run, loopback, no relay, host isolation only.
    pub fn new(
        tenant_id: TenantId,
        proxy_id: ProxyId,
        audit_dir: PathBuf,
        platform_keys: Vec<VerifyingKey>,
        signer: Ed25519Signer,
    ) -> Self {
        Self {
            tenant_id,
            proxy_id,
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            allow_plaintext_listen: false,
            audit_dir,
            platform_keys,
            signer,
            signing_key_file: None,
            relay_url: None,
            allow_plaintext_relay: false,
            tls: None,
            poll: PollConfig::default(),
            dry_run: true,
            policy: PolicyConfig::default(),
            edrs: Vec::new(),
            shared_secret: None,
            export_token: None,
            limits: Limits::default(),
            warnings: Vec::new(),
        }
    }

    /// What would make it unsafe or useless, whoever filled it.
    pub fn problems(&self) -> Vec<Problem> {
        let Self { limits, policy, poll, .. } = self;
        let private = self.listen.ip().is_loopback() || self.tls.is_some() || self.allow_plaintext_listen;
        let relay = self.relay_url.as_deref().is_none_or(|url| is_relay(url, self.allow_plaintext_relay));
        let secret = self.shared_secret.as_ref().map(|secret| secret.expose().len());
        let own = self.platform_keys.contains(&self.signer.verifying_key());
        // An id must not be forgotten while its approval could still pass, nor a lease before its end.
        let remembers = |seconds: i64| limits.retention_seconds >= seconds;
        let (approval, lease) = (policy.max_approval_age_seconds.saturating_add(3600), policy.max_lease_seconds.into());
        let (amount, instant) = ("is 0 or too large", "is 0: no request could arrive in time");
        let bounded = |limit: usize, most| (1..=most).contains(&limit);
        let checks = [
            (!self.platform_keys.is_empty(), "platform_keys", "at least one key is needed"),
            (self.platform_keys.len() <= 4, "platform_keys", "more than four keys"),
            (!own, "platform_keys", "holds this proxy's own key: it must not give itself orders"),
            (
                private,
                "listen",
                "plain text off loopback; set tls_certificate_file and tls_key_file, or, with TLS in front of it, allow_plaintext_listen = true",
            ),
            (relay, "relay_url", RELAY),
            (secret.is_none_or(|bytes| bytes >= 32), "hmac_secret", "shorter than 32 bytes"),
            (!poll.min.is_zero() && poll.min <= poll.max, "poll", "min must be above 0 and up to max"),
            (remembers(approval), "limits.retention_seconds", "shorter than an approval's life"),
            (remembers(24 * 3600), "limits.retention_seconds", "shorter than the daily budget"),
            (remembers(lease), "limits.retention_seconds", "shorter than policy.max_lease_seconds"),
            (limits.retention_seconds <= 10 * 366 * 24 * 3600, "limits.retention_seconds", "longer than ten years"),
            (bounded(limits.connections, 100_000), "limits.connections", amount),
            (bounded(limits.in_flight, 100_000), "limits.in_flight", amount),
            (bounded(limits.body_bytes, 1024 * 1024), "limits.body_bytes", amount),
            (!limits.header_timeout.is_zero(), "limits.header_timeout_seconds", instant),
            (!limits.body_timeout.is_zero(), "limits.body_timeout_seconds", instant),
            (!limits.connection_lifetime.is_zero(), "limits.connection_lifetime_seconds", instant),
        ];
        Problem::among(checks).chain(policy.problems()).chain(vendors::problems(self)).collect()
    }

    /// The SHA-256 (hex) over the canonical form of mode and policy: two proxies with the same digest agree to the same.
    pub fn policy_digest(&self) -> String {
        let rules = serde_json::json!({"dry_run": self.dry_run, "policy": self.policy});
        let bytes = canonical::to_bytes(&rules).expect("texts, integers and flags have a canonical form");
        hex::encode(Sha256::digest(bytes))
    }

    /// Settings by name that differ from another configuration's and are fixed once the proxy runs.
    pub(crate) fn differences_fixed_at_start(&self, other: &Self) -> Vec<&'static str> {
        let of = |config: &Self| {
            [
                ("tenant_id", config.tenant_id.to_string()),
                ("proxy_id", config.proxy_id.to_string()),
                ("audit_dir", format!("{:?}", config.audit_dir)),
                ("dry_run", config.dry_run.to_string()),
                ("listen", format!("{} {:?}", config.listen, config.tls)),
                ("relay_url", format!("{:?}", config.relay_url)),
                ("poll", format!("{:?}", config.poll)),
                ("limits", format!("{:?}", config.limits)),
            ]
        };
        let pairs = of(self).into_iter().zip(of(other));
        pairs.filter(|(mine, theirs)| mine != theirs).map(|((name, _), _)| name).collect()
    }

    /// The process's environment, as far as it concerns the proxy.
    pub fn environment() -> Environment {
        #[expect(clippy::disallowed_methods, reason = "configuration reads the environment, and only here")]
        let variables = std::env::vars_os();
        // A value that is no text is refused where it is looked at; of other variables' values nothing is asked.
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.to_string_lossy().into()));
        variables.filter_map(text).filter(|(name, _): &(String, String)| name.starts_with("VYROX_")).collect()
    }
}

/// What a relay's URL must be.
pub(crate) const RELAY: &str = "must be https:// (or http:// on loopback) and a host, without user, query or fragment";

/// Whether a URL is a relay's; `plaintext`: also in plain text off loopback. What a URL may have beside the host and a path
/// would be lost when a path is added, or shown where URLs are.
pub(crate) fn is_relay(url: &str, plaintext: bool) -> bool {
    let http = || url.strip_prefix("http://").filter(|_| plaintext || is_loopback(url));
    let host = url.strip_prefix("https://").or_else(http);
    host.is_some_and(|host| !host.starts_with('/') && !host.contains(['@', '?', '#']))
        && reqwest::Url::parse(url).is_ok()
}

/// Whether a URL names this machine by address (a name could be made to resolve elsewhere).
pub(crate) fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        matches!(url.scheme(), "http" | "https") && host.is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests;
