//! What may prove a delivery of one source at one moment: opened secrets and hashes, two of each during a rotation.

use super::{crowdstrike, mac};
use std::fmt;

/// A secret and the one before it, while both count.
#[derive(Clone, PartialEq, Eq)]
pub struct Slots<T> {
    /// The present one.
    pub current: Option<T>,
    /// The one before, as long as it counts.
    pub previous: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { current: None, previous: None }
    }
}

impl<T> Slots<T> {
    /// One secret.
    #[must_use]
    pub const fn one(current: T) -> Self {
        Self { current: Some(current), previous: None }
    }

    /// Both, filled or not: whoever verifies goes through both every time.
    pub(super) fn both(&self) -> [Option<&T>; 2] {
        [self.current.as_ref(), self.previous.as_ref()]
    }
}

impl<S: AsRef<[u8]>> Slots<S> {
    /// Both as bytes. An empty secret proves nothing, so it is none.
    pub(super) fn keys(&self) -> [Option<&[u8]>; 2] {
        self.both().map(|secret| secret.map(AsRef::as_ref).filter(|secret| !secret.is_empty()))
    }
}

/// What may prove a delivery: for each scheme its secrets. The default proves nothing, which is what an unknown, suspended
/// or unconfigured tenant has.
#[derive(Clone)]
pub struct Keyring<S> {
    /// Keys of `vyrox_hmac`.
    pub vyrox_hmac: Slots<S>,
    /// SHA-256 hashes of bearer tokens.
    pub bearer: Slots<[u8; 32]>,
    /// Keys of `crowdstrike_hmac`.
    pub crowdstrike_hmac: Slots<S>,
    /// The header that carries CrowdStrike's signature, which its console lets a user rename.
    pub crowdstrike_header: String,
    /// Values of the static header.
    pub static_header: Slots<S>,
    /// The static header's name.
    pub static_header_name: String,
    /// Values of `clientState`.
    pub graph_client_state: Slots<S>,
    /// Keys of `standard_webhooks`: the bytes, not their base64.
    pub standard_webhooks: Slots<S>,
}

impl<S> Default for Keyring<S> {
    fn default() -> Self {
        Self {
            vyrox_hmac: Slots::default(),
            bearer: Slots::default(),
            crowdstrike_hmac: Slots::default(),
            crowdstrike_header: crowdstrike::SIGNATURE_HEADER.to_owned(),
            static_header: Slots::default(),
            static_header_name: String::new(),
            graph_client_state: Slots::default(),
            standard_webhooks: Slots::default(),
        }
    }
}

impl<S> Keyring<S> {
    /// Only the published scheme, with one key.
    #[must_use]
    pub fn of_vyrox_hmac(key: S) -> Self {
        Self { vyrox_hmac: Slots::one(key), ..Self::default() }
    }
}

impl<S> fmt::Debug for Keyring<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}

/// The hash under which a bearer token is stored.
#[must_use]
pub fn token_hash(token: &[u8]) -> [u8; 32] {
    mac::digest(token)
}
