//! Configuration: one typed struct, filled from `proxy.toml` and `VYROX_*` variables, or by a program that embeds the
//! proxy. Every problem is found before any is reported, and reported by name, never by value.

mod load;
mod reader;

pub use load::{DEFAULT_FILE, EXAMPLE, FILE_VARIABLE};
pub use reader::{ConfigError, Problem};

use crate::hosts::ProtectedHosts;
use crate::secret::{Secret, TokenDigest};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vyrox_contract::{ActionType, Ed25519Signer, ProxyId, TenantId, VerifyingKey};

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
    /// Where the audit log is; created if missing.
    pub audit_dir: PathBuf,
    /// The platform's keys. One, or two during a rotation.
    pub platform_keys: Vec<VerifyingKey>,
    /// Its own key: signs receipts and polls.
    pub signer: Ed25519Signer,
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
    /// CrowdStrike's API; needed when not in dry run.
    pub crowdstrike: Option<CrowdstrikeConfig>,
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
#[derive(Debug, Clone)]
pub struct PollConfig {
    /// At most this often, and the first back-off after a failure. Default 2 s.
    pub min: Duration,
    /// At least this often, and the longest back-off. Default 60 s.
    pub max: Duration,
}

/// What this proxy agrees to do, whoever asks.
#[derive(Debug, Clone)]
pub struct PolicyConfig {
    /// Default: host isolation only.
    pub allowed_actions: Vec<ActionType>,
    /// Host names that are never contained: exact, or with `*` for any run of characters. Case does not matter.
    pub protected_hosts: Vec<String>,
    /// Default 5.
    pub max_isolations_per_hour: u32,
    /// Default 20.
    pub max_isolations_per_day: u32,
    /// While this file exists, nothing is done.
    pub kill_switch_file: Option<PathBuf>,
    /// How old an approval may be, in seconds. Default 3600.
    pub max_approval_age_seconds: i64,
    /// Whether the EDR must know the device by the name that the approver saw. Default true.
    pub require_hostname_match: bool,
}

/// Access to CrowdStrike Falcon. Scopes: Hosts READ and Hosts WRITE, nothing else.
#[derive(Debug, Clone)]
pub struct CrowdstrikeConfig {
    /// Which API.
    pub base: CrowdstrikeBase,
    /// OAuth2 client id.
    pub client_id: String,
    /// OAuth2 client secret.
    pub client_secret: Secret,
    /// How long the state is read back before it counts as unconfirmed. Default 15 s.
    pub confirm_for: Duration,
    /// The pause between two reads. Default 1 s.
    pub confirm_every: Duration,
    /// For one request. Default 10 s.
    pub request_timeout: Duration,
}

impl CrowdstrikeConfig {
    /// Access with the default time limits.
    pub fn new(base: CrowdstrikeBase, client_id: String, client_secret: Secret) -> Self {
        Self {
            base,
            client_id,
            client_secret,
            confirm_for: Duration::from_secs(15),
            confirm_every: Duration::from_secs(1),
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// CrowdStrike's clouds, and loopback for tests and the local runner. There is no way to name another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrowdstrikeBase(String);

impl CrowdstrikeBase {
    /// One of CrowdStrike's clouds by its name (`us-1`, `us-2`, `us-3`, `eu-1`, `us-gov-1`, `us-gov-2`).
    pub fn cloud(name: &str) -> Option<Self> {
        let host = match name {
            "us-1" => "api.crowdstrike.com",
            "us-2" => "api.us-2.crowdstrike.com",
            "us-3" => "api.us-3.crowdstrike.com",
            "eu-1" => "api.eu-1.crowdstrike.com",
            "us-gov-1" => "api.laggar.gcw.crowdstrike.com",
            "us-gov-2" => "api.us-gov-2.crowdstrike.mil",
            _ => return None,
        };
        Some(Self(format!("https://{host}")))
    }

    /// A stand-in on this machine.
    pub fn loopback(url: &str) -> Option<Self> {
        is_loopback(url).then(|| Self(url.trim_end_matches('/').to_owned()))
    }

    /// Without a slash at its end.
    pub fn url(&self) -> &str {
        &self.0
    }
}

/// Sizes, counts and time limits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of a request's body, in bytes. Default 64 KiB.
    pub body_bytes: usize,
    /// For a request's head to arrive. Default 10 s.
    pub header_timeout: Duration,
    /// For a request's body to arrive. Default 10 s.
    pub body_timeout: Duration,
    /// For a whole connection, however busy it is: a client that never reads its answers must not keep its place.
    /// Default 300 s. Work that was begun goes on.
    pub connection_lifetime: Duration,
    /// Open connections; more wait. Default 256.
    pub connections: usize,
    /// Authenticated actions at work; more are told to come back. Default 64.
    pub in_flight: usize,
    /// How long a stop waits for work. Default 25 s.
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
            relay_url: None,
            allow_plaintext_relay: false,
            poll: PollConfig { min: Duration::from_secs(2), max: Duration::from_secs(60) },
            dry_run: true,
            policy: PolicyConfig {
                allowed_actions: vec![ActionType::HostIsolation],
                protected_hosts: Vec::new(),
                max_isolations_per_hour: 5,
                max_isolations_per_day: 20,
                kill_switch_file: None,
                max_approval_age_seconds: 3600,
                require_hostname_match: true,
            },
            crowdstrike: None,
            shared_secret: None,
            export_token: None,
            limits: Limits::default(),
            warnings: Vec::new(),
        }
    }

    /// Reads `file` (if given) and the variables, which win over the file.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem, by name.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        load::load(file, environment)
    }

    /// What would make it unsafe or useless, whoever filled it.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, name: &str, text: &str| {
            if !holds {
                problems.push(Problem::new(name, text));
            }
        };
        require(!self.platform_keys.is_empty(), "platform_keys", "at least one key is needed");
        require(self.platform_keys.len() <= 4, "platform_keys", "more than four keys");
        require(
            self.listen.ip().is_loopback() || self.allow_plaintext_listen,
            "listen",
            "plain text off loopback; put TLS in front and set allow_plaintext_listen = true",
        );
        if let Some(url) = &self.relay_url {
            let plaintext = url.starts_with("http://") && (is_loopback(url) || self.allow_plaintext_relay);
            require(url.starts_with("https://") || plaintext, "relay_url", "must be https://, or http:// on loopback");
        }
        let bytes = self.shared_secret.as_ref().map(|secret| secret.expose().len());
        require(bytes.is_none_or(|bytes| bytes >= 32), "hmac_secret", "shorter than 32 bytes");
        require(self.dry_run || self.crowdstrike.is_some(), "crowdstrike", "needed when dry_run is false");
        if let Some(edr) = &self.crowdstrike {
            require(!edr.client_id.is_empty(), "crowdstrike.client_id", "is empty");
            require(!edr.client_secret.expose().is_empty(), "crowdstrike.client_secret", "is empty");
        }
        require(
            !self.poll.min.is_zero() && self.poll.min <= self.poll.max,
            "poll",
            "min must be above 0 and up to max",
        );
        let age = self.policy.max_approval_age_seconds;
        require(age > 0, "policy.max_approval_age_seconds", "must be above 0");
        // An id must not be forgotten while its approval could still pass.
        let remembered = self.limits.retention_seconds;
        require(remembered >= age.saturating_add(3600), "limits.retention_seconds", "shorter than an approval's life");
        require(remembered >= 24 * 3600, "limits.retention_seconds", "shorter than the daily budget");
        let possible = self.policy.protected_hosts.iter().all(|pattern| ProtectedHosts::is_possible(pattern));
        require(possible, "policy.protected_hosts", "holds a pattern that no host name can match");
        for (name, limit, most) in [
            ("limits.connections", self.limits.connections, 100_000),
            ("limits.in_flight", self.limits.in_flight, 100_000),
            ("limits.body_bytes", self.limits.body_bytes, 1024 * 1024),
        ] {
            require((1..=most).contains(&limit), name, "is 0 or too large");
        }
        problems
    }

    /// The process's environment, as far as it concerns the proxy.
    pub fn environment() -> Environment {
        #[expect(clippy::disallowed_methods, reason = "configuration reads the environment, and only here")]
        std::env::vars().filter(|(name, _)| name.starts_with("VYROX_")).collect()
    }
}

/// Whether a URL names this machine by address (a name could be made to resolve elsewhere).
pub(crate) fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        matches!(url.scheme(), "http" | "https") && host.is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let signer = Ed25519Signer::from_seed(&[1; 32]);
        let keys = vec![signer.verifying_key()];
        Config::new("acme".parse().unwrap(), "p1".parse().unwrap(), "audit".into(), keys, signer)
    }

    fn names(config: &Config) -> Vec<String> {
        config.problems().into_iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn the_defaults_are_dry_loopback_and_sound() {
        let config = config();
        assert!(config.dry_run && config.listen.ip().is_loopback());
        assert!(names(&config).is_empty());
    }

    #[test]
    fn plain_text_off_loopback_has_to_be_asked_for_by_name() {
        let mut config = config();
        config.listen = "0.0.0.0:8787".parse().unwrap();
        config.relay_url = Some("http://relay.example.com".into());
        assert_eq!(names(&config), ["listen", "relay_url"]);
        (config.allow_plaintext_listen, config.allow_plaintext_relay) = (true, true);
        assert!(names(&config).is_empty());
    }

    #[test]
    fn live_mode_without_credentials_is_refused() {
        let mut config = config();
        config.dry_run = false;
        assert_eq!(names(&config), ["crowdstrike"]);
    }

    #[test]
    fn a_short_or_empty_shared_secret_is_refused() {
        let mut config = config();
        for text in [String::new(), "x".repeat(31)] {
            config.shared_secret = Some(Secret::new(text));
            assert_eq!(names(&config), ["hmac_secret"]);
        }
    }

    #[test]
    fn limits_that_admit_nothing_or_everything_and_rules_that_protect_nothing_are_refused() {
        let mut config = config();
        (config.limits.connections, config.limits.in_flight, config.limits.body_bytes) = (0, usize::MAX, usize::MAX);
        config.policy.protected_hosts = vec!["dc-01, dc-02".into()];
        let expected = ["policy.protected_hosts", "limits.connections", "limits.in_flight", "limits.body_bytes"];
        assert_eq!(names(&config), expected);
    }

    #[test]
    fn no_host_but_crowdstrikes_and_loopback_can_be_named() {
        for bad in ["http://localhost:1", "https://evil.example", "http://127.0.0.1.evil.example", "file:///etc", ""] {
            assert!(CrowdstrikeBase::loopback(bad).is_none(), "{bad}");
        }
        assert_eq!(CrowdstrikeBase::loopback("http://127.0.0.1:9/").unwrap().url(), "http://127.0.0.1:9");
        assert!(CrowdstrikeBase::cloud("us-9").is_none());
    }
}
