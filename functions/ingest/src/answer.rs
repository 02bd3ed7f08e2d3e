//! Every answer that ingest gives, in one place: code, body, headers.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use vyrox_contract::AlertId;
use vyrox_platform::http::SECURITY_HEADERS;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200: alive.
    Health,
    /// 200, as plain text: the token by which Microsoft Graph checks a new subscription's address.
    Validation(String),
    /// 202: stored, audited, queued.
    Queued(AlertId),
    /// 202: several alerts in one body, all of them stored, audited and queued.
    QueuedAll(Vec<AlertId>),
    /// 202: stored, audited and queued before.
    Duplicate(AlertId),
    /// 202: authentic, and not an alert.
    Ignored(String),
    /// 400.
    NoTenant,
    /// 400: not a token that Graph sends.
    NotAToken,
    /// 401, for every reason.
    Unauthenticated,
    /// 404.
    UnknownVendor,
    /// 404, for every other path.
    NoRoute,
    /// 405.
    WrongMethod,
    /// 413.
    TooLarge,
    /// 415.
    NotJson,
    /// 422, with what is wrong: field names, never values.
    NotNormalisable(String),
    /// 429: authentic, but over the tenant's rate; after so many seconds again.
    TooMany(i64),
    /// 503: nothing was accepted.
    Unavailable,
}

impl Answer {
    /// The response. `request_id` goes into `X-Request-Id`.
    pub(crate) fn into_response(self, request_id: &str) -> Response {
        let detail = |text: &str| json!({ "detail": text });
        let (status, body) = match &self {
            Self::Health => (StatusCode::OK, json!({"status": "ok"})),
            Self::Validation(_) => (StatusCode::OK, json!(null)),
            Self::Queued(id) => (StatusCode::ACCEPTED, json!({"status": "queued", "alert_id": id})),
            Self::QueuedAll(ids) => {
                (StatusCode::ACCEPTED, json!({"status": "queued", "alert_id": ids.first(), "alert_ids": ids}))
            }
            Self::Duplicate(id) => (StatusCode::ACCEPTED, json!({"status": "duplicate", "alert_id": id})),
            Self::Ignored(reason) => (StatusCode::ACCEPTED, json!({"status": "ignored", "reason": reason})),
            Self::NoTenant => (StatusCode::BAD_REQUEST, detail("missing tenant identifier")),
            Self::NotAToken => (StatusCode::BAD_REQUEST, detail("validationToken is not one")),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, detail("invalid signature")),
            Self::UnknownVendor => (StatusCode::NOT_FOUND, detail("unknown vendor")),
            Self::NoRoute => (StatusCode::NOT_FOUND, detail("no such route")),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, detail("method not allowed")),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, detail("body is larger than 256 KiB")),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, detail("body is not JSON")),
            Self::NotNormalisable(reason) => (StatusCode::UNPROCESSABLE_ENTITY, detail(reason)),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, detail("too many deliveries, please slow down")),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, detail("not accepted, please retry")),
        };
        let mut response = match &self {
            // A str is text/plain; charset=utf-8.
            Self::Validation(token) => (status, token.clone()).into_response(),
            _ => (status, axum::Json(body)).into_response(),
        };
        let headers = response.headers_mut();
        for (name, value) in SECURITY_HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(value) = HeaderValue::from_str(request_id) {
            headers.insert("x-request-id", value);
        }
        match self {
            Self::TooMany(seconds) => headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds)),
            Self::Unavailable => headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5")),
            _ => None,
        };
        response
    }
}
