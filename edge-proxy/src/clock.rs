//! The one place that reads the system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where "now" comes from. Injected, so that a test decides what time it is.
pub trait Clock: Send + Sync {
    /// Unix seconds.
    fn now(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let now = SystemTime::now();
        // Before 1970 or after the year 292 billion: both lie outside every window, so everything is refused.
        now.duration_since(UNIX_EPOCH).map_or(i64::MIN, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}
