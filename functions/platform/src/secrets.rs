//! Tenants' secrets: each sealed under a data key of its own, which KMS wraps with the tenant and the source (or the purpose,
//! for an approver's second factor) as encryption context, so that a sealed secret moved to another tenant, source or
//! approver does not open. Opened ones stay in memory for a bounded time and are wiped.

mod decoy;
mod envelope;
mod opened;

use crate::clock::Clock;
use crate::metric::Metric;
use crate::{Class, Classified};
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use decoy::Decoys;
use envelope::Stored;
use opened::OpenedSecrets;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::tenant::Snowflake;
use zeroize::Zeroizing;

/// How long an opened secret is kept, in seconds.
pub const KEEP: i64 = 300;

/// Bytes that do not print and are wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret as text, where it goes into a header. Not UTF-8 is empty.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A sealed secret, as stored: `secrets/envelope.rs` has the layout.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// What a secret is for. Each can be opened only for what it was sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// A source's deliveries.
    Source(Vendor),
    /// An approver's second factor.
    StepUp(Snowflake),
}

impl From<Vendor> for Use {
    fn from(vendor: Vendor) -> Self {
        Self::Source(vendor)
    }
}

impl Use {
    /// The part of the encryption context beside the tenant, by which roles are told apart.
    const fn context(self) -> (&'static str, &'static str) {
        match self {
            Self::Source(vendor) => ("source", vendor.as_str()),
            Self::StepUp(_) => ("purpose", "step_up"),
        }
    }

    /// What a sealed secret is bound to beside its wrapped key.
    fn bound_to(self, tenant: &TenantId) -> String {
        match self {
            Self::Source(vendor) => format!("vyrox secret of {tenant} / {vendor}"),
            Self::StepUp(user) => format!("vyrox second factor of {tenant} / {user}"),
        }
    }
}

/// KMS did not seal or open.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// KMS did not answer.
    #[error("KMS cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not a secret sealed for this tenant and source.
    #[error("a stored secret does not open")]
    Sealed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Classified for SecretError {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::Retry,
            Self::Sealed(_) => Class::Poison,
        }
    }
}

/// Where an opened secret came from, which a sender could tell by the time it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// From memory.
    Memory,
    /// KMS was asked.
    Kms,
}

/// Seals and opens.
#[derive(Debug, Clone)]
pub struct Secrets {
    client: aws_sdk_kms::Client,
    key_id: String,
    clock: Arc<dyn Clock>,
    opened: Arc<OpenedSecrets>,
    decoys: Arc<Decoys>,
}

impl Secrets {
    /// With the key `key_id`.
    #[must_use]
    pub fn new(client: aws_sdk_kms::Client, key_id: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            key_id: key_id.to_owned(),
            opened: Arc::new(OpenedSecrets::new(Arc::clone(&clock))),
            decoys: Arc::default(),
            clock,
        }
    }

    /// Seals a secret of one tenant for one use.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn seal(
        &self,
        tenant: &TenantId,
        purpose: impl Into<Use>,
        secret: &Secret,
    ) -> Result<Sealed, SecretError> {
        let purpose = purpose.into();
        let (data_key, wrapped) = self.data_key(tenant, purpose).await?;
        Ok(Sealed(envelope::seal(data_key.as_ref(), wrapped.as_ref(), &purpose.bound_to(tenant), secret.as_ref())))
    }

    /// Opens a secret that was sealed for this use by this tenant.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn open(
        &self,
        tenant: &TenantId,
        purpose: impl Into<Use>,
        sealed: &Sealed,
    ) -> Result<Secret, SecretError> {
        Ok(self.open_from(tenant, purpose.into(), sealed).await?.0)
    }

    /// The same, and where it came from.
    pub(crate) async fn open_from(
        &self,
        tenant: &TenantId,
        purpose: Use,
        sealed: &Sealed,
    ) -> Result<(Secret, Opening), SecretError> {
        let slot = (tenant.clone(), purpose, sealed.clone());
        if let Some(secret) = self.opened.find(&slot) {
            return Ok((secret, Opening::Memory));
        }
        let secret = match envelope::parse(&sealed.0).map_err(SecretError::Sealed)? {
            Stored::Direct(blob) => self.decrypt(tenant, purpose, blob).await?,
            Stored::Envelope { wrapped, contents } => {
                let data_key = self.decrypt(tenant, purpose, wrapped).await?;
                envelope::open(data_key.as_ref(), &contents, &purpose.bound_to(tenant)).map_err(SecretError::Sealed)?
            }
        };
        self.opened.keep(slot, secret.clone());
        Ok((secret, Opening::Kms))
    }

    /// Asks KMS as opening a secret does, for nothing: a refusal that needed no KMS takes as long as one that did. What is
    /// opened belongs to `nobody`, a tenant that does not exist.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`], as opening a secret would say then.
    pub async fn open_nothing(&self, nobody: &TenantId) -> Result<(), SecretError> {
        let Some(round) = self.decoys.begin(self.clock.now()).await else { return Ok(()) };
        let purpose = Use::Source(decoy::VENDOR);
        let asked = match self.decoys.find() {
            Some(blob) => self.decrypt(nobody, purpose, blob).await.map(drop),
            None => self.data_key(nobody, purpose).await.map(|(_, wrapped)| self.decoys.keep(wrapped)),
        };
        self.decoys.end(&round);
        match asked {
            // KMS answered, whatever it said: it took as long as it takes.
            Err(SecretError::Unavailable(error)) if !has_answered(&*error) => Err(SecretError::Unavailable(error)),
            Err(error) => {
                tracing::debug!(error = %crate::batch::chain(&error), "the decoy did not open");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// A new data key and itself as KMS wraps it.
    async fn data_key(&self, tenant: &TenantId, purpose: Use) -> Result<(Secret, Blob), SecretError> {
        let (name, value) = purpose.context();
        let output = self
            .client
            .generate_data_key()
            .key_id(&self.key_id)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context("tenant_id", tenant.as_str())
            .encryption_context(name, value)
            .send()
            .await
            .inspect_err(|_| Metric::KmsFailures.add(1))
            .map_err(|error| SecretError::Unavailable(error.into()))?;
        let (Some(plain), Some(wrapped)) = (output.plaintext, output.ciphertext_blob) else {
            return Err(SecretError::Unavailable("KMS gave no data key".into()));
        };
        Ok((Secret::new(plain.into_inner()), wrapped))
    }

    async fn decrypt(&self, tenant: &TenantId, purpose: Use, blob: Blob) -> Result<Secret, SecretError> {
        let (name, value) = purpose.context();
        let output = self
            .client
            .decrypt()
            .key_id(&self.key_id)
            .ciphertext_blob(blob)
            .encryption_context("tenant_id", tenant.as_str())
            .encryption_context(name, value)
            .send()
            .await
            .map_err(|error| {
                if error.as_service_error().is_some_and(|error| error.is_invalid_ciphertext_exception()) {
                    SecretError::Sealed(error.into())
                } else {
                    Metric::KmsFailures.add(1);
                    SecretError::Unavailable(error.into())
                }
            })?;
        let plain = output.plaintext.ok_or_else(|| SecretError::Unavailable("KMS gave no plaintext".into()))?;
        Ok(Secret::new(plain.into_inner()))
    }
}

/// Whether KMS itself refused (a permission, a key's state), rather than nobody having answered.
fn has_answered(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    use aws_sdk_kms::operation::{decrypt::DecryptError, generate_data_key::GenerateDataKeyError};
    error.downcast_ref::<SdkError<DecryptError>>().is_some_and(|error| error.as_service_error().is_some())
        || error
            .downcast_ref::<SdkError<GenerateDataKeyError>>()
            .is_some_and(|error| error.as_service_error().is_some())
}
