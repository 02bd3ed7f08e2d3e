//! Discord's answers: error bodies with its own codes, and success.

use super::rules::Problems;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal in Discord's form.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    fn new(status: u16, code: u32, message: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, body: json!({"message": message, "code": code}) }
    }
    /// Any status, code and message.
    pub(crate) fn other(status: u16, code: u32, message: &str) -> Self {
        Self::new(status, code, message)
    }
    pub(crate) fn unauthorised() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }
    /// What the front door says to a `User-Agent` that is not of the form `DiscordBot (url, version)`.
    pub(crate) fn blocked_agent() -> Self {
        Self::new(403, 40333, "internal network error")
    }
    pub(crate) fn not_found() -> Self {
        Self::new(404, 0, "404: Not Found")
    }
    pub(crate) fn unknown_channel() -> Self {
        Self::new(404, 10003, "Unknown Channel")
    }
    pub(crate) fn unknown_guild() -> Self {
        Self::new(404, 10004, "Unknown Guild")
    }
    pub(crate) fn unknown_message() -> Self {
        Self::new(404, 10008, "Unknown Message")
    }
    pub(crate) fn unknown_webhook() -> Self {
        Self::new(404, 10015, "Unknown Webhook")
    }
    pub(crate) fn unknown_interaction() -> Self {
        Self::new(404, 10062, "Unknown interaction")
    }
    pub(crate) fn already_acknowledged() -> Self {
        Self::new(400, 40060, "Interaction has already been acknowledged.")
    }
    pub(crate) fn invalid_webhook_token() -> Self {
        Self::new(401, 50027, "Invalid Webhook Token")
    }
    pub(crate) fn empty_message() -> Self {
        Self::new(400, 50006, "Cannot send an empty message")
    }
    pub(crate) fn not_json() -> Self {
        Self::new(400, 50109, "The request body contains invalid JSON.")
    }
    pub(crate) fn invalid_form(problems: &Problems) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            body: json!({"message": "Invalid Form Body", "code": 50035, "errors": problems.to_json()}),
        }
    }
    /// The body, for records.
    pub(crate) fn body(&self) -> &Value {
        &self.body
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
