//! The real time, moved on by a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vyrox_platform::clock::Clock;

/// The system's clock plus what it was advanced by.
#[derive(Debug)]
pub struct ShiftedClock {
    real: Arc<dyn Clock>,
    ahead: AtomicI64,
}

impl Default for ShiftedClock {
    fn default() -> Self {
        Self { real: vyrox_local::clock::system(), ahead: AtomicI64::new(0) }
    }
}

impl ShiftedClock {
    /// Moves it on.
    pub fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now_millis(&self) -> i64 {
        self.real.now_millis() + self.ahead.load(Ordering::SeqCst)
    }
}
