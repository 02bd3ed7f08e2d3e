//! Queues: making, finding, configuring, emptying them.

use super::{ACCOUNT, REGION, Sqs, check_range, invalid_parameter, refuse};
use crate::wire::OperationError;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something a queue may be told.
struct Setting {
    name: &'static str,
    default: Option<&'static str>,
    /// For numbers: the least and the most.
    range: Option<(i64, i64)>,
}

const fn number(name: &'static str, default: &'static str, least: i64, most: i64) -> Setting {
    Setting { name, default: Some(default), range: Some((least, most)) }
}

const fn text(name: &'static str, default: Option<&'static str>) -> Setting {
    Setting { name, default, range: None }
}

static SETTINGS: [Setting; 10] = [
    number("VisibilityTimeout", "30", 0, 43_200),
    number("DelaySeconds", "0", 0, 900),
    number("MaximumMessageSize", "1048576", 1_024, 1_048_576),
    number("MessageRetentionPeriod", "345600", 60, 1_209_600),
    number("ReceiveMessageWaitTimeSeconds", "0", 0, 20),
    text("SqsManagedSseEnabled", Some("true")),
    text("RedrivePolicy", None),
    text("RedriveAllowPolicy", None),
    text("Policy", None),
    text("KmsMasterKeyId", None),
];

fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// A queue as the operations on messages need it.
pub(super) struct Queue {
    pub(super) name: String,
    created: i64,
    modified: i64,
    attributes: BTreeMap<String, String>,
}

/// After how many receives a message is dead, and where it goes then.
pub(super) struct RedrivePolicy {
    pub(super) target: String,
    pub(super) max_receives: i64,
}

impl Queue {
    /// The queue that a URL names; only the last part of the path counts, as the port may have changed since.
    pub(super) fn at(transaction: &Transaction<'_>, url: &str) -> Result<Self, OperationError> {
        Self::named(transaction, url.rsplit('/').next().unwrap_or_default())?.ok_or_else(not_found)
    }

    /// The queue that an ARN names.
    pub(super) fn of_arn(transaction: &Transaction<'_>, arn: &str) -> Result<Option<Self>, OperationError> {
        match arn.strip_prefix(&arn_of("")) {
            Some(name) => Self::named(transaction, name),
            None => Ok(None),
        }
    }

    fn named(transaction: &Transaction<'_>, name: &str) -> Result<Option<Self>, OperationError> {
        let row = transaction
            .prepare_cached("SELECT created, modified, attributes FROM queues WHERE name = ?")?
            .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))
            .optional()?;
        Ok(row.map(|(created, modified, attributes)| Self {
            name: name.to_owned(),
            created,
            modified,
            attributes: serde_json::from_str(&attributes)
                .expect("attributes are stored as the JSON they were written as"),
        }))
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let default = || setting(name)?.default;
        self.attributes.get(name).map(String::as_str).or_else(default)
    }

    /// A numeric attribute, set or by default.
    pub(super) fn number(&self, name: &str) -> i64 {
        self.attribute(name).and_then(|text| text.parse().ok()).expect("numbers are checked when they are set")
    }

    /// What a request gives for a numeric attribute, or else the queue's own.
    pub(super) fn chosen(&self, name: &str, given: Option<i64>) -> Result<i64, OperationError> {
        let range = setting(name).and_then(|setting| setting.range);
        let (least, most) = range.expect("only numeric attributes are chosen");
        given.map_or_else(|| Ok(self.number(name)), |value| check_range(name, value, least, most))
    }

    /// Its redrive policy, if it has one.
    pub(super) fn redrive(&self) -> Option<RedrivePolicy> {
        let policy = self.attribute("RedrivePolicy").filter(|text| !text.is_empty())?;
        Some(parse_redrive(policy).expect("redrive policies are checked when they are set"))
    }

    /// Its ARN.
    pub(super) fn arn(&self) -> String {
        arn_of(&self.name)
    }

    /// Forgets what is older than the retention period.
    pub(super) fn drop_expired(&self, transaction: &Transaction<'_>, now: i64) -> Result<(), OperationError> {
        let oldest = now - self.number("MessageRetentionPeriod") * 1_000;
        transaction
            .prepare_cached("DELETE FROM messages WHERE queue = ? AND sent < ?")?
            .execute(params![self.name, oldest])?;
        Ok(())
    }
}

fn arn_of(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

fn not_found() -> OperationError {
    refuse("QueueDoesNotExist", Some("AWS.SimpleQueueService.NonExistentQueue"), "The specified queue does not exist.")
}

fn parse_redrive(text: &str) -> Option<RedrivePolicy> {
    let policy: serde_json::Value = serde_json::from_str(text).ok()?;
    let target = policy.get("deadLetterTargetArn")?.as_str()?.to_owned();
    let count = policy.get("maxReceiveCount")?;
    let max_receives = count.as_i64().or_else(|| count.as_str()?.parse().ok()).filter(|n| (1..=1_000).contains(n))?;
    Some(RedrivePolicy { target, max_receives })
}

fn check_attributes(
    transaction: &Transaction<'_>,
    attributes: &BTreeMap<String, String>,
) -> Result<(), OperationError> {
    for (name, value) in attributes {
        let Some(setting) = setting(name) else {
            return Err(refuse("InvalidAttributeName", None, format!("Unknown Attribute {name}.")));
        };
        let invalid = || refuse("InvalidAttributeValue", None, format!("Invalid value for the parameter {name}."));
        if let Some((least, most)) = setting.range {
            value.parse::<i64>().ok().filter(|number| (least..=most).contains(number)).ok_or_else(invalid)?;
        }
        if name == "RedrivePolicy" && !value.is_empty() {
            let policy = parse_redrive(value).ok_or_else(invalid)?;
            if Queue::of_arn(transaction, &policy.target)?.is_none() {
                return Err(invalid_parameter(format!(
                    "Value {value} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
                )));
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FindQueue {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneQueue {
    queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReadAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attributes {
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    queue_name_prefix: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrls {
    queue_urls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveMessages {
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveTask {
    task_handle: String,
}

impl Sqs {
    fn url_of(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.base)
    }

    pub(super) fn create_queue(&self, input: &CreateQueue) -> Result<QueueUrl, OperationError> {
        let name = &input.queue_name;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 80 || !name.chars().all(allowed) {
            return Err(invalid_parameter(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ));
        }
        let now = self.clock.now();
        self.store.transact(|transaction| {
            check_attributes(transaction, &input.attributes)?;
            if let Some(existing) = Queue::named(transaction, name)? {
                let differs =
                    input.attributes.iter().find(|(key, value)| existing.attribute(key) != Some(value.as_str()));
                return match differs {
                    None => Ok(()),
                    Some((key, _)) => Err(refuse(
                        "QueueNameExists",
                        Some("QueueAlreadyExists"),
                        format!("A queue already exists with the same name and a different value for attribute {key}"),
                    )),
                };
            }
            let attributes = serde_json::to_string(&input.attributes).expect("a map of strings is JSON");
            transaction.execute(
                "INSERT INTO queues (name, created, modified, attributes) VALUES (?, ?, ?, ?)",
                params![name, now, now, attributes],
            )?;
            Ok(())
        })?;
        Ok(QueueUrl { queue_url: self.url_of(name) })
    }

    pub(super) fn find_queue_url(&self, input: &FindQueue) -> Result<QueueUrl, OperationError> {
        self.store.transact(|transaction| Queue::at(transaction, &input.queue_name).map(drop))?;
        Ok(QueueUrl { queue_url: self.url_of(&input.queue_name) })
    }

    pub(super) fn queue_attributes(&self, input: &ReadAttributes) -> Result<Attributes, OperationError> {
        let now = self.clock.now();
        let all = self.store.transact(|transaction| {
            let queue = Queue::at(transaction, &input.queue_url)?;
            queue.drop_expired(transaction, now)?;
            let [visible, in_flight, delayed]: [i64; 3] = transaction
                .prepare_cached(
                    "SELECT count(*) FILTER (WHERE visible <= ?2), count(*) FILTER (WHERE visible > ?2 AND receives > 0),
                     count(*) FILTER (WHERE visible > ?2 AND receives = 0) FROM messages WHERE queue = ?1",
                )?
                .query_row(params![queue.name, now], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
            let set = SETTINGS
                .iter()
                .filter_map(|setting| Some((setting.name.to_owned(), queue.attribute(setting.name)?.to_owned())))
                .filter(|(_, value)| !value.is_empty());
            let told = [
                ("QueueArn", queue.arn()),
                ("CreatedTimestamp", (queue.created / 1_000).to_string()),
                ("LastModifiedTimestamp", (queue.modified / 1_000).to_string()),
                ("ApproximateNumberOfMessages", visible.to_string()),
                ("ApproximateNumberOfMessagesNotVisible", in_flight.to_string()),
                ("ApproximateNumberOfMessagesDelayed", delayed.to_string()),
            ];
            Ok(set.chain(told.map(|(name, value)| (name.to_owned(), value))).collect::<BTreeMap<_, _>>())
        })?;
        let wanted = |name: &str| input.attribute_names.iter().any(|want| want == "All" || want == name);
        Ok(Attributes { attributes: all.into_iter().filter(|(name, _)| wanted(name)).collect() })
    }

    pub(super) fn set_queue_attributes(&self, input: &SetAttributes) -> Result<(), OperationError> {
        let now = self.clock.now();
        self.store.transact(|transaction| {
            check_attributes(transaction, &input.attributes)?;
            let mut queue = Queue::at(transaction, &input.queue_url)?;
            queue.attributes.extend(input.attributes.clone());
            let attributes = serde_json::to_string(&queue.attributes).expect("a map of strings is JSON");
            transaction.execute(
                "UPDATE queues SET attributes = ?, modified = ? WHERE name = ?",
                params![attributes, now, queue.name],
            )?;
            Ok(())
        })
    }

    pub(super) fn list_queues(&self, input: &ListQueues) -> Result<QueueUrls, OperationError> {
        let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
        let names = self.store.transact(|transaction| {
            let mut statement = transaction.prepare_cached("SELECT name FROM queues ORDER BY name LIMIT 1000")?;
            let names = statement.query_map((), |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            Ok(names)
        })?;
        let queue_urls = names.iter().filter(|name| name.starts_with(prefix)).map(|name| self.url_of(name)).collect();
        Ok(QueueUrls { queue_urls })
    }

    pub(super) fn purge_queue(&self, input: &OneQueue) -> Result<(), OperationError> {
        self.store.transact(|transaction| {
            let queue = Queue::at(transaction, &input.queue_url)?;
            transaction.execute("DELETE FROM messages WHERE queue = ?", [queue.name])?;
            Ok(())
        })
    }

    pub(super) fn delete_queue(&self, input: &OneQueue) -> Result<(), OperationError> {
        self.store.transact(|transaction| {
            let queue = Queue::at(transaction, &input.queue_url)?;
            transaction.execute("DELETE FROM queues WHERE name = ?", [queue.name])?;
            Ok(())
        })
    }

    /// Moves dead letters back to where they came from, or to the queue given. Here the task is over when it has
    /// begun. As on AWS, a moved message is a new one: its own id, its own age, no receives.
    pub(super) fn move_messages(&self, input: &MoveMessages) -> Result<MoveTask, OperationError> {
        let now = self.clock.now();
        let missing = |what| refuse("ResourceNotFoundException", None, format!("The {what} queue does not exist."));
        self.store.transact(|transaction| {
            let source = Queue::of_arn(transaction, &input.source_arn)?.ok_or_else(|| missing("source"))?;
            let destination = match &input.destination_arn {
                Some(arn) => Some(Queue::of_arn(transaction, arn)?.ok_or_else(|| missing("destination"))?.name),
                None => None,
            };
            let mut statement = transaction.prepare_cached(
                "SELECT id, coalesce(?3, dead_from) FROM messages
                 WHERE queue = ?1 AND visible <= ?2 AND coalesce(?3, dead_from) IS NOT NULL ORDER BY id",
            )?;
            let moves = statement
                .query_map(params![source.name, now, destination], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<Vec<(i64, String)>, _>>()?;
            for (id, queue) in moves {
                transaction
                    .prepare_cached(
                        "UPDATE messages SET queue = ?, message_id = ?, sent = ?4, visible = ?4, first_received = NULL,
                         receives = 0, receipt = NULL, dead_from = NULL WHERE id = ?3",
                    )?
                    .execute(params![queue, crate::wire::random_uuid().to_string(), id, now])?;
            }
            Ok(())
        })?;
        self.arrivals.tell_all();
        Ok(MoveTask { task_handle: crate::wire::random_uuid().to_string() })
    }
}
