//! Another key for this proxy, without a gap: the relay accepts both for a day, and the running proxy takes the new one over
//! at its next reload.

use crate::config::Config;
use crate::enrol::{EnrolError, failed, key};
use crate::relay::{Relay, RelayError};
use serde::Deserialize;
use std::path::PathBuf;
use vyrox_contract::{Ed25519Signer, Envelope, Rotation, VerifyingKey};

/// Why the key stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Only a relay knows proxies' keys.
    #[error("there is no relay_url: who pushes to this proxy must be told its new key by hand")]
    NoRelay,
    /// The configuration was not read from a file.
    #[error("it is not known where this proxy's key is")]
    NoFile,
    /// 401.
    #[error("the relay does not know this proxy's present key: it is revoked, or enrolled elsewhere")]
    Refused,
    /// The relay.
    #[error("the relay did not take the new key; the old one stays in use, and trying again is safe")]
    Relay(#[source] RelayError),
    /// A file.
    #[error(transparent)]
    File(#[from] EnrolError),
    /// No client.
    #[error("outgoing connections cannot be set up")]
    Client(#[from] crate::outbound::ClientError),
}

/// What came of a rotation.
#[derive(Debug)]
pub struct Rotated {
    /// The new key.
    pub signer: Ed25519Signer,
    /// Where the old one is.
    pub old_file: PathBuf,
    /// The keys that the platform signs with, or will: what should be in `platform_keys`. Nobody has compared them yet.
    pub platform_keys: Vec<VerifyingKey>,
}

/// The relay's answer.
#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    platform_keys: Vec<String>,
}

/// Makes a key, has the relay know this proxy by it, and puts it in the old one's place, which is kept beside it. `now` in
/// unix seconds.
///
/// # Errors
/// [`RotateError`]. The key of an attempt that failed is used again: if only the answer was lost, the relay has it already.
pub async fn rotate(config: &Config, now: i64) -> Result<Rotated, RotateError> {
    let url = config.relay_url.as_deref().ok_or(RotateError::NoRelay)?;
    let file = config.signing_key_file.as_deref().ok_or(RotateError::NoFile)?;
    let (new_file, old_file) = (file.with_extension("new.pem"), file.with_extension("old.pem"));
    let new = key(&new_file)?;
    let rotation = Rotation {
        proxy_id: config.proxy_id.clone(),
        tenant_id: config.tenant_id.clone(),
        issued_at: now,
        public_key: new.verifying_key().to_text(),
    };
    let envelope = Envelope::seal_by_all(&rotation, &[&config.signer, &new]);
    let taken = Relay::new(url)?.post::<Reply>("/proxy/v1/rotate", &envelope, now).await;
    let reply = taken.map_err(|error| match error {
        RelayError::Unauthorised(_) => RotateError::Refused,
        other => RotateError::Relay(other),
    })?;
    // Anything else than the relay's own word, and the key in use stays the one that it knows.
    let said = reply.filter(|reply| reply.status == "rotated");
    let reply = said.ok_or(RotateError::Relay(RelayError::Unsaid))?;
    // The old one first: a crash in between leaves both, and the command can be given again with the old one put back.
    std::fs::copy(file, &old_file).map_err(failed("copy the key to", &old_file))?;
    std::fs::rename(&new_file, file).map_err(failed("put in place", file))?;
    let platform_keys = reply.platform_keys.iter().filter_map(|text| VerifyingKey::from_text(text).ok()).collect();
    Ok(Rotated { signer: new, old_file, platform_keys })
}
