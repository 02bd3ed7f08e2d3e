//! Reading a tenant's alerts on until enough of them are what was asked for.
//!
//! Alerts lie in the table in the order of their ids, which is none in time: an index by time would cost every alert two write
//! units more, for a list that is read now and then. So lists are in the order of ids, and a filter reads past what it does
//! not want, a bounded number of alerts a request: a page may be short, or empty, and still say where to go on.

use crate::Api;
use crate::cursor::Cursor;
use crate::refusal::Refusal;
use vyrox_contract::TenantId;
use vyrox_domain::record::AlertRecord;
use vyrox_platform::table::{Prefix, SortKey, TableError};

/// The most items of a page.
const MOST: u16 = 100;
/// The items of a page unless the caller says so.
const USUAL: u16 = 50;
/// How many alerts one request looks at.
const MOST_LOOKED_AT: i32 = 2_000;
/// How many alerts are read at once.
const BATCH: i32 = 100;

/// A page, and where the next one begins.
#[derive(Debug)]
pub(crate) struct Sifted {
    pub(crate) records: Vec<AlertRecord>,
    pub(crate) next: Option<Cursor>,
}

/// How many items a page may have.
///
/// # Errors
/// [`Refusal::Query`].
pub(crate) fn page_size(limit: Option<u16>) -> Result<usize, Refusal> {
    match limit.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(usize::from(limit)),
        _ => Err(Refusal::Query(format!("limit is not from 1 to {MOST}"))),
    }
}

impl Api {
    /// The next `limit` alerts that are wanted.
    pub(crate) async fn sift(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        limit: usize,
        wanted: impl Fn(&AlertRecord) -> bool,
    ) -> Result<Sifted, TableError> {
        let (mut records, mut looked_at) = (Vec::new(), 0);
        let mut after = after.map(|Cursor(id)| SortKey::alert(id));
        loop {
            let range = (after, BATCH);
            let (batch, next) =
                self.table.short_page::<AlertRecord>(tenant, &Prefix::alerts(), range, self.clock.now()).await?;
            looked_at += BATCH;
            for record in batch.into_iter().map(|record| record.value).filter(&wanted) {
                let id = record.alert.id;
                records.push(record);
                if records.len() == limit {
                    return Ok(Sifted { records, next: Some(Cursor(id)) });
                }
            }
            match next {
                Some(key) if looked_at < MOST_LOOKED_AT => after = Some(key),
                next => {
                    let next = next.and_then(|key| key.as_alert()).map(Cursor);
                    return Ok(Sifted { records, next });
                }
            }
        }
    }
}
