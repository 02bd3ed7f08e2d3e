//! A line in front of something that takes one request at a time: who comes meanwhile waits, and what waits goes together in
//! the next request.

use std::collections::VecDeque;
use std::sync::{Mutex as StdMutex, PoisonError};
use tokio::sync::{Mutex, oneshot};

/// One who waits: what for, and where what comes of it is told.
#[derive(Debug)]
pub(crate) struct Waiting<Want, Outcome> {
    pub(crate) want: Want,
    pub(crate) told: oneshot::Sender<Outcome>,
}

impl<Want, Outcome> Waiting<Want, Outcome> {
    /// Tells what came of it. One who is gone does not hear it.
    pub(crate) fn tell(self, outcome: Outcome) {
        let _gone = self.told.send(outcome);
    }
}

/// Whose turn it is, and who waits for the next.
#[derive(Debug)]
pub(crate) struct Line<Turn, Want, Outcome> {
    pub(crate) turn: Mutex<Turn>,
    waiting: StdMutex<VecDeque<Waiting<Want, Outcome>>>,
}

impl<Turn, Want, Outcome> Line<Turn, Want, Outcome> {
    pub(crate) fn before(turn: Turn) -> Self {
        Self { turn: Mutex::new(turn), waiting: StdMutex::new(VecDeque::new()) }
    }

    /// Waits at the end of the line. What comes of it is told by whoever has the turn when this is taken along.
    pub(crate) fn join(&self, want: Want) -> oneshot::Receiver<Outcome> {
        let (told, outcome) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Waiting { want, told });
        outcome
    }

    /// Those who go together next, in order: the first, and those behind it as long as they still fit. Who is gone has given up,
    /// and nothing is done for them.
    pub(crate) fn next(&self, mut fits: impl FnMut(&Want) -> bool) -> Vec<Waiting<Want, Outcome>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut together = Vec::new();
        while let Some(first) = waiting.front() {
            if first.told.is_closed() {
                waiting.pop_front();
                continue;
            }
            if !fits(&first.want) && !together.is_empty() {
                break;
            }
            together.extend(waiting.pop_front());
        }
        together
    }
}
