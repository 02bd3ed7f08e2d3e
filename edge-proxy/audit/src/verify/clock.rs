//! The one place where the verifier reads the system's clock: to tell whether a lane's retention has ended.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in unix seconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
