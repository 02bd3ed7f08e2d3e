//! The key that signs checkpoints, in KMS. It is another key than the one that signs actions, so that whoever may make
//! checkpoints cannot contain a host, and whoever may contain a host cannot rewrite the audit.

use super::signed_content;
use crate::kms_key::{KmsKey, KmsKeyError};
use base64::Engine as _;
use serde_json::{Value, json};
use vyrox_audit::Entry;
use vyrox_contract::VerifyingKey;

/// What a checkpoint's signature says it is, in DSSE's pre-authentication encoding.
const PAYLOAD_TYPE: &str = "application/vnd.vyrox.checkpoint+json";

/// The key that signs checkpoints.
#[derive(Debug, Clone)]
pub struct CheckpointKey(KmsKey);

impl CheckpointKey {
    /// Reads the public half.
    ///
    /// # Errors
    /// [`KmsKeyError`].
    pub async fn connect(client: aws_sdk_kms::Client, key_id: &str) -> Result<Self, KmsKeyError> {
        KmsKey::connect(client, key_id).await.map(Self)
    }

    /// The public half, with which anyone can check a checkpoint.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        self.0.public()
    }

    /// The `signature` of a checkpoint's entry: `{"keyid","sig"}`.
    pub(super) async fn sign_entry(&self, entry: &Entry) -> Result<Value, KmsKeyError> {
        let signature = self.0.sign(PAYLOAD_TYPE, &signed_content(entry)).await?;
        let text = base64::engine::general_purpose::STANDARD.encode(signature);
        Ok(json!({"keyid": self.public_key().id(), "sig": text}))
    }
}
