//! Sending to a queue. A `Queue<M>` sends one kind of message; who holds none of a kind cannot send it.

use crate::{Class, Classified};
use aws_sdk_sqs::types::MessageAttributeValue;
use std::marker::PhantomData;
use std::time::Duration;
use vyrox_domain::message::Message;

/// The longest that SQS holds a message back, in seconds.
const MAX_DELAY: i32 = 900;

/// A message was not sent, or it is unknown whether it was.
#[derive(Debug, thiserror::Error)]
#[error("the queue does not take the message")]
pub struct SendError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Classified for SendError {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// The sending end of a queue.
#[derive(Debug)]
pub struct Queue<M> {
    client: aws_sdk_sqs::Client,
    url: String,
    kind: PhantomData<fn(M)>,
}

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), url: self.url.clone(), kind: PhantomData }
    }
}

impl<M: Message + Sync> Queue<M> {
    /// The sending end of the queue at `url`.
    #[must_use]
    pub fn new(client: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { client, url: url.to_owned(), kind: PhantomData }
    }

    /// Sends one message. Its group is its tenant, so that one tenant's flood does not delay the others.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: &M) -> Result<(), SendError> {
        self.send_after(message, Duration::ZERO).await
    }

    /// The same, but nobody receives it before `delay` (whole seconds, at most 15 minutes) has passed.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send_after(&self, message: &M, delay: Duration) -> Result<(), SendError> {
        let delay = i32::try_from(delay.as_secs()).unwrap_or(MAX_DELAY).min(MAX_DELAY);
        let tenant = message.tenant_id().to_string();
        let body = serde_json::to_string(message).expect("messages have string keys and no floats");
        let attribute = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(&tenant)
            .build()
            .map_err(|error| SendError(error.into()))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(&tenant)
            .delay_seconds(delay)
            .message_attributes("tenant_id", attribute)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| SendError(error.into()))
    }
}
