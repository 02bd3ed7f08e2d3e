//! From settings to a [`Config`].

use super::reader::{ConfigError, Reader};
use super::{Config, CrowdstrikeBase, CrowdstrikeConfig, Environment};
use crate::secret::{Secret, TokenDigest};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use vyrox_contract::{Ed25519Signer, VerifyingKey};

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "proxy.toml";

/// The variable that names another file.
pub const FILE_VARIABLE: &str = "VYROX_CONFIG";

/// The documented file with every default.
pub const EXAMPLE: &str = include_str!("../../proxy.example.toml");

pub(super) fn load(file: Option<&Path>, environment: &Environment) -> Result<Config, ConfigError> {
    let mut read = Reader::new(file, environment);
    // Relative paths of the file are relative to the file.
    let base = file.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();

    // What is missing is filled in, so that every other setting is looked at, too; with a problem nothing is returned.
    let tenant_id = read.require("tenant_id", parse, "a tenant id").unwrap_or_else(unset);
    let proxy_id = read.require("proxy_id", parse, "a proxy id").unwrap_or_else(unset);
    let audit_dir = read.require("audit_dir", |text| Some(base.join(text)), "a path").unwrap_or_default();
    let platform_keys = platform_keys(&mut read);
    let signer = signer(&mut read, &base).unwrap_or_else(|| Ed25519Signer::from_seed(&[0; 32]));
    let mut config = Config::new(tenant_id, proxy_id, audit_dir, platform_keys, signer);
    settings(&mut read, &mut config, &base);

    let (mut problems, warnings) = read.finish();
    for problem in config.problems() {
        if problems.iter().all(|known| known.name != problem.name) {
            problems.push(problem);
        }
    }
    config.warnings = warnings;
    if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
}

fn unset<T: FromStr<Err: std::fmt::Debug>>() -> T {
    "unset".parse().expect("a word is an id")
}

fn platform_keys(read: &mut Reader<'_>) -> Vec<VerifyingKey> {
    let Some(texts) = read.list("platform_keys") else {
        read.problem("platform_keys", "is missing");
        return Vec::new();
    };
    let keys: Vec<_> = texts.iter().filter_map(|text| VerifyingKey::from_text(text).ok()).collect();
    if keys.len() < texts.len() {
        read.problem("platform_keys", "holds something that is not a public key (base64 SPKI)");
    }
    keys
}

fn signer(read: &mut Reader<'_>, base: &Path) -> Option<Ed25519Signer> {
    let path = read.require("signing_key_file", |text| Some(base.join(text)), "a path")?;
    let others = std::fs::metadata(&path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if others {
        read.warn(format!("signing_key_file: others than its owner may use {}; chmod 600", path.display()));
    }
    let pem = match std::fs::read_to_string(path) {
        Ok(pem) => zeroize::Zeroizing::new(pem),
        Err(error) => {
            read.problem("signing_key_file", &format!("cannot be read: {}", error.kind()));
            return None;
        }
    };
    let signer = Ed25519Signer::from_pem(&pem).ok();
    if signer.is_none() {
        read.problem("signing_key_file", "does not hold an Ed25519 private key (PKCS#8 PEM)");
    }
    signer
}

fn settings(read: &mut Reader<'_>, config: &mut Config, base: &Path) {
    read.set("listen", &mut config.listen, parse, "an address with a port");
    read.set("allow_plaintext_listen", &mut config.allow_plaintext_listen, parse, "true or false");
    read.set("relay_url", &mut config.relay_url, |text| Some(Some(text.trim_end_matches('/').to_owned())), "a URL");
    read.set("allow_plaintext_relay", &mut config.allow_plaintext_relay, parse, "true or false");
    read.set("dry_run", &mut config.dry_run, parse, "true or false");
    let digest = |text: &str| TokenDigest::from_hex(text).map(Some);
    read.set("export_token_sha256", &mut config.export_token, digest, "64 hex digits");
    config.shared_secret = read.secret("hmac_secret").map(Secret::new);

    read.set("poll.min_seconds", &mut config.poll.min, seconds, "a number of seconds");
    read.set("poll.max_seconds", &mut config.poll.max, seconds, "a number of seconds");

    let policy = &mut config.policy;
    if let Some(texts) = read.list("policy.allowed_actions") {
        policy.allowed_actions = texts.iter().filter_map(|text| text.parse().ok()).collect();
        if policy.allowed_actions.len() < texts.len() {
            read.problem("policy.allowed_actions", "names an action that this version does not know");
        }
    }
    if let Some(hosts) = read.list("policy.protected_hosts") {
        policy.protected_hosts = hosts;
    }
    read.set("policy.max_isolations_per_hour", &mut policy.max_isolations_per_hour, parse, "a number");
    read.set("policy.max_isolations_per_day", &mut policy.max_isolations_per_day, parse, "a number");
    read.set("policy.max_approval_age_seconds", &mut policy.max_approval_age_seconds, parse, "a number of seconds");
    read.set("policy.require_hostname_match", &mut policy.require_hostname_match, parse, "true or false");
    read.set("policy.kill_switch_file", &mut policy.kill_switch_file, |text| Some(Some(base.join(text))), "a path");

    let limits = &mut config.limits;
    read.set("limits.body_bytes", &mut limits.body_bytes, parse, "a number of bytes");
    read.set("limits.header_timeout_seconds", &mut limits.header_timeout, seconds, "a number of seconds");
    read.set("limits.body_timeout_seconds", &mut limits.body_timeout, seconds, "a number of seconds");
    read.set("limits.connection_lifetime_seconds", &mut limits.connection_lifetime, seconds, "a number of seconds");
    read.set("limits.connections", &mut limits.connections, parse, "a number");
    read.set("limits.in_flight", &mut limits.in_flight, parse, "a number");
    read.set("limits.drain_seconds", &mut limits.drain, seconds, "a number of seconds");
    read.set("limits.retention_seconds", &mut limits.retention_seconds, parse, "a number of seconds");

    config.crowdstrike = crowdstrike(read);
}

fn crowdstrike(read: &mut Reader<'_>) -> Option<CrowdstrikeConfig> {
    let cloud = read.text("crowdstrike.cloud");
    let loopback = read.text("crowdstrike.loopback_url");
    let client_id = read.text("crowdstrike.client_id");
    let secret = read.secret("crowdstrike.client_secret");
    let mut confirm_for = None;
    read.set("crowdstrike.confirm_seconds", &mut confirm_for, |text| seconds(text).map(Some), "a number of seconds");
    let base = match (cloud, loopback) {
        (None, None) if client_id.is_none() && secret.is_none() => return None,
        (Some(name), None) => CrowdstrikeBase::cloud(&name),
        (None, Some(url)) => CrowdstrikeBase::loopback(&url),
        _ => None,
    };
    for (missing, name, text) in [
        (base.is_none(), "crowdstrike.cloud", "must name one of CrowdStrike's clouds (or loopback_url a loopback URL)"),
        (client_id.is_none(), "crowdstrike.client_id", "is missing"),
        (secret.is_none(), "crowdstrike.client_secret", "is missing"),
    ] {
        if missing {
            read.problem(name, text);
        }
    }
    let mut config = CrowdstrikeConfig::new(base?, client_id?, Secret::new(secret?));
    config.confirm_for = confirm_for.unwrap_or(config.confirm_for);
    Some(config)
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Up to a day: a time to come must stay one that the clock can tell.
fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|seconds| *seconds <= 24 * 3600).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn directory() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("proxy-key.pem"), Ed25519Signer::from_seed(&[3; 32]).to_pem()).unwrap();
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(dir.path().join("proxy-key.pem"), owner_only).unwrap();
        dir
    }

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn write(dir: &tempfile::TempDir, text: &str) -> PathBuf {
        let path = dir.path().join("proxy.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn the_documented_file_is_the_default() {
        let dir = directory();
        let loaded = load(Some(&write(&dir, EXAMPLE)), &Environment::new()).unwrap();
        let (tenant, proxy) = ("acme".parse().unwrap(), "proxy-1".parse().unwrap());
        let audit = dir.path().join("audit");
        let mut default = Config::new(tenant, proxy, audit, loaded.platform_keys.clone(), loaded.signer.clone());
        default.relay_url = Some("https://relay.example.com".into());
        assert_eq!(format!("{loaded:?}"), format!("{default:?}"));
    }

    #[test]
    fn every_problem_is_reported_at_once_and_no_value_is() {
        let dir = directory();
        let text = "tenant_id = 'sp ace'\nproxy_id = 'p'\nplatform_keys = ['hunter2']\ndry_run = 'hunter2'\n\
                    audit_dir='a'\nsigning_key_file = 'none.pem'\nhmac_secret = 'hunter2'\nlimitz = 'hunter2'";
        let error = load(Some(&write(&dir, text)), &environment(&[("VYROX_LISTEN", "hunter2")])).unwrap_err();
        let mut names: Vec<_> = error.0.iter().map(|problem| problem.name.as_str()).collect();
        names.sort_unstable();
        let expected = ["dry_run", "hmac_secret", "limitz", "listen", "platform_keys", "signing_key_file", "tenant_id"];
        assert_eq!(names, expected);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("VYROX_TENANT_ID"));
    }

    #[test]
    fn a_broken_file_is_refused_without_being_quoted() {
        let dir = directory();
        let error = load(Some(&write(&dir, "client_secret = hunter2")), &Environment::new()).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn a_key_that_others_may_read_is_warned_of() {
        let dir = directory();
        let others = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(dir.path().join("proxy-key.pem"), others).unwrap();
        let config = load(Some(&write(&dir, EXAMPLE)), &Environment::new()).unwrap();
        assert!(matches!(&config.warnings[..], [warning] if warning.contains("signing_key_file")));
    }

    #[test]
    fn a_time_that_no_clock_can_tell_is_refused() {
        let dir = directory();
        let variables = environment(&[("VYROX_CROWDSTRIKE_CONFIRM_SECONDS", "18446744073709551615")]);
        let error = load(Some(&write(&dir, EXAMPLE)), &variables).unwrap_err();
        assert!(error.0.iter().any(|problem| problem.name == "crowdstrike.confirm_seconds"), "{error}");
    }

    #[test]
    fn variables_win_over_the_file_and_unknown_ones_are_a_warning() {
        let dir = directory();
        let variables = environment(&[
            ("VYROX_POLICY_PROTECTED_HOSTS", "dc-*, backup"),
            ("VYROX_DRY_RUN", "false"),
            ("VYROX_CROWDSTRIKE_CLOUD", "eu-1"),
            ("VYROX_CROWDSTRIKE_CLIENT_ID", "id"),
            ("VYROX_CROWDSTRIKE_CLIENT_SECRET", "secret"),
            ("VYROX_SERVICE_HOST", "10.0.0.1"),
        ]);
        let config = load(Some(&write(&dir, EXAMPLE)), &variables).unwrap();
        assert_eq!(config.policy.protected_hosts, ["dc-*", "backup"]);
        assert!(!config.dry_run);
        assert_eq!(config.crowdstrike.unwrap().base.url(), "https://api.eu-1.crowdstrike.com");
        assert_eq!(config.warnings.len(), 1);
        assert!(config.warnings[0].contains("VYROX_SERVICE_HOST"));
    }
}
