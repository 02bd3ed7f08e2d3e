//! What the audit log says about an action that has ended, read back from the log when it is asked for: it is not kept in
//! memory, so that memory does not grow with the number of actions.

use crate::receipt;
use crate::subject::Subject;
use std::sync::Arc;
use vyrox_audit::log::{LogError, Reader};
use vyrox_contract::{ProxyId, Receipt, TenantId};

/// The log, and whose receipts it holds.
#[derive(Debug, Clone)]
pub struct Recall {
    log: Reader,
    tenant_id: TenantId,
    proxy_id: ProxyId,
}

impl Recall {
    /// From this log.
    pub fn new(log: Reader, tenant_id: &TenantId, proxy_id: &ProxyId) -> Self {
        Self { log, tenant_id: tenant_id.clone(), proxy_id: proxy_id.clone() }
    }

    /// What the outcome with this number was about, and its receipt; `None` if it is no outcome. Two or three short reads
    /// of files that were written lately: brief enough for a task that must not wait.
    ///
    /// # Errors
    /// The log's.
    pub fn outcome(&self, seq: u64) -> Result<Option<(Subject, Arc<Receipt>)>, LogError> {
        let Some(entry) = self.log.entry(seq)? else { return Ok(None) };
        let receipt = receipt::from_entry(&entry, &self.tenant_id, &self.proxy_id);
        Ok(Subject::of_entry(&entry).zip(receipt.map(Arc::new)))
    }

    /// What the entry with this number is about.
    ///
    /// # Errors
    /// The log's.
    pub fn subject(&self, seq: u64) -> Result<Option<Subject>, LogError> {
        Ok(self.log.entry(seq)?.as_ref().and_then(Subject::of_entry))
    }
}
