//! Several of a tenant's items in one request: what a step wants to know before it begins is asked for once.

use super::{Item, SortKey, Table, TableError, Versioned, decode, is_expired, key_of, text};
use crate::random;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;
use vyrox_contract::TenantId;

/// How often what was left over is asked for again. DynamoDB leaves items over where it is busy.
const TRIES: u32 = 4;
/// How long the first of those times is waited for, twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// Items that were read together, each as it was at that moment; not all of them at one.
#[derive(Debug, Default)]
pub struct Together {
    /// By their sort keys.
    found: HashMap<String, Item>,
}

impl Together {
    /// One of those that were asked for.
    ///
    /// # Errors
    /// [`TableError::Corrupt`].
    pub fn of<T: DeserializeOwned>(&self, key: &SortKey) -> Result<Option<Versioned<T>>, TableError> {
        self.found.get(key.as_str()).map(decode).transpose()
    }
}

impl Table {
    /// Items of one tenant, read consistently; at most a hundred different keys. It costs as many read units as reading each
    /// by itself.
    ///
    /// # Errors
    /// [`TableError`]; then nothing of it is known.
    pub async fn together(&self, tenant: &TenantId, keys: &[&SortKey], now: i64) -> Result<Together, TableError> {
        let mut wanted: Vec<Item> = keys.iter().map(|key| key_of(tenant, key)).collect();
        let mut all = Together::default();
        for attempt in 0..TRIES {
            if attempt > 0 {
                let jitter = Duration::from_millis(u64::from(random::bytes::<1>()[0]) / 16);
                tokio::time::sleep(FIRST_WAIT * (1 << (attempt - 1)) + jitter).await;
            }
            let asked = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(wanted)).build();
            let asked = asked.map_err(|error| TableError::Unavailable(error.into()))?;
            let request = self.client.batch_get_item().request_items(&self.name, asked);
            let output = request.send().await.map_err(|error| TableError::Unavailable(error.into()))?;
            for item in output.responses.unwrap_or_default().into_values().flatten() {
                if !is_expired(&item, now) {
                    all.found.insert(text(&item, "sk")?.to_owned(), item);
                }
            }
            wanted =
                output.unprocessed_keys.unwrap_or_default().remove(&self.name).map_or_else(Vec::new, |rest| rest.keys);
            if wanted.is_empty() {
                return Ok(all);
            }
        }
        Err(TableError::Unavailable("DynamoDB left items unread again and again".into()))
    }
}
