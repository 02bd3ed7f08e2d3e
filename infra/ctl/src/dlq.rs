//! `vyroxctl dlq`: messages that failed too often. A dead letter holds ids only; what they stand for is in the table.

use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use vyrox_contract::TenantId;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::table::SortKey;

/// How long a message is hidden while it is looked at, in seconds; afterwards it is shown again at once.
const LOOK: i32 = 30;
/// How many messages are looked at before a redrive, to enter it in their tenants' audits.
const LOOK_MOST: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count what lies in the dead-letter queues
    List,
    /// Look at messages without taking them away
    #[command(after_help = "Example:\n  vyroxctl dlq show alerts\n\n\
        The messages are hidden from others for the moment of looking.")]
    Show {
        /// Whose dead letters
        queue: Queue,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Send all of them to where they came from, to be tried again
    #[command(after_help = "Example:\n  vyroxctl dlq redrive actions\n\n\
        Trying again is safe: every function tells a repetition, and an action whose approval has expired is not \
        delivered. The request is entered in the audit of each tenant that has a message there.")]
    Redrive {
        /// Whose dead letters
        queue: Queue,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// A queue, by what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Queue {
    /// Alerts that triage could not judge
    Alerts,
    /// Cards that notify could not show
    Cards,
    /// Slash commands that assist could not answer
    Commands,
    /// Approved actions that dispatch could not deliver
    Actions,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alerts => "alerts",
            Self::Cards => "cards",
            Self::Commands => "commands",
            Self::Actions => "actions",
        })
    }
}

/// A dead-letter queue at the endpoint.
#[derive(Debug)]
struct DeadLetters {
    name: String,
    url: String,
    attributes: HashMap<QueueAttributeName, String>,
}

impl DeadLetters {
    async fn find(deployment: &Deployment, queue: Queue) -> Result<Self, CtlError> {
        let name = format!("{}-{queue}-dlq", deployment.settings.stack);
        let url = deployment.queue_url(&format!("{queue}-dlq")).await?;
        let told =
            deployment.clients.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
        let told = told.send().await.map_err(|error| CtlError::Queue(error.into()))?;
        Ok(Self { name, url, attributes: told.attributes.unwrap_or_default() })
    }

    fn number(&self, name: &QueueAttributeName) -> u64 {
        self.attributes.get(name).and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    fn waiting(&self) -> u64 {
        self.number(&QueueAttributeName::ApproximateNumberOfMessages)
    }

    fn in_flight(&self) -> u64 {
        self.number(&QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
    }

    /// Up to `limit` messages, which stay where they are.
    async fn look(&self, deployment: &Deployment, limit: usize) -> Result<Vec<Message>, CtlError> {
        let mut seen: Vec<Message> = Vec::new();
        let mut failure = None;
        while seen.len() < limit {
            let most = i32::try_from(limit - seen.len()).unwrap_or(10).min(10);
            let received = deployment
                .clients
                .sqs
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(most)
                .visibility_timeout(LOOK)
                // Without waiting, SQS asks only some of its servers.
                .wait_time_seconds(1)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send()
                .await;
            match received.map(|received| received.messages.unwrap_or_default()) {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => seen.extend(messages),
                Err(error) => {
                    failure = Some(CtlError::Queue(error.into()));
                    break;
                }
            }
        }
        self.show_again(deployment, &seen).await?;
        failure.map_or(Ok(seen), Err)
    }

    async fn show_again(&self, deployment: &Deployment, messages: &[Message]) -> Result<(), CtlError> {
        for ten in messages.chunks(10) {
            let entries = ten.iter().enumerate().map(|(index, message)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .set_receipt_handle(message.receipt_handle.clone())
                    .visibility_timeout(0)
                    .build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| CtlError::Queue(error.into()))?;
            let change = deployment.clients.sqs.change_message_visibility_batch().queue_url(&self.url);
            change.set_entries(Some(entries)).send().await.map_err(|error| CtlError::Queue(error.into()))?;
        }
        Ok(())
    }
}

impl Command {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::List => list(deployment).await,
            Self::Show { queue, limit } => {
                let queue = DeadLetters::find(deployment, queue).await?;
                Ok(show(&queue.look(deployment, limit as usize).await?))
            }
            Self::Redrive { queue, confirm } => redrive(deployment, queue, &confirm).await,
        }
    }
}

async fn list(deployment: &Deployment) -> Result<Report, CtlError> {
    let (mut rows, mut items) = (Vec::new(), Vec::new());
    for queue in [Queue::Alerts, Queue::Cards, Queue::Commands, Queue::Actions] {
        let found = DeadLetters::find(deployment, queue).await?;
        let (waiting, in_flight) = (found.waiting(), found.in_flight());
        rows.push([queue.to_string(), found.name.clone(), waiting.to_string(), in_flight.to_string()]);
        items
            .push(json!({"queue": queue.to_string(), "name": found.name, "messages": waiting, "in_flight": in_flight}));
    }
    let text = table::columns(["QUEUE", "NAME", "ABOUT THIS MANY", "BEING LOOKED AT"], &rows);
    Ok(Report::new(Value::Array(items), text))
}

fn show(messages: &[Message]) -> Report {
    let attribute = |message: &Message, name| message.attributes.as_ref()?.get(&name).cloned();
    let (mut rows, mut items) = (Vec::new(), Vec::new());
    for message in messages {
        let body = message.body.clone().unwrap_or_default();
        let sent = attribute(message, MessageSystemAttributeName::SentTimestamp);
        let sent = sent.and_then(|millis| millis.parse::<i64>().ok()).map(|millis| millis / 1_000);
        let receives = attribute(message, MessageSystemAttributeName::ApproximateReceiveCount);
        let receives = receives.and_then(|count| count.parse::<u64>().ok());
        let sent_text = table::or_dash(sent.map(table::time));
        rows.push([sent_text, table::or_dash(receives), body.clone()]);
        let body = serde_json::from_str::<Value>(&body).unwrap_or(Value::String(body));
        items.push(json!({"message_id": message.message_id, "sent_at": sent, "receives": receives, "body": body}));
    }
    Report::new(Value::Array(items), table::columns(["SENT", "RECEIVES", "MESSAGE"], &rows))
}

async fn redrive(deployment: &Deployment, queue: Queue, confirm: &Confirm) -> Result<Report, CtlError> {
    let found = DeadLetters::find(deployment, queue).await?;
    let arn = found.attributes.get(&QueueAttributeName::QueueArn).cloned();
    let arn = arn.ok_or_else(|| CtlError::Queue("its answer has no ARN".into()))?;
    confirm.ask(&format!("About {} messages of {} will be tried again.", found.waiting(), found.name))?;
    let mut by_tenant: BTreeMap<TenantId, u64> = BTreeMap::new();
    let messages = found.look(deployment, LOOK_MOST).await?;
    if messages.is_empty() {
        return Ok(Report::new(json!({"queue": queue.to_string(), "messages": 0, "task": null}), "nothing to redrive"));
    }
    for tenant in messages.iter().filter_map(tenant_of) {
        *by_tenant.entry(tenant).or_default() += 1;
    }
    for (tenant, count) in &by_tenant {
        // A message may name a tenant that never was; that one has no audit.
        if deployment.table.read::<Tenant>(tenant, &SortKey::profile(), deployment.now()).await?.is_none() {
            continue;
        }
        let mut event = deployment.event(tenant, "REDRIVE_REQUESTED");
        event.detail.insert("queue".to_owned(), json!(queue.to_string()));
        event.detail.insert("messages".to_owned(), json!(count));
        deployment.ledger.commit(tenant, &[], &event).await?;
    }
    let started = deployment.clients.sqs.start_message_move_task().source_arn(arn).send().await;
    let task = started.map_err(|error| CtlError::Queue(error.into()))?.task_handle;
    // No more than those were looked at, and all of them go.
    let about = if messages.len() < LOOK_MOST { "" } else { "about " };
    let looked = u64::try_from(messages.len()).unwrap_or(u64::MAX);
    let count = if about.is_empty() { looked } else { looked.max(found.waiting()) };
    let text = format!("{about}{count} messages of {} are on their way back", found.name);
    Ok(Report::new(json!({"queue": queue.to_string(), "messages": count, "task": task}), text))
}

fn tenant_of(message: &Message) -> Option<TenantId> {
    let body: Value = serde_json::from_str(message.body.as_deref()?).ok()?;
    body.get("tenant_id")?.as_str()?.parse().ok()
}
