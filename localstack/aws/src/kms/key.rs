//! Keys: making, describing and finding them.

use super::{Kms, invalid, refuse};
use crate::sqs::{ACCOUNT, REGION};
use crate::wire::{OperationError, random, random_uuid};
use p256::elliptic_curve::Generate as _;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};

/// The kinds of key there are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spec {
    /// P-256, for signing.
    EccNistP256,
    /// AES-256-GCM, for encrypting.
    SymmetricDefault,
}

impl Spec {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::EccNistP256 => "ECC_NIST_P256",
            Self::SymmetricDefault => "SYMMETRIC_DEFAULT",
        }
    }

    pub(super) const fn usage(self) -> &'static str {
        match self {
            Self::EccNistP256 => "SIGN_VERIFY",
            Self::SymmetricDefault => "ENCRYPT_DECRYPT",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::EccNistP256, Self::SymmetricDefault].into_iter().find(|spec| spec.as_str() == text)
    }
}

/// A key with its material.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) spec: Spec,
    /// The P-256 scalar or the AES key: 32 bytes.
    pub(super) material: Vec<u8>,
    created: i64,
    description: String,
}

impl Key {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let spec: String = row.get(1)?;
        Ok(Self {
            id: row.get(0)?,
            spec: Spec::parse(&spec).expect("only known specs are stored"),
            material: row.get(2)?,
            created: row.get(3)?,
            description: row.get(4)?,
        })
    }

    /// The key by its id, its ARN, an alias or an alias's ARN.
    pub(super) fn find(transaction: &Transaction<'_>, reference: &str) -> Result<Self, OperationError> {
        let name = reference.strip_prefix(&arn_of("")).unwrap_or(reference);
        let (query, name) = match (name.strip_prefix("key/"), name.starts_with("alias/")) {
            (Some(id), _) => ("SELECT id, spec, material, created, description FROM keys WHERE id = ?", id),
            (None, true) => (
                "SELECT id, spec, material, keys.created, description FROM keys JOIN aliases ON key = id WHERE name = ?",
                name,
            ),
            (None, false) => ("SELECT id, spec, material, created, description FROM keys WHERE id = ?", name),
        };
        let key = transaction.prepare_cached(query)?.query_row([name], Self::from_row).optional()?;
        key.ok_or_else(|| {
            let kind = if name.starts_with("alias/") { "Alias" } else { "Key" };
            refuse("NotFoundException", format!("{kind} '{reference}' does not exist"))
        })
    }

    /// Its ARN.
    pub(super) fn arn(&self) -> String {
        arn_of(&format!("key/{}", self.id))
    }

    /// Itself, if it is of this kind.
    pub(super) fn for_use(self, spec: Spec, operation: &str) -> Result<Self, OperationError> {
        if self.spec == spec {
            return Ok(self);
        }
        let message = format!("{} key usage is {} which is not valid for {operation}.", self.arn(), self.spec.usage());
        Err(refuse("InvalidKeyUsageException", message))
    }

    fn metadata(&self) -> Metadata {
        let signing = self.spec == Spec::EccNistP256;
        Metadata {
            account: ACCOUNT,
            key_id: self.id.clone(),
            arn: self.arn(),
            creation_date: self.created as f64 / 1_000.0,
            enabled: true,
            description: self.description.clone(),
            key_usage: self.spec.usage(),
            key_state: "Enabled",
            origin: "AWS_KMS",
            key_manager: "CUSTOMER",
            key_spec: self.spec.as_str(),
            customer_master_key_spec: self.spec.as_str(),
            signing_algorithms: signing.then_some(["ECDSA_SHA_256"]),
            encryption_algorithms: (!signing).then_some(["SYMMETRIC_DEFAULT"]),
            multi_region: false,
        }
    }
}

/// The ARN of a key or an alias, given its kind and name.
pub(super) fn arn_of(resource: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:{resource}")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateKey {
    key_spec: Option<String>,
    customer_master_key_spec: Option<String>,
    key_usage: Option<String>,
    #[serde(default)]
    description: String,
}

/// The input of every operation that only names a key.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneKey {
    pub(super) key_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described {
    key_metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "AWSAccountId")]
    account: &'static str,
    key_id: String,
    arn: String,
    creation_date: f64,
    enabled: bool,
    description: String,
    key_usage: &'static str,
    key_state: &'static str,
    origin: &'static str,
    key_manager: &'static str,
    key_spec: &'static str,
    customer_master_key_spec: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_algorithms: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_algorithms: Option<[&'static str; 1]>,
    multi_region: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    keys: Vec<ListedKey>,
    truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedKey {
    key_id: String,
    key_arn: String,
}

impl Kms {
    pub(super) fn create_key(&self, input: CreateKey) -> Result<Described, OperationError> {
        let spec = input.key_spec.or(input.customer_master_key_spec);
        let spec = spec.as_deref().unwrap_or(Spec::SymmetricDefault.as_str());
        let Some(spec) = Spec::parse(spec) else {
            return Err(refuse("UnsupportedOperationException", format!("KeySpec {spec} is not supported here.")));
        };
        // KMS's default usage, so an elliptic key without one is refused, as there.
        let usage = input.key_usage.as_deref().unwrap_or("ENCRYPT_DECRYPT");
        if usage != spec.usage() {
            return Err(invalid(format!("KeyUsage {usage} is not compatible with KeySpec {}", spec.as_str())));
        }
        let material = match spec {
            Spec::EccNistP256 => p256::SecretKey::generate().to_bytes().to_vec(),
            Spec::SymmetricDefault => random::<32>().to_vec(),
        };
        let created = self.clock.now();
        let key = Key { id: random_uuid().to_string(), spec, material, created, description: input.description };
        self.store.transact(|transaction| {
            transaction.execute(
                "INSERT INTO keys (id, created, description, spec, material) VALUES (?, ?, ?, ?, ?)",
                params![key.id, key.created, key.description, key.spec.as_str(), key.material],
            )?;
            Ok(())
        })?;
        Ok(Described { key_metadata: key.metadata() })
    }

    pub(super) fn describe_key(&self, input: &OneKey) -> Result<Described, OperationError> {
        Ok(Described { key_metadata: self.key(&input.key_id)?.metadata() })
    }

    pub(super) fn list_keys(&self) -> Result<Listed, OperationError> {
        let ids = self.store.transact(|transaction| {
            let mut statement = transaction.prepare_cached("SELECT id FROM keys ORDER BY id")?;
            let ids = statement.query_map((), |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            Ok(ids)
        })?;
        let keys = ids.into_iter().map(|id| ListedKey { key_arn: arn_of(&format!("key/{id}")), key_id: id }).collect();
        Ok(Listed { keys, truncated: false })
    }

    /// The key that a request names.
    pub(super) fn key(&self, reference: &str) -> Result<Key, OperationError> {
        self.store.transact(|transaction| Key::find(transaction, reference))
    }
}
