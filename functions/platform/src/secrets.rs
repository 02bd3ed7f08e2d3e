//! Tenants' secrets: sealed by KMS with the tenant and the source as encryption context, so that a sealed secret moved to
//! another tenant does not open. Opened ones stay in memory for a bounded time and are wiped.

use crate::clock::Clock;
use crate::{Class, Classified};
use aws_sdk_kms::primitives::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use vyrox_contract::{TenantId, Vendor};
use zeroize::Zeroizing;

/// How long an opened secret is kept, in seconds.
const KEEP: i64 = 300;
/// How many are kept at most.
const KEEP_MOST: usize = 1_000;

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

/// A sealed secret, as stored: base64 of KMS's ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// A tenant's source, as stored under `SOURCE#`: how its webhook proves itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The vendor.
    pub vendor: Vendor,
    /// The account by which a body without a tenant in its path names this source.
    pub account: String,
    /// The secret of the `vyrox_hmac` scheme.
    pub secret: Sealed,
    /// The one before it, and until when (unix seconds) it still counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<(Sealed, i64)>,
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

/// Seals and opens.
#[derive(Debug, Clone)]
pub struct Secrets {
    client: aws_sdk_kms::Client,
    key_id: String,
    clock: Arc<dyn Clock>,
    opened: Arc<Mutex<HashMap<(TenantId, Sealed), Opened>>>,
}

/// A secret in memory.
#[derive(Debug)]
struct Opened {
    secret: Secret,
    /// Unix seconds.
    until: i64,
}

impl Secrets {
    /// With the key `key_id`.
    #[must_use]
    pub fn new(client: aws_sdk_kms::Client, key_id: &str, clock: Arc<dyn Clock>) -> Self {
        Self { client, key_id: key_id.to_owned(), clock, opened: Arc::default() }
    }

    /// Seals a secret for one tenant's source.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn seal(&self, tenant: &TenantId, vendor: Vendor, secret: &Secret) -> Result<Sealed, SecretError> {
        let output = self
            .client
            .encrypt()
            .key_id(&self.key_id)
            .plaintext(Blob::new(secret.as_ref()))
            .encryption_context("tenant_id", tenant.as_str())
            .encryption_context("source", vendor.as_str())
            .send()
            .await
            .map_err(|error| SecretError::Unavailable(error.into()))?;
        let blob = output.ciphertext_blob.ok_or_else(|| SecretError::Unavailable("KMS gave no ciphertext".into()))?;
        Ok(Sealed(STANDARD.encode(blob.as_ref())))
    }

    /// Opens a secret that was sealed for this tenant's source.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn open(&self, tenant: &TenantId, vendor: Vendor, sealed: &Sealed) -> Result<Secret, SecretError> {
        let now = self.clock.now();
        let slot = (tenant.clone(), sealed.clone());
        if let Some(opened) = self.opened.lock().expect("nothing panics while holding this lock").get(&slot)
            && now < opened.until
        {
            return Ok(opened.secret.clone());
        }
        let blob = STANDARD.decode(&sealed.0).map_err(|error| SecretError::Sealed(error.into()))?;
        let output = self
            .client
            .decrypt()
            .key_id(&self.key_id)
            .ciphertext_blob(Blob::new(blob))
            .encryption_context("tenant_id", tenant.as_str())
            .encryption_context("source", vendor.as_str())
            .send()
            .await
            .map_err(|error| {
                if error.as_service_error().is_some_and(|error| error.is_invalid_ciphertext_exception()) {
                    SecretError::Sealed(error.into())
                } else {
                    SecretError::Unavailable(error.into())
                }
            })?;
        let plain = output.plaintext.ok_or_else(|| SecretError::Unavailable("KMS gave no plaintext".into()))?;
        let secret = Secret::new(plain.into_inner());
        let mut opened = self.opened.lock().expect("nothing panics while holding this lock");
        opened.retain(|_, opened| now < opened.until);
        if opened.len() < KEEP_MOST {
            opened.insert(slot, Opened { secret: secret.clone(), until: now + KEEP });
        }
        Ok(secret)
    }
}
