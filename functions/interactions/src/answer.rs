//! Every answer to Discord, in one place. A verified request never gets a 5xx: Discord would show "interaction failed"
//! even where the decision stands.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use vyrox_domain::approval::Refusal;
use vyrox_domain::card::{self, Ephemeral, Message, Modal, refusal};
use vyrox_domain::interaction::Click;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::Tenant;
use vyrox_domain::text::Shown;

/// Answer with a new message.
const NEW_MESSAGE: u8 = 4;
/// Answer with a message that comes later.
const DEFERRED: u8 = 5;
/// Answer by replacing the message that holds the button.
const UPDATE_MESSAGE: u8 = 7;
/// Answer with a form. Discord takes it only as the first answer.
const MODAL: u8 = 9;

/// Discord's flag for "only you can see this".
const EPHEMERAL: u32 = 1 << 6;

/// An answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 401 with an empty body, for every reason.
    Unverified,
    /// The answer to PING.
    Pong,
    /// The card, as it is now.
    Card(Box<Message>),
    /// Something that everybody in the channel is to see.
    Notice(Box<Message>),
    /// Something for the one who clicked.
    Whisper(Box<Ephemeral>),
    /// A form to fill in.
    Form(Box<Modal>),
    /// A refusal, in one sentence.
    Refused(Refusal),
    /// The answer to a command comes later, to the one who asked only.
    Deferred,
    /// A command that was certainly not carried out: something of ours is down.
    NotDone,
    /// Certainly not recorded: something of ours is down.
    NotRecorded,
    /// Not known yet whether it was recorded.
    Unknown,
    /// A button or interaction that this version does not know.
    Unsupported,
}

impl Answer {
    /// The answer to a click that counted, in a form that a command opened: it has no card to replace. A break-glass is told
    /// to everybody, a release to whoever asked.
    pub(crate) fn to_form(click: &Click, record: &AlertRecord, tenant: &Tenant) -> Self {
        match card::break_glass(record, tenant).filter(|_| card::is_broken_by(record, click.interaction_id())) {
            Some(notice) => Self::Notice(Box::new(notice)),
            None => Self::Whisper(Box::new(card::release_asked(record))),
        }
    }

    /// What the click came to, in a word, for numbers.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Pong | Self::Unsupported => "unsupported",
            Self::Card(_) | Self::Notice(_) => "recorded",
            Self::Whisper(_) | Self::Deferred => "told",
            Self::Form(_) => "form",
            Self::Refused(_) => "refused",
            Self::NotDone | Self::NotRecorded => "not_recorded",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let body = match self {
            Self::Unverified => return StatusCode::UNAUTHORIZED.into_response(),
            Self::Pong => json!({"type": 1}),
            Self::Card(card) => json!({"type": UPDATE_MESSAGE, "data": card}),
            Self::Notice(message) => json!({"type": NEW_MESSAGE, "data": message}),
            Self::Whisper(message) => json!({"type": NEW_MESSAGE, "data": message}),
            Self::Form(modal) => json!({"type": MODAL, "data": modal}),
            Self::Refused(why) => json!({"type": NEW_MESSAGE, "data": refusal(why)}),
            Self::Deferred => json!({"type": DEFERRED, "data": {"flags": EPHEMERAL}}),
            Self::NotDone => whisper("This was not carried out because of a fault on our side. Please try again."),
            Self::NotRecorded => whisper("Nothing was recorded because of a fault on our side. Please press again."),
            Self::Unknown => whisper(
                "This is taking longer than usual. The card, or `/vyrox status`, will show whether it was recorded.",
            ),
            Self::Unsupported => whisper("This card is from another version of Vyrox and cannot be used any more."),
        };
        axum::Json(body).into_response()
    }
}

fn whisper(text: &'static str) -> serde_json::Value {
    json!({"type": NEW_MESSAGE, "data": Ephemeral::of(Shown::literal(text))})
}
