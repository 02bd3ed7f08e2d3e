//! What every REST request passes: it is recorded, `User-Agent` and authorisation are checked, faults and rate limits met.

use super::answer::Refusal;
use super::fault::Fault;
use super::shared::{RateLimits, RestRequest, Shared};
use crate::clock;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// No body of ours comes near this.
const BODY_MAX: usize = 1 << 20;
/// Requests per window of one route's bucket.
const BUCKET_SIZE: u32 = 5;
/// The window, milliseconds.
const BUCKET_WINDOW: u64 = 5_000;

/// Before and after every route: record, `User-Agent`, authorisation, faults, rate limits.
pub(super) async fn gate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, BODY_MAX).await else {
        return Refusal::other(413, 40005, "Request entity too large").into_response();
    };
    let place = format!("{} {}", parts.method, parts.uri.path());
    let json: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let entry = RestRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        body: json.clone(),
        status: 0,
    };
    let index = shared.note_request(entry);
    // The answers to interactions carry their token in the path; everything else needs the bot's.
    let token_in_path = parts.uri.path().starts_with("/webhooks/") || parts.uri.path().starts_with("/interactions/");
    let response = match admit(&shared, &parts.headers, token_in_path) {
        Err(refusal) => {
            shared.report(place, refusal.body().clone(), json);
            refusal.into_response()
        }
        Ok(()) => {
            let request = Request::from_parts(parts.clone(), Body::from(bytes));
            let fault = shared.edit_quietly(|state| state.faults.pop_front());
            let bucket = bucket(&place);
            match (fault, spend(&shared, &bucket)) {
                (Some(fault), _) => meet(fault, request, next).await,
                (None, Err(retry_after)) => too_many(retry_after, false),
                (None, Ok(headers)) => {
                    let mut response = next.run(request).await;
                    response.headers_mut().extend(headers);
                    response
                }
            }
        }
    };
    shared.note_status(index, response.status().as_u16());
    response
}

fn admit(shared: &Shared, headers: &HeaderMap, token_in_path: bool) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let agent = text(header::USER_AGENT).strip_prefix("DiscordBot (").and_then(|rest| rest.split_once(')'));
    if !agent.is_some_and(|(inside, _)| {
        inside.split_once(", ").is_some_and(|(url, version)| !url.is_empty() && !version.is_empty())
    }) {
        return Err(Refusal::blocked_agent());
    }
    let authorised =
        text(header::AUTHORIZATION).strip_prefix("Bot ").is_some_and(|token| token == shared.options.bot_token);
    if token_in_path || authorised { Ok(()) } else { Err(Refusal::unauthorised()) }
}

async fn meet(fault: Fault, request: Request, next: Next) -> Response {
    match fault {
        Fault::RateLimited { retry_after, global } => too_many(retry_after, global),
        Fault::ServerError => Refusal::other(500, 0, "500: Internal Server Error").into_response(),
        Fault::Hang(duration) => {
            tokio::time::sleep(duration).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        Fault::LostResponse => {
            let _lost = next.run(request).await;
            StatusCode::BAD_GATEWAY.into_response()
        }
        Fault::Refuse { status, code, message } => Refusal::other(status, code, &message).into_response(),
    }
}

fn too_many(retry_after: f64, global: bool) -> Response {
    let body = json!({"message": "You are being rate limited.", "retry_after": retry_after, "global": global});
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
    let headers = response.headers_mut();
    let whole = format!("{:.0}", retry_after.ceil());
    if let Ok(value) = HeaderValue::from_str(&whole) {
        headers.insert("retry-after", value);
    }
    headers.insert("x-ratelimit-scope", HeaderValue::from_static(if global { "global" } else { "user" }));
    if global {
        headers.insert("x-ratelimit-global", HeaderValue::from_static("true"));
    }
    response
}

/// A route's bucket: its method and path without message ids, as Discord buckets by major parameter.
fn bucket(place: &str) -> String {
    place.split_once("/messages/").map_or(place, |(before, _)| before).to_owned()
}

/// Count a request; the headers for its answer, or the seconds to wait.
fn spend(shared: &Shared, bucket: &str) -> Result<HeaderMap, f64> {
    let now = clock::unix_millis();
    let (start, used, limits) = shared.edit_quietly(|state| {
        let entry = state.buckets.entry(bucket.to_owned()).or_insert((now, 0));
        if now.saturating_sub(entry.0) >= BUCKET_WINDOW {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        (entry.0, entry.1, state.rate_limits)
    });
    let left = std::time::Duration::from_millis((start + BUCKET_WINDOW).saturating_sub(now)).as_secs_f64();
    if limits == RateLimits::Enforced && used > BUCKET_SIZE {
        return Err(left);
    }
    let size = if limits == RateLimits::Lifted { u32::MAX } else { BUCKET_SIZE };
    let reset = std::time::Duration::from_millis(start + BUCKET_WINDOW).as_secs_f64();
    let mut name = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bucket.bytes() {
        name = (name ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let values = [
        ("x-ratelimit-limit", size.to_string()),
        ("x-ratelimit-remaining", size.saturating_sub(used).to_string()),
        ("x-ratelimit-reset", format!("{reset:.3}")),
        ("x-ratelimit-reset-after", format!("{left:.3}")),
        ("x-ratelimit-bucket", format!("{name:016x}")),
    ];
    let values = values
        .into_iter()
        .filter_map(|(name, value)| Some((header::HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?)));
    Ok(values.collect())
}
