//! Answers to interactions over the REST API: the callback route and follow-ups.

use super::answer::Refusal;
use super::channel::{EPHEMERAL, Extras, LOADING};
use super::deliver;
use super::file::{self, BodyWithFiles};
use super::rest::{JsonBody, judge};
use super::rules::{MessageForm, Problems, is_empty_message};
use super::schema::Body as SchemaBody;
use super::shared::{Interaction, Shared};
use crate::clock;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde_json::Value;
use std::sync::Arc;

/// How long an interaction's token lives, milliseconds.
const TOKEN_LIFE: u64 = 15 * 60 * 1000;

/// `POST /interactions/{id}/{token}/callback`.
pub(super) async fn callback(
    State(shared): State<Arc<Shared>>,
    Path((id, token)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<StatusCode, Refusal> {
    let known = shared.read(|state| state.interactions.get(&token).is_some_and(|entry| entry.id == id));
    if !known {
        return Err(Refusal::unknown_interaction());
    }
    deliver::apply(&shared, &token, &body)
        .inspect_err(|refusal| shared.report("interaction callback", refusal.body().clone(), body.clone()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The interaction behind a webhook URL, if its token still works.
fn interaction(shared: &Shared, application: &str, token: &str) -> Result<Interaction, Refusal> {
    if application != shared.options.application_id {
        return Err(Refusal::unknown_webhook());
    }
    let entry = shared.read(|state| state.interactions.get(token).cloned()).ok_or_else(Refusal::unknown_webhook)?;
    let expired = clock::unix_millis().saturating_sub(entry.sent) > TOKEN_LIFE;
    if expired || entry.dead {
        return Err(Refusal::invalid_webhook_token());
    }
    if entry.acknowledged.is_none() { Err(Refusal::unknown_webhook()) } else { Ok(entry) }
}

/// The message that a path means: `@original` or one of this interaction's messages by id.
fn message_id(entry: &Interaction, message: &str) -> Result<String, Refusal> {
    match message {
        "@original" => entry.original.clone().ok_or_else(Refusal::unknown_message),
        id if entry.original.as_deref() == Some(id) || entry.follow_ups.iter().any(|own| own == id) => {
            Ok(id.to_owned())
        }
        _ => Err(Refusal::unknown_message()),
    }
}

/// `POST /webhooks/{application}/{token}`.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Path((application, token)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refusal> {
    let entry = interaction(&shared, &application, &token)?;
    judge(&shared, "POST /webhooks/{application}/{token}", &body, MessageForm::FollowUp, SchemaBody::FollowUp)?;
    if is_empty_message(&body) {
        let refusal = Refusal::empty_message();
        shared.report("POST /webhooks/{application}/{token}", refusal.body().clone(), body);
        return Err(refusal);
    }
    let now = clock::unix_millis();
    Ok(Json(shared.edit(|state| {
        let ephemeral = body["flags"].as_u64().unwrap_or(0) & EPHEMERAL != 0;
        let extras = Extras {
            flags: 0,
            only_for: ephemeral.then_some(entry.member_id.as_str()),
            kind: 0,
            refers_to: entry.original.as_deref(),
        };
        // The first follow-up to a deferred answer takes the place of "is thinking".
        let waiting = entry.original.as_deref().filter(|id| {
            let posted = state.channel.find(id);
            posted.is_some_and(|posted| posted.message["flags"].as_u64().unwrap_or(0) & LOADING != 0)
        });
        if let Some(mut message) = waiting.and_then(|id| state.channel.edited(id, &body, &shared.options, now)) {
            message["edited_timestamp"] = Value::Null;
            state.channel.replace(&message);
            return message;
        }
        let id = state.ids.make(now);
        if let Some(entry) = state.interactions.get_mut(&token) {
            entry.follow_ups.push(id.clone());
        }
        state.channel.post(&shared.options, &id, &body, &extras, now)
    })))
}

/// `PATCH /webhooks/{application}/{token}/messages/{message}`.
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    Path((application, token, message)): Path<(String, String, String)>,
    BodyWithFiles { body: sent, files }: BodyWithFiles,
) -> Result<Json<Value>, Refusal> {
    let entry = interaction(&shared, &application, &token)?;
    let id = message_id(&entry, &message)?;
    let place = "PATCH /webhooks/{application}/{token}/messages/{message}";
    let (mut body, mut problems) = (sent.clone(), Problems::default());
    file::take_listed(&mut body, &files, &mut problems);
    if !problems.is_empty() {
        let refusal = Refusal::invalid_form(&problems);
        shared.report(place, refusal.body().clone(), sent);
        return Err(refusal);
    }
    judge(&shared, place, &body, MessageForm::FollowUpEdit, SchemaBody::FollowUpEdit)?;
    let now = clock::unix_millis();
    shared.edit(|state| {
        let edited = state.channel.edited(&id, &body, &shared.options, now);
        let mut message = edited.ok_or_else(Refusal::unknown_message)?;
        if !files.is_empty() {
            let ids: Vec<String> = files.iter().map(|_| state.ids.make(now)).collect();
            message["attachments"] = file::attach(&files, &ids);
            state.files.extend(ids.into_iter().zip(files));
        }
        if is_empty_message(&message) {
            return Err(Refusal::empty_message());
        }
        state.channel.replace(&message);
        Ok(Json(message))
    })
}

/// `GET /webhooks/{application}/{token}/messages/{message}`.
pub(super) async fn read(
    State(shared): State<Arc<Shared>>,
    Path((application, token, message)): Path<(String, String, String)>,
) -> Result<Json<Value>, Refusal> {
    let entry = interaction(&shared, &application, &token)?;
    let id = message_id(&entry, &message)?;
    let found = shared.read(|state| state.channel.find(&id).map(|posted| posted.message.clone()));
    found.map(Json).ok_or_else(Refusal::unknown_message)
}

/// `DELETE /webhooks/{application}/{token}/messages/{message}`.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path((application, token, message)): Path<(String, String, String)>,
) -> Result<StatusCode, Refusal> {
    let entry = interaction(&shared, &application, &token)?;
    let id = message_id(&entry, &message)?;
    let deleted = shared.edit(|state| state.channel.delete(&id));
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::unknown_message()) }
}
