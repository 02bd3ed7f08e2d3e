//! A command that takes longer than Discord waits: stored as it was asked, and carried out by `assist`.

use super::invocation::{InteractionToken, Invocation};
use super::request::Request;
use crate::tenant::Snowflake;
use serde::{Deserialize, Serialize};

/// A command as stored under `COMMAND#`, for as long as Discord takes an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedCommand {
    /// Discord's id of the invocation.
    pub interaction_id: Snowflake,
    /// Where the answer goes.
    pub token: InteractionToken,
    /// The server.
    pub guild_id: Snowflake,
    /// Who asked.
    pub user_id: Snowflake,
    /// Their name at the time, on one line of visible characters.
    pub user_name: String,
    /// When, unix seconds.
    pub asked_at: i64,
    /// For what. Somebody who may has asked: that was checked before it was stored.
    pub request: Request,
    /// Whether what it changes has been stored already: it is being carried out a second time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stored: bool,
}

impl AskedCommand {
    /// An invocation that may be carried out, asked for at `now` (unix seconds).
    #[must_use]
    pub fn of(invocation: &Invocation, request: &Request, now: i64) -> Self {
        Self {
            interaction_id: invocation.interaction_id(),
            token: invocation.token().clone(),
            guild_id: invocation.guild_id(),
            user_id: invocation.member().user_id(),
            user_name: invocation.member().name().to_owned(),
            asked_at: now,
            request: request.clone(),
            stored: false,
        }
    }

    /// Until when (unix seconds) Discord takes an answer.
    #[must_use]
    pub const fn answer_until(&self) -> i64 {
        self.asked_at.saturating_add(InteractionToken::LIFE)
    }
}
