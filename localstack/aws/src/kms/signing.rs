//! Signing with P-256 and SHA-256; signatures are ASN.1 DER.

use super::key::{Key, OneKey, Spec};
use super::{Blob, Kms, invalid, refuse};
use crate::wire::OperationError;
use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "ECDSA_SHA_256";

/// The most bytes of a message that is signed as it is.
const MAX_RAW: usize = 4_096;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sign {
    key_id: String,
    #[serde(flatten)]
    message: ToSign,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Verify {
    key_id: String,
    signature: Blob,
    #[serde(flatten)]
    message: ToSign,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToSign {
    message: Blob,
    #[serde(default)]
    message_type: MessageType,
    signing_algorithm: String,
}

/// Whether the message is the message or its digest.
#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum MessageType {
    #[default]
    Raw,
    Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Signed {
    key_id: String,
    signature: Blob,
    signing_algorithm: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Verified {
    key_id: String,
    signature_valid: bool,
    signing_algorithm: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublicKey {
    key_id: String,
    public_key: Blob,
    key_spec: &'static str,
    customer_master_key_spec: &'static str,
    key_usage: &'static str,
    signing_algorithms: [&'static str; 1],
}

impl ToSign {
    fn digest(&self) -> Result<Vec<u8>, OperationError> {
        if self.signing_algorithm != ALGORITHM {
            let message = format!("Algorithm {} is incompatible with key spec ECC_NIST_P256.", self.signing_algorithm);
            return Err(refuse("InvalidKeyUsageException", message));
        }
        let message = &self.message.0;
        match self.message_type {
            MessageType::Raw if (1..=MAX_RAW).contains(&message.len()) => Ok(Sha256::digest(message).to_vec()),
            MessageType::Raw => Err(invalid("A raw message must have 1 to 4096 bytes.")),
            MessageType::Digest if message.len() == 32 => Ok(message.clone()),
            MessageType::Digest => Err(invalid("Digest is invalid length for algorithm ECDSA_SHA_256.")),
        }
    }
}

fn signing_key(key: &Key) -> SigningKey {
    SigningKey::from_slice(&key.material).expect("material is stored as it was generated")
}

impl Kms {
    pub(super) fn public_key(&self, input: &OneKey) -> Result<PublicKey, OperationError> {
        let key = self.key(&input.key_id)?;
        if key.spec != Spec::EccNistP256 {
            return Err(refuse("UnsupportedOperationException", "A symmetric key has no public key."));
        }
        let spki = signing_key(&key).verifying_key().to_public_key_der().expect("a P-256 key has an SPKI form");
        Ok(PublicKey {
            key_id: key.arn(),
            public_key: Blob(spki.as_bytes().to_vec()),
            key_spec: key.spec.as_str(),
            customer_master_key_spec: key.spec.as_str(),
            key_usage: key.spec.usage(),
            signing_algorithms: [ALGORITHM],
        })
    }

    pub(super) fn sign(&self, input: &Sign) -> Result<Signed, OperationError> {
        let key = self.key(&input.key_id)?.for_use(Spec::EccNistP256, "Sign")?;
        let digest = input.message.digest()?;
        let signature: DerSignature = signing_key(&key).sign_prehash(&digest).expect("a SHA-256 digest can be signed");
        Ok(Signed { key_id: key.arn(), signature: Blob(signature.as_bytes().to_vec()), signing_algorithm: ALGORITHM })
    }

    pub(super) fn verify(&self, input: &Verify) -> Result<Verified, OperationError> {
        let key = self.key(&input.key_id)?.for_use(Spec::EccNistP256, "Verify")?;
        let digest = input.message.digest()?;
        let valid = DerSignature::from_bytes(&input.signature.0)
            .is_ok_and(|signature| signing_key(&key).verifying_key().verify_prehash(&digest, &signature).is_ok());
        if !valid {
            return Err(refuse("KMSInvalidSignatureException", "The signature is not valid for this message and key."));
        }
        Ok(Verified { key_id: key.arn(), signature_valid: true, signing_algorithm: ALGORITHM })
    }
}
