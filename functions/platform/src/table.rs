//! The one table: partition key `tenant_id`, sort key `sk`. Reading takes a [`TenantId`]; there is no way to read across
//! tenants, except to resolve an outside name ([`Lookup`]) to the tenant it belongs to.
//!
//! An item is `tenant_id`, `sk`, `version` (a number that every write raises), `body` (JSON; sealed bytes for evidence), and
//! sometimes `ttl` (unix seconds) and `lookup` (the sparse index's key). Expiry is checked here too: a table's own expiry
//! takes its time. An item of counters has numbers in place of version and body.

mod key;

pub use key::{Lookup, Prefix, SortKey};

use crate::{Class, Classified};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use vyrox_contract::TenantId;

/// The sparse index that resolves outside names.
pub(crate) const LOOKUP_INDEX: &str = "lookup";

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
}

impl Table {
    /// A reader of the table `name`.
    #[must_use]
    pub fn new(client: aws_sdk_dynamodb::Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    pub(crate) const fn client(&self) -> &aws_sdk_dynamodb::Client {
        &self.client
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

    /// The numbers of an item of counters, read consistently; none if there is no such item.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) async fn counters(&self, tenant: &TenantId, key: &SortKey) -> Result<HashMap<String, i64>, TableError> {
        Ok(numbers(&self.item(tenant, key).await?.unwrap_or_default()))
    }

    /// Adds to the numbers of an item of counters in one step, and tells what they are then. No audit entry: a count is no
    /// decision, and is forgotten at `ttl` (unix seconds).
    ///
    /// # Errors
    /// [`TableError`]; whether it was added is unknown then.
    pub(crate) async fn add(
        &self,
        tenant: &TenantId,
        key: &SortKey,
        amounts: &[(String, i64)],
        ttl: i64,
    ) -> Result<HashMap<String, i64>, TableError> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("tenant_id", AttributeValue::S(tenant.to_string()))
            .key("sk", AttributeValue::S(key.as_str().to_owned()))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()))
            .return_values(ReturnValue::AllNew);
        let mut terms = Vec::new();
        for (index, (name, amount)) in amounts.iter().enumerate() {
            terms.push(format!("#n{index} :n{index}"));
            request = request
                .expression_attribute_names(format!("#n{index}"), name)
                .expression_attribute_values(format!(":n{index}"), AttributeValue::N(amount.to_string()));
        }
        let request = request.update_expression(format!("ADD {} SET #ttl = :ttl", terms.join(", ")));
        let output = request.send().await.map_err(|error| TableError::Unavailable(error.into()))?;
        Ok(numbers(&output.attributes.unwrap_or_default()))
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
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :prefix)")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.as_str().to_owned()))
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

    async fn query(
        &self,
        tenant: &TenantId,
        prefix: &Prefix,
        after: Option<SortKey>,
        most: Option<i32>,
    ) -> Result<(Vec<Item>, Option<SortKey>), TableError> {
        let start = after.map(|key| {
            HashMap::from([
                ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
                ("sk".to_owned(), AttributeValue::S(key.as_str().to_owned())),
            ])
        });
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :prefix)")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.as_str().to_owned()))
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .set_limit(most)
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

    /// The item that an outside name belongs to: its tenant and key, to be read consistently by whoever relies on what it
    /// says. The index itself is eventually consistent, so nothing else is taken from it.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn owner(&self, name: &Lookup) -> Result<Option<(TenantId, SortKey)>, TableError> {
        // A name that two claim belongs to neither.
        match <[_; 1]>::try_from(self.owners(name).await?) {
            Ok([owner]) => Ok(Some(owner)),
            Err(_) => Ok(None),
        }
    }

    /// Every item that claims an outside name, one page at most.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn owners(&self, name: &Lookup) -> Result<Vec<(TenantId, SortKey)>, TableError> {
        self.owners_after(name, None).await
    }

    /// The same after one of them, page by page until a page is empty.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn owners_after(
        &self,
        name: &Lookup,
        after: Option<&(TenantId, SortKey)>,
    ) -> Result<Vec<(TenantId, SortKey)>, TableError> {
        let start = after.map(|(tenant, key)| {
            let texts = [("lookup", name.as_str()), ("tenant_id", tenant.as_str()), ("sk", key.as_str())];
            texts.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into()
        });
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(LOOKUP_INDEX)
            .key_condition_expression("lookup = :name")
            .expression_attribute_values(":name", AttributeValue::S(name.as_str().to_owned()))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        let owner = |item: &Item| {
            let tenant = text(item, "tenant_id")?;
            let tenant = tenant.parse().map_err(|error| TableError::Corrupt("lookup", Box::new(error)))?;
            Ok((tenant, SortKey::stored(text(item, "sk")?)))
        };
        output.items.unwrap_or_default().iter().map(owner).collect()
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

/// All whole numbers of an item, by their names.
fn numbers(item: &Item) -> HashMap<String, i64> {
    item.keys().filter_map(|name| Some((name.clone(), number(item, name)?))).collect()
}

fn is_expired(item: &Item, now: i64) -> bool {
    number::<i64>(item, "ttl").is_some_and(|ttl| ttl <= now)
}
