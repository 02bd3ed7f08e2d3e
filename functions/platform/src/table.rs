//! The one table: partition key `tenant_id`, sort key `sk`. Reading takes a [`TenantId`]; there is no way to read across
//! tenants, except to resolve an outside name ([`Lookup`]) to the tenant it belongs to.
//!
//! An item is `tenant_id`, `sk`, `version` (a number that every write raises), `body` (JSON; sealed bytes for evidence), and
//! sometimes `ttl` (unix seconds) and `lookup` (the sparse index's key). Expiry is checked here too: a table's own expiry
//! takes its time. An item of counters has numbers in place of version and body.

mod counters;
mod key;
mod line;
mod lookup;
mod owner;
mod prefix;
mod together;

pub use key::SortKey;
pub use lookup::Lookup;
pub use prefix::Prefix;
pub use together::Together;

use crate::ledger::Writes;
use crate::{Class, Classified};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use vyrox_contract::TenantId;

/// The sparse index that resolves outside names.
pub(crate) const LOOKUP_INDEX: &str = "lookup";

/// The most items of a page that nobody wanted shorter. DynamoDB ends a page at 1 MiB by itself; the embedded store would look
/// at all that follow before it does.
pub(crate) const MOST_A_PAGE: i32 = 1_000;

/// A value with the version that its next write must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Its version.
    pub version: u64,
}

/// Reading failed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// DynamoDB did not answer, or not well.
    #[error("the table cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An item is not what its key says.
    #[error("an item under {0} cannot be understood")]
    Corrupt(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Classified for TableError {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::Retry,
            Self::Corrupt(..) => Class::Poison,
        }
    }
}

/// Reads one tenant's items.
#[derive(Debug, Clone)]
pub struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
    reads: Arc<line::Line>,
    writes: Arc<Writes>,
}

impl Table {
    /// A reader of the table `name`.
    #[must_use]
    pub fn new(client: aws_sdk_dynamodb::Client, name: &str) -> Self {
        Self { client, name: name.to_owned(), reads: Arc::default(), writes: Arc::default() }
    }

    pub(crate) const fn client(&self) -> &aws_sdk_dynamodb::Client {
        &self.client
    }

    pub(crate) fn writes(&self) -> &Writes {
        &self.writes
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the connection, so that the first request does not pay for it. Whatever comes back is fine.
    pub async fn warm(&self) {
        let _ = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("tenant_id", AttributeValue::S("-".to_owned()))
            .key("sk", AttributeValue::S("-".to_owned()))
            .send()
            .await;
    }

    /// One item, read consistently.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn read<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        key: &SortKey,
        now: i64,
    ) -> Result<Option<Versioned<T>>, TableError> {
        let item = self.item(tenant, key).await?;
        item.filter(|item| !is_expired(item, now)).map(|item| decode(&item)).transpose()
    }

    /// Whether there is an item, expired or not, whatever it holds.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn holds(&self, tenant: &TenantId, key: &SortKey) -> Result<bool, TableError> {
        Ok(self.item(tenant, key).await?.is_some())
    }

    async fn item(&self, tenant: &TenantId, key: &SortKey) -> Result<Option<Item>, TableError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("tenant_id", AttributeValue::S(tenant.to_string()))
            .key("sk", AttributeValue::S(key.as_str().to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        Ok(output.item)
    }

    /// The bytes of one item that holds nothing else, read consistently.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn read_bytes(&self, tenant: &TenantId, key: &SortKey, now: i64) -> Result<Option<Vec<u8>>, TableError> {
        let Some(item) = self.item(tenant, key).await?.filter(|item| !is_expired(item, now)) else { return Ok(None) };
        match item.get("body") {
            Some(AttributeValue::B(bytes)) => Ok(Some(bytes.as_ref().to_vec())),
            _ => Err(TableError::Corrupt("body", "attribute holds no bytes".into())),
        }
    }

    /// One page of the items whose keys begin so, in order, and where the next page begins.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn page<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        after: Option<SortKey>,
        now: i64,
    ) -> Result<(Vec<Versioned<T>>, Option<SortKey>), TableError> {
        let (items, next) = self.query(tenant, prefix, after, None).await?;
        Ok((decoded(&items, now)?, next))
    }

    /// The same, of a page of at most so many items, expired ones counted.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn short_page<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        (after, most): (Option<SortKey>, i32),
        now: i64,
    ) -> Result<(Vec<Versioned<T>>, Option<SortKey>), TableError> {
        let (items, next) = self.query(tenant, prefix, after, Some(most)).await?;
        Ok((decoded(&items, now)?, next))
    }

    /// The last `most` items whose keys begin so, the last one first. One request, at most one page.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn latest<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        most: i32,
        now: i64,
    ) -> Result<Vec<T>, TableError> {
        let output = self
            .range(tenant, prefix)
            .scan_index_forward(false)
            .limit(most)
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        let items = output.items.unwrap_or_default();
        let items = items.iter().filter(|item| !is_expired(item, now));
        items.map(|item| decode(item).map(|item| item.value)).collect()
    }

    /// The same with each item's key, for whoever has to change or remove what was found.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn page_with_keys<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        after: Option<SortKey>,
        now: i64,
    ) -> Result<(Vec<(SortKey, Versioned<T>)>, Option<SortKey>), TableError> {
        let (items, next) = self.query(tenant, prefix, after, None).await?;
        let keyed = |item: &Item| Ok((SortKey::stored(text(item, "sk")?), decode(item)?));
        let found = items.iter().filter(|item| !is_expired(item, now)).map(keyed).collect::<Result<_, _>>()?;
        Ok((found, next))
    }

    /// One page of bodies as they are stored, byte for byte: what is hashed must not be read and written again.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn bodies(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        after: Option<SortKey>,
        now: i64,
    ) -> Result<(Vec<String>, Option<SortKey>), TableError> {
        let (items, next) = self.query(tenant, prefix, after, None).await?;
        let body = |item: &Item| text(item, "body").map(str::to_owned);
        let bodies = items.iter().filter(|item| !is_expired(item, now)).map(body).collect::<Result<_, _>>()?;
        Ok((bodies, next))
    }

    /// A query of all items whose keys begin so.
    fn range(&self, tenant: &TenantId, prefix: &Prefix) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :prefix)")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.as_str().to_owned()))
    }

    async fn query(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        after: Option<SortKey>,
        most: Option<i32>,
    ) -> Result<(Vec<Item>, Option<SortKey>), TableError> {
        let start = after.map(|key| key_of(tenant, key.as_str()));
        let output = self
            .range(tenant, prefix)
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .limit(most.unwrap_or(MOST_A_PAGE))
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        let next = output
            .last_evaluated_key
            .and_then(|key| key.get("sk").and_then(|sk| sk.as_s().ok()).map(|sk| SortKey::stored(sk)));
        Ok((output.items.unwrap_or_default(), next))
    }

    /// All items whose keys begin so. For ranges that are known to be short.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn list<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        now: i64,
    ) -> Result<Vec<Versioned<T>>, TableError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let (values, next) = self.page(tenant, prefix, after, now).await?;
            all.extend(values);
            match next {
                Some(key) => after = Some(key),
                None => return Ok(all),
            }
        }
    }

    /// The same with each item's key, for whoever has to change or remove what was found.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn list_with_keys<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        now: i64,
    ) -> Result<Vec<(SortKey, Versioned<T>)>, TableError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let (found, next) = self.page_with_keys(tenant, prefix, after, now).await?;
            all.extend(found);
            match next {
                Some(key) => after = Some(key),
                None => return Ok(all),
            }
        }
    }
}

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn encode<T: Serialize>(value: &T) -> AttributeValue {
    AttributeValue::S(serde_json::to_string(value).expect("stored types have string keys and finite numbers"))
}

fn decode<T: DeserializeOwned>(item: &Item) -> Result<Versioned<T>, TableError> {
    let body = text(item, "body")?;
    let value = serde_json::from_str(body).map_err(|error| TableError::Corrupt("body", Box::new(error)))?;
    let version = number(item, "version").unwrap_or(0);
    Ok(Versioned { value, version })
}

/// What has not expired.
fn decoded<T: DeserializeOwned>(items: &[Item], now: i64) -> Result<Vec<Versioned<T>>, TableError> {
    items.iter().filter(|item| !is_expired(item, now)).map(decode).collect()
}

fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, TableError> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(TableError::Corrupt(name, "attribute is missing".into())),
    }
}

fn number<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// An item's key, as DynamoDB takes it.
fn key_of(tenant: &TenantId, key: &str) -> Item {
    HashMap::from([
        ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
        ("sk".to_owned(), AttributeValue::S(key.to_owned())),
    ])
}

fn is_expired(item: &Item, now: i64) -> bool {
    number::<i64>(item, "ttl").is_some_and(|ttl| ttl <= now)
}
