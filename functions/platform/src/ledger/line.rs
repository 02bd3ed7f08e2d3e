//! The line in front of a lane. A lane takes one transaction at a time; whoever comes meanwhile waits, and what waits goes
//! together in the next one, so that a batch's messages about one tenant do not take a round trip each.

use super::lane::Lane;
use super::{Change, CommitError};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex as StdMutex, PoisonError};
use tokio::sync::{Mutex, oneshot};
use vyrox_audit::Draft;
use vyrox_contract::AuditHead;

/// The most changes and entries that go together; DynamoDB takes 100 in a transaction, and a lane's first has one more.
const MOST_TOGETHER: usize = 60;
/// The most bytes of them; DynamoDB takes 4 MB.
const MOST_BYTES: usize = 1_000_000;

/// One who waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) changes: Vec<Change>,
    pub(super) events: Vec<Draft>,
    told: oneshot::Sender<Result<AuditHead, CommitError>>,
}

impl Waiting {
    /// Tells what came of it. One who is gone does not hear it.
    pub(super) fn tell(self, outcome: Result<AuditHead, CommitError>) {
        let _gone = self.told.send(outcome);
    }

    fn count(&self) -> usize {
        self.changes.len() + self.events.len()
    }

    fn bytes(&self) -> usize {
        self.changes.iter().map(Change::bytes).sum()
    }
}

/// One tenant's lane, and who waits for it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) lane: Mutex<Lane>,
    waiting: StdMutex<VecDeque<Waiting>>,
}

impl Line {
    pub(super) fn before(lane: Lane) -> Self {
        Self { lane: Mutex::new(lane), waiting: StdMutex::default() }
    }

    /// Waits at the end of the line. What comes of it is told by whoever has the lane when its turn has come.
    pub(super) fn join(
        &self,
        changes: &[Change],
        events: Vec<Draft>,
    ) -> oneshot::Receiver<Result<AuditHead, CommitError>> {
        let (told, outcome) = oneshot::channel();
        let waiting = Waiting { changes: changes.to_vec(), events, told };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(waiting);
        outcome
    }

    /// Those whose turn it is, in order: as many as fit into one transaction, which takes no item twice. Who is gone has
    /// given up, and nothing is done for them.
    pub(super) fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut together, mut items, mut count, mut bytes) = (Vec::new(), HashSet::new(), 0, 0);
        while let Some(first) = waiting.front() {
            if first.told.is_closed() {
                waiting.pop_front();
                continue;
            }
            count += first.count();
            bytes += first.bytes();
            let is_another = first.changes.iter().all(|change| items.insert(change.key().as_str().to_owned()));
            if !together.is_empty() && (!is_another || count > MOST_TOGETHER || bytes > MOST_BYTES) {
                break;
            }
            together.extend(waiting.pop_front());
        }
        together
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Expect;
    use crate::table::SortKey;
    use vyrox_contract::AlertId;

    fn line() -> Line {
        Line::before(Lane::new("test", 0))
    }

    fn put(number: u8, bytes: usize) -> Change {
        Change::put(SortKey::alert(AlertId::from_bytes([number; 16])), &"x".repeat(bytes), Expect::Anything)
    }

    fn sizes(line: &Line) -> Vec<usize> {
        std::iter::repeat_with(|| line.next().len()).take_while(|size| *size > 0).collect()
    }

    fn events(count: usize) -> Vec<Draft> {
        vec![Draft::event(0, "acme", "ENTERED"); count]
    }

    #[test]
    fn what_touches_the_same_item_is_too_much_or_too_large_goes_next_time() {
        let line = line();
        let wait = |changes: &[Change], count| line.join(changes, events(count));
        let same = [wait(&[put(1, 1)], 1), wait(&[put(2, 1)], 1), wait(&[put(1, 1), put(3, 1)], 1), wait(&[], 1)];
        assert_eq!(sizes(&line), [2, 2]);
        let many = [wait(&[], 30), wait(&[], 30), wait(&[], 1), wait(&[], 99), wait(&[], 1)];
        assert_eq!(sizes(&line), [2, 1, 1, 1], "one that is too much for others goes alone");
        let large = [wait(&[put(1, 600_000)], 1), wait(&[put(2, 600_000)], 1), wait(&[put(3, 10)], 1)];
        assert_eq!(sizes(&line), [1, 2]);
        drop((same, many, large));
    }

    #[test]
    fn nothing_is_done_for_who_has_given_up() {
        let line = line();
        let stays = line.join(&[put(1, 1)], events(1));
        drop(line.join(&[put(2, 1)], events(1)));
        let next = line.next();
        assert_eq!(next.len(), 1);
        assert_eq!(next[0].changes.len(), 1);
        assert!(line.next().is_empty());
        drop(stays);
    }
}
