//! The one table: partition key `tenant_id`, sort key `sk`. Reading takes a [`TenantId`]; there is no way to read across
//! tenants, except to resolve an outside name ([`Lookup`]) to the tenant it belongs to.
//!
//! An item is `tenant_id`, `sk`, `version` (a number that every write raises), `body` (JSON; sealed bytes for evidence), and
//! sometimes `ttl` (unix seconds) and `lookup` (the sparse index's key). Expiry is checked here too: a table's own expiry
//! takes its time. An item of counters has numbers in place of version and body.

use crate::api_key::KeyPrefix;
use crate::{Class, Classified};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use vyrox_contract::{AlertId, KeyId, ProxyId, RequestId, TenantId, Vendor};
use vyrox_domain::fingerprint::Fingerprint;
use vyrox_domain::history::HostKey;
use vyrox_domain::storm::GroupKey;
use vyrox_domain::tenant::Snowflake;

/// The sparse index that resolves outside names.
pub(crate) const LOOKUP_INDEX: &str = "lookup";

/// A sort key. Made only by the constructors below, so every key of the table can be read in one place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SortKey(String);

impl SortKey {
    /// The tenant's profile.
    #[must_use]
    pub fn profile() -> Self {
        Self("PROFILE".to_owned())
    }

    /// One of the tenant's sources.
    #[must_use]
    pub fn source(vendor: Vendor) -> Self {
        Self(format!("SOURCE#{vendor}#default"))
    }

    /// An alert.
    #[must_use]
    pub fn alert(id: AlertId) -> Self {
        Self(format!("ALERT#{id}"))
    }

    /// Whose key it is, if it is an alert's.
    #[must_use]
    pub fn as_alert(&self) -> Option<AlertId> {
        self.0.strip_prefix("ALERT#")?.parse().ok()
    }

    /// An approved action.
    #[must_use]
    pub fn action(id: &RequestId) -> Self {
        Self(format!("ACTION#{id}"))
    }

    /// An action that waits for its proxy. Deleted with the receipt.
    #[must_use]
    pub fn outbox(proxy: &ProxyId, id: &RequestId) -> Self {
        Self(format!("OUTBOX#{proxy}#{id}"))
    }

    /// An enrolled proxy.
    #[must_use]
    pub fn proxy(id: &ProxyId) -> Self {
        Self(format!("PROXY#{id}"))
    }

    /// The key that a proxy had before its present one.
    #[must_use]
    pub fn previous_key(id: &ProxyId) -> Self {
        Self(format!("OLDKEY#{id}"))
    }

    /// Whether it is the key of a proxy's previous key.
    #[must_use]
    pub fn is_previous_key(&self) -> bool {
        self.0.starts_with("OLDKEY#")
    }

    /// What is remembered of a proxy's reports.
    #[must_use]
    pub fn proxy_watch(id: &ProxyId) -> Self {
        Self(format!("WATCH#{id}"))
    }

    /// An enrolment token.
    #[must_use]
    pub fn enrolment(id: &str) -> Self {
        Self(format!("ENROL#{id}"))
    }

    /// An API key.
    #[must_use]
    pub fn api_key(prefix: &KeyPrefix) -> Self {
        Self(format!("APIKEY#{prefix}"))
    }

    /// When an API key was last used.
    #[must_use]
    pub fn api_key_used(prefix: &KeyPrefix) -> Self {
        Self(format!("KEYUSED#{prefix}"))
    }

    /// How often an API key was used within a window (unix seconds of its beginning).
    #[must_use]
    pub fn api_key_rate(prefix: &KeyPrefix, window: i64) -> Self {
        Self(format!("KEYRATE#{prefix}#{window}"))
    }

    /// A code that links a Discord server.
    #[must_use]
    pub fn link_code(id: &str) -> Self {
        Self(format!("LINK#{id}"))
    }

    /// A slash command that is being carried out.
    #[must_use]
    pub fn command(id: Snowflake) -> Self {
        Self(format!("COMMAND#{id}"))
    }

    /// What proves the one delivery of a test alert, named by the command that asked for it.
    #[must_use]
    pub fn canary(id: Snowflake) -> Self {
        Self(format!("CANARY#{id}"))
    }

    /// When a proxy was last heard of.
    #[must_use]
    pub fn seen(proxy: &ProxyId) -> Self {
        Self(format!("SEEN#{proxy}"))
    }

    /// A click that has been counted.
    #[must_use]
    pub fn interaction(id: Snowflake) -> Self {
        Self(format!("INTER#{id}"))
    }

    /// An approver's second factor.
    #[must_use]
    pub fn approver(user: Snowflake) -> Self {
        Self(format!("APPROVER#{user}"))
    }

    /// How fast the tenant's approvers approve.
    #[must_use]
    pub fn pace() -> Self {
        Self("PACE".to_owned())
    }

    /// How often a member was refused within a window (unix seconds of its beginning).
    #[must_use]
    pub fn refusals(user: Snowflake, window: i64) -> Self {
        Self(format!("REFUSED#{user}#{window}"))
    }

    /// An alert on a host, found by the host; later ones sort later.
    #[must_use]
    pub fn host_alert(host: &HostKey, received_at: i64, id: AlertId) -> Self {
        Self(format!("HOST#{host}#{received_at:011}#{id}"))
    }

    /// A decision, found by the fingerprint of its alert; later ones sort later.
    #[must_use]
    pub fn past_decision(fingerprint: &Fingerprint, at: i64, id: AlertId) -> Self {
        Self(format!("FP#{fingerprint}#{at:011}#{id}"))
    }

    /// A model's cached answer.
    #[must_use]
    pub fn cached_verdict(fingerprint: &Fingerprint) -> Self {
        Self(format!("VERDICT#{fingerprint}"))
    }

    /// The tokens spent on models on the day (UTC) of this time (unix seconds).
    #[must_use]
    pub fn budget(at: i64) -> Self {
        let day = time::OffsetDateTime::from_unix_timestamp(at).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        Self(format!("BUDGET#{}", day.date()))
    }

    /// What a revision of an alert came in as, sealed.
    #[must_use]
    pub fn evidence(id: AlertId, revision: u32) -> Self {
        Self(format!("EVIDENCE#{id}#{revision}"))
    }

    /// How much of the tenant's rate is used up in a window (unix seconds of its beginning).
    #[must_use]
    pub fn rate(window: i64) -> Self {
        Self(format!("RATE#{window}"))
    }

    /// A group of alerts of the same kind.
    #[must_use]
    pub fn group(key: &GroupKey) -> Self {
        Self(format!("GROUP#{key}"))
    }

    /// How much of the tenant's budget of cards is used up.
    #[must_use]
    pub fn storm() -> Self {
        Self("STORM".to_owned())
    }

    /// A digest.
    #[must_use]
    pub fn digest(id: AlertId) -> Self {
        Self(format!("DIGEST#{id}"))
    }

    /// A channel that takes no messages.
    #[must_use]
    pub fn channel(id: Snowflake) -> Self {
        Self(format!("CHANNEL#{id}"))
    }

    /// An audit entry.
    #[must_use]
    pub fn audit(chain: &str, seq: u64) -> Self {
        Self(format!("AUDIT#{chain}#{seq:020}"))
    }

    /// What is known of a lane of the audit until a checkpoint has closed it.
    #[must_use]
    pub fn lane(chain: &str) -> Self {
        Self(format!("LANE#{chain}"))
    }

    /// A checkpoint of the audit.
    #[must_use]
    pub fn checkpoint(n: u64) -> Self {
        Self(format!("CHECKPOINT#{n:020}"))
    }

    /// Where the tenant's checkpoint lane ends.
    #[must_use]
    pub fn last_checkpoint() -> Self {
        Self("HEAD#CHECKPOINT".to_owned())
    }

    /// The last checkpoint that has been published.
    #[must_use]
    pub fn published_checkpoint() -> Self {
        Self("HEAD#PUBLISHED".to_owned())
    }

    /// How far a proxy's own audit chain has been seen to reach.
    #[must_use]
    pub fn proxy_head(id: &ProxyId) -> Self {
        Self(format!("HEAD#PROXY#{id}"))
    }

    /// A key as it is stored.
    pub(crate) fn stored(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The beginning of a range of sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A place within the range, whether or not an item is there.
    pub(crate) fn at(&self, rest: &str) -> SortKey {
        SortKey(format!("{}{rest}", self.0))
    }

    /// Everything that waits for one proxy.
    #[must_use]
    pub fn outbox(proxy: &ProxyId) -> Self {
        Self(format!("OUTBOX#{proxy}#"))
    }

    /// All approvers with a second factor.
    #[must_use]
    pub fn approvers() -> Self {
        Self("APPROVER#".to_owned())
    }

    /// All alerts on one host, as far as they are remembered there.
    #[must_use]
    pub fn host_alerts(host: &HostKey) -> Self {
        Self(format!("HOST#{host}#"))
    }

    /// All decisions on alerts that looked the same.
    #[must_use]
    pub fn past_decisions(fingerprint: &Fingerprint) -> Self {
        Self(format!("FP#{fingerprint}#"))
    }

    /// All audit entries, lane by lane, each in order.
    #[must_use]
    pub fn audit() -> Self {
        Self("AUDIT#".to_owned())
    }

    /// The entries of one lane, in order.
    #[must_use]
    pub fn lane_entries(chain: &str) -> Self {
        Self(format!("AUDIT#{chain}#"))
    }

    /// All lanes that no checkpoint has closed yet.
    #[must_use]
    pub fn lanes() -> Self {
        Self("LANE#".to_owned())
    }

    /// All checkpoints, in order.
    #[must_use]
    pub fn checkpoints() -> Self {
        Self("CHECKPOINT#".to_owned())
    }

    /// All alerts.
    #[must_use]
    pub fn alerts() -> Self {
        Self("ALERT#".to_owned())
    }

    /// All digests.
    #[must_use]
    pub fn digests() -> Self {
        Self("DIGEST#".to_owned())
    }

    /// All proxies.
    #[must_use]
    pub fn proxies() -> Self {
        Self("PROXY#".to_owned())
    }

    /// All enrolment tokens.
    #[must_use]
    pub fn enrolments() -> Self {
        Self("ENROL#".to_owned())
    }

    /// All API keys.
    #[must_use]
    pub fn api_keys() -> Self {
        Self("APIKEY#".to_owned())
    }

    /// All sources.
    #[must_use]
    pub fn sources() -> Self {
        Self("SOURCE#".to_owned())
    }
}

/// An outside name that belongs to one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup(String);

impl Lookup {
    /// A name as it is stored.
    pub(crate) fn stored(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The account that a vendor's payload names.
    #[must_use]
    pub fn account(vendor: Vendor, account: &str) -> Self {
        Self(format!("ACCOUNT#{vendor}#{account}"))
    }

    /// A Discord guild.
    #[must_use]
    pub fn guild(id: Snowflake) -> Self {
        Self(format!("GUILD#{id}"))
    }

    /// A proxy's public key.
    #[must_use]
    pub fn key(id: &KeyId) -> Self {
        Self(format!("KEY#{id}"))
    }

    /// An API key, by the part of it that is no secret.
    #[must_use]
    pub fn api_key(prefix: &KeyPrefix) -> Self {
        Self(format!("APIKEY#{prefix}"))
    }

    /// What every lane that no checkpoint has closed is known as: by it a checkpoint finds the tenants that have one.
    #[must_use]
    pub fn open_lanes() -> Self {
        Self("LANES".to_owned())
    }

    /// The index key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.0.clone()))
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
        let keyed = |item: &Item| Ok((SortKey(text(item, "sk")?.to_owned()), decode(item)?));
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
                ("sk".to_owned(), AttributeValue::S(key.0)),
            ])
        });
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :prefix)")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.0.clone()))
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .set_limit(most)
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        let next = output
            .last_evaluated_key
            .and_then(|key| key.get("sk").and_then(|sk| sk.as_s().ok()).map(|sk| SortKey(sk.clone())));
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
            Ok((tenant, SortKey(text(item, "sk")?.to_owned())))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_by_its_date() {
        for (at, key) in [
            (0, "BUDGET#1970-01-01"),
            (86_399, "BUDGET#1970-01-01"),
            (951_782_400, "BUDGET#2000-02-29"),
            (1_709_251_199, "BUDGET#2024-02-29"),
            (1_709_251_200, "BUDGET#2024-03-01"),
            (4_102_444_800, "BUDGET#2100-01-01"),
        ] {
            assert_eq!(SortKey::budget(at).as_str(), key);
        }
    }
}
