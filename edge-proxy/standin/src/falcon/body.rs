//! The vendor's bodies: `{"meta":{..},"errors":[..],"resources":[..]}`, and its checks of what it is sent.

use super::estate::Refusal;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The body of every reply. `trace_id` is filled in on the way out, together with its header.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) resources: Vec<Value>,
    pub(super) errors: Vec<Refusal>,
    pub(super) pagination: Option<Value>,
}

impl Body {
    pub(super) fn of(resources: Vec<Value>) -> Self {
        Self { resources, ..Self::default() }
    }

    pub(super) fn with(self, status: StatusCode) -> Response {
        let errors: Vec<Value> =
            self.errors.iter().map(|error| json!({"code": error.code, "message": error.message})).collect();
        let mut meta = json!({"query_time": 0.004, "powered_by": "standin", "trace_id": TRACE});
        if let Some(pagination) = self.pagination {
            meta["pagination"] = pagination;
        }
        (status, Json(json!({"meta": meta, "errors": errors, "resources": self.resources}))).into_response()
    }
}

/// Where the trace id goes; no reply has these characters otherwise.
pub(super) const TRACE: &str = "@trace-id@";

/// One error with its own HTTP status.
pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    let refusal = Refusal { code: u32::from(status.as_u16()), message: message.to_owned() };
    Body { errors: vec![refusal], ..Body::default() }.with(status)
}

/// A JSON body in the form wanted, sent as JSON.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Box<Response>> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Box::new(refuse(StatusCode::BAD_REQUEST, "content type must be application/json")));
    }
    serde_json::from_slice(body)
        .map_err(|error| Box::new(refuse(StatusCode::BAD_REQUEST, &format!("invalid request body: {error}"))))
}

/// 32 hex digits.
pub(super) fn is_aid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
