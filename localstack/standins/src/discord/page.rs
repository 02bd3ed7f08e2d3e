//! The page that shows the channel, and the JSON behind it.

use super::click::{ClickError, ClickOutcome};
use super::shared::Shared;
use super::{click, command, file, payload};
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Json, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;

/// How many messages the page shows.
const SHOWN: usize = 200;
/// How many violations the page shows.
const VIOLATIONS_SHOWN: usize = 50;

/// Nothing from elsewhere, no inline code: what a hostile string could do ends here too.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Page {
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
}

/// `/`, its files, `/events` and `/page/...`.
pub(super) fn router(shared: Arc<Shared>, stopped: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/page.css", get(async || static_file("text/css; charset=utf-8", include_str!("page/page.css"))))
        .route("/page.js", script(include_str!("page/page.js")))
        .route("/markup.js", script(include_str!("page/markup.js")))
        .route("/message.js", script(include_str!("page/message.js")))
        .route("/modal.js", script(include_str!("page/modal.js")))
        .route("/people.js", script(include_str!("page/people.js")))
        .route("/command.js", script(include_str!("page/command.js")))
        .route("/store.js", script(include_str!("page/store.js")))
        .route("/events", get(events))
        .route("/page/state", get(state))
        .route("/page/click", post(press))
        .route("/page/modal", post(send_modal))
        .route("/page/modal/close", post(close_modal))
        .route("/page/dismiss", post(dismiss))
        .route("/page/command", post(enter))
        .route(
            "/attachments/{id}/{name}",
            get(async |State(page): State<Page>, path| file::read(State(page.shared), path).await),
        )
        .with_state(Page { shared, stopped })
}

fn script(text: &'static str) -> MethodRouter<Page> {
    get(async move || static_file("text/javascript; charset=utf-8", text))
}

fn static_file(kind: &'static str, text: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text).into_response()
}

#[derive(Deserialize)]
struct As {
    #[serde(default)]
    member: String,
}

async fn state(State(page): State<Page>, Query(who): Query<As>) -> Json<Value> {
    Json(view(&page.shared, &who.member))
}

#[derive(Deserialize)]
struct Shown {
    #[serde(default, rename = "as")]
    member: String,
}

/// The page with what there is to see, so that it is whole before any connection of its own.
async fn index(State(page): State<Page>, Query(who): Query<Shown>) -> Response {
    let members = &page.shared.options.members;
    let shown = members.iter().find(|member| member.id == who.member).or(members.first());
    let view = view(&page.shared, shown.map_or("", |member| &member.id)).to_string();
    // No text can end the element that it stands in.
    let html = include_str!("page/index.html").replace("{{state}}", &view.replace('<', "\\u003c"));
    static_file("text/html; charset=utf-8", html)
}

/// The whole view once at the start and after each change; a slow page skips states, never the last one. A page of
/// another origin gets nothing: a browser would let it connect.
async fn events(
    State(page): State<Page>,
    Query(who): Query<As>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_of_same_origin(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(move |socket| show(socket, page, who.member))
}

fn is_of_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return true };
    origin.split_once("://").is_some_and(|(_, host)| Some(host) == text(header::HOST))
}

async fn show(mut socket: WebSocket, page: Page, member: String) {
    let Page { shared, mut stopped } = page;
    let mut changes = shared.changes();
    loop {
        changes.mark_unchanged();
        if socket.send(Message::from(view(&shared, &member).to_string())).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                changed = changes.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                // The page says nothing but that it goes.
                said = socket.recv() => match said {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                _ = stopped.wait_for(|stop| *stop) => return,
            }
        }
    }
}

/// What one member sees.
fn view(shared: &Shared, member_id: &str) -> Value {
    let options = &shared.options;
    let members: Vec<Value> = options
        .members
        .iter()
        .map(|member| json!({"id": member.id, "name": member.name, "roles": member.roles, "bot": member.bot}))
        .collect();
    let roles: Vec<Value> = options
        .roles
        .iter()
        .map(|role| json!({"id": role.id, "name": role.name, "colour": format!("#{:06x}", role.colour)}))
        .collect();
    shared.read(|state| {
        let failed = |id: &str| state.failures.contains(&(member_id.to_owned(), id.to_owned()));
        let mut messages: Vec<Value> = state
            .channel
            .visible_to(member_id)
            .rev()
            .take(SHOWN)
            .map(|posted| {
                let mut shown = posted.message.clone();
                shown["ephemeral"] = posted.only_for.is_some().into();
                shown["failed"] = shown["id"].as_str().is_some_and(failed).into();
                shown
            })
            .collect();
        messages.reverse();
        let violations: Vec<Value> = state
            .violations
            .iter()
            .rev()
            .take(VIOLATIONS_SHOWN)
            .map(|violation| json!({"place": violation.place, "problem": violation.problem}))
            .collect();
        json!({
            "guild": {"id": options.guild_id, "name": options.guild_name},
            "channel": {"id": options.channel_id, "name": options.channel_name},
            "bot": payload::bot_user(options), "members": members, "roles": roles, "messages": messages,
            "commands": state.commands,
            "modal": state.modals.get(member_id).map(|modal| &modal.data),
            "ready": state.interactions_url.is_some(),
            "violations": {"count": state.violations.len(), "latest": violations},
        })
    })
}

#[derive(Deserialize)]
struct Press {
    member: String,
    message: String,
    custom_id: String,
}

async fn press(State(page): State<Page>, Json(press): Json<Press>) -> Response {
    outcome(click::click(&page.shared, &press.member, &press.message, &press.custom_id).await)
}

#[derive(Deserialize)]
struct ModalValues {
    member: String,
    custom_id: String,
    values: Vec<(String, String)>,
}

async fn send_modal(State(page): State<Page>, Json(modal): Json<ModalValues>) -> Response {
    outcome(click::submit_modal(&page.shared, &modal.member, &modal.custom_id, &modal.values).await)
}

#[derive(Deserialize)]
struct Entered {
    member: String,
    name: String,
    options: Value,
}

async fn enter(State(page): State<Page>, Json(entered): Json<Entered>) -> Response {
    outcome(command::run(&page.shared, &entered.member, &entered.name, entered.options).await)
}

async fn close_modal(State(page): State<Page>, Json(who): Json<As>) -> StatusCode {
    page.shared.edit(|state| state.modals.remove(&who.member));
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Dismiss {
    member: String,
    message: String,
}

/// Members can remove ephemeral messages of their own, nothing else.
async fn dismiss(State(page): State<Page>, Json(dismiss): Json<Dismiss>) -> StatusCode {
    page.shared.edit(|state| {
        let own = state
            .channel
            .find(&dismiss.message)
            .is_some_and(|posted| posted.only_for.as_ref() == Some(&dismiss.member));
        if own && state.channel.delete(&dismiss.message) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
    })
}

/// What the client itself refuses is no failure of the page: 200 with `error`.
fn outcome(result: Result<ClickOutcome, ClickError>) -> Response {
    match result {
        Ok(outcome) => Json(outcome).into_response(),
        Err(error) => Json(json!({"error": error.to_string()})).into_response(),
    }
}
