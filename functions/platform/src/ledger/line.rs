//! The line in front of a lane. A lane takes one transaction at a time; whoever comes meanwhile waits, and what waits goes
//! together in the next one, so that a batch's messages about one tenant do not take a round trip each.

use super::lane::Lane;
use super::{Change, CommitError};
use crate::line;
use std::collections::HashSet;
use vyrox_audit::Draft;
use vyrox_contract::AuditHead;

/// The most changes and entries that go together; DynamoDB takes 100 in a transaction, and a lane's first has one more.
const MOST_TOGETHER: usize = 60;
/// The most bytes of them; DynamoDB takes 4 MB.
const MOST_BYTES: usize = 1_000_000;

/// What somebody waits for.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) changes: Vec<Change>,
    pub(super) events: Vec<Draft>,
}

impl Commit {
    fn count(&self) -> usize {
        self.changes.len() + self.events.len()
    }

    fn bytes(&self) -> usize {
        self.changes.iter().map(Change::bytes).sum()
    }
}

/// One who waits.
pub(super) type Waiting = line::Waiting<Commit, Result<AuditHead, CommitError>>;

/// One tenant's lane, and who waits for it.
#[derive(Debug)]
pub(super) struct Line(pub(super) line::Line<Lane, Commit, Result<AuditHead, CommitError>>);

impl Line {
    pub(super) fn before(lane: Lane) -> Self {
        Self(line::Line::before(lane))
    }

    /// Those whose turn it is, in order: as many as fit into one transaction, which takes no item twice.
    pub(super) fn next(&self) -> Vec<Waiting> {
        let (mut items, mut count, mut bytes) = (HashSet::new(), 0, 0);
        self.0.next(|commit| {
            count += commit.count();
            bytes += commit.bytes();
            let is_another = commit.changes.iter().all(|change| items.insert(change.key().as_str().to_owned()));
            is_another && count <= MOST_TOGETHER && bytes <= MOST_BYTES
        })
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
        let wait = |changes: &[Change], count| line.0.join(Commit { changes: changes.to_vec(), events: events(count) });
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
        let stays = line.0.join(Commit { changes: vec![put(1, 1)], events: events(1) });
        drop(line.0.join(Commit { changes: vec![put(2, 1)], events: events(1) }));
        let next = line.next();
        assert_eq!(next.len(), 1);
        assert_eq!(next[0].want.changes.len(), 1);
        assert!(line.next().is_empty());
        drop(stays);
    }
}
