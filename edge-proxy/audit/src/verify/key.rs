//! Public keys, as the verifier is given them: in files, never from a log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};

/// Not a public key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 or Ed25519 public key (SPKI, as PEM or base64 DER)")]
pub struct UnusableKey;

#[derive(Debug, Clone)]
enum Algorithm {
    P256(Box<p256::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// A public key. The algorithm is the key's own; no log can choose it.
#[derive(Debug, Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    id: String,
}

impl PublicKey {
    /// Reads an SPKI as PEM or base64 DER.
    ///
    /// # Errors
    /// [`UnusableKey`].
    pub fn from_text(text: &str) -> Result<Self, UnusableKey> {
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = STANDARD.decode(body).map_err(|_| UnusableKey)?;
        let algorithm = if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_der(&der) {
            Algorithm::Ed25519(Box::new(key))
        } else {
            let key = p256::ecdsa::VerifyingKey::from_public_key_der(&der).map_err(|_| UnusableKey)?;
            Algorithm::P256(Box::new(key))
        };
        Ok(Self { algorithm, id: hex::encode(Sha256::digest(&der)) })
    }

    /// Its name in signatures: the SHA-256 of its SPKI, 64 hex digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether `sig` (base64) is this key's over a payload of this type, in DSSE's pre-authentication encoding.
    #[must_use]
    pub fn has_signed(&self, payload_type: &str, payload: &[u8], sig: &str) -> bool {
        let Ok(signature) = STANDARD.decode(sig) else { return false };
        let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
        message.extend_from_slice(payload);
        match &self.algorithm {
            Algorithm::P256(key) => p256::ecdsa::Signature::from_der(&signature)
                .is_ok_and(|signature| key.verify(&message, &signature).is_ok()),
            Algorithm::Ed25519(key) => ed25519_dalek::Signature::from_slice(&signature)
                .is_ok_and(|signature| key.verify_strict(&message, &signature).is_ok()),
        }
    }
}
