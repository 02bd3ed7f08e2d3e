//! A batch of SQS messages: each handled by itself, the failures reported by id, so that one bad message does not bring the
//! others back.
//!
//! | class of the error | what happens to the message |
//! |---|---|
//! | Retry | it comes back: after the time that somebody named, else after 5 s, twice as long each time |
//! | Reject | it is done with: trying again would change nothing |
//! | Poison | it comes back until the queue's limit moves it to the dead-letter queue; the log holds the reason |

use crate::{Class, Classified};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::StreamExt as _;
use std::error::Error;
use std::time::Duration;
use vyrox_domain::message::Message;

/// How many messages of a batch are worked on at once.
const CONCURRENCY: usize = 10;
/// When a message comes back for the first time.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// The longest that it is put off.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// The queue that the messages came from, to say when a failed one comes back: its own visibility time-out is minutes.
#[derive(Debug, Clone)]
pub struct SourceQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SourceQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }

    /// Puts a message off. If that fails it comes back with the visibility time-out, which is only later.
    async fn put_off(&self, receipt_handle: &str, delay: Duration) {
        let seconds = i32::try_from(delay.as_secs().max(1)).unwrap_or(i32::MAX);
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt_handle);
        if let Err(error) = request.visibility_timeout(seconds).send().await {
            tracing::warn!(error = %chain(&error), "message could not be put off");
        }
    }
}

/// Handles every message of the event with `handle`.
pub async fn run<M, E, F, Fut>(source: &SourceQueue, event: SqsEvent, handle: F) -> SqsBatchResponse
where
    M: Message,
    E: Classified + 'static,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let failures: Vec<Option<BatchItemFailure>> = futures::stream::iter(event.records)
        .map(|record| one(source, record, &handle))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.into_iter().flatten().collect();
    response
}

async fn one<M, E, F, Fut>(source: &SourceQueue, record: SqsMessage, handle: &F) -> Option<BatchItemFailure>
where
    M: Message,
    E: Classified + 'static,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let received = received(&record);
    let (id, handle_of) = (record.message_id.unwrap_or_default(), record.receipt_handle.unwrap_or_default());
    let message: M = match serde_json::from_str(record.body.as_deref().unwrap_or_default()) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(message_id = %id, %error, "message cannot be understood");
            source.put_off(&handle_of, FIRST_RETRY).await;
            return Some(failure(id));
        }
    };
    let tenant_id = message.tenant_id().clone();
    let error = handle(message).await.err()?;
    let (class, cause) = (error.class(), chain(&error));
    tracing::warn!(%tenant_id, message_id = %id, ?class, error = %cause, "message was not handled");
    if class == Class::Reject {
        return None;
    }
    source.put_off(&handle_of, error.retry_after().unwrap_or_else(|| back_off(received))).await;
    Some(failure(id))
}

/// How often the message has been received, this time included.
fn received(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn back_off(received: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << received.saturating_sub(1).min(10)).min(LAST_RETRY)
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}

/// An error with its causes, in one line for the log.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_retry_waits_twice_as_long_up_to_a_limit() {
        let seconds: Vec<u64> = [1, 2, 3, 6, 7, 99].map(|count| back_off(count).as_secs()).to_vec();
        assert_eq!(seconds, [5, 10, 20, 160, 300, 300]);
    }
}
