//! Enrolment: a key of its own, a one-time token, and back come the proxy's name and the keys to believe.

use crate::config::{RELAY, is_relay};
use crate::relay::{Relay, RelayError};
use serde::Deserialize;
use serde_json::json;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use vyrox_contract::{Ed25519Signer, KeyError, ProxyId, TenantId, VerifyingKey, prove_possession};
use zeroize::Zeroizing;

/// The private key's file name.
pub const KEY_FILE: &str = "proxy-key.pem";
/// The configuration's file name.
pub const CONFIG_FILE: &str = crate::config::DEFAULT_FILE;

/// What enrolment gave.
#[derive(Debug)]
pub struct Enrolment {
    /// The tenant.
    pub tenant_id: TenantId,
    /// This proxy's name.
    pub proxy_id: ProxyId,
    /// The platform's keys: compare their fingerprints with what the platform shows elsewhere.
    pub platform_keys: Vec<VerifyingKey>,
    /// This proxy's key.
    pub signer: Ed25519Signer,
    /// The file that was written.
    pub config_file: PathBuf,
}

/// Why enrolment did not work.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// There is a configuration already.
    #[error("{0} exists already: this proxy is enrolled; move it away to enrol again")]
    AlreadyEnrolled(PathBuf),
    /// The token and the keys must not travel in plain text.
    #[error("the URL {RELAY}")]
    Plaintext,
    /// A file.
    #[error("cannot {doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The operating system has no randomness.
    #[error("no randomness for a key")]
    Random(#[source] getrandom::Error),
    /// The key file is there but holds no key, or the relay sent something that is none.
    #[error("a key cannot be read")]
    Key(#[from] KeyError),
    /// No client.
    #[error("outgoing connections cannot be set up")]
    Client(#[from] crate::outbound::ClientError),
    /// 401.
    #[error("the relay refuses the token: it is wrong, used up, expired or revoked; ask the operator for a new one")]
    Refused,
    /// The relay.
    #[error("the relay did not enrol this proxy")]
    Relay(#[source] RelayError),
    /// A 200 without any platform key, or with this proxy's own for one.
    #[error("the relay sent no platform key, or this proxy's own")]
    NoPlatformKey,
}

impl From<RelayError> for EnrolError {
    fn from(error: RelayError) -> Self {
        if matches!(error, RelayError::Unauthorised(_)) { Self::Refused } else { Self::Relay(error) }
    }
}

#[derive(Deserialize)]
struct Reply {
    tenant_id: TenantId,
    proxy_id: ProxyId,
    platform_keys: Vec<String>,
}

/// Enrols at the relay `url` with a one-time `token` and writes the key and `proxy.toml` into `dir`. `now` in unix
/// seconds. The key of an attempt that failed is used again.
///
/// # Errors
/// [`EnrolError`].
pub async fn enrol(url: &str, token: &str, dir: &Path, now: i64) -> Result<Enrolment, EnrolError> {
    if !is_relay(url, false) {
        return Err(EnrolError::Plaintext);
    }
    let config_file = dir.join(CONFIG_FILE);
    if config_file.exists() {
        return Err(EnrolError::AlreadyEnrolled(config_file));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed("create", dir))?;
    let signer = key(&dir.join(KEY_FILE))?;

    let proof = prove_possession(token, &signer);
    let request = json!({"token": token, "public_key": signer.verifying_key().to_text(), "proof": proof});
    let reply: Option<Reply> = Relay::new(url)?.post("/proxy/v1/enrol", &request, now).await?;
    let Some(reply) = reply.filter(|reply| !reply.platform_keys.is_empty()) else {
        return Err(EnrolError::NoPlatformKey);
    };
    let keys: Result<Vec<_>, _> = reply.platform_keys.iter().map(|text| VerifyingKey::from_text(text)).collect();
    let platform_keys = keys?;
    if platform_keys.contains(&signer.verifying_key()) {
        return Err(EnrolError::NoPlatformKey);
    }

    let settings = json!({
        "tenant_id": reply.tenant_id,
        "proxy_id": reply.proxy_id,
        "platform_keys": reply.platform_keys,
        "signing_key_file": KEY_FILE,
        "relay_url": url.trim_end_matches('/'),
        "audit_dir": "audit",
        "dry_run": true,
    });
    let text = toml::to_string(&settings).expect("texts, a list of texts and a flag have a TOML form");
    let head = "# Written by `vyrox-edge-proxy enrol`; all settings: --print-default-config";
    create(&config_file, &format!("{head}\n{text}"))?;
    Ok(Enrolment { tenant_id: reply.tenant_id, proxy_id: reply.proxy_id, platform_keys, signer, config_file })
}

pub(crate) fn key(path: &Path) -> Result<Ed25519Signer, EnrolError> {
    if path.exists() {
        let pem = Zeroizing::new(std::fs::read_to_string(path).map_err(failed("read", path))?);
        return Ok(Ed25519Signer::from_pem(&pem)?);
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(EnrolError::Random)?;
    let signer = Ed25519Signer::from_seed(&seed);
    create(path, &Zeroizing::new(signer.to_pem()))?;
    Ok(signer)
}

/// A new file that only its owner can read, on disk when this returns; none if it cannot be written, since the next attempt
/// would take a part of one for the whole.
fn create(path: &Path, text: &str) -> Result<(), EnrolError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(failed("create", path))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        let _ = std::fs::remove_file(path);
        failed("write", path)(error)
    })
}

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EnrolError {
    let path = path.to_owned();
    move |source| EnrolError::File { doing, path, source }
}
