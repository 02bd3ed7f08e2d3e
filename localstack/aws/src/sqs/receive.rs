//! Receiving: which messages, what is told about them, waiting for the first, and burying the dead.

use super::attributes::{self, MessageAttributes};
use super::message::receipt;
use super::queue::Queue;
use super::{ACCOUNT, Sqs, check_range, turns};
use crate::wire::OperationError;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    queue_url: String,
    /// The older name of the next field.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: MessageAttributes,
}

/// A message's row.
struct Stored {
    id: i64,
    message_id: String,
    body: String,
    attributes: String,
    group_id: Option<String>,
    trace: Option<String>,
    sent: i64,
    first_received: Option<i64>,
    receives: i64,
    dead_from: Option<String>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            message_id: row.get(1)?,
            body: row.get(2)?,
            attributes: row.get(3)?,
            group_id: row.get(4)?,
            trace: row.get(5)?,
            sent: row.get(6)?,
            first_received: row.get(7)?,
            receives: row.get(8)?,
            dead_from: row.get(9)?,
        })
    }
}

/// What one attempt found.
struct Attempt {
    messages: Vec<Message>,
    /// When the next message becomes visible, in ms.
    next: Option<i64>,
    /// How long the caller is willing to wait for a message.
    wait: Duration,
}

impl Sqs {
    pub(super) async fn receive(&self, input: &Receive) -> Result<Received, OperationError> {
        let mut deadline = None;
        let arrivals = self.arrivals.at(&input.queue_url);
        loop {
            // Listening begins before looking, so that nothing sent in between is missed.
            let mut arrival = std::pin::pin!(arrivals.notified());
            arrival.as_mut().enable();
            let attempt = self.attempt(input)?;
            let deadline = *deadline.get_or_insert_with(|| tokio::time::Instant::now() + attempt.wait);
            if !attempt.messages.is_empty() || tokio::time::Instant::now() >= deadline || self.stop.is_cancelled() {
                return Ok(Received { messages: attempt.messages });
            }
            let next = attempt.next.map_or(u64::MAX, |at| u64::try_from(at - self.clock.now()).unwrap_or(0).max(1));
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep_until(deadline) => {}
                () = tokio::time::sleep(Duration::from_millis(next)) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    fn attempt(&self, input: &Receive) -> Result<Attempt, OperationError> {
        let limit = check_range("MaxNumberOfMessages", input.max_number_of_messages.unwrap_or(1), 1, 10)?;
        let now = self.clock.now();
        self.store.transact(|transaction| {
            let queue = Queue::at(transaction, &input.queue_url)?;
            let hidden = queue.chosen("VisibilityTimeout", input.visibility_timeout)?;
            let wait = queue.chosen("ReceiveMessageWaitTimeSeconds", input.wait_time_seconds)?;
            queue.drop_expired(transaction, now)?;
            let mut found = fairly(transaction, &queue.name, now, limit)?;
            while bury(transaction, &queue, &found)? {
                found = fairly(transaction, &queue.name, now, limit)?;
            }
            let mut messages = Vec::with_capacity(found.len());
            for stored in found {
                let receipt_handle = receipt(stored.id);
                transaction
                    .prepare_cached(
                        "UPDATE messages SET visible = ?, receives = receives + 1, receipt = ?,
                         first_received = coalesce(first_received, ?) WHERE id = ?",
                    )?
                    .execute(params![now + hidden * 1_000, receipt_handle, now, stored.id])?;
                messages.push(input.message(stored, receipt_handle, transaction, now)?);
            }
            let next = transaction
                .prepare_cached("SELECT visible FROM messages WHERE queue = ? ORDER BY visible LIMIT 1")?
                .query_row([&queue.name], |row| row.get(0))
                .optional()?;
            Ok(Attempt { messages, next, wait: Duration::from_secs(u64::try_from(wait).unwrap_or(0)) })
        })
    }
}

/// The messages whose turn it is.
fn fairly(transaction: &Transaction<'_>, queue: &str, now: i64, limit: i64) -> rusqlite::Result<Vec<Stored>> {
    let mut message = transaction.prepare_cached(
        "SELECT id, message_id, body, attributes, group_id, trace, sent, first_received, receives, dead_from
         FROM messages WHERE id = ?",
    )?;
    let ids = turns::next(transaction, queue, now, limit)?;
    ids.into_iter().map(|id| message.query_row([id], Stored::read)).collect()
}

/// Moves those of the messages whose turn it is that have been received as often as the policy allows to the dead-letter queue,
/// where they keep id, age and count. Whether there was one.
fn bury(transaction: &Transaction<'_>, queue: &Queue, found: &[Stored]) -> Result<bool, OperationError> {
    let Some(policy) = queue.redrive() else { return Ok(false) };
    let dead: Vec<i64> =
        found.iter().filter(|stored| stored.receives >= policy.max_receives).map(|stored| stored.id).collect();
    if dead.is_empty() {
        return Ok(false);
    }
    // A dead-letter queue that is gone keeps its messages here, as on AWS.
    let target = Queue::of_arn(transaction, &policy.target)?.filter(|target| target.name != queue.name);
    let Some(target) = target else { return Ok(false) };
    for id in dead {
        transaction
            .prepare_cached("UPDATE messages SET queue = ?, dead_from = ?, receipt = NULL WHERE id = ?")?
            .execute(params![target.name, queue.name, id])?;
    }
    Ok(true)
}

impl Receive {
    fn message(
        &self,
        stored: Stored,
        receipt_handle: String,
        transaction: &Transaction<'_>,
        now: i64,
    ) -> Result<Message, OperationError> {
        let source = stored.dead_from.as_ref().map(|name| Queue::at(transaction, name));
        let told = [
            ("SenderId", Some(ACCOUNT.to_owned())),
            ("SentTimestamp", Some(stored.sent.to_string())),
            ("ApproximateReceiveCount", Some((stored.receives + 1).to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(stored.first_received.unwrap_or(now).to_string())),
            ("MessageGroupId", stored.group_id),
            ("AWSTraceHeader", stored.trace),
            // The source queue may have been deleted since.
            ("DeadLetterQueueSourceArn", source.and_then(Result::ok).map(|queue| queue.arn())),
        ];
        let wants = |name: &str| {
            let mut names = self.attribute_names.iter().chain(&self.message_system_attribute_names);
            names.any(|wanted| wanted == "All" || wanted == name)
        };
        let mut message_attributes: MessageAttributes =
            serde_json::from_str(&stored.attributes).expect("attributes are stored as the JSON they were written as");
        message_attributes.retain(|name, _| self.message_attribute_names.iter().any(|wanted| covers(wanted, name)));
        Ok(Message {
            message_id: stored.message_id,
            receipt_handle,
            md5_of_body: format!("{:x}", md5::compute(&stored.body)),
            body: stored.body,
            attributes: told
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.filter(|_| wants(name))?)))
                .collect(),
            md5_of_message_attributes: attributes::md5_of(&message_attributes),
            message_attributes,
        })
    }
}

/// Whether what was asked for covers an attribute's name: all, all with a prefix, or that one.
fn covers(wanted: &str, name: &str) -> bool {
    wanted == "All" || wanted.strip_suffix(".*").map_or(wanted == name, |prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use crate::clock::ManualClock;
    use crate::sqs::Sqs;
    use crate::store::Store;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use std::time::Duration;

    struct Fixture {
        sqs: Sqs,
        clock: Arc<ManualClock>,
    }

    impl Fixture {
        async fn new(attributes: Value) -> Self {
            let clock = Arc::new(ManualClock::default());
            let store = Arc::new(Store::open(None).unwrap());
            let sqs = Sqs::new(store, clock.clone(), "http://test".into(), Default::default());
            let fixture = Self { sqs, clock };
            fixture.call("CreateQueue", json!({"QueueName": "dead"})).await;
            fixture.call("CreateQueue", json!({"QueueName": "q", "Attributes": attributes})).await;
            fixture
        }

        async fn call(&self, operation: &str, input: Value) -> Value {
            self.sqs.handle(operation, input.to_string().as_bytes()).await.unwrap()
        }

        async fn receive(&self, queue: &str) -> Vec<Value> {
            let input = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]});
            self.call("ReceiveMessage", input).await["Messages"].as_array().cloned().unwrap_or_default()
        }
    }

    #[tokio::test]
    async fn a_message_dies_at_the_receive_after_the_last_allowed_one() {
        let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 2});
        let q = Fixture::new(json!({"RedrivePolicy": policy.to_string(), "VisibilityTimeout": "30"})).await;
        q.call("SendMessage", json!({"QueueUrl": "q", "MessageBody": "poison"})).await;
        for count in ["1", "2"] {
            let messages = q.receive("q").await;
            assert_eq!(messages[0]["Attributes"]["ApproximateReceiveCount"], count);
            q.clock.advance(Duration::from_secs(30));
            assert!(q.receive("dead").await.is_empty());
        }
        assert!(q.receive("q").await.is_empty());
        let dead = q.receive("dead").await;
        assert_eq!(dead[0]["Body"], "poison");
        assert_eq!(dead[0]["Attributes"]["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:000000000000:q");

        q.clock.advance(Duration::from_secs(30));
        q.call("StartMessageMoveTask", json!({"SourceArn": "arn:aws:sqs:us-east-1:000000000000:dead"})).await;
        assert_eq!(q.receive("q").await[0]["Attributes"]["ApproximateReceiveCount"], "1");
    }

    #[tokio::test]
    async fn hidden_and_delayed_messages_appear_when_their_time_has_come() {
        let q = Fixture::new(json!({"VisibilityTimeout": "30"})).await;
        q.call("SendMessage", json!({"QueueUrl": "q", "MessageBody": "late", "DelaySeconds": 60})).await;
        q.call("SendMessage", json!({"QueueUrl": "q", "MessageBody": "now"})).await;
        assert_eq!(q.receive("q").await[0]["Body"], "now");
        assert!(q.receive("q").await.is_empty());
        q.clock.advance(Duration::from_millis(29_999));
        assert!(q.receive("q").await.is_empty());
        q.clock.advance(Duration::from_millis(1));
        assert_eq!(q.receive("q").await[0]["Body"], "now");
        q.clock.advance(Duration::from_secs(30));
        assert_eq!(q.receive("q").await.len(), 2);
    }

    #[tokio::test]
    async fn a_group_that_floods_delays_itself() {
        let q = Fixture::new(json!({})).await;
        let send = async |group: &str, body: &str| {
            q.call("SendMessage", json!({"QueueUrl": "q", "MessageBody": body, "MessageGroupId": group})).await;
            q.clock.advance(Duration::from_millis(1));
        };
        for number in 0..100 {
            send("flood", &number.to_string()).await;
        }
        send("quiet", "a").await;
        send("calm", "b").await;
        send("quiet", "c").await;
        let input = json!({"QueueUrl": "q", "MaxNumberOfMessages": 6, "VisibilityTimeout": 30});
        let received = q.call("ReceiveMessage", input.clone()).await;
        let bodies = |received: &Value| -> Vec<String> {
            let messages = received["Messages"].as_array().unwrap();
            messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(bodies(&received), ["0", "a", "b", "1", "c", "2"], "each group's first, then each one's second");
        assert_eq!(
            bodies(&q.call("ReceiveMessage", input).await),
            ["3", "4", "5", "6", "7", "8"],
            "the rest as it came"
        );
    }

    #[tokio::test]
    async fn only_the_latest_receipt_counts() {
        let q = Fixture::new(json!({"VisibilityTimeout": "30"})).await;
        q.call("SendMessage", json!({"QueueUrl": "q", "MessageBody": "a"})).await;
        let stale = q.receive("q").await[0]["ReceiptHandle"].clone();
        q.clock.advance(Duration::from_secs(30));
        let fresh = q.receive("q").await[0]["ReceiptHandle"].clone();
        q.call("DeleteMessage", json!({"QueueUrl": "q", "ReceiptHandle": stale})).await;
        let change = json!({"QueueUrl": "q", "ReceiptHandle": stale, "VisibilityTimeout": 0});
        assert!(q.sqs.handle("ChangeMessageVisibility", change.to_string().as_bytes()).await.is_err());
        q.clock.advance(Duration::from_secs(30));
        assert_eq!(q.receive("q").await.len(), 1, "a stale receipt must not delete");
        q.call("DeleteMessage", json!({"QueueUrl": "q", "ReceiptHandle": fresh})).await;
        q.clock.advance(Duration::from_secs(30));
        assert_eq!(q.receive("q").await.len(), 1, "the receipt before the latest is stale too");
    }

    #[tokio::test]
    async fn what_is_older_than_the_retention_period_is_gone() {
        let q = Fixture::new(json!({"MessageRetentionPeriod": "60"})).await;
        q.call("SendMessage", json!({"QueueUrl": "q", "MessageBody": "a"})).await;
        q.clock.advance(Duration::from_secs(61));
        assert!(q.receive("q").await.is_empty());
    }

    #[tokio::test]
    async fn a_waiting_receiver_is_sent_home_at_shutdown() {
        let q = Fixture::new(json!({})).await;
        let input = json!({"QueueUrl": "q", "WaitTimeSeconds": 20}).to_string();
        let mut waiting = std::pin::pin!(q.sqs.handle("ReceiveMessage", input.as_bytes()));
        assert!(futures::poll!(&mut waiting).is_pending());
        q.sqs.stop.cancel();
        let answer = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it went on waiting");
        assert_eq!(answer.unwrap(), json!({}));
    }
}
