//! Lambda's SQS event source, on one machine: receive a batch, hand it to the function's own handler, delete what
//! succeeded. What failed the function itself has put off.

use crate::timeline::Timeline;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use std::collections::HashSet;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How many messages a batch has at most, as in the template.
const BATCH: i32 = 10;

/// What becomes of a receive that is waiting when the system stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtStop {
    /// It is dropped: the queue stops with us.
    Abandon,
    /// It is waited for: a queue that lives on might otherwise hand it a message that nobody takes.
    Finish,
}

impl AtStop {
    /// How long one receive waits for a message, in seconds.
    const fn wait(self) -> i32 {
        match self {
            Self::Abandon => 10,
            Self::Finish => 2,
        }
    }
}

/// How long a batch may take before its messages count as lost, in seconds; slow functions renew it.
const VISIBILITY: i32 = 60;
/// How many batches of one queue are worked on at once, as many as Lambda begins with.
const BATCHES: usize = 5;

/// How long a batch that is not full is waited with for more messages while others are worked on, so that a busy system
/// spends its time on few full batches and not on many small ones. Who comes when nothing is worked on waits for nothing.
const GATHER: Duration = Duration::from_millis(20);

/// Polls one queue until it is told to stop. `part` names the function in the timeline.
pub(crate) async fn poll<F, Fut>(
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
    part: &'static str,
    timeline: Timeline,
    (stop, at_stop): (CancellationToken, AtStop),
    handle: F,
) where
    F: Fn(SqsEvent) -> Fut,
    Fut: Future<Output = SqsBatchResponse>,
{
    let handle = &handle;
    let mut batches = FuturesUnordered::new();
    let mut was_full = false;
    while !stop.is_cancelled() {
        // A slow batch holds no other back, until there are too many.
        if batches.len() >= BATCHES {
            batches.next().await;
        }
        if !was_full && !batches.is_empty() {
            let gathered = tokio::time::sleep(GATHER);
            tokio::pin!(gathered);
            loop {
                tokio::select! {
                    () = &mut gathered => break,
                    () = stop.cancelled() => break,
                    Some(()) = batches.next(), if !batches.is_empty() => if batches.is_empty() { break },
                }
            }
        }
        let receive = sqs
            .receive_message()
            .queue_url(&queue_url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(at_stop.wait())
            .visibility_timeout(VISIBILITY)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names("All")
            .send();
        tokio::pin!(receive);
        let received = loop {
            tokio::select! {
                () = stop.cancelled(), if at_stop == AtStop::Abandon => break None,
                received = &mut receive => break Some(received),
                Some(()) = batches.next(), if !batches.is_empty() => {}
            }
        };
        let Some(received) = received else { break };
        let messages = match received {
            Ok(output) => output.messages.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(part, error = %vyrox_platform::batch::chain(&error), "queue cannot be read, trying again");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(Duration::from_secs(1)) => continue,
                }
            }
        };
        was_full = messages.len() == BATCH as usize;
        if messages.is_empty() {
            continue;
        }
        batches.push(batch(&sqs, &queue_url, part, &timeline, messages, handle));
    }
    // What is being worked on is finished.
    while batches.next().await.is_some() {}
}

/// One batch, from the function's work to deleting what succeeded.
async fn batch<F, Fut>(
    sqs: &aws_sdk_sqs::Client,
    queue_url: &str,
    part: &'static str,
    timeline: &Timeline,
    messages: Vec<Message>,
    handle: &F,
) where
    F: Fn(SqsEvent) -> Fut,
    Fut: Future<Output = SqsBatchResponse>,
{
    let began = timeline.now();
    let response = handle(event(&messages)).await;
    let failed: HashSet<&str> =
        response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    for message in &messages {
        let outcome = if failed.contains(message.message_id().unwrap_or_default()) { "again" } else { "done" };
        timeline.enter(began, part, format!("{} {outcome}", message.body().unwrap_or_default()));
    }
    settle(sqs, queue_url, &messages, &failed).await;
}

fn event(messages: &[Message]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = messages
        .iter()
        .map(|message| {
            let mut record = SqsMessage::default();
            record.message_id = message.message_id.clone();
            record.receipt_handle = message.receipt_handle.clone();
            record.body = message.body.clone();
            let attributes = message.attributes().into_iter().flatten();
            record.attributes = attributes.map(|(name, value)| (name.to_string(), value.clone())).collect();
            let attributes = message.message_attributes().into_iter().flatten();
            record.message_attributes =
                attributes.map(|(name, value)| (name.clone(), attribute(value.string_value()))).collect();
            record
        })
        .collect();
    event
}

/// An attribute of text, as Lambda hands it over.
fn attribute(text: Option<&str>) -> SqsMessageAttribute {
    let mut attribute = SqsMessageAttribute::default();
    attribute.string_value = text.map(str::to_owned);
    attribute.data_type = Some("String".to_owned());
    attribute
}

/// Deletes what succeeded. What cannot be deleted now comes again; every handler takes a message twice.
async fn settle(sqs: &aws_sdk_sqs::Client, queue_url: &str, messages: &[Message], failed: &HashSet<&str>) {
    let done = messages.iter().filter(|message| !failed.contains(message.message_id().unwrap_or_default()));
    let entries: Vec<DeleteMessageBatchRequestEntry> = done
        .enumerate()
        .filter_map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(message.receipt_handle()?)
                .build()
                .ok()
        })
        .collect();
    if entries.is_empty() {
        return;
    }
    if let Err(error) = sqs.delete_message_batch().queue_url(queue_url).set_entries(Some(entries)).send().await {
        tracing::warn!(error = %vyrox_platform::batch::chain(&error), "handled messages were not deleted");
    }
}
