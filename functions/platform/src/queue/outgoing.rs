//! A message as SQS takes it, alone or with others.

use super::SendError;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use std::collections::HashMap;
use std::time::Duration;

/// The longest that SQS holds a message back, in seconds.
const MAX_DELAY: i32 = 900;

/// A message: its body, its group, its delay, and its attributes, all of them text.
#[derive(Debug)]
pub(crate) struct Outgoing {
    body: String,
    group: String,
    /// Seconds.
    delay: i32,
    attributes: HashMap<String, MessageAttributeValue>,
}

impl Outgoing {
    /// With attributes by their names.
    ///
    /// # Errors
    /// [`SendError`]: an attribute is none.
    pub(crate) fn new<'t>(
        body: String,
        group: &str,
        delay: Duration,
        texts: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self, SendError> {
        let attribute = |(name, text): (&str, &str)| {
            let value = MessageAttributeValue::builder().data_type("String").string_value(text).build();
            Ok((name.to_owned(), value.map_err(|error| SendError(error.into()))?))
        };
        Ok(Self {
            body,
            group: group.to_owned(),
            delay: i32::try_from(delay.as_secs()).unwrap_or(MAX_DELAY).min(MAX_DELAY),
            attributes: texts.into_iter().map(attribute).collect::<Result<_, _>>()?,
        })
    }

    /// How large it is for SQS, in bytes: its body and its attributes, their types included.
    pub(crate) fn bytes(&self) -> usize {
        let attribute = |(name, value): (&String, &MessageAttributeValue)| {
            name.len() + value.data_type().len() + value.string_value().map_or(0, str::len)
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }

    /// Sends it to the queue at a URL.
    ///
    /// # Errors
    /// [`SendError`].
    pub(crate) async fn send(&self, (client, url): (&aws_sdk_sqs::Client, &str)) -> Result<(), SendError> {
        let request = client.send_message().queue_url(url).message_body(&self.body).message_group_id(&self.group);
        let request = request.delay_seconds(self.delay).set_message_attributes(Some(self.attributes.clone()));
        request.send().await.map(|_| ()).map_err(|error| SendError(error.into()))
    }

    /// The same as one of several.
    pub(super) fn entry(&self, id: usize) -> SendMessageBatchRequestEntry {
        let entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(&self.body);
        let entry = entry.message_group_id(&self.group).delay_seconds(self.delay);
        let entry = entry.set_message_attributes(Some(self.attributes.clone())).build();
        entry.expect("id and body are set")
    }
}
