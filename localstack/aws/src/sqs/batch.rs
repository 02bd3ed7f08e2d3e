//! The batch forms: up to ten at once, each succeeding or failing alone.

use super::message::{self, OutgoingMessage, Sent, VisibilityChange};
use super::queue::Queue;
use super::{Sqs, refuse};
use crate::wire::OperationError;
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most bytes that one batch may send.
const MAX_BATCH: usize = 1_048_576;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<T> {
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
struct Entry<T> {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    input: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receipt {
    receipt_handle: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchResult<T> {
    successful: Vec<Succeeded<T>>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Succeeded<T> {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    output: T,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    sender_fault: bool,
    code: &'static str,
    message: String,
}

/// What the forms without an output answer with.
#[derive(Serialize)]
pub(super) struct Nothing {}

impl<T> Batch<T> {
    fn check(&self) -> Result<(), OperationError> {
        if self.entries.is_empty() {
            let code = Some("AWS.SimpleQueueService.EmptyBatchRequest");
            return Err(refuse("EmptyBatchRequest", code, "There should be at least one entry in the request."));
        }
        if self.entries.len() > 10 {
            let code = Some("AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
            let message =
                format!("Maximum number of entries per request are 10. You have sent {}.", self.entries.len());
            return Err(refuse("TooManyEntriesInBatchRequest", code, message));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.entries.iter().any(|entry| entry.id.is_empty() || entry.id.len() > 80 || !entry.id.chars().all(allowed))
        {
            let code = Some("AWS.SimpleQueueService.InvalidBatchEntryId");
            return Err(refuse("InvalidBatchEntryId", code, "A batch entry id has 1 to 80 letters, digits, - and _."));
        }
        if self.entries.iter().map(|entry| &entry.id).collect::<BTreeSet<_>>().len() < self.entries.len() {
            let code = Some("AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
            return Err(refuse("BatchEntryIdsNotDistinct", code, "Two or more batch entries have the same id."));
        }
        Ok(())
    }

    /// Each entry by itself; only the store's own failure fails the batch.
    fn each<O>(
        &self,
        transaction: &Transaction<'_>,
        work: impl Fn(&Queue, &T) -> Result<O, OperationError>,
    ) -> Result<BatchResult<O>, OperationError> {
        let queue = Queue::at(transaction, &self.queue_url)?;
        let mut result = BatchResult { successful: Vec::new(), failed: Vec::new() };
        for entry in &self.entries {
            let id = entry.id.clone();
            match work(&queue, &entry.input) {
                Ok(output) => result.successful.push(Succeeded { id, output }),
                Err(OperationError::Refused(refusal)) => {
                    let code = refusal.code();
                    result.failed.push(Failed { id, sender_fault: true, code, message: refusal.message });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(result)
    }
}

impl Sqs {
    pub(super) fn send_batch(&self, input: &Batch<OutgoingMessage>) -> Result<BatchResult<Sent>, OperationError> {
        input.check()?;
        // An entry that cannot be sent fails by itself and adds nothing to the size.
        let size: usize = input.entries.iter().filter_map(|entry| entry.input.check().ok()).sum();
        if size > MAX_BATCH {
            let code = Some("AWS.SimpleQueueService.BatchRequestTooLong");
            let message =
                format!("Batch requests cannot be longer than {MAX_BATCH} bytes. You have sent {size} bytes.");
            return Err(refuse("BatchRequestTooLong", code, message));
        }
        let now = self.clock.now();
        let result = self.store.transact(|transaction| {
            input.each(transaction, |queue, message| message.insert(transaction, queue, now))
        })?;
        self.arrivals.tell(&input.queue_url);
        Ok(result)
    }

    pub(super) fn delete_batch(&self, input: &Batch<Receipt>) -> Result<BatchResult<Nothing>, OperationError> {
        input.check()?;
        self.store.transact(|transaction| {
            input.each(transaction, |queue, receipt| {
                message::delete(transaction, queue, &receipt.receipt_handle).map(|()| Nothing {})
            })
        })
    }

    pub(super) fn change_visibility_batch(
        &self,
        input: &Batch<VisibilityChange>,
    ) -> Result<BatchResult<Nothing>, OperationError> {
        input.check()?;
        let now = self.clock.now();
        let result = self.store.transact(|transaction| {
            input.each(transaction, |queue, change| {
                message::change_visibility(transaction, queue, change, now).map(|()| Nothing {})
            })
        })?;
        self.arrivals.tell(&input.queue_url);
        Ok(result)
    }
}
