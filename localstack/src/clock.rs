//! The one place where the local runner reads the system's clock.

use std::sync::Arc;
use vyrox_platform::clock::{Clock, SystemClock};

/// The system's clock, for everything that takes one.
#[must_use]
pub fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
