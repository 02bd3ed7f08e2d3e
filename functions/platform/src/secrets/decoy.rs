//! KMS requests that open nothing, so that a refusal takes as long for an unknown tenant as for one whose secret had to be
//! opened. What they ask for is a real wrapped key of a tenant that does not exist: one for all vendors, since KMS takes as
//! long for any.
//!
//! Whoever floods ingest with refusals must not use up the account's KMS quota, which authentic deliveries need. So one
//! environment asks only so often a second; beyond that a refusal waits for as long as KMS lately took.

use aws_sdk_kms::primitives::Blob;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;
use vyrox_contract::Vendor;

/// Whose secret the decoy would be.
pub(super) const VENDOR: Vendor = Vendor::Generic;
/// How many of these one environment asks a second.
const MOST_A_SECOND: u32 = 50;

/// What is needed for them.
#[derive(Debug, Default)]
pub(super) struct Decoys(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    wrapped: Option<Blob>,
    /// The present second (unix) and how many were asked in it.
    second: i64,
    asked: u32,
    /// How long the last one took.
    last: Duration,
}

/// One that is being asked.
#[derive(Debug)]
pub(super) struct Round(Instant);

impl Decoys {
    /// Begins one at `now` (unix seconds), or waits for as long as one takes and says that none is to be asked.
    pub(super) async fn begin(&self, now: i64) -> Option<Round> {
        let wait = {
            let mut state = self.state();
            if state.second != now {
                (state.second, state.asked) = (now, 0);
            }
            if state.asked < MOST_A_SECOND {
                state.asked += 1;
                return Some(Round(Instant::now()));
            }
            state.last
        };
        tokio::time::sleep(wait).await;
        None
    }

    /// Ends it.
    pub(super) fn end(&self, round: &Round) {
        let Round(began) = round;
        self.state().last = began.elapsed();
    }

    pub(super) fn find(&self) -> Option<Blob> {
        self.state().wrapped.clone()
    }

    pub(super) fn keep(&self, wrapped: Blob) {
        self.state().wrapped = Some(wrapped);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while holding this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn beyond_what_a_second_allows_the_wait_is_as_long_and_nothing_is_asked() {
        let decoys = Decoys::default();
        let round = decoys.begin(1_000).await.unwrap();
        tokio::time::sleep(Duration::from_millis(7)).await;
        decoys.end(&round);
        for _ in 1..MOST_A_SECOND {
            assert!(decoys.begin(1_000).await.is_some());
        }
        let before = Instant::now();
        assert!(decoys.begin(1_000).await.is_none());
        assert_eq!(before.elapsed(), Duration::from_millis(7));
        assert!(decoys.begin(1_001).await.is_some(), "the next second");
    }
}
