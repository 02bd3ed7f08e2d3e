//! A batch of SQS messages: each handled by itself, the failures reported by id, so that one bad message does not bring the
//! others back.
//!
//! | class of the error | what happens to the message |
//! |---|---|
//! | Retry | it comes back: after the time that somebody named, else after 5 s, twice as long each time up to a limit |
//! | Reject | it is done with: trying again would change nothing |
//! | Poison | it comes back until the queue's limit moves it to the dead-letter queue; the log holds the reason |
//!
//! SQS counts how often a message was received, and what only waits (for a rate limit behind hundreds of others, for somebody who
//! does not answer) would become a dead letter by waiting. When half of the times are used up, it is sent anew and its count
//! begins again, for a day at most: what nobody has answered by then may be its own fault.
//!
//! Each message is worked on under its alert's trace (see [`trace`]), and the batch's numbers are written when it
//! is done (see [`metric`]).
//!
//! While a batch is worked on, its messages are leased: their visibility is renewed, so that a slow one makes none of them
//! come twice. A function that dies renews nothing, and they come back after one lease.

use crate::clock::Clock;
use crate::metric::{self, Metric};
use crate::queue::{Outgoing, SINCE};
use crate::trace::{self, Origin};
use crate::{Class, Classified};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures::StreamExt as _;
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use vyrox_contract::TenantId;
use vyrox_domain::message::Message;
use vyrox_domain::trace::TRACEPARENT;

/// How many messages of a batch are worked on at once, unless somebody says otherwise.
const AT_ONCE: usize = 10;
/// When a message comes back for the first time.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// No message that failed comes back at once.
const LEAST_DELAY: Duration = Duration::from_secs(1);
/// How often a message that waits for its turn may have been received before it is sent anew: half of what the queues allow.
const SENT_ANEW_AFTER: u32 = 10;
/// For how long it may go on so, in milliseconds.
const WAITS_AT_MOST: i64 = 24 * 3_600 * 1_000;
/// The message attribute that says since when, milliseconds since 1970.
const WAITS_SINCE: &str = "waits_since";
/// The most entries of one batch request.
const MOST_ENTRIES: usize = 10;

/// How a batch's messages are kept from others while it is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How often it is renewed.
    pub every: Duration,
    /// For how long each time, whole seconds. Longer than `every`, with room for a renewal that fails.
    pub length: Duration,
}

impl Default for Lease {
    /// Every 20 s for 90 s.
    fn default() -> Self {
        Self { every: Duration::from_secs(20), length: Duration::from_secs(90) }
    }
}

/// The queue that the messages came from, to say when a failed one comes back (its own visibility time-out is minutes), and
/// that those of a slow batch are still being worked on.
#[derive(Debug, Clone)]
pub struct SourceQueue {
    function: &'static str,
    client: aws_sdk_sqs::Client,
    url: String,
    clock: Arc<dyn Clock>,
    at_once: usize,
    lease: Lease,
}

impl SourceQueue {
    /// The queue at `url`, whose messages `function` handles; so it is called in its logs and numbers.
    #[must_use]
    pub fn new(function: &'static str, client: aws_sdk_sqs::Client, url: &str, clock: Arc<dyn Clock>) -> Self {
        Self { function, client, url: url.to_owned(), clock, at_once: AT_ONCE, lease: Lease::default() }
    }

    /// Works on so many messages of a batch at once, at least one.
    #[must_use]
    pub fn at_once(mut self, messages: usize) -> Self {
        self.at_once = messages.max(1);
        self
    }

    /// Keeps messages so.
    #[must_use]
    pub const fn leased(mut self, lease: Lease) -> Self {
        self.lease = lease;
        self
    }

    /// Puts a message off. If that fails it comes back with the visibility time-out, which is only later.
    async fn put_off(&self, receipt_handle: &str, delay: Duration) {
        let seconds = seconds(delay);
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt_handle);
        if let Err(error) = request.visibility_timeout(seconds).send().await {
            tracing::warn!(error = %chain(&error), "message could not be put off");
        }
    }

    /// Sends a message of this tenant anew, as it is, so that it comes after `delay` as if for the first time. Whether that
    /// was still to be done, and worked.
    async fn send_anew(&self, record: &SqsMessage, tenant: &TenantId, delay: Duration) -> bool {
        let since = waits_since(record).unwrap_or_else(|| self.clock.now_millis());
        if self.clock.now_millis().saturating_sub(since) >= WAITS_AT_MOST {
            return false;
        }
        let (body, since) = (record.body.as_deref().unwrap_or_default(), since.to_string());
        let attributes = record.message_attributes.iter().filter(|(name, _)| *name != WAITS_SINCE);
        let texts = attributes.filter_map(|(name, value)| Some((name.as_str(), value.string_value.as_deref()?)));
        let texts = texts.chain([(WAITS_SINCE, since.as_str())]);
        let sent = match Outgoing::new(body.to_owned(), tenant.as_str(), delay.max(LEAST_DELAY), texts) {
            Ok(message) => message.send((&self.client, &self.url)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &sent {
            tracing::warn!(error = %chain(error), "message could not be sent anew");
        }
        sent.is_ok()
    }

    /// Renews the lease of these messages, for ever. Handled ones are among them: the event source deletes them only when
    /// the whole batch is done.
    async fn renew(&self, held: &Held) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(self.lease.every).await;
            // Locked until it is done, so that no message is renewed after it was put off.
            let held = held.lock().await;
            let entries: Vec<ChangeMessageVisibilityBatchRequestEntry> = held
                .values()
                .enumerate()
                .filter_map(|(index, handle)| {
                    let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                    entry.receipt_handle(handle).visibility_timeout(seconds(self.lease.length)).build().ok()
                })
                .collect();
            for entries in entries.chunks(MOST_ENTRIES) {
                let request = self.client.change_message_visibility_batch().queue_url(&self.url);
                if let Err(error) = request.set_entries(Some(entries.to_vec())).send().await {
                    tracing::warn!(error = %chain(&error), "lease of messages was not renewed");
                }
            }
        }
    }
}

/// Receipt handles by message id: those that nobody else should get.
type Held = Mutex<HashMap<String, String>>;

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.max(LEAST_DELAY).as_secs()).unwrap_or(i32::MAX)
}

/// Handles every message of the event with `handle`, a few at a time; a slow one holds no other back.
pub async fn run<M, E, F, Fut>(source: &SourceQueue, event: SqsEvent, handle: F) -> SqsBatchResponse
where
    M: Message,
    E: Classified + 'static,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let handles =
        event.records.iter().filter_map(|record| Some((record.message_id.clone()?, record.receipt_handle.clone()?)));
    let held: Held = Mutex::new(handles.collect());
    let work = futures::stream::iter(event.records)
        .map(|record| one(source, &held, record, &handle))
        .buffer_unordered(source.at_once)
        .collect::<Vec<Option<BatchItemFailure>>>();
    let work = metric::gather(Arc::clone(&source.clock), source.function, work);
    let failures = tokio::select! {
        failures = work => failures,
        never = source.renew(&held) => match never {},
    };
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.into_iter().flatten().collect();
    response
}

async fn one<M, E, F, Fut>(
    source: &SourceQueue,
    held: &Held,
    record: SqsMessage,
    handle: &F,
) -> Option<BatchItemFailure>
where
    M: Message,
    E: Classified + 'static,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let (received, origin) = (received(&record), origin(&record));
    let id = record.message_id.clone().unwrap_or_default();
    let receipt = record.receipt_handle.clone().unwrap_or_default();
    let put_off = async |delay| {
        held.lock().await.remove(&id);
        source.put_off(&receipt, delay).await;
    };
    let message: M = match serde_json::from_str(record.body.as_deref().unwrap_or_default()) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(message_id = %id, %error, "message cannot be understood");
            Metric::MessagesFailed.add_by(Class::Poison.as_str(), 1);
            put_off(FIRST_RETRY).await;
            return Some(failure(id));
        }
    };
    let trace = message.trace_id();
    let work = async {
        let tenant_id = message.tenant_id().clone();
        let error = handle(message).await.err()?;
        let (class, cause) = (error.class(), chain(&error));
        tracing::warn!(%tenant_id, message_id = %id, ?class, error = %cause, "message was not handled");
        Metric::MessagesFailed.add_by(class.as_str(), 1);
        if class == Class::Reject {
            return None;
        }
        let delay = error.retry_after().unwrap_or_else(|| back_off(received, error.longest_wait()));
        let is_to_be_sent_anew = error.only_waits() && received >= SENT_ANEW_AFTER;
        if is_to_be_sent_anew && source.send_anew(&record, &tenant_id, delay).await {
            return None;
        }
        put_off(delay).await;
        Some(())
    };
    trace::follow(source.function, trace, origin, work).await.map(|()| failure(id.clone()))
}

/// Where the message says it comes from. One without attributes, or with others than ours, says nothing.
fn origin(record: &SqsMessage) -> Origin {
    let text = |name: &str| record.message_attributes.get(name)?.string_value.as_deref();
    let parent = text(TRACEPARENT).and_then(|text| text.parse().ok());
    Origin { parent, since: text(SINCE).and_then(|text| text.parse().ok()) }
}

/// Since when it has been sent anew again and again, or else been in the queue; milliseconds since 1970.
fn waits_since(record: &SqsMessage) -> Option<i64> {
    let anew = record.message_attributes.get(WAITS_SINCE).and_then(|value| value.string_value.as_deref());
    anew.or_else(|| record.attributes.get("SentTimestamp").map(String::as_str))?.parse().ok()
}

/// How often the message has been received, this time included.
fn received(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn back_off(received: u32, longest: Duration) -> Duration {
    FIRST_RETRY.saturating_mul(1 << received.saturating_sub(1).min(10)).min(longest)
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
        let waits = |longest| [1, 2, 3, 6, 7, 99].map(|count| back_off(count, longest).as_secs());
        assert_eq!(waits(crate::LONGEST_WAIT), [5, 10, 20, 160, 300, 300]);
        assert_eq!(waits(Duration::from_secs(60)), [5, 10, 20, 60, 60, 60]);
    }
}
