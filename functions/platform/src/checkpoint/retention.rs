//! Retention: only a lane that is closed, and whose end a checkpoint has covered, gets an expiry, the same for all of its
//! entries, so that a lane is there as a whole or not at all. The checkpoint has said so before, under its signature.

use crate::ledger::LaneRecord;
use crate::table::{Prefix, SortKey, Table, TableError};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use vyrox_contract::TenantId;

/// How many entries are written at once.
const AT_ONCE: usize = 16;

/// Lets all entries of a closed lane expire at `until` (unix seconds). Doing it again changes nothing.
///
/// # Errors
/// [`TableError`]; some entries may have their expiry then.
pub async fn set_retention(
    table: &Table,
    tenant: &TenantId,
    chain: &str,
    record: &LaneRecord,
    until: i64,
) -> Result<(), TableError> {
    let last = record.covered.as_ref().filter(|_| record.closed).map(|head| head.seq);
    let Some(last) = last else { return Ok(()) };
    let expire = |seq: u64| expire(table, tenant, SortKey::audit(chain, seq), until);
    stream::iter((0..=last).map(expire)).buffer_unordered(AT_ONCE).try_collect::<()>().await
}

async fn expire(table: &Table, tenant: &TenantId, key: SortKey, until: i64) -> Result<(), TableError> {
    let request = table
        .client()
        .update_item()
        .table_name(table.name())
        .key("tenant_id", AttributeValue::S(tenant.to_string()))
        .key("sk", AttributeValue::S(key.as_str().to_owned()))
        .update_expression("SET #ttl = :ttl")
        .condition_expression("attribute_exists(sk)")
        .expression_attribute_names("#ttl", "ttl")
        .expression_attribute_values(":ttl", AttributeValue::N(until.to_string()));
    request.send().await.map_err(|error| TableError::Unavailable(error.into()))?;
    Ok(())
}

/// Removes the record of a lane that is closed and whose retention is set: the checkpoint that covers its end tells of it
/// from now on.
///
/// # Errors
/// [`TableError`].
pub async fn forget_lane(table: &Table, tenant: &TenantId, chain: &str) -> Result<(), TableError> {
    let request = table
        .client()
        .delete_item()
        .table_name(table.name())
        .key("tenant_id", AttributeValue::S(tenant.to_string()))
        .key("sk", AttributeValue::S(SortKey::lane(chain).as_str().to_owned()));
    request.send().await.map_err(|error| TableError::Unavailable(error.into()))?;
    Ok(())
}

/// The lane whose record is under this key; `None` for any other key.
#[must_use]
pub fn lane_of(key: &SortKey) -> Option<&str> {
    key.as_str().strip_prefix(Prefix::lanes().as_str())
}
