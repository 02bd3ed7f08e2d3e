//! Signing with KMS. Only an [`ApprovedAction`] can be signed, and signing happens at delivery, so the proxy's 30 s window
//! never fights a queue or a poll.

use crate::kms_key::{KmsKey, KmsKeyError};
use vyrox_contract::{Action, Checkpoint, Envelope, Payload as _, VerifyingKey};
use vyrox_domain::approval::ApprovedAction;

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

/// The public half of another key than the one that signs, for proxies that are to pin both.
///
/// # Errors
/// [`KmsKeyError`].
pub async fn public_half(client: aws_sdk_kms::Client, key_id: &str) -> Result<VerifyingKey, KmsKeyError> {
    Ok(KmsKey::connect(client, key_id).await?.public().clone())
}

/// The platform's signing key in KMS.
#[derive(Debug, Clone)]
pub struct Signer(KmsKey);

impl Signer {
    /// Reads the public half, which also warms the connection.
    ///
    /// # Errors
    /// [`KmsKeyError`].
    pub async fn connect(client: aws_sdk_kms::Client, key_id: &str) -> Result<Self, KmsKeyError> {
        KmsKey::connect(client, key_id).await.map(Self)
    }

    /// The public half, which proxies pin at enrolment.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        self.0.public()
    }

    /// Signs for delivery now (unix seconds).
    ///
    /// # Errors
    /// [`KmsKeyError`].
    pub async fn sign(
        &self,
        approved: &ApprovedAction,
        checkpoint: Option<Checkpoint>,
        now: i64,
    ) -> Result<SignedAction, KmsKeyError> {
        let action = approved.to_action(now, checkpoint);
        let payload = serde_json::to_vec(&action).expect("an action has string keys and no floats");
        let signature = self.0.sign(Action::TYPE, &payload).await?;
        let envelope = Envelope::from_signature::<Action>(&payload, self.public_key().id(), &signature);
        Ok(SignedAction { envelope, action })
    }
}
