//! What happened when, to the millisecond, for the demo's timeline. Recorded around the handlers; they know nothing of it.

use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
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
    steps: Arc<Mutex<Steps>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Steps {
    kept: Vec<Stage>,
    watchers: Vec<mpsc::UnboundedSender<Stage>>,
}

/// The most steps that are kept; a demo has a few dozen, and a long `up` should not grow.
const MOST: usize = 2_000;

impl Timeline {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { steps: Arc::default(), clock }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Enters a step that began at `at` and ends now.
    pub fn enter(&self, at: i64, part: &'static str, detail: String) {
        let took = self.now() - at;
        let stage = Stage { at, took, part, detail };
        let mut steps = self.steps.lock().expect("nothing panics while holding this lock");
        steps.watchers.retain(|watcher| watcher.send(stage.clone()).is_ok());
        if steps.kept.len() < MOST {
            steps.kept.push(stage);
        }
    }

    /// Every step from now on as it ends, those that are not kept as well, until the receiver is dropped.
    #[must_use]
    pub fn watch(&self) -> mpsc::UnboundedReceiver<Stage> {
        let (watcher, steps) = mpsc::unbounded_channel();
        self.steps.lock().expect("nothing panics while holding this lock").watchers.push(watcher);
        steps
    }

    /// The steps in the order in which they ended.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        self.steps.lock().expect("nothing panics while holding this lock").kept.clone()
    }
}
