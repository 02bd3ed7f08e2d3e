//! Encrypting with AES-256-GCM. The encryption context is authenticated and not stored: who decrypts must know it.

use super::key::{Key, Spec};
use super::{Blob, Kms, invalid, refuse};
use crate::wire::{OperationError, random};
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first byte of every ciphertext: this layout, `version | key id (16) | nonce (12) | ciphertext and tag`.
const VERSION: u8 = 1;

/// Where the nonce and the ciphertext begin.
const NONCE: usize = 17;
const SEALED: usize = NONCE + 12;

/// The most bytes that are encrypted directly.
const MAX_PLAINTEXT: usize = 4_096;

type Context = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Encrypt {
    key_id: String,
    plaintext: Blob,
    #[serde(default)]
    encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypt {
    key_id: Option<String>,
    ciphertext_blob: Blob,
    #[serde(default)]
    encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKey {
    key_id: String,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    #[serde(default)]
    encryption_context: Context,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Encrypted {
    ciphertext_blob: Blob,
    key_id: String,
    encryption_algorithm: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypted {
    key_id: String,
    plaintext: Blob,
    encryption_algorithm: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DataKey {
    ciphertext_blob: Blob,
    plaintext: Blob,
    key_id: String,
}

/// Everything that is authenticated beside the plaintext: the blob's head, and the context in the order of its keys,
/// each part with its length, so that no two contexts look alike.
fn associated_data(head: &[u8], context: &Context) -> Vec<u8> {
    let mut out = head.to_vec();
    for part in context.iter().flat_map(|(key, value)| [key, value]) {
        out.extend((part.len() as u64).to_be_bytes());
        out.extend(part.as_bytes());
    }
    out
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new_from_slice(&key.material).expect("material is stored as it was generated, 32 bytes")
}

fn seal(key: &Key, plaintext: &[u8], context: &Context) -> Blob {
    let mut blob = vec![VERSION];
    blob.extend(uuid::Uuid::parse_str(&key.id).expect("key ids are UUIDs").as_bytes());
    let nonce = Nonce::from(random::<12>());
    let aad = associated_data(&blob, context);
    let sealed =
        cipher(key).encrypt(&nonce, Payload { msg: plaintext, aad: &aad }).expect("a short plaintext can be sealed");
    blob.extend(nonce);
    blob.extend(sealed);
    Blob(blob)
}

fn open(key: &Key, blob: &[u8], context: &Context) -> Option<Vec<u8>> {
    let nonce = Nonce::try_from(&blob[NONCE..SEALED]).ok()?;
    let aad = associated_data(&blob[..NONCE], context);
    cipher(key).decrypt(&nonce, Payload { msg: &blob[SEALED..], aad: &aad }).ok()
}

fn invalid_ciphertext() -> OperationError {
    refuse("InvalidCiphertextException", "The ciphertext or its encryption context is not valid.")
}

impl Kms {
    pub(super) fn encrypt(&self, input: &Encrypt) -> Result<Encrypted, OperationError> {
        let key = self.key(&input.key_id)?.for_use(Spec::SymmetricDefault, "Encrypt")?;
        if !(1..=MAX_PLAINTEXT).contains(&input.plaintext.0.len()) {
            return Err(invalid("A plaintext must have 1 to 4096 bytes."));
        }
        Ok(Encrypted {
            ciphertext_blob: seal(&key, &input.plaintext.0, &input.encryption_context),
            key_id: key.arn(),
            encryption_algorithm: "SYMMETRIC_DEFAULT",
        })
    }

    pub(super) fn decrypt(&self, input: &Decrypt) -> Result<Decrypted, OperationError> {
        let blob = &input.ciphertext_blob.0;
        if blob.len() < SEALED || blob[0] != VERSION {
            return Err(invalid_ciphertext());
        }
        let id = uuid::Uuid::from_slice(&blob[1..NONCE]).expect("sixteen bytes are a UUID").to_string();
        if let Some(named) = &input.key_id {
            let named = self.key(named)?.for_use(Spec::SymmetricDefault, "Decrypt")?;
            if named.id != id {
                let message = "The key that was named is not the one that the ciphertext was made with.";
                return Err(refuse("IncorrectKeyException", message));
            }
        }
        let key = self.key(&id).map_err(|error| match error {
            OperationError::Refused(_) => invalid_ciphertext(),
            store => store,
        })?;
        let plaintext = open(&key, blob, &input.encryption_context).ok_or_else(invalid_ciphertext)?;
        Ok(Decrypted { key_id: key.arn(), plaintext: Blob(plaintext), encryption_algorithm: "SYMMETRIC_DEFAULT" })
    }

    pub(super) fn generate_data_key(&self, input: &GenerateDataKey) -> Result<DataKey, OperationError> {
        let key = self.key(&input.key_id)?.for_use(Spec::SymmetricDefault, "GenerateDataKey")?;
        let length = match (input.key_spec.as_deref(), input.number_of_bytes) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (None, Some(length @ 1..=1_024)) => length,
            _ => return Err(invalid("Give either KeySpec AES_256 or AES_128, or NumberOfBytes from 1 to 1024.")),
        };
        let plaintext = random::<1_024>()[..length].to_vec();
        let ciphertext_blob = seal(&key, &plaintext, &input.encryption_context);
        Ok(DataKey { ciphertext_blob, plaintext: Blob(plaintext), key_id: key.arn() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, associated_data};

    #[test]
    fn no_two_contexts_look_alike() {
        let of = |pairs: &[(&str, &str)]| {
            let context: Context = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            associated_data(b"", &context)
        };
        assert_ne!(of(&[("tenant", "ab")]), of(&[("tenanta", "b")]));
        assert_ne!(of(&[("a", "b"), ("c", "d")]), of(&[("a", "bcd")]));
        assert_ne!(of(&[]), of(&[("", "")]));
    }
}
