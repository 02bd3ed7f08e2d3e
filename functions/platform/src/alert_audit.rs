//! The audit's entries about one alert, without reading the tenant's whole audit.
//!
//! A lane's id is its writer's name and the time at which it began, and a lane is at most six hours long. So an alert's
//! entries are in lanes that began between six hours before it came in and the last that happened to it; those alone are
//! read, writer by writer.

use crate::ledger::LONGEST_LANE;
use crate::table::{Prefix, SortKey, Table, TableError};
use futures::future::try_join_all;
use vyrox_audit::Entry;
use vyrox_contract::{AlertId, TenantId};

/// Who enters anything about an alert: the functions on its way, and the operator.
const WRITERS: [&str; 8] = ["ingest", "triage", "notify", "interactions", "assist", "dispatch", "relay", "ctl"];
/// What clocks of two machines may differ by, in milliseconds.
const SLACK: i64 = 60_000;

/// The entries about an alert that came in at `from` and to which nothing happened after `until` (unix seconds), lane by lane,
/// each in order.
///
/// # Errors
/// [`TableError`].
pub async fn about(
    table: &Table,
    tenant: &TenantId,
    alert: AlertId,
    (from, until): (i64, i64),
    now: i64,
) -> Result<Vec<Entry>, TableError> {
    let first = from.saturating_sub(LONGEST_LANE).saturating_mul(1_000).saturating_sub(SLACK);
    let last = until.saturating_mul(1_000).saturating_add(SLACK);
    let lanes = WRITERS.map(|writer| of_writer(table, tenant, alert, writer, (first, last), now));
    Ok(try_join_all(lanes).await?.into_iter().flatten().collect())
}

async fn of_writer(
    table: &Table,
    tenant: &TenantId,
    alert: AlertId,
    writer: &str,
    (first, last): (i64, i64),
    now: i64,
) -> Result<Vec<Entry>, TableError> {
    let prefix = Prefix::lanes_of(writer);
    let mut after = Some(prefix.at(&earliest_ulid(first)));
    let beyond = prefix.at(&earliest_ulid(last.saturating_add(1)));
    let (id, mut found) = (alert.to_string(), Vec::new());
    while let Some(from) = after.take() {
        let (lines, next) = table.bodies(tenant, &prefix, Some(from), now).await?;
        for line in lines {
            let entry = Entry::from_line(line.as_bytes());
            let entry = entry.map_err(|error| TableError::Corrupt("body", Box::new(error)))?;
            if SortKey::audit(entry.chain(), 0).as_str() > beyond.as_str() {
                return Ok(found);
            }
            if entry.alert_id() == Some(&id) {
                found.push(entry);
            }
        }
        after = next;
    }
    Ok(found)
}

/// What sorts before every ULID of this time (milliseconds since 1970) and later.
fn earliest_ulid(millis: i64) -> String {
    ulid::Ulid::from_parts(u64::try_from(millis).unwrap_or(0), 0).to_string()
}
