//! Discord's REST API: creating, editing and finding messages with the bot's token.

mod limits;
mod listing;

use crate::clock::Clock;
use crate::config;
use crate::metric::Metric;
use crate::{Class, Classified};
use limits::Limits;
use listing::{Listed, Listings, PAGE};
use reqwest::header::{AUTHORIZATION, USER_AGENT};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::card::Message;
use vyrox_domain::tenant::Snowflake;

/// Discord wants this form; others may be blocked.
pub(crate) const AGENT: &str = concat!("DiscordBot (https://github.com/vyrox, ", env!("CARGO_PKG_VERSION"), ")");
/// SUPPRESS_NOTIFICATIONS: the message is there, and nobody's telephone rings.
const SILENT: u32 = 1 << 12;

/// A message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum DiscordError {
    /// Too many requests; after so many milliseconds again.
    #[error("rate limited for {0} ms")]
    RateLimited(u64),
    /// Nothing is sent for so many milliseconds: Discord has refused the bot's token, or refused too much else.
    #[error("sending is stopped for {0} ms: the bot's token was refused, or too many requests were")]
    Stopped(u64),
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

    /// Whether the message is older than an hour and was edited too often since.
    #[must_use]
    pub const fn is_edited_too_often(&self) -> bool {
        matches!(self, Self::Refused { code: 30_046, .. })
    }

    /// Status and code, if it is the channel that takes no messages: no access, no permission, or gone.
    #[must_use]
    pub const fn breaks_channel(&self) -> Option<(u16, u64)> {
        match self {
            Self::Refused { status: 403, code } => Some((403, *code)),
            Self::Refused { status, code: code @ (10_003 | 50_001 | 50_013) } => Some((*status, *code)),
            _ => None,
        }
    }

    /// Whether it was Discord that failed at what should have worked: not a limit, which is to be expected, nor a channel that
    /// is closed to the bot, which is its tenant's matter.
    #[must_use]
    pub const fn is_discords_failure(&self) -> bool {
        match self {
            Self::RateLimited(_) | Self::Stopped(_) => false,
            Self::Refused { .. } => {
                self.breaks_channel().is_none() && !self.is_unknown_message() && !self.is_edited_too_often()
            }
            Self::Unavailable(_) => true,
        }
    }
}

impl Classified for DiscordError {
    fn class(&self) -> Class {
        match self {
            Self::RateLimited(_) | Self::Stopped(_) | Self::Unavailable(_) => Class::Retry,
            // A new token is an operator's to set; what waits for it is not lost.
            Self::Refused { status: 401, .. } => Class::Retry,
            // A body that Discord does not take may be put right by a new version; until then it is a dead letter.
            Self::Refused { .. } => Class::Poison,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(millis) | Self::Stopped(millis) => {
                Some(Duration::from_millis(millis.saturating_add(999)))
            }
            Self::Refused { .. } | Self::Unavailable(_) => None,
        }
    }

    /// People wait for what it was about: soon after Discord is back, they shall have it.
    fn longest_wait(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn only_waits(&self) -> bool {
        matches!(self, Self::RateLimited(_) | Self::Unavailable(_))
    }
}

/// What a message is for. Each purpose has a nonce of its own: one message must never be taken for another.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// The alert's card.
    Card,
    /// The card once more, in place of this message.
    CardAfter(Snowflake),
    /// A digest.
    Digest,
    /// A digest once more, in place of this message.
    DigestAfter(Snowflake),
    /// Something said once, by its name.
    Notice(&'a str, Turn),
}

/// Who comes first where a channel takes fewer messages than there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It takes the next place that is free.
    Next,
    /// It lets those go first that were told to wait: what says something that was said before, or that nobody has to act on.
    AfterOthers,
}

impl Purpose<'_> {
    /// The nonce of this purpose about this alert or digest: at most 25 characters, always the same.
    fn nonce(self, tenant: &TenantId, about: AlertId) -> String {
        let purpose = match self {
            Self::Card => "card".to_owned(),
            Self::CardAfter(message) => format!("card.{message}"),
            Self::Digest => "digest".to_owned(),
            Self::DigestAfter(message) => format!("digest.{message}"),
            Self::Notice(name, _) => format!("notice.{name}"),
        };
        hex::encode(&Sha256::digest(format!("{tenant}|{about}|{purpose}"))[..12])
    }

    /// The message in whose place it is posted.
    #[must_use]
    pub const fn earlier(self) -> Option<Snowflake> {
        match self {
            Self::CardAfter(message) | Self::DigestAfter(message) => Some(message),
            Self::Card | Self::Digest | Self::Notice(..) => None,
        }
    }

    const fn turn(self) -> Turn {
        match self {
            Self::Notice(_, turn) => turn,
            Self::Card | Self::CardAfter(_) | Self::Digest | Self::DigestAfter(_) => Turn::Next,
        }
    }
}

/// The bot.
#[derive(Debug, Clone)]
pub struct Discord {
    http: reqwest::Client,
    api_url: String,
    authorization: crate::secrets::Secret,
    limits: Arc<Limits>,
    listings: Arc<Listings>,
    clock: Arc<dyn Clock>,
}

impl Discord {
    /// With the bot of this configuration.
    #[must_use]
    pub fn new(http: reqwest::Client, config: &config::Discord, clock: Arc<dyn Clock>) -> Self {
        let authorization = crate::secrets::Secret::new(format!("Bot {}", config.bot_token.expose()).into_bytes());
        let (limits, listings) = (Arc::new(Limits::new(Arc::clone(&clock))), Arc::default());
        Self { http, api_url: config.api_url.clone(), authorization, limits, listings, clock }
    }

    /// Posts a message about an alert or digest and returns its id. The nonce makes a repetition within a few minutes return
    /// the first message instead of a second one.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn create(
        &self,
        channel: Snowflake,
        message: &Message,
        tenant: &TenantId,
        about: AlertId,
        purpose: Purpose<'_>,
    ) -> Result<Snowflake, DiscordError> {
        let mut body = serde_json::to_value(message).expect("a card has string keys and no floats");
        body["nonce"] = json!(purpose.nonce(tenant, about));
        body["enforce_nonce"] = json!(true);
        if message.is_silent() {
            body["flags"] = json!(SILENT);
        }
        let route = format!("/channels/{channel}/messages");
        let created: Created = self.request(Method::POST, &route, &route, Some(&body), purpose.turn()).await?;
        Ok(created.id)
    }

    /// Edits a message.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn edit(&self, channel: Snowflake, id: Snowflake, message: &Message) -> Result<(), DiscordError> {
        let body = serde_json::to_value(message).expect("a card has string keys and no floats");
        let route = format!("/channels/{channel}/messages");
        let _: Created = self.request(Method::PATCH, &route, &format!("{route}/{id}"), Some(&body), Turn::Next).await?;
        Ok(())
    }

    /// The newest message about this alert or digest that was made since `since` (unix seconds), if there is one: for an answer
    /// that was lost longer ago than nonces are remembered. It is looked for among the last thousand messages and all that
    /// were listed before; those who ask within half a minute share one look (see `listing.rs`, also for why that is safe).
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn find(
        &self,
        channel: Snowflake,
        about: AlertId,
        since: i64,
    ) -> Result<Option<Snowflake>, DiscordError> {
        let route = format!("/channels/{channel}/messages");
        let route = route.as_str();
        let ask = |before: Option<Snowflake>| async move {
            let earlier = before.map_or_else(String::new, |id| format!("&before={id}"));
            let path = format!("{route}?limit={PAGE}{earlier}");
            self.request::<Vec<Listed>>(Method::GET, route, &path, None, Turn::Next).await
        };
        self.listings.of(channel).find(about, since, || self.clock.now_millis(), ask).await
    }

    async fn request<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        route: &str,
        path: &str,
        body: Option<&Value>,
        turn: Turn,
    ) -> Result<T, DiscordError> {
        let route = format!("{method} {route}");
        self.limits.admit(&route, turn)?;
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.api_url))
            .header(AUTHORIZATION, self.authorization.expose())
            .header(USER_AGENT, AGENT);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| DiscordError::Unavailable(error.without_url().into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_success() {
            self.limits.learn(&route, status, &headers, None, false);
            return response.json().await.map_err(|error| DiscordError::Unavailable(error.without_url().into()));
        }
        let problem: Problem = response.json().await.unwrap_or_default();
        self.limits.learn(&route, status, &headers, problem.retry_after, problem.global);
        if status == StatusCode::UNAUTHORIZED {
            Metric::TokenRefused.add(1);
            tracing::error!("Discord refuses the bot's token: nothing is sent until it is put right");
        }
        Err(problem.into_error(status, &headers))
    }
}

/// What an answer other than a success says.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: u64,
    retry_after: Option<f64>,
    #[serde(default)]
    global: bool,
}

impl Problem {
    fn into_error(self, status: StatusCode, headers: &reqwest::header::HeaderMap) -> DiscordError {
        if status == StatusCode::TOO_MANY_REQUESTS {
            let header = headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let seconds: f64 =
                self.retry_after.or(header).filter(|s: &f64| s.is_finite()).unwrap_or(1.0).clamp(0.0, 900.0);
            return DiscordError::RateLimited(Duration::from_secs_f64(seconds).as_millis() as u64);
        }
        if status.is_server_error() {
            return DiscordError::Unavailable(format!("status {status}").into());
        }
        DiscordError::Refused { status: status.as_u16(), code: self.code }
    }
}

/// What an answer other than a success says, where no limit is learnt from it.
pub(crate) async fn refused(response: reqwest::Response) -> DiscordError {
    let (status, headers) = (response.status(), response.headers().clone());
    let problem: Problem = response.json().await.unwrap_or_default();
    problem.into_error(status, &headers)
}

#[derive(Deserialize)]
struct Created {
    id: Snowflake,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_nonce_of_its_own_that_is_always_the_same() {
        let (tenant, alert) = ("acme".parse().unwrap(), AlertId::from_bytes([1; 16]));
        let message = "800".parse().unwrap();
        let purposes = [
            Purpose::Card,
            Purpose::CardAfter(message),
            Purpose::Digest,
            Purpose::DigestAfter(message),
            Purpose::Notice("reminder.1", Turn::Next),
            Purpose::Notice("escalation.1", Turn::Next),
            Purpose::Notice("expired.1", Turn::Next),
            Purpose::Notice("failed.x", Turn::Next),
        ];
        let nonces: std::collections::BTreeSet<String> =
            purposes.iter().map(|purpose| purpose.nonce(&tenant, alert)).collect();
        assert_eq!(nonces.len(), purposes.len());
        assert!(nonces.iter().all(|nonce| nonce.len() <= 25));
        assert!(nonces.contains(&Purpose::Card.nonce(&tenant, alert)));
        assert_ne!(Purpose::Card.nonce(&tenant, alert), Purpose::Card.nonce(&tenant, AlertId::from_bytes([2; 16])));
    }
}
