//! A line in front of something that takes one request at a time: who comes meanwhile waits, and what waits goes together in
//! the next request. So do those who come in one breath, as the messages of a batch do: nobody goes before the others that are
//! ready have had the chance to come.

use std::collections::VecDeque;
use std::sync::{Mutex as StdMutex, PoisonError};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Mutex, MutexGuard, oneshot};

/// One who waits: what for, and where what comes of it is told.
#[derive(Debug)]
pub struct Waiting<Want, Outcome> {
    /// What for.
    pub want: Want,
    told: oneshot::Sender<Outcome>,
}

impl<Want, Outcome> Waiting<Want, Outcome> {
    /// Tells what came of it. One who is gone does not hear it.
    pub fn tell(self, outcome: Outcome) {
        let _gone = self.told.send(outcome);
    }
}

/// Whoever took one along has given up, and nobody knows what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp;

/// What one is told, if one has been.
fn told<Outcome>(outcome: &mut oneshot::Receiver<Outcome>) -> Option<Result<Outcome, GivenUp>> {
    match outcome.try_recv() {
        Ok(outcome) => Some(Ok(outcome)),
        Err(TryRecvError::Closed) => Some(Err(GivenUp)),
        Err(TryRecvError::Empty) => None,
    }
}

/// Whose turn it is, and who waits for the next.
#[derive(Debug)]
pub struct Line<Turn, Want, Outcome> {
    turn: Mutex<Turn>,
    waiting: StdMutex<VecDeque<Waiting<Want, Outcome>>>,
}

impl<Turn: Default, Want, Outcome> Default for Line<Turn, Want, Outcome> {
    fn default() -> Self {
        Self::before(Turn::default())
    }
}

impl<Turn, Want, Outcome> Line<Turn, Want, Outcome> {
    /// Nobody waits yet for what takes one at a time.
    pub fn before(turn: Turn) -> Self {
        Self { turn: Mutex::new(turn), waiting: StdMutex::new(VecDeque::new()) }
    }

    /// Waits in the line until one is told what came of it. Who is not taken along by somebody before takes their turn: they
    /// serve those whose turn it is ([`Line::next`]) again and again, until they have been served themselves, and give the turn
    /// back each time.
    ///
    /// # Errors
    /// [`GivenUp`].
    // The turn goes to `serve` and back: a future that borrowed it would not be known to be `Send` by those who spawn it.
    pub async fn wait<'l, Served>(
        &'l self,
        want: Want,
        mut serve: impl FnMut(MutexGuard<'l, Turn>) -> Served,
    ) -> Result<Outcome, GivenUp>
    where
        Served: Future<Output = MutexGuard<'l, Turn>>,
    {
        let mut outcome = self.join(want);
        tokio::task::yield_now().await;
        let mut turn = tokio::select! {
            biased;
            told = &mut outcome => return told.map_err(|_closed| GivenUp),
            turn = self.turn.lock() => turn,
        };
        loop {
            if let Some(outcome) = told(&mut outcome) {
                return outcome;
            }
            turn = serve(turn).await;
        }
    }

    /// Waits at the end of the line. What comes of it is told by whoever has the turn when this is taken along.
    pub(crate) fn join(&self, want: Want) -> oneshot::Receiver<Outcome> {
        let (told, outcome) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Waiting { want, told });
        outcome
    }

    /// What the turn holds, for whoever waits for nothing of the kind that others wait for.
    pub async fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().await
    }

    /// Those who go together next, in order: the first, and those behind it as long as they still fit. Who is gone has given up,
    /// and nothing is done for them.
    pub fn next(&self, mut fits: impl FnMut(&Want) -> bool) -> Vec<Waiting<Want, Outcome>> {
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

#[cfg(test)]
mod tests {
    use super::{GivenUp, Line};
    use std::sync::Mutex;

    /// Comes, and says how many went with the one whose turn it was.
    async fn go(line: &Line<(), u8, usize>, groups: &Mutex<Vec<Vec<u8>>>, number: u8) -> Option<usize> {
        let serve = async |turn| {
            let mut room = 3_usize;
            let together = line.next(|_| {
                room = room.saturating_sub(1);
                room > 0 || number > 9
            });
            tokio::task::yield_now().await;
            groups.lock().unwrap().push(together.iter().map(|one| one.want).collect());
            let count = together.len();
            together.into_iter().for_each(|one| one.tell(count));
            turn
        };
        line.wait(number, serve).await.ok()
    }

    #[tokio::test]
    async fn those_who_come_in_one_breath_go_together() {
        let (line, groups) = (Line::before(()), Mutex::default());
        let all = futures::future::join_all((10..15).map(|number| go(&line, &groups, number))).await;
        assert_eq!(all, [Some(5); 5]);
        assert_eq!(go(&line, &groups, 16).await, Some(1), "nobody waits for those who do not come");
        assert_eq!(*groups.lock().unwrap(), [vec![10, 11, 12, 13, 14], vec![16]]);
    }

    #[tokio::test]
    async fn whoever_does_not_fit_takes_the_next_turn() {
        let (line, groups) = (Line::before(()), Mutex::default());
        let all = futures::future::join_all((0..5).map(|number| go(&line, &groups, number))).await;
        assert_eq!(all, [Some(2), Some(2), Some(2), Some(2), Some(1)]);
        assert_eq!(*groups.lock().unwrap(), [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[tokio::test]
    async fn whoever_was_taken_along_by_one_who_gave_up_is_told_so() {
        let line: Line<(), u8, usize> = Line::before(());
        let turn = line.turn().await;
        let waits = line.wait(1, async |_| unreachable!("it is somebody else's turn"));
        let gives_up = async {
            tokio::task::yield_now().await;
            drop(line.next(|_| true));
        };
        assert_eq!(futures::future::join(waits, gives_up).await.0, Err(GivenUp));
        drop(turn);
    }
}
