//! Keys. The algorithm belongs to the key, as configured; no message can choose it.

use crate::UntrustedInput;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A key's name on the wire: the SHA-256 of its SPKI (DER), 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// The id of the key whose SPKI (DER) this is.
    #[must_use]
    pub fn of_spki(spki: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(spki)))
    }

    /// 64 hex digits. (An id read from a message is only ever compared and looked up.)
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the form of a key id.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a key could not be read or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither an Ed25519 nor a P-256 public key in SPKI form.
    #[error("not an Ed25519 or P-256 public key (SPKI, as PEM or base64 DER)")]
    Public,
    /// Not an Ed25519 private key in PKCS#8 form.
    #[error("not an Ed25519 private key (PKCS#8 PEM)")]
    Private,
}

/// A public key with its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyingKey {
    /// ECDSA over P-256 with SHA-256; signatures are ASN.1 DER, as KMS makes them.
    P256(p256::ecdsa::VerifyingKey),
    /// Ed25519; signatures are 64 bytes, verified strictly.
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl VerifyingKey {
    /// Reads an SPKI in DER.
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        use p256::pkcs8::DecodePublicKey as _;
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_der(der) {
            return Ok(Self::Ed25519(key));
        }
        p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P256).map_err(|_| KeyError::Public)
    }

    /// Reads base64 DER or PEM.
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        use base64::Engine as _;
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).map_err(|_| KeyError::Public)?;
        Self::from_spki(&der)
    }

    /// The SPKI in DER.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        use p256::pkcs8::EncodePublicKey as _;
        let document = match self {
            Self::P256(key) => key.to_public_key_der().map(|der| der.into_vec()),
            Self::Ed25519(key) => key.to_public_key_der().map(|der| der.into_vec()),
        };
        document.expect("a valid public key always has an SPKI")
    }

    /// The SPKI in base64 DER, one line.
    #[must_use]
    pub fn to_text(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(self.to_spki())
    }

    /// The key's name on the wire.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of_spki(&self.to_spki())
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            // What a signature may look like is decided in one place, whoever does the arithmetic.
            Self::P256(key) => {
                p256::ecdsa::Signature::from_der(signature).is_ok_and(|signature| is_over(key, message, &signature))
            }
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

/// Whether the key made the signature over the message.
#[cfg(not(feature = "ring"))]
fn is_over(key: &p256::ecdsa::VerifyingKey, message: &[u8], signature: &p256::ecdsa::Signature) -> bool {
    use p256::ecdsa::signature::Verifier as _;
    key.verify(message, signature).is_ok()
}

/// The same, by `ring`. It is given the two numbers, never the encoding.
#[cfg(feature = "ring")]
fn is_over(key: &p256::ecdsa::VerifyingKey, message: &[u8], signature: &p256::ecdsa::Signature) -> bool {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    let point = key.to_sec1_point(false);
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.as_bytes());
    key.verify(message, &signature.to_bytes()).is_ok()
}

impl std::str::FromStr for KeyId {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Self(text.to_owned());
        if id.is_well_formed() { Ok(id) } else { Err(UntrustedInput::new("key id", "it is not 64 hex digits")) }
    }
}

/// An Ed25519 private key: a proxy's own. It does not print, and its memory is wiped.
#[derive(Clone)]
pub struct Ed25519Signer {
    key: ed25519_dalek::SigningKey,
    id: KeyId,
}

impl Ed25519Signer {
    fn of(key: ed25519_dalek::SigningKey) -> Self {
        let id = VerifyingKey::Ed25519(key.verifying_key()).id();
        Self { key, id }
    }

    /// A signer from 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self::of(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads PKCS#8 PEM.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(Self::of).map_err(|_| KeyError::Private)
    }

    /// PKCS#8 PEM, for a file with mode 0600.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.key
            .to_pkcs8_pem(p256::pkcs8::LineEnding::LF)
            .expect("a valid private key always has a PKCS#8 form")
            .to_string()
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::Ed25519(self.key.verifying_key())
    }

    /// The public half's name on the wire.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// 64 bytes over `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message).to_bytes().to_vec()
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Signer({})", self.id)
    }
}
