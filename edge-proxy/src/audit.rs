//! The one writer of the audit log. Callers send drafts and wait until they are on disk; everything that is waiting goes
//! out in one write and one sync, so the disk's syncs per second do not bound the actions per second. Where many wait, a
//! write is put off for as long as the one before it took, but not for long: that halves the syncs, which cost more of the
//! processor than anything else that the log does.

use crate::cause::chain;
use crate::clock::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant};
use vyrox_audit::log::{Log, LogError, Segment};
use vyrox_audit::{Draft, Entry};
use vyrox_contract::AuditHead;

/// How many callers may wait before the next has to wait for a place.
const WAITING: usize = 1024;
/// How many drafts go out in one write.
const BATCH: usize = 512;
/// A write is put off only behind one of so many drafts: where fewer come, none would be joined by another.
const MANY: usize = 4;
/// The longest that a write is put off.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// Why nothing was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The log refused or failed.
    #[error("the audit log could not be written")]
    Log(#[source] Arc<LogError>),
    /// The writer has ended.
    #[error("the audit log is closed")]
    Closed,
}

/// A draft, and who waits for its entry.
type Waiting = (Draft, Reply);
type Reply = oneshot::Sender<Result<Entry, AuditError>>;

#[expect(clippy::large_enum_variant, reason = "nearly every job is the large one")]
enum Job {
    Append(Waiting),
    Segments { reply: oneshot::Sender<Result<Vec<Segment>, AuditError>> },
}

/// The log as the other tasks see it. The writer ends when the last of these is dropped.
#[derive(Clone)]
pub struct Audit {
    jobs: mpsc::Sender<Job>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    head: Option<AuditHead>,
    failed: bool,
    /// Why nothing may be begun any more.
    condemned: Option<Arc<LogError>>,
    batches: u64,
    entries: u64,
}

impl Audit {
    /// Starts the writer. Join the handle after the last [`Audit`] is dropped; then the log is closed and unlocked.
    ///
    /// # Errors
    /// If the operating system has no thread left.
    pub fn start(log: Log, clock: Arc<dyn Clock>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (jobs, receiver) = mpsc::channel(WAITING);
        let state = Arc::new(Mutex::new(State { head: log.head(), ..State::default() }));
        let shared = Arc::clone(&state);
        let writer = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || Writer { log, clock, state: shared }.run(receiver))?;
        Ok((Self { jobs, state }, writer))
    }

    /// Appends and waits for the sync.
    ///
    /// # Errors
    /// [`AuditError`]; then it is not in the log.
    pub async fn append(&self, draft: Draft) -> Result<Entry, AuditError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Append((draft, reply))).await.map_err(|_| AuditError::Closed)?;
        answer.await.map_err(|_| AuditError::Closed)?
    }

    /// Nothing is to be begun any more: the log was found damaged. What is at work can still be concluded.
    pub fn condemn(&self, error: LogError) {
        self.lock().condemned = Some(Arc::new(error));
    }

    /// Whether something may be begun.
    ///
    /// # Errors
    /// [`AuditError::Log`] once the log has been found damaged.
    pub fn is_sound(&self) -> Result<(), AuditError> {
        self.lock().condemned.clone().map_or(Ok(()), |error| Err(AuditError::Log(error)))
    }

    /// The log's files and how much of each is whole and synced.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn segments(&self) -> Result<Vec<Segment>, AuditError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Segments { reply }).await.map_err(|_| AuditError::Closed)?;
        answer.await.map_err(|_| AuditError::Closed)?
    }

    /// The newest entry on disk.
    pub fn head(&self) -> Option<AuditHead> {
        self.lock().head.clone()
    }

    /// Whether the last write worked.
    pub fn is_healthy(&self) -> bool {
        let state = self.lock();
        !state.failed && state.condemned.is_none() && !self.jobs.is_closed()
    }

    /// Whether the last write did not work, and the next one may.
    pub fn is_failing(&self) -> bool {
        let state = self.lock();
        state.failed && state.condemned.is_none()
    }

    /// Writes and entries since the start.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.lock();
        (state.batches, state.entries)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer {
    log: Log,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

impl Writer {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut pause = None;
        while let Some(first) = jobs.blocking_recv() {
            if let Some(pause) = pause {
                std::thread::sleep(pause);
            }
            let mut waiting: Vec<Waiting> = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next.take() {
                match job {
                    Job::Append(one) => waiting.push(one),
                    Job::Segments { reply } => {
                        // A caller that has gone needs no answer, here and below.
                        let _ = reply.send(self.segments());
                    }
                }
                if waiting.len() < BATCH {
                    next = jobs.try_recv().ok();
                }
            }
            let (many, begun) = (waiting.len() >= MANY, Instant::now());
            self.write(waiting);
            pause = many.then(|| begun.elapsed().min(LONGEST_PAUSE));
        }
    }

    fn write(&mut self, waiting: Vec<Waiting>) {
        let mut batch = self.log.batch();
        let mut replies: Vec<Reply> = Vec::with_capacity(waiting.len());
        for (index, (draft, reply)) in waiting.into_iter().enumerate() {
            match batch.add(draft) {
                Ok(()) => replies.push(reply),
                // One caller's draft cannot be entered: the others do not suffer for it.
                Err(source) => {
                    let _ = reply.send(Err(AuditError::Log(Arc::new(LogError::Draft { index, source }))));
                }
            }
        }
        if replies.is_empty() {
            return;
        }
        let stored = batch.store(self.clock.now()).map_err(Arc::new);
        self.tell(&stored);
        match stored {
            Ok(entries) => {
                for (entry, reply) in entries.into_iter().zip(replies) {
                    let _ = reply.send(Ok(entry));
                }
            }
            Err(error) => {
                for reply in replies {
                    let _ = reply.send(Err(AuditError::Log(Arc::clone(&error))));
                }
            }
        }
    }

    /// Says how the last write went, before anyone who waited for it goes on.
    fn tell(&self, stored: &Result<Vec<Entry>, Arc<LogError>>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed = stored.is_err();
        match stored {
            Ok(entries) => {
                state.head = self.log.head();
                state.batches += 1;
                state.entries += entries.len() as u64;
            }
            Err(error) => tracing::error!(error = %chain(error.as_ref()), "audit log not written"),
        }
    }

    fn segments(&self) -> Result<Vec<Segment>, AuditError> {
        self.log.segments().map_err(|error| AuditError::Log(Arc::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn draft(number: u64) -> Draft {
        let mut draft = Draft::event(1_700_000_000, "acme", "TEST");
        draft.detail.insert("number".into(), number.into());
        draft
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn callers_that_wait_together_share_one_write() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(dir.path(), "p1", "acme", 1_700_000_000).unwrap().log;
        let (audit, writer) = Audit::start(log, Arc::new(SystemClock)).unwrap();
        let callers = (0..200).map(|number| {
            let audit = audit.clone();
            tokio::spawn(async move { (number, audit.append(draft(number)).await.unwrap()) })
        });
        for caller in callers.collect::<Vec<_>>() {
            let (number, entry) = caller.await.unwrap();
            assert_eq!(entry.detail()["number"], number, "everyone is told of their own entry");
        }
        let (batches, entries) = audit.counts();
        assert_eq!(entries, 200);
        assert!(batches < 200, "{batches} writes for 200 callers");
        drop(audit);
        writer.join().unwrap();
        let reopened = Log::open(dir.path(), "p1", "acme", 1_700_000_000).unwrap();
        assert_eq!(reopened.log.head().unwrap().seq, 199);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_draft_that_cannot_be_entered_does_not_fail_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(dir.path(), "p1", "acme", 1_700_000_000).unwrap().log;
        let (audit, _writer) = Audit::start(log, Arc::new(SystemClock)).unwrap();
        let mut bad = draft(0);
        bad.detail.insert("float".into(), serde_json::json!(1.5));
        let (good, bad, also) = tokio::join!(audit.append(draft(1)), audit.append(bad), audit.append(draft(2)));
        assert!(good.is_ok() && bad.is_err() && also.is_ok());
        assert!(audit.is_healthy());
        assert_eq!(audit.head().unwrap().seq, 1);
    }
}
