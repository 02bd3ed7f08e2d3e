//! SQS: standard queues over the AWS JSON protocol.
//!
//! What a client can observe follows AWS: receipts, visibility, delays, long polling, the counting of receives before a
//! message is dead, MD5 sums, error names, and that one message group's flood does not delay the others. Not here: FIFO
//! queues and permissions.

mod arrivals;
mod attributes;
mod batch;
mod message;
mod queue;
mod receive;
mod turns;

use crate::clock::Clock;
use crate::store::Store;
use crate::wire::{OperationError, Refusal, read, written};
use arrivals::Arrivals;
use serde_json::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The account of everything local.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The region of everything local.
pub(crate) const REGION: &str = "us-east-1";

/// The service.
pub(crate) struct Sqs {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// Told whenever a message may have become visible.
    arrivals: Arrivals,
    /// Ends waiting receivers at shutdown.
    stop: CancellationToken,
    /// `http://host:port`, the beginning of every queue's URL.
    base: String,
}

impl Sqs {
    /// The service over `store`, for clients that reach it at `base`.
    pub(crate) fn new(store: Arc<Store>, clock: Arc<dyn Clock>, base: String, stop: CancellationToken) -> Self {
        Self { store, clock, arrivals: Arrivals::default(), stop, base }
    }

    /// Does the operation that a request's `X-Amz-Target` names.
    pub(crate) async fn handle(&self, operation: &str, body: &[u8]) -> Result<Value, OperationError> {
        match operation {
            "CreateQueue" => self.create_queue(&read(body)?).map(written),
            "GetQueueUrl" => self.find_queue_url(&read(body)?).map(written),
            "GetQueueAttributes" => self.queue_attributes(&read(body)?).map(written),
            "SetQueueAttributes" => self.set_queue_attributes(&read(body)?).map(written),
            "ListQueues" => self.list_queues(&read(body)?).map(written),
            "PurgeQueue" => self.purge_queue(&read(body)?).map(written),
            "DeleteQueue" => self.delete_queue(&read(body)?).map(written),
            "StartMessageMoveTask" => self.move_messages(&read(body)?).map(written),
            "SendMessage" => self.send(&read(body)?).map(written),
            "SendMessageBatch" => self.send_batch(&read(body)?).map(written),
            "ReceiveMessage" => self.receive(&read(body)?).await.map(written),
            "DeleteMessage" => self.delete(&read(body)?).map(written),
            "DeleteMessageBatch" => self.delete_batch(&read(body)?).map(written),
            "ChangeMessageVisibility" => self.change_visibility(&read(body)?).map(written),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(&read(body)?).map(written),
            _ => {
                let message = format!("The embedded SQS has no operation {operation}.");
                Err(refuse("UnsupportedOperation", Some("AWS.SimpleQueueService.UnsupportedOperation"), message))
            }
        }
    }
}

/// A refusal with both of SQS's names for it.
fn refuse(kind: &'static str, query_code: Option<&'static str>, message: impl Into<String>) -> OperationError {
    Refusal { kind, query_code, message: message.into() }.into()
}

/// A parameter's value cannot be used.
fn invalid_parameter(message: impl Into<String>) -> OperationError {
    refuse("InvalidParameterValue", None, message)
}

/// A refusal unless `value` lies between `least` and `most`.
fn check_range(name: &str, value: i64, least: i64, most: i64) -> Result<i64, OperationError> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(invalid_parameter(format!(
        "Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}."
    )))
}
