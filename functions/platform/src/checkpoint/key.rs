//! The key that signs checkpoints, in KMS. It is another key than the one that signs actions, so that whoever may make
//! checkpoints cannot contain a host, and whoever may contain a host cannot rewrite the audit.

use super::signed_content;
use crate::metric::Metric;
use crate::{Class, Classified};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vyrox_audit::Entry;
use vyrox_contract::{VerifyingKey, pre_authentication_encoding};

/// What a checkpoint's signature says it is, in DSSE's pre-authentication encoding.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.vyrox.checkpoint+json";

/// KMS did not sign.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// KMS did not answer, or refused.
    #[error("KMS cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// KMS gave something other than was asked for.
    #[error("KMS gave no usable {0}")]
    Unusable(&'static str),
}

impl Classified for KeyError {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// The key that signs checkpoints.
#[derive(Debug, Clone)]
pub struct CheckpointKey {
    client: aws_sdk_kms::Client,
    key_id: String,
    public: VerifyingKey,
}

impl CheckpointKey {
    /// Reads the public half.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn connect(client: aws_sdk_kms::Client, key_id: &str) -> Result<Self, KeyError> {
        let output = client.get_public_key().key_id(key_id).send().await;
        let output = output.map_err(|error| KeyError::Unavailable(error.into()))?;
        let spki = output.public_key.ok_or(KeyError::Unusable("public key"))?;
        let public = VerifyingKey::from_spki(spki.as_ref()).map_err(|_| KeyError::Unusable("public key"))?;
        Ok(Self { client, key_id: key_id.to_owned(), public })
    }

    /// The public half, with which anyone can check a checkpoint.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The `signature` of a checkpoint's entry: `{"keyid","sig"}`.
    pub(super) async fn sign_entry(&self, entry: &Entry) -> Result<Value, KeyError> {
        let digest = Sha256::digest(pre_authentication_encoding(PAYLOAD_TYPE, &signed_content(entry)));
        let output = self
            .client
            .sign()
            .key_id(&self.key_id)
            .message(Blob::new(digest.to_vec()))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
            .await
            .inspect_err(|_| Metric::KmsFailures.add(1))
            .map_err(|error| KeyError::Unavailable(error.into()))?;
        let signature = output.signature.ok_or(KeyError::Unusable("signature"))?;
        let text = base64::engine::general_purpose::STANDARD.encode(signature.as_ref());
        Ok(json!({"keyid": self.public.id(), "sig": text}))
    }
}
