//! Several of a tenant's items in one request: what a step wants to know before it begins is asked for once.

use super::{Item, SortKey, Table, TableError, Versioned, decode, is_expired};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use vyrox_contract::TenantId;

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
    /// Items of one tenant, read consistently; at most a hundred different keys. They are asked for in one request, with what
    /// others want at the same time, of whichever tenants. It costs as many read units as reading each different one by itself.
    ///
    /// # Errors
    /// [`TableError`]; then nothing of it is known.
    pub async fn together(&self, tenant: &TenantId, keys: &[&SortKey], now: i64) -> Result<Together, TableError> {
        let mut found = self.reads.read(self, tenant, keys).await?;
        found.retain(|_, item| !is_expired(item, now));
        Ok(Together { found })
    }
}
