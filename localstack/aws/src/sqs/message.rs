//! Messages: sending them, deleting them, changing how long they stay hidden.

use super::attributes::{self, MessageAttributes};
use super::queue::Queue;
use super::{Sqs, check_range, invalid_parameter, refuse};
use crate::wire::{OperationError, random_uuid};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send {
    queue_url: String,
    #[serde(flatten)]
    message: OutgoingMessage,
}

/// What is sent, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OutgoingMessage {
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: MessageAttributes,
    #[serde(default)]
    message_system_attributes: MessageAttributes,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sent {
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_message_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeVisibility {
    queue_url: String,
    #[serde(flatten)]
    change: VisibilityChange,
}

/// For one receipt, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VisibilityChange {
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

impl OutgoingMessage {
    /// Its size as SQS counts it, in bytes, if it may be sent at all.
    pub(super) fn check(&self) -> Result<usize, OperationError> {
        if self.message_body.is_empty() {
            return Err(refuse("MissingParameter", None, "The request must contain the parameter MessageBody."));
        }
        let allowed =
            |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
        if !self.message_body.chars().all(allowed) {
            return Err(refuse("InvalidMessageContents", None, "The message has characters outside the allowed set."));
        }
        if self.message_deduplication_id.is_some() {
            return Err(invalid_parameter(
                "The request includes a parameter that is not valid for this queue type: MessageDeduplicationId",
            ));
        }
        if let Some(group) = &self.message_group_id
            && (group.is_empty() || group.len() > 128 || !group.chars().all(|c| c.is_ascii_graphic()))
        {
            return Err(invalid_parameter(
                "MessageGroupId can include 1 to 128 alphanumeric characters and punctuation.",
            ));
        }
        Ok(self.message_body.len() + attributes::check(&self.message_attributes)?)
    }

    /// Stores it.
    pub(super) fn insert(
        &self,
        transaction: &Transaction<'_>,
        queue: &Queue,
        now: i64,
    ) -> Result<Sent, OperationError> {
        let most = queue.number("MaximumMessageSize");
        if self.check()? as i64 > most {
            return Err(invalid_parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            )));
        }
        let delay = queue.chosen("DelaySeconds", self.delay_seconds)?;
        let message_id = random_uuid().to_string();
        let trace =
            self.message_system_attributes.get("AWSTraceHeader").and_then(|header| header.string_value.as_ref());
        let attributes = serde_json::to_string(&self.message_attributes).expect("a map of strings is JSON");
        transaction
            .prepare_cached(
                "INSERT INTO messages (queue, message_id, body, attributes, group_id, trace, sent, visible)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                queue.name,
                message_id,
                self.message_body,
                attributes,
                self.message_group_id,
                trace,
                now,
                now + delay * 1_000
            ])?;
        Ok(Sent {
            message_id,
            md5_of_message_body: format!("{:x}", md5::compute(&self.message_body)),
            md5_of_message_attributes: attributes::md5_of(&self.message_attributes),
        })
    }
}

/// A receipt: the message's row and a random part that changes with every receive.
pub(super) fn receipt(id: i64) -> String {
    format!("{id}.{}", random_uuid().simple())
}

fn message_of(receipt: &str) -> Result<i64, OperationError> {
    let parts = receipt.split_once('.').filter(|(_, secret)| secret.len() == 32);
    parts.and_then(|(id, _)| id.parse().ok()).ok_or_else(|| {
        refuse(
            "ReceiptHandleIsInvalid",
            None,
            format!("The input receipt handle \"{receipt}\" is not a valid receipt handle."),
        )
    })
}

/// Deletes what the receipt stands for. A receipt that a later receive has replaced deletes nothing and is no error, and
/// neither is deleting twice.
pub(super) fn delete(transaction: &Transaction<'_>, queue: &Queue, receipt: &str) -> Result<(), OperationError> {
    let id = message_of(receipt)?;
    transaction
        .prepare_cached("DELETE FROM messages WHERE id = ? AND queue = ? AND receipt = ?")?
        .execute(params![id, queue.name, receipt])?;
    Ok(())
}

/// Hides what the receipt stands for until `VisibilityTimeout` seconds from now.
pub(super) fn change_visibility(
    transaction: &Transaction<'_>,
    queue: &Queue,
    change: &VisibilityChange,
    now: i64,
) -> Result<(), OperationError> {
    let id = message_of(&change.receipt_handle)?;
    let Some(seconds) = change.visibility_timeout else {
        return Err(refuse("MissingParameter", None, "The request must contain the parameter VisibilityTimeout."));
    };
    let seconds = check_range("VisibilityTimeout", seconds, 0, 43_200)?;
    let visible: Option<i64> = transaction
        .prepare_cached("SELECT visible FROM messages WHERE id = ? AND queue = ? AND receipt = ?")?
        .query_row(params![id, queue.name, change.receipt_handle], |row| row.get(0))
        .optional()?;
    let Some(visible) = visible else {
        return Err(invalid_parameter(format!(
            "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
             visibility timeout change.",
            change.receipt_handle
        )));
    };
    if visible <= now {
        let code = Some("AWS.SimpleQueueService.MessageNotInflight");
        return Err(refuse("MessageNotInflight", code, "The specified message isn't in flight."));
    }
    transaction
        .prepare_cached("UPDATE messages SET visible = ? WHERE id = ?")?
        .execute(params![now + seconds * 1_000, id])?;
    Ok(())
}

impl Sqs {
    pub(super) fn send(&self, input: &Send) -> Result<Sent, OperationError> {
        let now = self.clock.now();
        let sent = self.store.transact(|transaction| {
            input.message.insert(transaction, &Queue::at(transaction, &input.queue_url)?, now)
        })?;
        self.arrivals.tell(&input.queue_url);
        Ok(sent)
    }

    pub(super) fn delete(&self, input: &Delete) -> Result<(), OperationError> {
        self.store.transact(|transaction| {
            delete(transaction, &Queue::at(transaction, &input.queue_url)?, &input.receipt_handle)
        })
    }

    pub(super) fn change_visibility(&self, input: &ChangeVisibility) -> Result<(), OperationError> {
        let now = self.clock.now();
        self.store.transact(|transaction| {
            change_visibility(transaction, &Queue::at(transaction, &input.queue_url)?, &input.change, now)
        })?;
        self.arrivals.tell(&input.queue_url);
        Ok(())
    }
}
