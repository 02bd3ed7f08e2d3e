//! The login service, and the routes under `/api`.

use super::Shared;
use super::estate::{KINDS, NotTaken};
use super::filter;
use crate::fault::On;
use crate::shared::credential;
use crate::wire;
use axum::body::Bytes;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const MOST_BYTES: usize = 1024 * 1024;
const SCOPE: &str = "https://api.securitycenter.microsoft.com/.default";
/// The life of a token, as it is told and kept.
const LIFE: u64 = 3599;

type Pairs = Query<Vec<(String, String)>>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/{directory}/oauth2/v2.0/token", post(token))
        .route("/api/machines", get(machines))
        .route("/api/machines/{id}", get(machine))
        .route("/api/machines/{id}/{action}", post(act))
        .route("/api/machineactions", get(actions))
        .route("/api/machineactions/{id}", get(action))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "ResourceNotFound", "Resource was not found") })
        .layer(from_fn_with_state(Arc::clone(&shared), guard))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(shared)
}

/// One error in the vendor's body; `target` is the id of this very error.
fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let target = "5ca1ab1e-0000-4000-a000-000000000000";
    (status, Json(json!({"error": {"code": code, "message": message, "target": target}}))).into_response()
}

fn refusal(status: StatusCode) -> Response {
    match status {
        StatusCode::TOO_MANY_REQUESTS => refuse(status, "TooManyRequests", "Too many requests"),
        StatusCode::FORBIDDEN => {
            refuse(status, "Forbidden", "The application does not have any of the required permissions")
        }
        _ => refuse(status, "InternalServerError", "Internal server error"),
    }
}

fn throttle(headers: &mut HeaderMap, wait: Duration) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
}

fn kind(method: &Method, path: &str) -> On {
    match path {
        _ if path.ends_with("/oauth2/v2.0/token") => On::Token,
        "/api/machines" => On::Query,
        _ if path.starts_with("/api/machineactions") => On::CommandStatus,
        _ if method == Method::GET => On::Details,
        _ => On::Action,
    }
}

/// Faults, then the token, then the handler.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    shared.count_request();
    let kind = kind(request.method(), request.uri().path());
    let fault = shared.faults.take(kind);
    let response = match &fault {
        Some(fault) if !fault.acts() => Response::default(),
        _ if kind != On::Token && !is_authorised(&shared, request.headers()) => {
            refuse(StatusCode::UNAUTHORIZED, "Unauthorized", "The token is missing, expired or not for this service")
        }
        _ => next.run(request).await,
    };
    match fault {
        Some(fault) => wire::failed(fault, response, refusal, throttle).await,
        None => response,
    }
}

fn is_authorised(shared: &Shared, headers: &HeaderMap) -> bool {
    credential(headers, "bearer").is_some_and(|token| shared.estate().issued.knows_token(token, Instant::now()))
}

#[derive(Deserialize)]
struct Credentials {
    grant_type: String,
    client_id: String,
    client_secret: String,
    scope: String,
}

async fn token(
    State(shared): State<Arc<Shared>>,
    Path(directory): Path<String>,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let no = |status: StatusCode, error: &str, text: &str| {
        (status, Json(json!({"error": error, "error_description": text, "error_codes": [7_000_215]}))).into_response()
    };
    let Ok(Form(given)) = form else { return no(StatusCode::BAD_REQUEST, "invalid_request", "AADSTS900144") };
    let options = &shared.options;
    if directory != options.directory {
        return no(StatusCode::BAD_REQUEST, "invalid_request", "AADSTS90002: Tenant not found");
    }
    if given.grant_type != "client_credentials" || given.scope != SCOPE {
        return no(StatusCode::BAD_REQUEST, "invalid_scope", "AADSTS70011");
    }
    if given.client_id != options.client_id || given.client_secret != options.client_secret {
        return no(StatusCode::UNAUTHORIZED, "invalid_client", "AADSTS7000215: Invalid client secret provided");
    }
    let token = shared.estate().issued.token(Instant::now() + Duration::from_secs(LIFE));
    Json(json!({"token_type": "Bearer", "expires_in": LIFE, "ext_expires_in": LIFE, "access_token": token}))
        .into_response()
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn list(found: impl Iterator<Item = Value>) -> Response {
    let found: Vec<Value> = found.collect();
    Json(json!({"@odata.context": "https://api.securitycenter.microsoft.com/api/$metadata", "value": found}))
        .into_response()
}

async fn machines(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let filter = value(&pairs, "$filter").and_then(filter::parse);
    let name = match filter.as_deref() {
        Some([(field, names)]) if field == "computerDnsName" && names.len() == 1 => &names[0],
        _ => return refuse(StatusCode::BAD_REQUEST, "InvalidInput", "this server knows computerDnsName eq '..'"),
    };
    let top = value(&pairs, "$top").and_then(|top| top.parse().ok()).unwrap_or(10_000);
    list(shared.estate().named(name).take(top))
}

async fn machine(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.estate().machine(&id) {
        Some(machine) => Json(machine).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "ResourceNotFound", &format!("Machine {id} was not found")),
    }
}

async fn act(
    State(shared): State<Arc<Shared>>,
    Path((id, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let bad = |code: &str, message: &str| refuse(StatusCode::BAD_REQUEST, code, message);
    // The vendor has others on this URL. Nothing here may ever send them.
    let Some((_, _, field)) = KINDS.iter().find(|(known, ..)| *known == action) else {
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFound", "Resource was not found");
    };
    let json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&body) else {
        return bad("InvalidRequestBody", "Request body is incorrect");
    };
    // Keys are case-sensitive.
    let known = |key: &String| key == "Comment" || key == "ExternalID" || Some(key.as_str()) == *field;
    let Some(comment) = body.get("Comment").and_then(Value::as_str).filter(|text| !text.is_empty()) else {
        return bad("MissingRequiredParameter", "Comment is required");
    };
    if !json || !body.keys().all(known) {
        return bad("InvalidRequestBody", "Request body is incorrect");
    }
    let field = match field {
        Some(name) => match body.get(*name).and_then(Value::as_str) {
            Some(value) if is_sound(name, value) => Some(value),
            _ => return bad("InvalidInput", &format!("{name} is missing or not valid")),
        },
        None => None,
    };
    let external = body.get("ExternalID").and_then(Value::as_str);
    match shared.estate().ask(&id, &action, field, comment, external, Instant::now()) {
        Ok(action) => (StatusCode::CREATED, Json(action)).into_response(),
        Err(NotTaken::UnknownMachine) => {
            refuse(StatusCode::NOT_FOUND, "ResourceNotFound", &format!("Machine {id} was not found"))
        }
        Err(NotTaken::Active) => bad("ActiveRequestAlreadyExists", "Action is already in progress"),
    }
}

fn is_sound(name: &str, value: &str) -> bool {
    match name {
        "IsolationType" => matches!(value, "Full" | "Selective"),
        _ => value.len() == 40 && value.bytes().all(|b| b.is_ascii_hexdigit()),
    }
}

async fn actions(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let Some(filter) = value(&pairs, "$filter").map_or(Some(Vec::new()), filter::parse) else {
        return refuse(StatusCode::BAD_REQUEST, "InvalidInput", "the filter is not understood");
    };
    let wanted = |machine: &str, kind: &str| {
        filter.iter().all(|(field, values)| match field.as_str() {
            "machineId" => values.iter().any(|value| value == machine),
            "type" => values.iter().any(|value| value == kind),
            _ => false,
        })
    };
    list(shared.estate().actions(wanted, Instant::now()).into_iter())
}

async fn action(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.estate().action(&id, Instant::now()) {
        Some(action) => Json(action).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "ResourceNotFound", &format!("Machine action {id} was not found")),
    }
}
