//! Time spent, for `rules bench`.

use std::time::{Duration, Instant};

/// A stopwatch over the time that this thread spent on a processor; where the system does not tell, over the wall's.
#[derive(Debug)]
pub(super) struct Stopwatch {
    cpu: Option<Duration>,
    wall: Instant,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { cpu: on_a_processor(), wall: Instant::now() }
    }

    /// Since it was started. Precise to a few milliseconds: measure what takes longer.
    pub(super) fn spent(&self) -> Duration {
        match (self.cpu, on_a_processor()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.wall.elapsed(),
        }
    }

    /// By the wall's clock: precise, but other programs count too.
    pub(super) fn passed(&self) -> Duration {
        self.wall.elapsed()
    }
}

/// Linux's account of this thread: nanoseconds on a processor come first.
fn on_a_processor() -> Option<Duration> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    account.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
