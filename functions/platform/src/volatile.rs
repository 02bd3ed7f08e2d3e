//! What is written without an audit entry: cached answers of models, the count of tokens spent today, when a proxy was last
//! heard of and a key last used.
//!
//! None is state of the system: losing them costs money, not truth. What came of them is in the audit all the same, in
//! the entry of the verdict (who decided, which model, which fingerprint, how many tokens).

use crate::api_key::KeyPrefix;
use crate::batch::chain;
use crate::table::{SortKey, Table, TableError, encode};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vyrox_contract::{ProxyId, TenantId};
use vyrox_domain::fingerprint::Fingerprint;
use vyrox_domain::llm::Answer;

/// How long a cached answer is used, in seconds.
const CACHED_FOR: i64 = 24 * 3_600;
/// How long a day's count is kept, in seconds, for whoever wants to look.
const COUNTED_FOR: i64 = 8 * 24 * 3_600;

/// An answer that a model gave to the same question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedAnswer {
    /// The model.
    pub model: String,
    /// Its answer, checked again.
    pub answer: Answer,
    /// When it was given, unix seconds.
    pub asked_at: i64,
}

/// As stored. The answer stays what the model wrote until it has been checked again.
#[derive(Serialize, Deserialize)]
struct Stored {
    model: String,
    answer: Value,
    asked_at: i64,
}

/// Whether tokens may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// They are counted as spent from now on.
    Granted,
    /// Today's are used up.
    UsedUp,
}

/// One tenant's cached answers and token counts.
#[derive(Debug, Clone)]
pub struct Volatile {
    table: Table,
}

impl Volatile {
    /// In this table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// The answer to the same question, if one of these models gave it within the last 24 hours. An item that is not an
    /// answer is as good as none.
    ///
    /// # Errors
    /// [`TableError::Unavailable`].
    pub async fn cached(
        &self,
        tenant: &TenantId,
        fingerprint: &Fingerprint,
        models: &[String],
        now: i64,
    ) -> Result<Option<CachedAnswer>, TableError> {
        let key = SortKey::cached_verdict(fingerprint);
        let stored = match self.table.read::<Stored>(tenant, &key, now).await {
            Ok(Some(stored)) => stored.value,
            Ok(None) => return Ok(None),
            Err(TableError::Corrupt(..)) => return Ok(ignored(tenant, fingerprint)),
            Err(error) => return Err(error),
        };
        let age = now.saturating_sub(stored.asked_at);
        if !(0..CACHED_FOR).contains(&age) || !models.contains(&stored.model) {
            return Ok(None);
        }
        match Answer::parse(&stored.answer.to_string()) {
            Ok(answer) => Ok(Some(CachedAnswer { model: stored.model, answer, asked_at: stored.asked_at })),
            Err(_) => Ok(ignored(tenant, fingerprint)),
        }
    }

    /// Keeps an answer. If that fails the question is asked again, which is only dearer.
    pub async fn cache(&self, tenant: &TenantId, fingerprint: &Fingerprint, model: &str, answer: &Answer, now: i64) {
        let answer = serde_json::to_value(answer).expect("an answer has string keys and finite numbers");
        let stored = Stored { model: model.to_owned(), answer, asked_at: now };
        let request = self
            .table
            .client()
            .put_item()
            .table_name(self.table.name())
            .item("tenant_id", AttributeValue::S(tenant.to_string()))
            .item("sk", AttributeValue::S(SortKey::cached_verdict(fingerprint).as_str().to_owned()))
            .item("version", number(1))
            .item("ttl", number(now + CACHED_FOR))
            .item("body", encode(&stored));
        if let Err(error) = request.send().await {
            tracing::warn!(%tenant, error = %chain(&error), "answer was not cached");
        }
    }

    /// When a proxy was last heard of, unix seconds.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn proxy_seen(&self, tenant: &TenantId, proxy: &ProxyId) -> Result<Option<i64>, TableError> {
        self.seen(tenant, &SortKey::seen(proxy)).await
    }

    /// When an API key was last used, unix seconds; noted at most once an hour.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn key_used(&self, tenant: &TenantId, prefix: &KeyPrefix) -> Result<Option<i64>, TableError> {
        self.seen(tenant, &SortKey::api_key_used(prefix)).await
    }

    /// Notes that a proxy was heard of now (unix seconds). If that fails it is only missed in a diagnosis.
    pub async fn note_proxy(&self, tenant: &TenantId, proxy: &ProxyId, now: i64) {
        if let Err(error) = self.note(tenant, &SortKey::seen(proxy), now).await {
            tracing::warn!(%tenant, error = %chain(&error), "a proxy's sign of life was not noted");
        }
    }

    /// Notes that an API key was used now (unix seconds). If that fails it is only missed in a list.
    pub async fn note_key(&self, tenant: &TenantId, prefix: &KeyPrefix, now: i64) {
        if let Err(error) = self.note(tenant, &SortKey::api_key_used(prefix), now).await {
            tracing::warn!(%tenant, key = %prefix, error = %chain(&error), "a key's use was not noted");
        }
    }

    async fn seen(&self, tenant: &TenantId, key: &SortKey) -> Result<Option<i64>, TableError> {
        Ok(self.table.counters(tenant, key).await?.get("seen_at").copied())
    }

    async fn note(&self, tenant: &TenantId, key: &SortKey, now: i64) -> Result<(), TableError> {
        let request = self
            .table
            .client()
            .put_item()
            .table_name(self.table.name())
            .item("tenant_id", AttributeValue::S(tenant.to_string()))
            .item("sk", AttributeValue::S(key.as_str().to_owned()))
            .item("seen_at", number(now));
        request.send().await.map_err(|error| TableError::Unavailable(error.into()))?;
        Ok(())
    }

    /// Counts `tokens` as spent on the day of `now`, if no more than `limit` are spent then: one conditional write, so that
    /// any number of writers together stay within the limit.
    ///
    /// # Errors
    /// [`TableError::Unavailable`].
    pub async fn reserve(&self, tenant: &TenantId, tokens: u64, limit: u64, now: i64) -> Result<Reserved, TableError> {
        let Some(room) = limit.checked_sub(tokens) else { return Ok(Reserved::UsedUp) };
        let request = self
            .count(tenant, now)
            .update_expression("ADD #used :tokens SET #ttl = :ttl, version = :version")
            .condition_expression("attribute_not_exists(#used) OR #used <= :room")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":tokens", number(tokens))
            .expression_attribute_values(":room", number(room))
            .expression_attribute_values(":ttl", number(now + COUNTED_FOR))
            .expression_attribute_values(":version", number(1));
        match request.send().await {
            Ok(_) => Ok(Reserved::Granted),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(_) => Ok(Reserved::UsedUp),
                error => Err(TableError::Unavailable(error.into())),
            },
        }
    }

    /// Corrects a reservation that was made at `reserved_at` to what was really spent. If that fails the reservation stands.
    pub async fn settle(&self, tenant: &TenantId, reserved: u64, spent: u64, reserved_at: i64) {
        let signed = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        let difference = signed(spent).saturating_sub(signed(reserved));
        if difference == 0 {
            return;
        }
        let request = self
            .count(tenant, reserved_at)
            .update_expression("ADD #used :difference")
            // Never below zero, and never a count without a reservation.
            .condition_expression("#used >= :least")
            .expression_attribute_values(":difference", number(difference))
            .expression_attribute_values(":least", number(difference.saturating_neg().max(0)));
        if let Err(error) = request.send().await {
            tracing::warn!(%tenant, error = %chain(&error), "token count was not settled");
        }
    }

    /// How many tokens are counted as spent on the day of `now`.
    ///
    /// # Errors
    /// [`TableError::Unavailable`].
    pub async fn spent(&self, tenant: &TenantId, now: i64) -> Result<u64, TableError> {
        let request = self
            .table
            .client()
            .get_item()
            .table_name(self.table.name())
            .key("tenant_id", AttributeValue::S(tenant.to_string()))
            .key("sk", AttributeValue::S(SortKey::budget(now).as_str().to_owned()))
            .consistent_read(true);
        let item = request.send().await.map_err(|error| TableError::Unavailable(error.into()))?.item;
        let used = item.as_ref().and_then(|item| item.get("used")).and_then(|used| used.as_n().ok());
        Ok(used.and_then(|used| used.parse().ok()).unwrap_or(0))
    }

    fn count(
        &self,
        tenant: &TenantId,
        at: i64,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .key("tenant_id", AttributeValue::S(tenant.to_string()))
            .key("sk", AttributeValue::S(SortKey::budget(at).as_str().to_owned()))
            .expression_attribute_names("#used", "used")
    }
}

fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

fn ignored(tenant: &TenantId, fingerprint: &Fingerprint) -> Option<CachedAnswer> {
    tracing::warn!(%tenant, %fingerprint, "cached item is no answer, and was ignored");
    None
}
