//! A P-256 key in KMS that signs, with its public half. What may be signed with it is for the types around it to say:
//! [`Signer`](crate::signer::Signer) for actions, [`CheckpointKey`](crate::checkpoint::CheckpointKey) for checkpoints.

use crate::metric::Metric;
use crate::{Class, Classified};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use sha2::{Digest as _, Sha256};
use vyrox_contract::{VerifyingKey, pre_authentication_encoding};

/// KMS did not sign.
#[derive(Debug, thiserror::Error)]
pub enum KmsKeyError {
    /// KMS did not answer, or refused.
    #[error("KMS cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// KMS gave something other than was asked for.
    #[error("KMS gave no usable {0}")]
    Unusable(&'static str),
}

impl KmsKeyError {
    /// A call that failed, counted.
    fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Metric::KmsFailures.add(1);
        Self::Unavailable(error.into())
    }
}

impl Classified for KmsKeyError {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// The key. Only this crate signs with it.
#[derive(Debug, Clone)]
pub(crate) struct KmsKey {
    client: aws_sdk_kms::Client,
    key_id: String,
    public: VerifyingKey,
}

impl KmsKey {
    /// Reads the public half, which also opens the connection.
    pub(crate) async fn connect(client: aws_sdk_kms::Client, key_id: &str) -> Result<Self, KmsKeyError> {
        let output = client.get_public_key().key_id(key_id).send().await.map_err(KmsKeyError::unavailable)?;
        let spki = output.public_key.ok_or(KmsKeyError::Unusable("public key"))?;
        let public = VerifyingKey::from_spki(spki.as_ref()).map_err(|_| KmsKeyError::Unusable("public key"))?;
        Ok(Self { client, key_id: key_id.to_owned(), public })
    }

    /// The public half.
    pub(crate) const fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// The DER signature over DSSE's pre-authentication encoding of a payload. KMS gets a digest of it, because it takes
    /// messages only up to 4,096 bytes.
    pub(crate) async fn sign(&self, payload_type: &str, payload: &[u8]) -> Result<Vec<u8>, KmsKeyError> {
        let digest = Sha256::digest(pre_authentication_encoding(payload_type, payload));
        let output = self
            .client
            .sign()
            .key_id(&self.key_id)
            .message(Blob::new(digest.to_vec()))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
            .await
            .map_err(KmsKeyError::unavailable)?;
        Ok(output.signature.ok_or(KmsKeyError::Unusable("signature"))?.into_inner())
    }
}
