//! What SQS and KMS have in common on the wire: a JSON object in, a JSON object or a typed refusal out.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The JSON protocol's version, which is also the content type of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// SQS.
    Json10,
    /// KMS.
    Json11,
}

impl Protocol {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json10 => "application/x-amz-json-1.0",
            Self::Json11 => "application/x-amz-json-1.1",
        }
    }
}

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperationError {
    /// The caller's fault, told in AWS's words.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The store's fault.
    #[error("the store failed")]
    Store(#[from] rusqlite::Error),
}

/// A refusal with the names that SDKs match on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub(crate) struct Refusal {
    /// The error's shape in the service's model: `__type`.
    pub(crate) kind: &'static str,
    /// The older name that SQS also sends, in `x-amzn-query-error`.
    pub(crate) query_code: Option<&'static str>,
    /// For people.
    pub(crate) message: String,
}

impl Refusal {
    /// A refusal with one name.
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, query_code: None, message: message.into() }
    }

    /// The name that clients of either generation see.
    pub(crate) fn code(&self) -> &'static str {
        self.query_code.unwrap_or(self.kind)
    }
}

/// Reads an operation's input.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, OperationError> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("SerializationException", error.to_string()).into())
}

/// Writes an operation's output.
pub(crate) fn written(output: impl Serialize) -> Value {
    serde_json::to_value(output).expect("outputs have string keys and no exotic numbers")
}

/// The HTTP answer.
pub(crate) fn respond(protocol: Protocol, result: Result<Value, OperationError>) -> Response<Body> {
    let (status, query_error, body) = match result {
        Ok(Value::Null) => (StatusCode::OK, None, json!({})),
        Ok(output) => (StatusCode::OK, None, output),
        Err(OperationError::Refused(refusal)) => {
            let query_error = (protocol == Protocol::Json10).then(|| format!("{};Sender", refusal.code()));
            (StatusCode::BAD_REQUEST, query_error, json!({"__type": refusal.kind, "message": refusal.message}))
        }
        Err(OperationError::Store(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "embedded AWS store failed");
            let body = json!({"__type": "InternalFailure", "message": format!("the store failed: {error}")});
            (StatusCode::INTERNAL_SERVER_ERROR, None, body)
        }
    };
    let mut response = answer(protocol, status, body.to_string());
    if let Some(error) = query_error {
        response.headers_mut().insert("x-amzn-query-error", visible(&error));
    }
    response
}

/// The HTTP answer with a body that is JSON already.
pub(crate) fn answer(protocol: Protocol, status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(protocol.content_type()));
    headers.insert("x-amzn-requestid", visible(&uuid::Uuid::from_bytes(random()).to_string()));
    response
}

fn visible(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and error names are visible ASCII")
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness to give");
    bytes
}

/// A fresh random (version 4) UUID.
pub(crate) fn random_uuid() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(random()).into_uuid()
}
