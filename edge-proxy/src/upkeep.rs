//! What is done with the log in the background: once after the start, the window is read through and compared with the
//! index that the start relied on; then, every hour, days that have left the window are compressed, unless something in them
//! is not over: a start reads no compressed day.

use crate::cause::chain;
use crate::pipeline::Pipeline;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use vyrox_audit::log::{Archiver, LogError, Reader};

const PAUSE: Duration = Duration::from_secs(3600);
/// Beyond the window, in seconds: an entry stands in the file of the day after its own at times.
const SLACK: i64 = 2 * 24 * 3600;

/// The log, and how long of it is looked at.
pub(crate) struct Upkeep {
    pub(crate) reader: Reader,
    pub(crate) archiver: Archiver,
    /// When the window began at the start of the proxy, unix seconds.
    pub(crate) since: i64,
    pub(crate) retention_seconds: i64,
}

impl Upkeep {
    /// Works until `stop`; begins once what an earlier run left has been reported: until then a start may need days that
    /// are older than the window.
    pub(crate) async fn run(self, pipeline: Arc<Pipeline>, stop: CancellationToken) {
        let Some(()) = stop.run_until_cancelled(pipeline.recovered()).await else { return };
        let Self { reader, mut archiver, since, retention_seconds } = self;
        if let Ok(segments) = pipeline.audit.segments().await {
            let stopping = stop.clone();
            let check = move || reader.check(segments, since, &|| !stopping.is_cancelled());
            match tokio::task::spawn_blocking(check).await {
                Ok(Ok(entries)) => tracing::info!(entries, "the audit log of the window is sound"),
                Ok(Err(error @ (LogError::Damaged { .. } | LogError::Index(_)))) => {
                    tracing::error!(error = %chain(&error), "nothing is done any more; see to the audit log");
                    pipeline.audit.condemn(error);
                }
                Ok(Err(error)) => tracing::warn!(error = %chain(&error), "the audit log could not be checked"),
                Err(_) => tracing::error!("the check of the audit log failed"),
            }
        }
        while !stop.is_cancelled() {
            let (clock, stopping) = (Arc::clone(&pipeline.clock), stop.clone());
            // Both only grow: what is handed in later stands in a newer entry.
            let needed = [pipeline.leases.needed(), pipeline.outbox.needed()].into_iter().flatten().min();
            let work = move || {
                let before = clock.now().saturating_sub(retention_seconds + SLACK);
                let archived = archiver.archive(before, needed, &|| !stopping.is_cancelled());
                (archiver, archived)
            };
            let Ok((returned, archived)) = tokio::task::spawn_blocking(work).await else { return };
            archiver = returned;
            match archived {
                Ok(0) => {}
                Ok(days) => tracing::info!(days, "old days of the audit log were compressed"),
                Err(error) => tracing::warn!(error = %chain(&error), "a day of the audit log is not compressed yet"),
            }
            let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }
}
