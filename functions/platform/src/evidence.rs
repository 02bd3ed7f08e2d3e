//! What an alert came in as: its raw payload, compressed, sealed and bounded. Two types, because two functions hold them:
//! [`Sealer`] (ingest) can seal and not open, [`Opener`] (interactions, the operator) can open and not seal.
//!
//! ```text
//!  text --cut to fit--> header line + text --deflate--> --AES-256-GCM, data key of the tenant--> bytes of one item
//! ```
//!
//! The data key comes from KMS (`GenerateDataKey`) with the tenant and the purpose as encryption context, so that whoever
//! may open evidence may not open webhook secrets under the same key, and the other way round. It seals for a bounded time
//! and number of times and is wiped. Tenant, alert and revision are authenticated with the bytes: evidence moved to another
//! alert does not open.
//!
//! The layout of the bytes: version (1), length of the wrapped key (2, big endian), wrapped key, nonce (12), ciphertext.

use crate::clock::Clock;
use crate::metric::Metric;
use crate::random;
use crate::secrets::Secret;
use crate::{Class, Classified};
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use vyrox_contract::{AlertId, TenantId};

/// The most bytes that one alert's evidence takes in the table.
pub const MOST_STORED: usize = 64 * 1024;
/// The most bytes that evidence unpacks to: more than any body that is taken in.
const MOST_OPENED: u64 = 1024 * 1024;
/// How long a data key seals, in seconds.
const KEEP: i64 = 300;
/// How many times a data key seals. With random nonces 2^32 would do; what one key opens should be little.
const MOST_USES: u32 = 10_000;
/// How many tenants' data keys are kept at most.
const KEEP_MOST: usize = 1_000;
/// The first byte: this layout.
const VERSION: u8 = 1;
/// What the data keys are for, in their encryption context.
const PURPOSE: &str = "evidence";

/// Which evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// Whose.
    pub tenant_id: &'a TenantId,
    /// Of which alert.
    pub alert_id: AlertId,
    /// Of which of its payloads.
    pub revision: u32,
}

impl About<'_> {
    /// What is authenticated beside the ciphertext. A tenant id has no `#`, so no two are alike.
    fn associated_data(&self) -> String {
        format!("vyrox evidence {VERSION}#{}#{}#{}", self.tenant_id, self.alert_id, self.revision)
    }
}

/// Evidence that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The payload, secrets redacted; its beginning, if it was cut.
    pub text: String,
    /// How many bytes it had, redacted and before it was cut.
    pub bytes: usize,
    /// What part of a delivery it is.
    pub part: Part,
}

impl Evidence {
    /// Whether some of it was left out.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.text.len() < self.bytes
    }
}

/// What part of a delivery the evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// All of it.
    Whole,
    /// This alert's own, of a body with several.
    Own,
}

/// What stands before the text, on a line of its own.
#[derive(Serialize, Deserialize)]
struct Header {
    bytes: usize,
    part: Part,
}

/// Evidence was not sealed or not opened.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// KMS did not answer, or not well.
    #[error("KMS cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not evidence that was sealed for this tenant, alert and revision.
    #[error("stored evidence does not open: {0}")]
    Sealed(&'static str),
}

impl Classified for EvidenceError {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::Retry,
            Self::Sealed(_) => Class::Poison,
        }
    }
}

/// Seals evidence.
#[derive(Debug, Clone)]
pub struct Sealer {
    client: aws_sdk_kms::Client,
    key_id: String,
    clock: Arc<dyn Clock>,
    keys: Arc<Mutex<HashMap<TenantId, Current>>>,
}

/// A data key, and itself as KMS wraps it.
#[derive(Debug, Clone)]
struct DataKey {
    plain: Secret,
    wrapped: Vec<u8>,
}

/// The data key that seals a tenant's evidence at present.
#[derive(Debug)]
struct Current {
    key: DataKey,
    /// Unix seconds.
    until: i64,
    uses_left: u32,
}

impl Sealer {
    /// With data keys under the KMS key `key_id`.
    #[must_use]
    pub fn new(client: aws_sdk_kms::Client, key_id: &str, clock: Arc<dyn Clock>) -> Self {
        Self { client, key_id: key_id.to_owned(), clock, keys: Arc::default() }
    }

    /// Seals a text, cut so that it takes at most `most` bytes (and never more than [`MOST_STORED`]).
    ///
    /// # Errors
    /// [`EvidenceError::Unavailable`].
    pub async fn seal(&self, about: &About<'_>, text: &str, part: Part, most: usize) -> Result<Vec<u8>, EvidenceError> {
        self.seal_packed(about, text, Header { bytes: text.len(), part }, most).await
    }

    /// Seals what was opened elsewhere, as what it was there: for moving it under another key.
    ///
    /// # Errors
    /// [`EvidenceError::Unavailable`].
    pub async fn seal_again(&self, about: &About<'_>, opened: &Evidence) -> Result<Vec<u8>, EvidenceError> {
        let header = Header { bytes: opened.bytes, part: opened.part };
        self.seal_packed(about, &opened.text, header, MOST_STORED).await
    }

    async fn seal_packed(
        &self,
        about: &About<'_>,
        text: &str,
        header: Header,
        most: usize,
    ) -> Result<Vec<u8>, EvidenceError> {
        let key = self.key(about.tenant_id).await?;
        let beside = 3 + key.wrapped.len() + 12 + 16;
        let packed = pack(text, &header, most.min(MOST_STORED).saturating_sub(beside));
        let nonce = random::bytes::<12>();
        let aad = about.associated_data();
        let sealed = cipher(&key.plain)?
            .encrypt(&Nonce::from(nonce), Payload { msg: &packed, aad: aad.as_bytes() })
            .expect("a text of this size can be sealed");
        let length = u16::try_from(key.wrapped.len()).map_err(|error| EvidenceError::Unavailable(error.into()))?;
        Ok([&[VERSION][..], &length.to_be_bytes(), &key.wrapped, &nonce, &sealed].concat())
    }

    async fn key(&self, tenant: &TenantId) -> Result<DataKey, EvidenceError> {
        let now = self.clock.now();
        if let Some(current) = self.keys.lock().expect("nothing panics while holding this lock").get_mut(tenant)
            && now < current.until
            && current.uses_left > 0
        {
            current.uses_left -= 1;
            return Ok(current.key.clone());
        }
        let output = self
            .client
            .generate_data_key()
            .key_id(&self.key_id)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context("tenant_id", tenant.as_str())
            .encryption_context("purpose", PURPOSE)
            .send()
            .await
            .inspect_err(|_| Metric::KmsFailures.add(1))
            .map_err(|error| EvidenceError::Unavailable(error.into()))?;
        let (Some(plain), Some(wrapped)) = (output.plaintext, output.ciphertext_blob) else {
            return Err(EvidenceError::Unavailable("KMS gave no data key".into()));
        };
        let key = DataKey { plain: Secret::new(plain.into_inner()), wrapped: wrapped.into_inner() };
        let mut keys = self.keys.lock().expect("nothing panics while holding this lock");
        keys.retain(|_, current| now < current.until && current.uses_left > 0);
        if keys.len() < KEEP_MOST || keys.contains_key(tenant) {
            let current = Current { key: key.clone(), until: now + KEEP, uses_left: MOST_USES - 1 };
            keys.insert(tenant.clone(), current);
        }
        Ok(key)
    }
}

/// Opens evidence.
#[derive(Debug, Clone)]
pub struct Opener {
    client: aws_sdk_kms::Client,
    key_id: String,
}

impl Opener {
    /// What was sealed with data keys under the KMS key `key_id`.
    #[must_use]
    pub fn new(client: aws_sdk_kms::Client, key_id: &str) -> Self {
        Self { client, key_id: key_id.to_owned() }
    }

    /// Opens what [`Sealer::seal`] made. The data key is not kept: people look at few alerts.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub async fn open(&self, about: &About<'_>, stored: &[u8]) -> Result<Evidence, EvidenceError> {
        let (wrapped, nonce, sealed) = parse(stored).ok_or(EvidenceError::Sealed("its layout is unknown"))?;
        let output = self
            .client
            .decrypt()
            .key_id(&self.key_id)
            .ciphertext_blob(Blob::new(wrapped))
            .encryption_context("tenant_id", about.tenant_id.as_str())
            .encryption_context("purpose", PURPOSE)
            .send()
            .await
            .map_err(|error| {
                if error.as_service_error().is_some_and(|error| error.is_invalid_ciphertext_exception()) {
                    EvidenceError::Sealed("its key is another tenant's, or none")
                } else {
                    Metric::KmsFailures.add(1);
                    EvidenceError::Unavailable(error.into())
                }
            })?;
        let plain = output.plaintext.ok_or_else(|| EvidenceError::Unavailable("KMS gave no plaintext".into()))?;
        let aad = about.associated_data();
        let packed = cipher(&Secret::new(plain.into_inner()))?
            .decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: aad.as_bytes() })
            .map_err(|_| EvidenceError::Sealed("it was sealed for another alert, or changed"))?;
        unpack(&packed).ok_or(EvidenceError::Sealed("its contents are unknown"))
    }
}

fn cipher(key: &Secret) -> Result<Aes256Gcm, EvidenceError> {
    Aes256Gcm::new_from_slice(key.as_ref())
        .map_err(|_| EvidenceError::Unavailable("KMS gave no key of 256 bits".into()))
}

fn parse(stored: &[u8]) -> Option<(&[u8], [u8; 12], &[u8])> {
    let (&[VERSION, high, low], rest) = stored.split_first_chunk::<3>()? else { return None };
    let (wrapped, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    let (nonce, sealed) = rest.split_first_chunk::<12>()?;
    Some((wrapped, *nonce, sealed))
}

/// The text under its header, compressed to at most `most` bytes; of a longer one, its beginning.
fn pack(text: &str, header: &Header, most: usize) -> Vec<u8> {
    let header = serde_json::to_string(header).expect("two plain members");
    let mut kept = text.len();
    loop {
        let kept_text = &text[..text.floor_char_boundary(kept)];
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let written = encoder.write_all(format!("{header}\n{kept_text}").as_bytes());
        let packed = written.and_then(|()| encoder.finish()).expect("a Vec takes whatever is written");
        if packed.len() <= most || kept_text.is_empty() {
            return packed;
        }
        // A little less than in proportion, so that two or three rounds do.
        kept = kept_text.len() * most / packed.len() * 15 / 16;
    }
}

fn unpack(packed: &[u8]) -> Option<Evidence> {
    let mut plain = String::new();
    DeflateDecoder::new(packed).take(MOST_OPENED).read_to_string(&mut plain).ok()?;
    let (header, text) = plain.split_once('\n')?;
    let header: Header = serde_json::from_str(header).ok()?;
    Some(Evidence { text: text.to_owned(), bytes: header.bytes, part: header.part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_comes_back_whole_and_what_does_not_is_cut_and_says_so() {
        let text = "{\"a\":\"é\"}".repeat(100);
        let packed = pack(&text, &Header { bytes: text.len(), part: Part::Own }, MOST_STORED);
        assert!(packed.len() < text.len() / 4, "{} of {}", packed.len(), text.len());
        let evidence = unpack(&packed).unwrap();
        assert_eq!((evidence.text.as_str(), evidence.is_cut(), evidence.part), (text.as_str(), false, Part::Own));

        // What does not compress: three of four characters are kept, and no half one.
        let noise: String = (0..20_000)
            .map(|_| char::from(b'!' + random::bytes::<1>()[0] % 90))
            .chain("é".chars().cycle().take(9_000))
            .collect();
        let packed = pack(&noise, &Header { bytes: noise.len(), part: Part::Whole }, 8 * 1024);
        assert!(packed.len() <= 8 * 1024 && packed.len() > 6 * 1024, "{}", packed.len());
        let evidence = unpack(&packed).unwrap();
        assert!(evidence.is_cut() && noise.starts_with(&evidence.text) && evidence.bytes == noise.len());
    }

    #[test]
    fn bytes_of_another_form_are_not_read() {
        for bytes in [&[][..], &[1], &[1, 0, 9, 1], &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[1, 255, 255]] {
            assert!(parse(bytes).is_none(), "{bytes:?}");
        }
        assert!(unpack(b"garbage").is_none());
    }
}
