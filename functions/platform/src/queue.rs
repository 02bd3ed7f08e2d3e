//! Sending to a queue. A `Queue<M>` sends one kind of message; who holds none of a kind cannot send it.
//!
//! Messages that are sent at the same time, or while another one is under way, go together in one request, ten at most: SQS
//! charges for the request.

mod line;
mod outgoing;

use crate::{Class, Classified, trace};
use line::Line;
pub(crate) use outgoing::Outgoing;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use vyrox_domain::message::Message;
use vyrox_domain::trace::TRACEPARENT;

/// The message attribute that says when what the message ends began, milliseconds since 1970.
pub(crate) const SINCE: &str = "since";
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
    line: Arc<Line>,
    kind: PhantomData<fn(M)>,
}

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), url: self.url.clone(), line: Arc::clone(&self.line), kind: PhantomData }
    }
}

impl<M: Message + Sync> Queue<M> {
    /// The sending end of the queue at `url`.
    #[must_use]
    pub fn new(client: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { client, url: url.to_owned(), line: Arc::default(), kind: PhantomData }
    }

    /// Opens the connection, so that the first message does not pay for it: a batch of nothing, which SQS refuses. Whatever
    /// comes back is fine.
    pub async fn warm(&self) {
        let _ = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(Vec::new())).send().await;
    }

    /// Sends one message. Its group is its tenant, so that one tenant's flood does not delay the others.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: &M) -> Result<(), SendError> {
        self.put(message, Duration::ZERO, None).await
    }

    /// The same, saying when what it ends began (milliseconds since 1970), for whoever measures how long it took.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send_since(&self, message: &M, since: i64) -> Result<(), SendError> {
        self.put(message, Duration::ZERO, Some(since)).await
    }

    /// The same, but nobody receives it before `delay` (whole seconds, at most 15 minutes) has passed.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send_after(&self, message: &M, delay: Duration) -> Result<(), SendError> {
        self.put(message, delay, None).await
    }

    async fn put(&self, message: &M, delay: Duration, since: Option<i64>) -> Result<(), SendError> {
        let tenant = message.tenant_id().to_string();
        let body = serde_json::to_string(message).expect("messages have string keys and no floats");
        let cause = trace::cause(message.trace_id()).to_string();
        let since = since.map(|at| at.to_string());
        let texts = [("tenant_id", Some(tenant.as_str())), (TRACEPARENT, Some(&cause)), (SINCE, since.as_deref())];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let message = Outgoing::new(body, &tenant, delay, texts)?;
        self.line.send((&self.client, &self.url), message).await
    }
}
