//! Signing with KMS. Only an [`ApprovedAction`] can be signed, and signing happens at delivery, so the proxy's 30 s window
//! never fights a queue or a poll.

use crate::metric::Metric;
use crate::{Class, Classified};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use sha2::{Digest as _, Sha256};
use vyrox_contract::{Action, Checkpoint, Envelope, VerifyingKey, pre_authentication_encoding};
use vyrox_domain::approval::ApprovedAction;

/// KMS did not sign.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// KMS did not answer, or refused.
    #[error("KMS cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// KMS gave something other than was asked for.
    #[error("KMS gave no usable {0}")]
    Unusable(&'static str),
}

impl Classified for SignerError {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// An approved action in its signed envelope, good for 30 seconds. Made only by [`Signer::sign`].
#[derive(Debug, Clone)]
pub struct SignedAction {
    envelope: Envelope,
    action: Action,
}

impl SignedAction {
    /// What goes to the proxy.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What was signed.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }
}

/// The platform's signing key in KMS.
#[derive(Debug, Clone)]
pub struct Signer {
    client: aws_sdk_kms::Client,
    key_id: String,
    public: VerifyingKey,
}

impl Signer {
    /// Reads the public half, which also warms the connection.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn connect(client: aws_sdk_kms::Client, key_id: &str) -> Result<Self, SignerError> {
        let output = client
            .get_public_key()
            .key_id(key_id)
            .send()
            .await
            .inspect_err(|_| Metric::KmsFailures.add(1))
            .map_err(|error| SignerError::Unavailable(error.into()))?;
        let spki = output.public_key.ok_or(SignerError::Unusable("public key"))?;
        let public = VerifyingKey::from_spki(spki.as_ref()).map_err(|_| SignerError::Unusable("public key"))?;
        Ok(Self { client, key_id: key_id.to_owned(), public })
    }

    /// The public half, which proxies pin at enrolment.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs for delivery now (unix seconds).
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn sign(
        &self,
        approved: &ApprovedAction,
        checkpoint: Option<Checkpoint>,
        now: i64,
    ) -> Result<SignedAction, SignerError> {
        use vyrox_contract::Payload as _;
        let action = approved.to_action(now, checkpoint);
        let payload = serde_json::to_vec(&action).expect("an action has string keys and no floats");
        // A digest, because KMS takes messages only up to 4,096 bytes.
        let digest = Sha256::digest(pre_authentication_encoding(Action::TYPE, &payload));
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
            .map_err(|error| SignerError::Unavailable(error.into()))?;
        let signature = output.signature.ok_or(SignerError::Unusable("signature"))?;
        let envelope = Envelope::from_signature::<Action>(&payload, self.public.id(), signature.as_ref());
        Ok(SignedAction { envelope, action })
    }
}
