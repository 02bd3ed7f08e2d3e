//! A tenant's alerts, newest first. Their keys are in no order of time, so all that are kept are read, up to a limit.

use crate::{Asked, Assist, AssistError};
use vyrox_domain::record::AlertRecord;
use vyrox_platform::table::Prefix;

/// How many records one command reads at most.
const MOST_READ: usize = 5_000;

/// What was read.
#[derive(Debug)]
pub(crate) struct Alerts {
    /// Newest first.
    pub(crate) records: Vec<AlertRecord>,
    /// Whether there are more than were read.
    pub(crate) has_more: bool,
}

impl Assist {
    pub(crate) async fn alerts(&self, asked: &Asked) -> Result<Alerts, AssistError> {
        let mut records: Vec<AlertRecord> = Vec::new();
        let mut after = None;
        let has_more = loop {
            let (page, next) =
                self.table.page::<AlertRecord>(asked.tenant_id(), &Prefix::alerts(), after, self.clock.now()).await?;
            records.extend(page.into_iter().map(|found| found.value));
            match next {
                None => break false,
                Some(_) if records.len() >= MOST_READ => break true,
                next => after = next,
            }
        };
        records.sort_by_key(|record| std::cmp::Reverse(record.alert.received_at));
        Ok(Alerts { records, has_more })
    }
}
