//! Discord's REST API: creating and editing a message with the bot's token.

use crate::config;
use crate::{Class, Classified};
use reqwest::header::{AUTHORIZATION, USER_AGENT};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::card::Message;
use vyrox_domain::tenant::Snowflake;

/// Discord wants this form; others may be blocked.
const AGENT: &str = concat!("DiscordBot (https://github.com/vyrox, ", env!("CARGO_PKG_VERSION"), ")");

/// A message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum DiscordError {
    /// Too many requests; after so many milliseconds again.
    #[error("rate limited for {0} ms")]
    RateLimited(u64),
    /// Discord said no: HTTP status and Discord's own code.
    #[error("refused with {status}, code {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Discord's code, 0 where it gave none.
        code: u64,
    },
    /// Discord did not answer, or not well.
    #[error("Discord cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DiscordError {
    /// Whether the message that was to be edited does not exist any more.
    #[must_use]
    pub const fn is_unknown_message(&self) -> bool {
        matches!(self, Self::Refused { code: 10_008, .. })
    }
}

impl Classified for DiscordError {
    fn class(&self) -> Class {
        match self {
            Self::RateLimited(_) | Self::Unavailable(_) => Class::Retry,
            // A revoked token or a lost channel may be put right by an administrator; until then it is a dead letter.
            Self::Refused { .. } => Class::Poison,
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::RateLimited(millis) => Some(std::time::Duration::from_millis(millis.saturating_add(999))),
            Self::Refused { .. } | Self::Unavailable(_) => None,
        }
    }
}

/// The bot.
#[derive(Debug, Clone)]
pub struct Discord {
    http: reqwest::Client,
    api_url: String,
    authorization: crate::secrets::Secret,
}

impl Discord {
    /// With the bot of this configuration.
    #[must_use]
    pub fn new(http: reqwest::Client, config: &config::Discord) -> Self {
        let authorization = crate::secrets::Secret::new(format!("Bot {}", config.bot_token.expose()).into_bytes());
        Self { http, api_url: config.api_url.clone(), authorization }
    }

    /// Posts an alert's card and returns its id. The nonce makes a repetition within a few minutes return the first
    /// message instead of a second one.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn create(
        &self,
        channel: Snowflake,
        message: &Message,
        tenant: &TenantId,
        alert: AlertId,
    ) -> Result<Snowflake, DiscordError> {
        let mut body = serde_json::to_value(message).expect("a card has string keys and no floats");
        body["nonce"] = json!(nonce(tenant, alert, "card"));
        body["enforce_nonce"] = json!(true);
        let created: Created = self.request(Method::POST, &format!("/channels/{channel}/messages"), &body).await?;
        Ok(created.id)
    }

    /// Edits an alert's card.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn edit(&self, channel: Snowflake, id: Snowflake, message: &Message) -> Result<(), DiscordError> {
        let body = serde_json::to_value(message).expect("a card has string keys and no floats");
        let _: Created = self.request(Method::PATCH, &format!("/channels/{channel}/messages/{id}"), &body).await?;
        Ok(())
    }

    async fn request<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, DiscordError> {
        let response = self
            .http
            .request(method, format!("{}{path}", self.api_url))
            .header(AUTHORIZATION, self.authorization.expose())
            .header(USER_AGENT, AGENT)
            .json(body)
            .send()
            .await
            .map_err(|error| DiscordError::Unavailable(error.without_url().into()))?;
        let status = response.status();
        if status.is_success() {
            return response.json().await.map_err(|error| DiscordError::Unavailable(error.without_url().into()));
        }
        let problem: Problem = response.json().await.unwrap_or_default();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = problem.retry_after.unwrap_or(1.0).clamp(0.0, 900.0);
            return Err(DiscordError::RateLimited(std::time::Duration::from_secs_f64(seconds).as_millis() as u64));
        }
        if status.is_server_error() {
            return Err(DiscordError::Unavailable(format!("status {status}").into()));
        }
        Err(DiscordError::Refused { status: status.as_u16(), code: problem.code })
    }
}

#[derive(Deserialize)]
struct Created {
    id: Snowflake,
}

#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: u64,
    retry_after: Option<f64>,
}

/// At most 25 characters, one per purpose: another purpose's message must not be taken for this one.
fn nonce(tenant: &TenantId, alert: AlertId, purpose: &str) -> String {
    let digest = Sha256::digest(format!("{tenant}|{alert}|{purpose}"));
    hex::encode(&digest[..12])
}
