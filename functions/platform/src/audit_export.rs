//! Reading a tenant's audit chain back, page by page, as the bytes that were hashed.

use crate::table::{Prefix, SortKey, Table, TableError};
use serde_json::Value;
use vyrox_contract::{TenantId, canonical};

/// A page of entries.
#[derive(Debug)]
pub struct Page {
    /// Each entry's canonical JSON, without a newline; lane by lane, each in order.
    pub lines: Vec<Vec<u8>>,
    /// Where the next page begins; absent after the last.
    pub next: Option<SortKey>,
}

/// The page after `after`. `now` is unix seconds.
///
/// # Errors
/// [`TableError`].
pub async fn page(table: &Table, tenant: &TenantId, after: Option<SortKey>, now: i64) -> Result<Page, TableError> {
    let (entries, next) = table.page::<Value>(tenant, &Prefix::audit(), after, now).await?;
    let lines = entries
        .iter()
        .map(|entry| canonical::to_bytes(&entry.value))
        .collect::<Result<_, _>>()
        .map_err(|error| TableError::Corrupt("audit entry", Box::new(error)))?;
    Ok(Page { lines, next })
}
