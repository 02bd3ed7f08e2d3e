//! What a member does in the client: press a button, send a modal.

use super::deliver::{Ticket, deliver};
use super::options::Member;
use super::rules::{custom_ids, judge_modal_values};
use super::shared::Shared;
use super::{payload, probe};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// After how many clicks the endpoint is probed again.
const PROBE_EVERY: u64 = 20;

/// How an interaction went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ClickOutcome {
    /// The interaction's id.
    pub interaction_id: String,
    /// The endpoint's HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The body answered, if it was JSON: `{type, data}`.
    pub callback: Option<Value>,
    /// How long the answer took, milliseconds.
    pub millis: u64,
    /// Why the member sees "This interaction failed"; `None` when it worked.
    pub failure: Option<String>,
}

impl ClickOutcome {
    /// The callback's type.
    #[must_use]
    pub fn kind(&self) -> Option<u64> {
        self.callback.as_ref()?["type"].as_u64()
    }

    /// The callback's `data.content`.
    #[must_use]
    pub fn content(&self) -> Option<&str> {
        self.callback.as_ref()?["data"]["content"].as_str()
    }

    /// Whether the answer is for the member alone.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        let flags = self.callback.as_ref().and_then(|callback| callback["data"]["flags"].as_u64());
        flags.is_some_and(|flags| flags & 64 != 0)
    }
}

/// Why the client would not have let a member do it.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum ClickError {
    /// No such member.
    #[error("there is no member {0}")]
    UnknownMember(String),
    /// No such message, or not for this member's eyes.
    #[error("the member sees no message {0}")]
    UnknownMessage(String),
    /// No such command is registered.
    #[error("there is no command /{0}: register it first")]
    UnknownCommand(String),
    /// COMPONENT_VALIDATION_FAILED.
    #[error("the message has no button {0}")]
    NotOnMessage(String),
    /// The button is disabled.
    #[error("the button {0} is disabled")]
    Disabled(String),
    /// No such modal is open.
    #[error("no modal {0} is open")]
    NoModal(String),
    /// The modal's values, or the command's options, do not fit.
    #[error("this cannot be sent: {0}")]
    Values(String),
    /// Interactions go nowhere yet.
    #[error("no interactions URL is set")]
    NoInteractionsUrl,
}

pub(super) fn member<'a>(shared: &'a Shared, id: &str) -> Result<&'a Member, ClickError> {
    let found = shared.options.members.iter().find(|member| member.id == id);
    found.ok_or_else(|| ClickError::UnknownMember(id.into()))
}

/// The interactions URL, after a probe when one is due.
pub(super) async fn endpoint(shared: &Arc<Shared>) -> Result<String, ClickError> {
    let url = shared.read(|state| state.interactions_url.clone()).ok_or(ClickError::NoInteractionsUrl)?;
    let due = shared.edit(|state| {
        state.clicks += 1;
        !std::mem::replace(&mut state.probed, true) || state.clicks % PROBE_EVERY == 0
    });
    if due {
        probe::probe(shared).await?;
    }
    Ok(url)
}

/// Press a button.
pub(super) async fn click(
    shared: &Arc<Shared>,
    member_id: &str,
    message_id: &str,
    custom_id: &str,
) -> Result<ClickOutcome, ClickError> {
    let member = member(shared, member_id)?;
    let pressed = |shared: &Shared| {
        shared.read(|state| {
            let posted = state.channel.find(message_id);
            let posted = posted.filter(|posted| posted.only_for.as_deref().is_none_or(|only| only == member_id));
            let message = posted.ok_or_else(|| ClickError::UnknownMessage(message_id.into()))?.message.clone();
            let ids = custom_ids(&message["components"]);
            let (_, component) = ids
                .iter()
                .find(|(id, _)| *id == custom_id)
                .ok_or_else(|| ClickError::NotOnMessage(custom_id.into()))?;
            if component["disabled"] == true {
                return Err(ClickError::Disabled(custom_id.into()));
            }
            let data = json!({"component_type": component["type"], "custom_id": custom_id, "id": component["id"]});
            Ok((data, message))
        })
    };
    pressed(shared)?;
    let url = endpoint(shared).await?;
    let (data, message) = pressed(shared)?;
    let ticket = Ticket::issue(shared, member_id, Some(message_id), false);
    let mut body =
        shared.read(|state| payload::interaction(&shared.options, state, member, 3, &ticket.id, &ticket.token));
    body["data"] = data;
    body["message"] = message;
    Ok(deliver(shared, &url, &ticket, &body).await)
}

/// Send the open modal.
pub(super) async fn submit_modal(
    shared: &Arc<Shared>,
    member_id: &str,
    custom_id: &str,
    values: &[(String, String)],
) -> Result<ClickOutcome, ClickError> {
    let member = member(shared, member_id)?;
    let modal = shared.read(|state| state.modals.get(member_id).cloned());
    let modal = modal.filter(|modal| modal.data["custom_id"] == custom_id);
    let modal = modal.ok_or_else(|| ClickError::NoModal(custom_id.into()))?;
    judge_modal_values(&modal.data, values).map_err(ClickError::Values)?;
    let url = endpoint(shared).await?;
    let ticket = Ticket::issue(shared, member_id, modal.message_id.as_deref(), true);
    let mut body =
        shared.read(|state| payload::interaction(&shared.options, state, member, 5, &ticket.id, &ticket.token));
    body["data"] = json!({"custom_id": custom_id, "components": submitted(&modal.data["components"], values)});
    let message = modal.message_id.as_deref();
    let message = shared.read(|state| Some(state.channel.find(message?)?.message.clone()));
    if let Some(message) = message {
        body["message"] = message;
    }
    let outcome = deliver(shared, &url, &ticket, &body).await;
    if outcome.failure.is_none() {
        shared.edit(|state| state.modals.remove(member_id));
    }
    Ok(outcome)
}

/// A modal's components as a MODAL_SUBMIT carries them.
fn submitted(components: &Value, values: &[(String, String)]) -> Value {
    let input = |component: &Value, number: usize| {
        let id = component["custom_id"].as_str().unwrap_or_default();
        let text = values.iter().find(|(given, _)| given == id).map_or("", |(_, text)| text.as_str());
        let mut sent = json!({"type": component["type"], "id": number, "custom_id": id});
        if component["type"] == 4 {
            sent["value"] = text.into();
        } else {
            sent["values"] = if text.is_empty() { json!([]) } else { json!([text]) };
        }
        sent
    };
    let rows = components.as_array().into_iter().flatten().enumerate();
    let rows = rows.map(|(index, component)| {
        let number = index * 2 + 1;
        match component["type"].as_u64() {
            Some(18) => json!({"type": 18, "id": number, "component": input(&component["component"], number + 1)}),
            Some(1) => json!({"type": 1, "id": number, "components": [input(&component["components"][0], number + 1)]}),
            _ => json!({"type": component["type"], "id": number}),
        }
    });
    rows.collect()
}
