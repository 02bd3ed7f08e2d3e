//! What is due without anybody asking: a person's reset of the circuit breaker, and the ends of leases.

use crate::breaker;
use crate::pipeline::Pipeline;
use crate::verify::Verified;
use serde_json::Map;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);
/// How often it tries to write, while the log cannot be written: every so many looks.
const LOOKS_PER_TRY: u32 = 10;

/// Looks until `stop`.
pub(crate) async fn attend(pipeline: Arc<Pipeline>, stop: CancellationToken) {
    let (mut failing, mut reset_entered) = (0, false);
    while let Some(()) = stop.run_until_cancelled(tokio::time::sleep(EVERY)).await {
        reset(&pipeline, &mut reset_entered).await;
        // That it cannot be kept was said when it opened.
        let _ = pipeline.breaker.keep();
        // Only what is recorded is done, so a log that cannot be written holds a release up, and nothing else does.
        if pipeline.has_recovered() {
            release(&pipeline);
        }
        failing = if pipeline.audit.is_failing() { failing + 1 } else { 0 };
        // Whether the log can be written again shows when it is: without this a proxy that nobody asks for anything would
        // never be ready again.
        if failing > 0 && failing % LOOKS_PER_TRY == 0 && pipeline.note("AUDIT_RESUMED", Map::new()).await {
            tracing::info!("the audit log can be written again");
        }
    }
}

/// Every lease whose deadline has passed takes the way of every action.
fn release(pipeline: &Arc<Pipeline>) {
    let now = pipeline.clock.now();
    for lease in pipeline.leases.due(now) {
        match Verified::end_of(&lease, (&pipeline.tenant_id, &pipeline.proxy_id), now) {
            Some(release) => {
                tracing::info!(request_id = %lease.isolation(), "its lease has ended: the host is released");
                pipeline.submit_unattended(release);
            }
            None => {
                tracing::error!(request_id = %lease.isolation(), "a lease cannot be ended: its entry is incomplete")
            }
        }
    }
}

/// A reset takes effect once it is in the log, where it stands once however often its files cannot be removed.
async fn reset(pipeline: &Pipeline, entered: &mut bool) {
    let Some(reset) = pipeline.breaker.reset_asked_for() else { return };
    let is_new = !*entered;
    if is_new && !pipeline.note(breaker::CLOSED, reset).await {
        return;
    }
    let closed = pipeline.breaker.close();
    *entered = closed.is_err();
    match closed {
        Ok(()) => tracing::info!("the circuit breaker was reset"),
        Err(error) if is_new => tracing::error!(%error, "the circuit breaker cannot be closed yet"),
        Err(_) => {}
    }
}
