//! Why a request is refused, and how that is said.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use vyrox_domain::access::Permission;
use vyrox_platform::api_key::OverKeyRate;
use vyrox_platform::batch::chain;
use vyrox_platform::ledger::CommitError;
use vyrox_platform::table::TableError;

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// 400: the query says something that the route does not take.
    #[error("{0}")]
    Query(String),
    /// 401: no key, or an unknown, expired, revoked or forged one, or one of a suspended tenant; one answer for all.
    #[error("invalid API key")]
    Unauthorised,
    /// 403.
    #[error("this key does not have the permission {0}")]
    Forbidden(Permission),
    /// 404: there is none, or it is another tenant's.
    #[error("no such alert")]
    NoSuchAlert,
    /// 404, before anybody is asked who they are.
    #[error("no such route")]
    NoSuchRoute,
    /// 405.
    #[error("this is read with GET, and not changed here")]
    WrongMethod,
    /// 429.
    #[error("too many requests with this key, please slow down")]
    TooMany(#[from] OverKeyRate),
    /// 503.
    #[error("not answered, please retry")]
    Table(#[from] TableError),
    /// 503: what is not entered is not exported.
    #[error("not answered, please retry")]
    Commit(#[from] CommitError),
}

impl Refusal {
    pub(crate) fn cursor() -> Self {
        Self::Query("cursor is none that this route gave: leave it out to begin anew".to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Query(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NoSuchAlert | Self::NoSuchRoute => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Table(_) | Self::Commit(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status.is_server_error() {
            tracing::error!(error = %chain(&self), "not answered");
        }
        let mut response = (status, axum::Json(json!({ "detail": self.to_string() }))).into_response();
        let (name, value) = match self {
            Self::TooMany(OverKeyRate(seconds)) => (header::RETRY_AFTER, HeaderValue::from(seconds)),
            Self::Table(_) | Self::Commit(_) => (header::RETRY_AFTER, HeaderValue::from_static("5")),
            Self::Unauthorised => (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Self::Query(_) | Self::Forbidden(_) | Self::NoSuchAlert | Self::NoSuchRoute | Self::WrongMethod => {
                return response;
            }
        };
        response.headers_mut().insert(name, value);
        response
    }
}
