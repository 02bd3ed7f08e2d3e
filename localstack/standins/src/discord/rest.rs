//! Discord's REST API v10, the routes that Vyrox uses.

use super::answer::Refusal;
use super::channel::{Extras, nonce_key};
use super::gate::gate;
use super::rules::{MessageForm, Problems, is_empty_message, judge_message};
use super::schema::Body as SchemaBody;
use super::shared::Shared;
use super::{guild, payload, webhook};
use crate::clock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::Json;
use axum::routing::{get, patch, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Everything below `/api/v10`.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/channels/{channel}", get(read_channel))
        .route("/channels/{channel}/messages", post(create_message).get(list_messages))
        .route("/channels/{channel}/messages/{message}", patch(edit_message).get(read_message).delete(delete_message))
        .route("/applications/@me", get(read_application))
        .route("/users/@me", get(read_user))
        .route("/gateway/bot", get(read_gateway))
        .route("/webhooks/{application}/{token}", post(webhook::create))
        .route(
            "/webhooks/{application}/{token}/messages/{message}",
            patch(webhook::edit).get(webhook::read).delete(webhook::delete),
        )
        .route("/interactions/{id}/{token}/callback", post(webhook::callback))
        .merge(guild::router())
        .fallback(async || Refusal::not_found())
        .layer(from_fn_with_state(Arc::clone(&shared), gate))
        .with_state(shared);
    Router::new().nest("/api/v10", api)
}

/// A JSON body; anything else is refused as Discord refuses it.
pub(super) struct JsonBody(pub(super) Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/json"));
        let bytes = Bytes::from_request(request, state).await.map_err(|_| Refusal::not_json())?;
        let value = serde_json::from_slice(&bytes).map_err(|_| Refusal::not_json())?;
        if json {
            Ok(Self(value))
        } else {
            Err(Refusal::other(400, 50035, "Expected \"Content-Type\" header to be application/json"))
        }
    }
}

/// Judge a message body by the rules and the schema; what is wrong is kept as a violation.
pub(super) fn judge(
    shared: &Shared,
    place: &str,
    body: &Value,
    form: MessageForm,
    kind: SchemaBody,
) -> Result<(), Refusal> {
    let mut problems = Problems::default();
    judge_message(body, form, &mut problems);
    judge_schema(shared, kind, body, &mut problems);
    if problems.is_empty() {
        return Ok(());
    }
    let refusal = Refusal::invalid_form(&problems);
    shared.report(place, refusal.body().clone(), body.clone());
    Err(refusal)
}

/// Add what Discord's OpenAPI file says, where there is one.
pub(super) fn judge_schema(shared: &Shared, kind: SchemaBody, body: &Value, problems: &mut Problems) {
    for (pointer, message) in shared.schema.iter().flat_map(|schema| schema.judge(kind, body)) {
        let at = pointer.split('/').skip(1).fold(super::rules::At::default(), |at, step| at.down(step));
        problems.add(&at, "OPENAPI_SCHEMA", message);
    }
}

fn known_channel(shared: &Shared, channel: &str) -> Result<(), Refusal> {
    if channel == shared.options.channel_id { Ok(()) } else { Err(Refusal::unknown_channel()) }
}

async fn create_message(
    State(shared): State<Arc<Shared>>,
    Path(channel): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refusal> {
    known_channel(&shared, &channel)?;
    judge(&shared, "POST /channels/{channel}/messages", &body, MessageForm::Create, SchemaBody::MessageCreate)?;
    if is_empty_message(&body) {
        let refusal = Refusal::empty_message();
        shared.report("POST /channels/{channel}/messages", refusal.body().clone(), body);
        return Err(refusal);
    }
    let now = clock::unix_millis();
    shared.edit(|state| {
        if body["enforce_nonce"] == true
            && let Some(earlier) = state.channel.by_nonce(&nonce_key(&body["nonce"]), now)
        {
            return earlier.cloned().map(Json).map_err(|()| Refusal::unknown_message());
        }
        let id = state.ids.make(now);
        let extras = Extras { flags: 0, only_for: None, kind: 0, refers_to: None };
        Ok(Json(state.channel.post(&shared.options, &id, &body, &extras, now)))
    })
}

async fn edit_message(
    State(shared): State<Arc<Shared>>,
    Path((channel, message)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refusal> {
    known_channel(&shared, &channel)?;
    judge(&shared, "PATCH /channels/{channel}/messages/{message}", &body, MessageForm::Edit, SchemaBody::MessageEdit)?;
    edit(&shared, &message, &body).map(Json)
}

/// Edit a message that everyone sees, unless nothing would be left of it.
fn edit(shared: &Shared, message_id: &str, body: &Value) -> Result<Value, Refusal> {
    shared.edit(|state| {
        let public = state.channel.find(message_id).is_some_and(|posted| posted.only_for.is_none());
        let message = state
            .channel
            .edited(message_id, body, &shared.options, clock::unix_millis())
            .filter(|_| public)
            .ok_or_else(Refusal::unknown_message)?;
        if is_empty_message(&message) {
            return Err(Refusal::empty_message());
        }
        state.channel.replace(&message);
        Ok(message)
    })
}

async fn read_message(
    State(shared): State<Arc<Shared>>,
    Path((channel, message)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    known_channel(&shared, &channel)?;
    shared.read(|state| {
        let found = state.channel.public().find(|candidate| candidate["id"] == message.as_str());
        found.cloned().map(Json).ok_or_else(Refusal::unknown_message)
    })
}

/// How many messages a list has, unless it is asked for another number.
const LISTED: usize = 50;
/// The most that can be asked for.
const MOST_LISTED: usize = 100;

#[derive(Deserialize)]
struct Listing {
    limit: Option<usize>,
    before: Option<u64>,
}

async fn list_messages(
    State(shared): State<Arc<Shared>>,
    Path(channel): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, Refusal> {
    known_channel(&shared, &channel)?;
    let mut messages: Vec<Value> = shared.read(|state| state.channel.public().cloned().collect());
    if let Some(before) = listing.before {
        messages.retain(|message| {
            message["id"].as_str().and_then(|id| id.parse::<u64>().ok()).is_some_and(|id| id < before)
        });
    }
    messages.reverse();
    messages.truncate(listing.limit.unwrap_or(LISTED).clamp(1, MOST_LISTED));
    Ok(Json(messages.into()))
}

async fn delete_message(
    State(shared): State<Arc<Shared>>,
    Path((channel, message)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    known_channel(&shared, &channel)?;
    let deleted = shared.edit(|state| state.channel.delete(&message));
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::unknown_message()) }
}

async fn read_channel(State(shared): State<Arc<Shared>>, Path(channel): Path<String>) -> Result<Json<Value>, Refusal> {
    known_channel(&shared, &channel)?;
    Ok(Json(shared.read(|state| payload::channel(&shared.options, state.channel.last_id()))))
}

async fn read_application(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let url = shared.read(|state| state.interactions_url.clone());
    Json(json!({
        "id": shared.options.application_id, "name": shared.options.bot_name, "description": "", "icon": null, "flags": 0,
        "bot_public": false, "bot_require_code_grant": true, "verify_key": shared.signer.public_key_hex(),
        "bot": payload::bot_user(&shared.options), "interactions_endpoint_url": url,
    }))
}

async fn read_user(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(payload::bot_user(&shared.options))
}

async fn read_gateway() -> Json<Value> {
    let limit = json!({"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1});
    Json(json!({"url": "wss://gateway.discord.gg", "shards": 1, "session_start_limit": limit}))
}
