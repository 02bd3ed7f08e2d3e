//! Routes, and what every request goes through.

use super::body::{TRACE, refuse};
use super::{Shared, devices, page, rtr, token};
use crate::fault::On;
use crate::wire;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::Duration;

/// The limit that `X-Ratelimit-Limit` tells. It is not enforced; [`crate::Fault::RateLimited`] is for that.
const RATE_LIMIT: u64 = 6000;
const MOST_BYTES: usize = 1024 * 1024;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/oauth2/token", post(token::issue))
        .route("/devices/entities/devices-actions/v2", post(devices::act))
        .route("/devices/entities/devices/v2", get(devices::read_by_query).post(devices::read_by_body))
        .route("/devices/queries/devices/v1", get(devices::search))
        .route("/real-time-response/entities/sessions/v1", post(rtr::open).delete(rtr::close))
        .route("/real-time-response/entities/active-responder-command/v1", post(rtr::send).get(rtr::result))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "404: Page Not Found") })
        .method_not_allowed_fallback(|| async { refuse(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed") })
        .layer(from_fn_with_state(Arc::clone(&shared), guard))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .route("/", get(page::show))
        .with_state(shared)
}

/// Faults, then the token, then the handler; the vendor's headers on the way out.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let number = shared.count_request();
    let kind = kind(request.method(), request.uri().path());
    let fault = kind.and_then(|kind| shared.faults.take(kind));
    let needs_token = kind != Some(On::Token);
    let response = match &fault {
        Some(fault) if !fault.acts() => Response::default(),
        _ if needs_token && !token::is_authorised(&shared, request.headers()) => {
            refuse(StatusCode::UNAUTHORIZED, "access denied, invalid bearer token")
        }
        _ => next.run(request).await,
    };
    let response = match fault {
        Some(fault) => wire::failed(fault, response, refusal, throttle).await,
        None => response,
    };
    finished(response, number).await
}

/// What a request is, for the faults.
fn kind(method: &Method, path: &str) -> Option<On> {
    Some(match path {
        "/oauth2/token" => On::Token,
        "/devices/entities/devices-actions/v2" => On::Action,
        "/devices/queries/devices/v1" => On::Query,
        "/devices/entities/devices/v2" => On::Details,
        "/real-time-response/entities/sessions/v1" => On::Session,
        "/real-time-response/entities/active-responder-command/v1" if method == Method::GET => On::CommandStatus,
        "/real-time-response/entities/active-responder-command/v1" => On::Command,
        _ => return None,
    })
}

/// The vendor's words for the errors that every vendor has.
fn refusal(status: StatusCode) -> Response {
    refuse(
        status,
        match status {
            StatusCode::TOO_MANY_REQUESTS => "API rate limit exceeded.",
            StatusCode::FORBIDDEN => "access denied, authorization failed",
            _ => "Internal Server Error: Please provide trace-id to support",
        },
    )
}

/// The vendor names the unix second until which to wait.
fn throttle(headers: &mut HeaderMap, wait: Duration) {
    let until = crate::clock::unix_now() + wait.as_secs();
    headers.insert("x-ratelimit-retryafter", HeaderValue::from(until));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
}

/// The rate and trace headers; the trace id goes into the body too.
async fn finished(response: Response, number: u64) -> Response {
    let trace = format!("5ca1ab1e-0000-4000-8000-{number:012x}");
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace(TRACE, &trace);
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Ok(trace) = HeaderValue::try_from(trace) {
        parts.headers.insert("x-cs-traceid", trace);
    }
    parts.headers.insert("x-ratelimit-limit", HeaderValue::from(RATE_LIMIT));
    let remaining = HeaderValue::from(RATE_LIMIT.saturating_sub(number));
    parts.headers.entry("x-ratelimit-remaining").or_insert(remaining);
    Response::from_parts(parts, Body::from(text))
}
