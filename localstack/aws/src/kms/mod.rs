//! KMS: P-256 signing keys and symmetric keys over the AWS JSON protocol, with real cryptography.
//!
//! The key material lies unprotected in the data directory: these keys protect nothing but a developer's test data.
//! Not here: grants, policies, rotation, disabling and deleting keys.

mod alias;
mod encryption;
mod key;
mod signing;

use crate::clock::Clock;
use crate::store::Store;
use crate::wire::{OperationError, Refusal, read, written};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::Value;
use std::sync::Arc;

/// The service.
pub(crate) struct Kms {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
}

impl Kms {
    /// The service over `store`.
    pub(crate) fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Does the operation that a request's `X-Amz-Target` names.
    pub(crate) fn handle(&self, operation: &str, body: &[u8]) -> Result<Value, OperationError> {
        match operation {
            "CreateKey" => self.create_key(read(body)?).map(written),
            "DescribeKey" => self.describe_key(&read(body)?).map(written),
            "ListKeys" => self.list_keys().map(written),
            "CreateAlias" => self.create_alias(&read(body)?).map(written),
            "ListAliases" => self.list_aliases(&read(body)?).map(written),
            "GetPublicKey" => self.public_key(&read(body)?).map(written),
            "Sign" => self.sign(&read(body)?).map(written),
            "Verify" => self.verify(&read(body)?).map(written),
            "Encrypt" => self.encrypt(&read(body)?).map(written),
            "Decrypt" => self.decrypt(&read(body)?).map(written),
            "GenerateDataKey" => self.generate_data_key(&read(body)?).map(written),
            _ => Err(refuse("UnknownOperationException", format!("The embedded KMS has no operation {operation}."))),
        }
    }
}

fn refuse(kind: &'static str, message: impl Into<String>) -> OperationError {
    Refusal::new(kind, message).into()
}

fn invalid(message: impl Into<String>) -> OperationError {
    refuse("ValidationException", message)
}

/// Bytes that travel in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blob(Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}
