//! Logs: one JSON object a line, with ids and never with payloads. What is logged during work on an alert carries the
//! alert's trace in `span` (see [`trace`](crate::trace)).

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Switches logging on, once per process. `RUST_LOG` narrows or widens it; the default is `info`.
pub fn init() {
    init_with(None);
}

/// The same with another default than `info`.
pub fn init_with(default: Option<&str>) {
    init_into(default, std::io::stderr);
}

/// The same, written elsewhere.
pub fn init_into<W>(default: Option<&str>, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = crate::config::environment("RUST_LOG")
        .and_then(|filter| EnvFilter::try_new(filter).ok())
        .unwrap_or_else(|| EnvFilter::new(default.unwrap_or("info")));
    // A second call (tests, the local runner) leaves the first in place.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .try_init();
}
