//! Sends one signed interaction, times it, judges the answer and applies it.

use super::answer::Refusal;
use super::channel::{EPHEMERAL, Extras, LOADING};
use super::click::ClickOutcome;
use super::rest::judge_schema;
use super::rules::{Origin, Problems, is_empty_message, judge_callback};
use super::schema::Body as SchemaBody;
use super::shared::{Interaction, Invoked, Modal, Shared};
use crate::clock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the initial response may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// Ids of an interaction that is about to be sent.
pub(super) struct Ticket {
    /// The interaction's id.
    pub(super) id: String,
    /// Its token.
    pub(super) token: String,
}

impl Ticket {
    /// Make the ids and remember the interaction, which came from a message or a modal.
    pub(super) fn issue(shared: &Shared, member_id: &str, message_id: Option<&str>, from_modal: bool) -> Self {
        Self::remember(shared, member_id, message_id, from_modal, None)
    }

    /// The same for a slash command.
    pub(super) fn issue_command(shared: &Shared, member_id: &str, invoked: Invoked) -> Self {
        Self::remember(shared, member_id, None, false, Some(invoked))
    }

    fn remember(
        shared: &Shared,
        member_id: &str,
        message_id: Option<&str>,
        from_modal: bool,
        invoked: Option<Invoked>,
    ) -> Self {
        let now = clock::unix_millis();
        shared.edit(|state| {
            let id = state.ids.make(now);
            let token = format!("aW50ZXJhY3Rpb246{}_{}", id, state.ids.make(now));
            let interaction = Interaction {
                id: id.clone(),
                sent: now,
                member_id: member_id.into(),
                invoked,
                message_id: message_id.map(Into::into),
                from_modal,
                acknowledged: None,
                dead: false,
                original: None,
                follow_ups: Vec::new(),
            };
            state.interactions.insert(token.clone(), interaction);
            Self { id, token }
        })
    }
}

/// Send `body` to the interactions URL, wait at most 3 s, judge and apply what comes back.
pub(super) async fn deliver(shared: &Arc<Shared>, url: &str, ticket: &Ticket, body: &Value) -> ClickOutcome {
    let bytes = body.to_string().into_bytes();
    let headers = shared.signer.sign(clock::unix_millis() / 1000, &bytes);
    let started = Instant::now();
    let sent = shared
        .http
        .post(url)
        .header("content-type", "application/json")
        .header("x-signature-ed25519", headers.signature)
        .header("x-signature-timestamp", headers.timestamp)
        .timeout(DEADLINE)
        .body(bytes)
        .send();
    let answer = async {
        let response = sent.await?;
        let json = response
            .headers()
            .get("content-type")
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/json"));
        Ok::<_, reqwest::Error>((response.status().as_u16(), json, response.bytes().await?))
    }
    .await;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut outcome = ClickOutcome { interaction_id: ticket.id.clone(), millis, ..ClickOutcome::default() };
    let result = match answer {
        Err(error) if error.is_timeout() => Err("no answer within 3 seconds".to_owned()),
        Err(error) => Err(format!("the interactions URL cannot be reached: {}", innermost(&error))),
        Ok((status, json, bytes)) => {
            outcome.status = status;
            judge_answer(shared, ticket, status, json, &bytes, &mut outcome.callback)
        }
    };
    if let Err(reason) = result {
        fail(shared, ticket, &reason, outcome.callback.as_ref());
        outcome.failure = Some(reason);
    }
    outcome
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn judge_answer(
    shared: &Shared,
    ticket: &Ticket,
    status: u16,
    json: bool,
    bytes: &[u8],
    callback: &mut Option<Value>,
) -> Result<(), String> {
    if status == 202 && bytes.is_empty() {
        let acknowledged = shared
            .read(|state| state.interactions.get(&ticket.token).is_some_and(|entry| entry.acknowledged.is_some()));
        return if acknowledged { Ok(()) } else { Err("202 without a callback over the REST API".into()) };
    }
    if status != 200 {
        return Err(format!("status {status}"));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|_| "the answer is not JSON".to_owned())?;
    *callback = Some(value.clone());
    if !json {
        return Err("the answer's Content-Type is not application/json".into());
    }
    apply(shared, &ticket.token, &value).map_err(|refusal| refusal.body().to_string())
}

/// The interaction failed: the token dies, the member sees it, and a test can see why.
fn fail(shared: &Shared, ticket: &Ticket, reason: &str, callback: Option<&Value>) {
    shared.edit(|state| {
        if let Some(entry) = state.interactions.get_mut(&ticket.token) {
            entry.dead = true;
            let message = entry.message_id.clone().unwrap_or_default();
            state.failures.insert((entry.member_id.clone(), message));
        }
    });
    shared.report("interaction callback", reason, callback.cloned().unwrap_or(Value::Null));
}

/// Judge an initial response and do what it says. Used for both ways to answer.
pub(super) fn apply(shared: &Shared, token: &str, callback: &Value) -> Result<(), Refusal> {
    let now = clock::unix_millis();
    let entry = shared.read(|state| state.interactions.get(token).cloned()).ok_or_else(Refusal::unknown_interaction)?;
    if entry.dead || now.saturating_sub(entry.sent) > DEADLINE.as_secs() * 1000 {
        return Err(Refusal::unknown_interaction());
    }
    let origin = match (&entry.message_id, entry.from_modal) {
        (Some(_), false) => Origin::Component,
        (Some(_), true) => Origin::ModalFromComponent,
        (None, modal) => Origin::Command { modal },
    };
    let mut problems = Problems::default();
    judge_callback(callback, origin, &mut problems);
    judge_schema(shared, SchemaBody::Callback, callback, &mut problems);
    if !problems.is_empty() {
        return Err(Refusal::invalid_form(&problems));
    }
    let kind = callback["type"].as_u64().unwrap_or(0);
    shared.edit(|state| {
        if state.interactions.get(token).is_some_and(|entry| entry.acknowledged.is_some()) {
            return Err(Refusal::already_acknowledged());
        }
        let data = &callback["data"];
        let original = match kind {
            4 | 5 => {
                let id = state.ids.make(now);
                let ephemeral = data["flags"].as_u64().unwrap_or(0) & EPHEMERAL != 0;
                let extras = Extras {
                    flags: if kind == 5 { LOADING } else { 0 },
                    only_for: ephemeral.then_some(entry.member_id.as_str()),
                    kind: if entry.message_id.is_some() { 19 } else { 20 },
                    refers_to: entry.message_id.as_deref(),
                };
                let body = if data.is_null() { &json!({}) } else { data };
                let mut message = state.channel.post(&shared.options, &id, body, &extras, now);
                if let Some(invoked) = &entry.invoked {
                    message["interaction_metadata"] =
                        json!({"id": entry.id, "type": 2, "user": invoked.user, "command": invoked.line});
                    state.channel.replace(&message);
                }
                Some(id)
            }
            7 => {
                let id = entry.message_id.clone().unwrap_or_default();
                let message =
                    state.channel.edited(&id, data, &shared.options, now).ok_or_else(Refusal::unknown_message)?;
                if is_empty_message(&message) {
                    return Err(Refusal::empty_message());
                }
                state.channel.replace(&message);
                Some(id)
            }
            9 => {
                let modal = Modal { data: data.clone(), message_id: entry.message_id.clone() };
                state.modals.insert(entry.member_id.clone(), modal);
                None
            }
            _ => entry.message_id.clone(),
        };
        state.failures.remove(&(entry.member_id.clone(), entry.message_id.clone().unwrap_or_default()));
        if let Some(entry) = state.interactions.get_mut(token) {
            entry.acknowledged = Some(kind);
            entry.original = original;
        }
        Ok(())
    })
}
