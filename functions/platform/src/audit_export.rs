//! Reading a tenant's audit back, page by page, as the bytes that were hashed.
//!
//! Checkpoints come first, then lane by lane: whoever reads the stream knows of every head before the entries that must
//! lead to it, and a lane that grows while it is read is never shorter than what a checkpoint said of it.

use crate::ledger::{CommitError, Ledger};
use crate::table::{Prefix, SortKey, Table, TableError};
use bytes::Bytes;
use futures::stream::{self, Stream};
use vyrox_audit::Draft;
use vyrox_contract::TenantId;

/// A page of entries.
#[derive(Debug)]
pub struct Page {
    /// Each entry's line as it is stored, without a newline.
    pub lines: Vec<String>,
    /// Where the next page begins; absent after the last.
    pub next: Option<Position>,
}

/// Where a page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    part: Part,
    after: Option<SortKey>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Checkpoints,
    Lanes,
}

/// The page at `position`; [`Position::default`] is the beginning. `now` is unix seconds.
///
/// # Errors
/// [`TableError`].
pub async fn page(table: &Table, tenant: &TenantId, position: Position, now: i64) -> Result<Page, TableError> {
    let Position { part, after } = position;
    let prefix = match part {
        Part::Checkpoints => Prefix::checkpoints(),
        Part::Lanes => Prefix::audit(),
    };
    let (lines, next) = table.bodies(tenant, &prefix, after, now).await?;
    let next = match (part, next) {
        (part, Some(after)) => Some(Position { part, after: Some(after) }),
        (Part::Checkpoints, None) => Some(Position { part: Part::Lanes, after: None }),
        (Part::Lanes, None) => None,
    };
    Ok(Page { lines, next })
}

/// Enters `event`, which says who takes a copy, and then streams the tenant's whole audit, that entry included: one chunk
/// of JSON lines a page, so that its length does not matter.
///
/// # Errors
/// [`CommitError`]: what is not entered is not exported. A chunk's error ends the stream.
pub async fn export(
    table: Table,
    ledger: &Ledger,
    tenant: &TenantId,
    event: &Draft,
) -> Result<impl Stream<Item = Result<Bytes, TableError>> + use<>, CommitError> {
    ledger.commit(tenant, &[], event).await?;
    let (tenant, now) = (tenant.clone(), event.timestamp);
    Ok(stream::try_unfold(Some(Position::default()), move |position| {
        let (table, tenant) = (table.clone(), tenant.clone());
        async move {
            let Some(position) = position else { return Ok(None) };
            let page = page(&table, &tenant, position, now).await?;
            let mut chunk = String::new();
            for line in &page.lines {
                chunk.push_str(line);
                chunk.push('\n');
            }
            Ok(Some((Bytes::from(chunk), page.next)))
        }
    }))
}
