//! Every answer to Discord, in one place. A verified request never gets a 5xx: Discord would show "interaction failed"
//! even where the decision stands.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use vyrox_domain::approval::Refusal;
use vyrox_domain::card::{Ephemeral, Message, refusal};
use vyrox_domain::text::Shown;

/// Answer with a new message (ephemeral here).
const NEW_MESSAGE: u8 = 4;
/// Answer by replacing the message that holds the button.
const UPDATE_MESSAGE: u8 = 7;

/// An answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 401 with an empty body, for every reason.
    Unverified,
    /// The answer to PING.
    Pong,
    /// The card, as it is now.
    Card(Box<Message>),
    /// Something for the one who clicked.
    Whisper(Box<Ephemeral>),
    /// A refusal, in one sentence.
    Refused(Refusal),
    /// Certainly not recorded: something of ours is down.
    NotRecorded,
    /// Not known yet whether it was recorded.
    Unknown,
    /// A button or interaction that this version does not know.
    Unsupported,
}

impl Answer {
    pub(crate) fn into_response(self) -> Response {
        let body = match self {
            Self::Unverified => return StatusCode::UNAUTHORIZED.into_response(),
            Self::Pong => json!({"type": 1}),
            Self::Card(card) => json!({"type": UPDATE_MESSAGE, "data": card}),
            Self::Whisper(message) => json!({"type": NEW_MESSAGE, "data": message}),
            Self::Refused(why) => json!({"type": NEW_MESSAGE, "data": refusal(why)}),
            Self::NotRecorded => whisper("Nothing was recorded because of a fault on our side. Please press again."),
            Self::Unknown => whisper("This is taking longer than usual. The card will show whether it was recorded."),
            Self::Unsupported => whisper("This card is from another version of Vyrox and cannot be used any more."),
        };
        axum::Json(body).into_response()
    }
}

fn whisper(text: &'static str) -> serde_json::Value {
    json!({"type": NEW_MESSAGE, "data": Ephemeral::of(Shown::literal(text))})
}
