//! Receipts that the relay has not acknowledged yet. In memory only: after a restart they come from the audit log again,
//! and posting one twice changes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use vyrox_contract::Receipt;

/// The receipts by their place in the audit chain, so the oldest goes first and none is there twice.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<BTreeMap<u64, Arc<Receipt>>>,
    added: Notify,
    used: bool,
}

impl Outbox {
    /// With the receipts of earlier runs.
    pub(crate) fn new(receipts: Vec<Arc<Receipt>>) -> Self {
        let waiting = receipts.into_iter().map(|receipt| (receipt.audit_head.seq, receipt)).collect();
        Self { waiting: Mutex::new(waiting), added: Notify::new(), used: true }
    }

    /// For a proxy without a relay: it keeps nothing.
    pub(crate) fn unused() -> Self {
        Self { waiting: Mutex::default(), added: Notify::new(), used: false }
    }

    /// Puts one in.
    pub(crate) fn add(&self, receipt: &Arc<Receipt>) {
        if self.used {
            self.lock().insert(receipt.audit_head.seq, Arc::clone(receipt));
            self.added.notify_one();
        }
    }

    /// The oldest.
    pub(crate) fn first(&self) -> Option<Arc<Receipt>> {
        self.lock().values().next().map(Arc::clone)
    }

    /// Takes one out: it is acknowledged, or nobody wants it.
    pub(crate) fn remove(&self, receipt: &Receipt) {
        self.lock().remove(&receipt.audit_head.seq);
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns when one may have been put in.
    pub(crate) async fn changed(&self) {
        self.added.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Receipt>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
