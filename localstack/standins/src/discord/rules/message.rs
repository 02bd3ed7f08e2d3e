//! Messages: created, edited, sent as follow-ups, and inside callbacks.

use super::component::judge_message_components;
use super::embed::judge_embeds;
use super::mention::judge_allowed_mentions;
use super::{At, Form, Problems};
use serde_json::Value;

/// SUPPRESS_EMBEDS.
const SUPPRESS_EMBEDS: i64 = 1 << 2;
/// EPHEMERAL.
const EPHEMERAL: i64 = 1 << 6;
/// SUPPRESS_NOTIFICATIONS.
const SUPPRESS_NOTIFICATIONS: i64 = 1 << 12;
/// IS_COMPONENTS_V2.
const COMPONENTS_V2: i64 = 1 << 15;

/// Where a message body stands; decides which fields and flags it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageForm {
    /// `POST /channels/{c}/messages`.
    Create,
    /// `PATCH /channels/{c}/messages/{m}`.
    Edit,
    /// `POST /webhooks/{app}/{token}`.
    FollowUp,
    /// `PATCH /webhooks/{app}/{token}/messages/{m}`.
    FollowUpEdit,
    /// The data of a type 4 callback.
    Reply,
    /// The data of a type 7 callback.
    Update,
}

impl MessageForm {
    fn known(self) -> &'static [&'static str] {
        const EDIT: &[&str] = &["content", "embeds", "flags", "allowed_mentions", "components", "attachments"];
        match self {
            Self::Create => &[
                "content",
                "nonce",
                "tts",
                "embeds",
                "allowed_mentions",
                "message_reference",
                "components",
                "sticker_ids",
                "attachments",
                "flags",
                "enforce_nonce",
                "poll",
            ],
            Self::Edit => EDIT,
            Self::FollowUpEdit => {
                &["content", "embeds", "flags", "allowed_mentions", "components", "attachments", "poll"]
            }
            Self::FollowUp | Self::Reply | Self::Update => {
                &["content", "tts", "embeds", "flags", "allowed_mentions", "components", "attachments", "poll"]
            }
        }
    }

    fn flags(self) -> i64 {
        match self {
            Self::Create => SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2,
            Self::Edit | Self::FollowUpEdit | Self::Update => SUPPRESS_EMBEDS | COMPONENTS_V2,
            Self::FollowUp | Self::Reply => SUPPRESS_EMBEDS | EPHEMERAL | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2,
        }
    }
}

/// Everything about a message body except whether it is empty.
pub(crate) fn judge_message(body: &Value, form: MessageForm, problems: &mut Problems) {
    judge_message_at(body, At::default(), form, problems);
}

/// The same for a body inside another one.
pub(super) fn judge_message_at(body: &Value, at: At, kind: MessageForm, problems: &mut Problems) {
    let Some(form) = Form::of(body, at, kind.known(), problems) else { return };
    let flags = form.integer("flags", 0, i64::from(i32::MAX), problems).unwrap_or(0);
    if flags & !kind.flags() != 0 {
        problems.add(
            &form.at("flags"),
            "MESSAGE_FLAGS_INVALID",
            format!("Flags {} cannot be set here", flags & !kind.flags()),
        );
    }
    let v2 = flags & COMPONENTS_V2 != 0;
    form.text("content", 0, 2000, problems);
    form.boolean("tts", problems);
    judge_nonce(&form, problems);
    judge_embeds(form.list("embeds", 0, 10, problems), &form.at("embeds"), problems);
    if v2 {
        for key in ["content", "embeds"] {
            if form.value(key).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
                let message = "The field cannot be used with the IS_COMPONENTS_V2 flag";
                problems.add(&form.at(key), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message);
            }
        }
    }
    if let Some(mentions) = form.value("allowed_mentions") {
        judge_allowed_mentions(mentions, form.at("allowed_mentions"), problems);
    }
    let components = form.list("components", 0, if v2 { 40 } else { 5 }, problems);
    judge_message_components(components, &form.at("components"), v2, problems);
    for key in ["attachments", "sticker_ids", "poll", "message_reference"] {
        form.unsupported(key, problems);
    }
}

fn judge_nonce(form: &Form<'_>, problems: &mut Problems) {
    let enforce = form.boolean("enforce_nonce", problems).unwrap_or(false);
    match form.value("nonce") {
        Some(Value::Number(number)) if number.is_i64() => {}
        Some(_) => {
            form.text("nonce", 0, 25, problems);
        }
        None if enforce => problems.add(&form.at("nonce"), "BASE_TYPE_REQUIRED", "enforce_nonce needs a nonce"),
        None => {}
    }
}

/// Whether a message with these fields would show nothing at all.
pub(crate) fn is_empty_message(message: &Value) -> bool {
    let content = message["content"].as_str().is_some_and(|text| !text.trim().is_empty());
    let list = |key: &str| message[key].as_array().is_some_and(|list| !list.is_empty());
    !(content || list("embeds") || list("components") || list("attachments"))
}
