//! Receipts that the relay has not acknowledged yet, by their numbers in the audit log; a receipt is read from there when it
//! is posted, and the day that it stands in is not compressed before. Up to which number all are acknowledged stands in a small
//! file, so that a start does not post a week's again. That file may be lost or late: posting a receipt twice changes nothing.

use crate::receipt::recall;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use vyrox_audit::log::{LogError, Reader};
use vyrox_contract::Receipt;

const FILE: &str = "receipts.acknowledged";

/// The receipts that wait, oldest first, none twice.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<VecDeque<u64>>,
    added: Notify,
    used: Option<(Reader, PathBuf)>,
}

impl Outbox {
    /// With the receipts of earlier runs: `outcomes` are the numbers of all outcomes that can be read, in order.
    pub(crate) fn new(log: Reader, audit_dir: &Path, outcomes: &[u64]) -> Self {
        let file = audit_dir.join(FILE);
        let acknowledged = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
        let first = outcomes.partition_point(|seq| acknowledged.is_some_and(|last: u64| *seq <= last));
        let waiting = outcomes[first..].iter().copied().collect();
        Self { waiting: Mutex::new(waiting), added: Notify::new(), used: Some((log, file)) }
    }

    /// For a proxy without a relay: it keeps nothing.
    pub(crate) fn unused() -> Self {
        Self { waiting: Mutex::default(), added: Notify::new(), used: None }
    }

    /// Puts one in.
    pub(crate) fn add(&self, receipt: &Receipt) {
        if self.used.is_some() {
            let seq = receipt.audit_head.seq;
            let mut waiting = self.lock();
            if let Err(at) = waiting.binary_search(&seq) {
                waiting.insert(at, seq);
            }
            drop(waiting);
            self.added.notify_one();
        }
    }

    /// The oldest. One whose entry is damaged or gone is passed over: the log's own checks tell of that. One that cannot be
    /// read now waits.
    ///
    /// # Errors
    /// The log's, of which another try may see nothing.
    pub(crate) fn first(&self) -> Result<Option<Arc<Receipt>>, LogError> {
        let Some((log, _)) = &self.used else { return Ok(None) };
        loop {
            let Some(seq) = self.lock().front().copied() else { return Ok(None) };
            match recall(log, seq) {
                Ok(Some((_, receipt))) => return Ok(Some(receipt)),
                Err(error @ LogError::Io { .. }) => return Err(error),
                Ok(None) | Err(_) => {
                    tracing::error!(seq, "a receipt cannot be read from the audit log and is not posted");
                    self.lock().retain(|waiting| *waiting != seq);
                }
            }
        }
    }

    /// Takes one out: it is acknowledged, or nobody wants it.
    pub(crate) fn remove(&self, receipt: &Receipt) {
        let seq = receipt.audit_head.seq;
        let mut waiting = self.lock();
        let Ok(at) = waiting.binary_search(&seq) else { return };
        waiting.remove(at);
        // All before the oldest that waits are acknowledged, and so is this one if it was the oldest.
        let newest_posted = at == 0 && waiting.front().is_none_or(|next| *next > seq);
        drop(waiting);
        if newest_posted && let Some((_, file)) = &self.used {
            // A number too low only posts again.
            let _ = std::fs::write(file, format!("{seq}\n"));
        }
    }

    /// The number of the oldest.
    pub(crate) fn needed(&self) -> Option<u64> {
        self.lock().front().copied()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns when one may have been put in.
    pub(crate) async fn changed(&self) {
        self.added.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
