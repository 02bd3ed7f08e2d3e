//! The functions between a webhook and its card, one by one, on a [`Bench`]: for whoever counts or measures what each of them
//! takes. Messages are taken out of the queues by hand and handed to the next function, in this process or as an event for
//! its binary.

use crate::bench::Bench;
use crate::desk::{CHANNEL, GUILD, ROLE};
use crate::environment::environment;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::TenantId;
use vyrox_domain::storm::StormPolicy;
use vyrox_notify::Notify;
use vyrox_platform::aws::Clients;
use vyrox_platform::config;
use vyrox_standins::discord::{DiscordOptions, DiscordStandin};
use vyrox_triage::Triage;

/// The bot's token at the bench's Discord.
const TOKEN: &str = "bench-token";

/// A message as an event source hands it over.
pub type Record = Value;

impl Bench {
    /// A stand-in for Discord with the channel of [`Bench::shown_tenant`].
    ///
    /// # Panics
    /// It does not start.
    pub async fn discord(&self) -> DiscordStandin {
        let options = DiscordOptions::new("500000000000000001", TOKEN, GUILD, CHANNEL);
        DiscordStandin::start(options).await.expect("the stand-in starts")
    }

    /// A tenant with a channel and a proxy, each of whose alerts has a card of its own.
    pub async fn shown_tenant(&self, id: &str) -> TenantId {
        self.tenant(id, |tenant| {
            tenant.guild_id = Some(GUILD.parse().expect("a Discord id"));
            tenant.channel_id = Some(CHANNEL.parse().expect("a Discord id"));
            tenant.approver_roles = [ROLE.parse().expect("a Discord id")].into_iter().collect();
            tenant.proxy_id = Some("edge-1".parse().expect("a proxy's id"));
            tenant.storm = StormPolicy { cards: u16::MAX, group_seconds: 0, ..StormPolicy::default() };
        })
        .await
    }

    /// The environment of one function's binary, with AWS behind the hop.
    #[must_use]
    pub fn environment(&self, function: &str) -> BTreeMap<String, String> {
        environment(&self.provisioned, function, &self.hop.url, &[])
    }

    /// The same with Discord's API at this address.
    #[must_use]
    pub fn environment_with(&self, function: &str, discord: &str) -> BTreeMap<String, String> {
        let parameters = [("DiscordApiUrl", discord.to_owned()), ("DiscordBotToken", TOKEN.to_owned())];
        environment(&self.provisioned, function, &self.hop.url, &parameters)
    }

    /// triage in this process, behind the hop, without a model.
    ///
    /// # Panics
    /// The template lacks something.
    pub fn triage(&self) -> Triage {
        let environment = self.environment("TriageFunction");
        let config = config::Triage::from_environment(&|name| environment.get(name).cloned());
        let config = config.expect("the template says it all");
        let http = vyrox_platform::http::client(Duration::from_secs(10)).expect("an HTTP client");
        Triage::new(&Clients::new(&config.aws), &config, http, self.clock.clone())
    }

    /// notify in this process, behind the hop.
    ///
    /// # Panics
    /// The template lacks something.
    pub fn notify(&self, discord: &DiscordStandin) -> Notify {
        let environment = self.environment_with("NotifyFunction", &discord.api_url());
        let config = config::Notify::from_environment(&|name| environment.get(name).cloned());
        let config = config.expect("the template says it all");
        let http = vyrox_platform::http::client(Duration::from_secs(10)).expect("an HTTP client");
        Notify::new(&Clients::new(&config.aws), &config, http, Arc::clone(&self.clock) as Arc<_>)
    }

    /// Takes all messages that can be received now out of one of the template's queues.
    ///
    /// # Panics
    /// The queue does not answer.
    pub async fn take(&self, queue: &str) -> Vec<Record> {
        let url = self.provisioned.queue_url(queue).unwrap_or_else(|| panic!("no queue {queue}"));
        let mut records = Vec::new();
        loop {
            let request = self.direct.sqs.receive_message().queue_url(url).max_number_of_messages(10);
            let request = request.message_attribute_names("All");
            let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
            let messages = request.send().await.expect("the queue answers").messages.unwrap_or_default();
            if messages.is_empty() {
                return records;
            }
            for message in messages {
                let receipt = message.receipt_handle.as_deref().unwrap_or_default();
                let attributes = message.message_attributes.iter().flatten();
                let attributes: BTreeMap<&str, Value> = attributes
                    .map(|(name, value)| {
                        (name.as_str(), json!({"dataType": "String", "stringValue": value.string_value()}))
                    })
                    .collect();
                records.push(json!({
                    "messageId": message.message_id, "receiptHandle": receipt, "body": message.body,
                    "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": attributes,
                    "eventSource": "aws:sqs", "awsRegion": "us-east-1",
                    "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{queue}"),
                }));
                let delete = self.direct.sqs.delete_message().queue_url(url).receipt_handle(receipt);
                delete.send().await.expect("the queue answers");
            }
        }
    }
}

/// The message in a record.
///
/// # Panics
/// It is none of this kind.
pub fn message<M: serde::de::DeserializeOwned>(record: &Record) -> M {
    serde_json::from_str(record["body"].as_str().unwrap_or_default()).expect("the body is a message of this kind")
}

/// An SQS event of these records.
#[must_use]
pub fn batch(records: &[Record]) -> Value {
    json!({"Records": records})
}

/// An HTTP API's event without anything of its own.
///
/// # Panics
/// Never: the file is JSON.
#[must_use]
pub fn request(method: &str, path: &str, body: &str) -> Value {
    let mut event: Value =
        serde_json::from_str(include_str!("../../events/lambda/ingest.json")).expect("the file is JSON");
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["path"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    event["body"] = json!(body);
    event
}
