//! The one place that reads the system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds.
#[expect(clippy::disallowed_methods, reason = "a stand-in server has no caller that could hand it a clock")]
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
