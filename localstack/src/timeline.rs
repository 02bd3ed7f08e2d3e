//! What happened when, to the millisecond, for the demo's timeline. Recorded around the handlers; they know nothing of it.

use std::sync::{Arc, Mutex};
use vyrox_platform::clock::Clock;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// When it began, milliseconds since 1970.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub took: i64,
    /// Which part of the system.
    pub part: &'static str,
    /// What it did, with ids.
    pub detail: String,
}

/// The steps so far.
#[derive(Debug, Clone)]
pub struct Timeline {
    stages: Arc<Mutex<Vec<Stage>>>,
    clock: Arc<dyn Clock>,
}

/// The most steps that are kept; a demo has a few dozen, and a long `up` should not grow.
const MOST: usize = 2_000;

impl Timeline {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { stages: Arc::default(), clock }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Enters a step that began at `at` and ends now.
    pub fn enter(&self, at: i64, part: &'static str, detail: String) {
        let took = self.now() - at;
        let mut stages = self.stages.lock().expect("nothing panics while holding this lock");
        if stages.len() < MOST {
            stages.push(Stage { at, took, part, detail });
        }
    }

    /// The steps in the order in which they ended.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        self.stages.lock().expect("nothing panics while holding this lock").clone()
    }
}
