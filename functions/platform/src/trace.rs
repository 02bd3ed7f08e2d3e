//! Which alert the present piece of work is about: in every log line, and in every message that comes of it.
//!
//! ```text
//!  ingest --traceparent--> [queue] --> triage --traceparent--> [queue] --> notify
//!    span: {"name":"work","function":"triage","trace_id":"<the alert's id>","span_id":"..","parent_id":"<ingest's span>"}
//! ```
//!
//! `vyroxctl trace` tells the same from what is stored; this is for the lines between.

use crate::random;
use tracing::Instrument as _;
use vyrox_domain::trace::{SpanId, TraceId, TraceParent};

tokio::task_local! {
    static CURRENT: Current;
}

#[derive(Clone, Copy)]
struct Current {
    own: TraceParent,
    since: Option<i64>,
}

/// What a message says about where it comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin {
    /// The piece of work that sent it.
    pub parent: Option<TraceParent>,
    /// When what it ends began, milliseconds since 1970.
    pub since: Option<i64>,
}

/// Does work that is about `trace`. Its log lines say so; what it sends names it as the cause. Work on the same trace within such
/// work belongs to it.
pub fn follow<F: Future>(
    function: &'static str,
    trace: TraceId,
    origin: Origin,
    work: F,
) -> impl Future<Output = F::Output> {
    // A function's whole work is one large future: moved once, and not through every layer.
    let work = Box::pin(work);
    async move { within(function, trace, origin, work).await }
}

async fn within<F: Future>(function: &'static str, trace: TraceId, origin: Origin, work: F) -> F::Output {
    if current().is_some_and(|current| current.trace == trace) {
        return work.await;
    }
    let own = TraceParent { trace, span: SpanId::from_bytes(random::bytes()) };
    // A cause in another trace is none.
    let parent = origin.parent.filter(|parent| parent.trace == trace);
    let parent = parent.map(|parent| tracing::field::display(parent.span));
    // Of the highest level, so that whichever lines are written know what they are about.
    let span = tracing::error_span!("work", function, trace_id = %trace, span_id = %own.span, parent_id = parent);
    CURRENT.scope(Current { own, since: origin.since }, work).instrument(span).await
}

/// The present piece of work, if it is about an alert.
#[must_use]
pub fn current() -> Option<TraceParent> {
    CURRENT.try_with(|current| current.own).ok()
}

/// When what the present message ends began, milliseconds since 1970, as its sender said.
#[must_use]
pub fn since() -> Option<i64> {
    CURRENT.try_with(|current| current.since).ok().flatten()
}

/// What is sent about `trace` now names this as its cause.
pub(crate) fn cause(trace: TraceId) -> TraceParent {
    let own = current().filter(|current| current.trace == trace);
    own.unwrap_or_else(|| TraceParent { trace, span: SpanId::from_bytes(random::bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vyrox_contract::AlertId;

    #[tokio::test]
    async fn work_within_work_on_the_same_alert_belongs_to_it() {
        let (one, other) = (AlertId::from_bytes([1; 16]).into(), AlertId::from_bytes([2; 16]).into());
        assert_eq!((current(), since()), (None, None));
        let origin = Origin { parent: None, since: Some(7) };
        follow("triage", one, origin, async {
            let outer = current().unwrap();
            assert_eq!((outer.trace, since(), cause(one)), (one, Some(7), outer));
            follow("triage", one, Origin::default(), async { assert_eq!(current(), Some(outer)) }).await;
            follow("triage", other, Origin::default(), async { assert_eq!(current().unwrap().trace, other) }).await;
            assert_eq!(cause(other).trace, other, "what is sent about another alert is in that one's trace");
        })
        .await;
        assert_eq!(current(), None);
    }
}
