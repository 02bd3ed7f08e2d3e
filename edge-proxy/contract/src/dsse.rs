//! The signed envelope: DSSE, so that the exact bytes are authenticated before anything in them is parsed and the
//! signature covers what kind of payload it is. The same object serves push, poll and archive.

use crate::{Ed25519Signer, KeyId, VerifyingKey, strict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The largest payload that is looked at, in bytes.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Something that travels in an envelope.
pub trait Payload: Serialize + DeserializeOwned {
    /// Its `payloadType`.
    const TYPE: &'static str;
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// Which key.
    pub keyid: KeyId,
    /// Base64. For P-256 the ASN.1 DER form that KMS makes, for Ed25519 the 64 bytes.
    pub sig: String,
}

/// A DSSE envelope: `{"payloadType","payload","signatures"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// What the payload is.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Base64 of the payload's exact bytes.
    pub payload: String,
    /// At least one; any one by a trusted key is enough.
    pub signatures: Vec<EnvelopeSignature>,
}

/// Why an envelope was not accepted. To the sender all of these are one answer; the difference is for the receiver's log.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Another kind of payload than was expected here.
    #[error("payload type is not the expected one")]
    Type,
    /// Base64 that is not, or a payload over the limit.
    #[error("payload cannot be decoded")]
    Encoding,
    /// No signature by a trusted key.
    #[error("no valid signature by a trusted key")]
    Signature,
    /// Authenticated, but not what its type says.
    #[error("payload is not a valid {0}")]
    Payload(&'static str, #[source] serde_json::Error),
}

/// Payload bytes whose signature has been verified. Only [`Envelope::verify`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedPayload<T> {
    bytes: Vec<u8>,
    keyid: KeyId,
    kind: std::marker::PhantomData<T>,
}

impl<T: Payload> VerifiedPayload<T> {
    /// The exact bytes that were signed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The trusted key that signed them.
    #[must_use]
    pub fn keyid(&self) -> &KeyId {
        &self.keyid
    }

    /// Parses what has been authenticated.
    ///
    /// # Errors
    /// [`EnvelopeError::Payload`].
    pub fn parse(&self) -> Result<T, EnvelopeError> {
        strict::from_slice(&self.bytes).map_err(|error| EnvelopeError::Payload(T::TYPE, error))
    }
}

/// The keys that are trusted for a purpose, each beside its id: that is a hash, and need not be computed for every envelope.
#[derive(Debug, Clone)]
pub struct TrustedKeys(Vec<(KeyId, VerifyingKey)>);

impl TrustedKeys {
    /// These.
    #[must_use]
    pub fn new(keys: &[VerifyingKey]) -> Self {
        Self(keys.iter().map(|key| (key.id(), key.clone())).collect())
    }
}

impl Envelope {
    /// An envelope around `payload` with a signature made elsewhere (KMS) over
    /// [`pre_authentication_encoding`]`(T::TYPE, payload)`.
    #[must_use]
    pub fn from_signature<T: Payload>(payload: &[u8], keyid: KeyId, signature: &[u8]) -> Self {
        Self {
            payload_type: T::TYPE.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![EnvelopeSignature { keyid, sig: STANDARD.encode(signature) }],
        }
    }

    /// Serialises, signs and wraps a payload with an Ed25519 key.
    #[must_use]
    pub fn seal<T: Payload>(payload: &T, signer: &Ed25519Signer) -> Self {
        let bytes = bytes_of(payload);
        let signature = signer.sign(&pre_authentication_encoding(T::TYPE, &bytes));
        Self::from_signature::<T>(&bytes, signer.id().clone(), &signature)
    }

    /// The same, signed by several keys, in their order.
    #[must_use]
    pub fn seal_by_all<T: Payload>(payload: &T, signers: &[&Ed25519Signer]) -> Self {
        let bytes = bytes_of(payload);
        let message = pre_authentication_encoding(T::TYPE, &bytes);
        let signature = |signer: &&Ed25519Signer| EnvelopeSignature {
            keyid: signer.id().clone(),
            sig: STANDARD.encode(signer.sign(&message)),
        };
        let signatures = signers.iter().map(signature).collect();
        Self { payload_type: T::TYPE.to_owned(), payload: STANDARD.encode(&bytes), signatures }
    }

    /// Checks type and signature against the keys trusted for this purpose; parses nothing.
    ///
    /// # Errors
    /// [`EnvelopeError::Type`], [`EnvelopeError::Encoding`], [`EnvelopeError::Signature`].
    pub fn verify<T: Payload>(&self, trusted: &[VerifyingKey]) -> Result<VerifiedPayload<T>, EnvelopeError> {
        self.verify_by(&TrustedKeys::new(trusted))
    }

    /// The same for somebody who checks many against the same keys.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_by<T: Payload>(&self, trusted: &TrustedKeys) -> Result<VerifiedPayload<T>, EnvelopeError> {
        if self.payload_type != T::TYPE {
            return Err(EnvelopeError::Type);
        }
        if self.payload.len() > MAX_PAYLOAD * 4 / 3 + 4 {
            return Err(EnvelopeError::Encoding);
        }
        let bytes = STANDARD.decode(&self.payload).map_err(|_| EnvelopeError::Encoding)?;
        let message = pre_authentication_encoding(T::TYPE, &bytes);
        // Four signatures are more than any rotation needs; the bound keeps a hostile envelope cheap.
        for signature in self.signatures.iter().take(4) {
            let Some((_, key)) = trusted.0.iter().find(|(id, _)| *id == signature.keyid) else { continue };
            let Ok(raw) = STANDARD.decode(&signature.sig) else { continue };
            if key.verifies(&message, &raw) {
                return Ok(VerifiedPayload { bytes, keyid: signature.keyid.clone(), kind: std::marker::PhantomData });
            }
        }
        Err(EnvelopeError::Signature)
    }
}

/// A payload's bytes; with room for any receipt, as what grows is copied.
fn bytes_of(payload: &impl Payload) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    serde_json::to_writer(&mut bytes, payload).expect("payload types have string keys and finite numbers");
    bytes
}

/// DSSE's pre-authentication encoding: `"DSSEv1" SP len(type) SP type SP len(payload) SP payload`.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    // In one piece: it is made for every envelope, and what grows is copied.
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditHead, Poll, Receipt};

    fn poll() -> Poll {
        Poll {
            proxy_id: "proxy-1".parse().unwrap(),
            tenant_id: "acme".parse().unwrap(),
            issued_at: 1_700_000_000,
            nonce: "00".repeat(16),
            audit_head: Some(AuditHead { seq: 3, hash: "0".repeat(64) }),
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn the_encoding_is_the_one_in_the_dsse_specification() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn what_was_sealed_verifies_and_parses_to_the_same() {
        let signer = Ed25519Signer::from_seed(&[7; 32]);
        let verified = Envelope::seal(&poll(), &signer).verify::<Poll>(&[signer.verifying_key()]).unwrap();
        assert_eq!(verified.parse().unwrap(), poll());
        assert_eq!(*verified.keyid(), signer.verifying_key().id());
    }

    #[test]
    fn another_key_another_type_or_another_byte_is_refused() {
        let signer = Ed25519Signer::from_seed(&[7; 32]);
        let other = Ed25519Signer::from_seed(&[8; 32]);
        let envelope = Envelope::seal(&poll(), &signer);
        assert!(matches!(envelope.verify::<Poll>(&[other.verifying_key()]), Err(EnvelopeError::Signature)));
        assert!(matches!(envelope.verify::<Receipt>(&[signer.verifying_key()]), Err(EnvelopeError::Type)));

        let mut retyped = envelope.clone();
        retyped.payload_type = Receipt::TYPE.into();
        assert!(matches!(retyped.verify::<Receipt>(&[signer.verifying_key()]), Err(EnvelopeError::Signature)));

        let mut bytes = STANDARD.decode(&envelope.payload).unwrap();
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            let changed = Envelope { payload: STANDARD.encode(&bytes), ..envelope.clone() };
            assert!(changed.verify::<Poll>(&[signer.verifying_key()]).is_err(), "byte {index}");
            bytes[index] ^= 1;
        }
    }

    #[test]
    fn a_claimed_key_id_does_not_help_another_key() {
        let signer = Ed25519Signer::from_seed(&[7; 32]);
        let other = Ed25519Signer::from_seed(&[8; 32]);
        let mut envelope = Envelope::seal(&poll(), &other);
        envelope.signatures[0].keyid = signer.verifying_key().id();
        assert!(matches!(envelope.verify::<Poll>(&[signer.verifying_key()]), Err(EnvelopeError::Signature)));
    }
}
