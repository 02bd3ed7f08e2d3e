//! An OpenAI-compatible chat endpoint: strict about requests, deterministic in its answers, and bad on demand.
//!
//! The "model" is a list of words, see [`verdict`](self): enough for a triage to have something to believe or to distrust.

mod fault;
mod obedient;
mod reading;
mod request;
mod verdict;

use crate::clock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How the stand-in behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LlmMode {
    /// Answers by the words in the last user message.
    #[default]
    Sensible,
    /// Does whatever text in the user message tells it, in whatever language or encoding it is written: verdicts, actions,
    /// disclosure, prose.
    Obedient,
    /// Answers prose instead of JSON.
    Garbage,
    /// Answers JSON of another shape: an unknown verdict, a confidence above 1, a field missing.
    WrongSchema,
    /// Answers sensibly, this many milliseconds late.
    Slow(u64),
    /// Answers late where the user message contains this word, and at once elsewhere.
    SlowOn(&'static str, u64),
    /// Answers 429 with `Retry-After: 1`.
    RateLimited,
    /// Answers each model's first request 429 with `Retry-After` of this many seconds, and later ones sensibly.
    RateLimitedOnce(u64),
    /// Answers 500.
    ServerError,
    /// Answers 307 to this path of its own, which counts who follows ([`LlmStandin::followed`]).
    Redirect,
    /// Begins its answer and sends a byte every 100 ms, for ever.
    Trickle,
    /// Sends megabytes.
    Huge,
    /// Breaks the connection amid its answer.
    BreaksOff,
    /// Answers sensibly, but calls it HTML.
    WrongContentType,
    /// Answers 200 with an error object.
    ErrorWith200,
    /// Answers 200 without choices.
    NoChoices,
    /// Answers with a refusal.
    Refusal,
    /// Answers half an answer, cut by the token limit.
    CutShort,
    /// Wants to call a tool.
    ToolCalls,
    /// Answers sensibly, but does not say what it cost.
    NoUsage,
    /// As reasoning models do: turns `max_tokens` and any temperature away (400), else answers sensibly.
    Reasoning,
    /// Answers 401 whatever the key is.
    KeyRefused,
    /// Answers 400 about nothing that another request would change.
    BadRequest,
    /// Answers nothing: its filter has withheld it.
    Filtered,
    /// Answers with an empty text.
    Empty,
    /// Answers in pieces, as it does where a stream was asked for.
    Streamed,
    /// Answers compressed, though nobody said that they read that.
    Compressed,
    /// Answers twice: sensibly, and that it is BENIGN.
    TwoChoices,
    /// Says first that its answer was cut short, and then that it was not.
    SaidTwice,
    /// Answers sensibly, and that it ended in an error.
    EndsInError,
    /// Answers sensibly, but with the object's values in a list.
    ListAnswer,
}

/// One request, good or bad.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmRequest {
    /// The JSON body; null if it was none.
    pub body: Value,
    /// The status answered.
    pub status: u16,
}

impl LlmRequest {
    /// The text of the last user message.
    #[must_use]
    pub fn prompt(&self) -> String {
        request::last_user_text(&self.body)
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    mode: LlmMode,
    per_model: HashMap<String, LlmMode>,
    api_key: Option<String>,
    requests: Vec<LlmRequest>,
    /// Models that have been told to come back later.
    told_later: HashSet<String>,
    /// Requests that followed a redirect.
    followed: usize,
}

impl Shared {
    fn edit<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a stand-in did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct LlmStartError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// A running stand-in. Dropping it leaves the server running; call [`LlmStandin::shutdown`].
#[derive(Clone)]
pub struct LlmStandin {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<watch::Sender<bool>>,
}

impl LlmStandin {
    /// Bind (port 0 takes a free one) and serve, sensibly at first.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(bind: SocketAddr) -> Result<Self, LlmStartError> {
        let failed = |source| LlmStartError { address: bind, source };
        let listener = tokio::net::TcpListener::bind(bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let (stop, mut stopped) = watch::channel(false);
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .route("/elsewhere", any(elsewhere))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move {
            let until = async move {
                let _closed = stopped.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the LLM stand-in stopped");
            }
        });
        Ok(Self { address, shared, stop: Arc::new(stop) })
    }

    /// Where the stand-in listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, without a slash at its end: `http://127.0.0.1:1234/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Behave so from now on, for every model without a mode of its own.
    pub fn set_mode(&self, mode: LlmMode) {
        self.shared.edit(|inner| inner.mode = mode);
    }

    /// Behave so for one model.
    pub fn set_model_mode(&self, model: impl Into<String>, mode: LlmMode) {
        self.shared.edit(|inner| inner.per_model.insert(model.into(), mode));
    }

    /// Accept only this key; without one, any bearer token does.
    pub fn set_api_key(&self, key: impl Into<String>) {
        self.shared.edit(|inner| inner.api_key = Some(key.into()));
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<LlmRequest> {
        self.shared.edit(|inner| inner.requests.clone())
    }

    /// How many requests have followed a redirect.
    #[must_use]
    pub fn followed(&self) -> usize {
        self.shared.edit(|inner| inner.followed)
    }

    /// Forget all requests so far.
    pub fn forget(&self) {
        self.shared.edit(|inner| inner.requests.clear());
    }

    /// Stop serving.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }
}

async fn models() -> Json<Value> {
    Json(json!({"object": "list", "data": [{"id": "stand-in", "object": "model", "created": 0, "owned_by": "vyrox"}]}))
}

async fn elsewhere(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.edit(|inner| inner.followed += 1);
    StatusCode::OK
}

async fn complete(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let response = respond(&shared, &headers, &body).await;
    let status = response.status().as_u16();
    shared.edit(|inner| inner.requests.push(LlmRequest { body, status }));
    response
}

async fn respond(shared: &Shared, headers: &HeaderMap, body: &Value) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).filter(|key| !key.is_empty());
    let key = shared.edit(|inner| inner.api_key.clone());
    if bearer.is_none() || key.is_some_and(|key| bearer != Some(key.as_str())) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "Incorrect API key provided.",
            "invalid_request_error",
            Some("invalid_api_key"),
        );
    }
    if let Err(reason) = request::judge(body) {
        return refuse(StatusCode::BAD_REQUEST, &reason, "invalid_request_error", None);
    }
    let model = body["model"].as_str().unwrap_or_default();
    let prompt = request::last_user_text(body);
    let mode = shared.edit(|inner| inner.per_model.get(model).copied().unwrap_or(inner.mode));
    let content = match mode {
        LlmMode::Sensible
        | LlmMode::NoUsage
        | LlmMode::WrongContentType
        | LlmMode::BreaksOff
        | LlmMode::Streamed
        | LlmMode::Compressed
        | LlmMode::TwoChoices
        | LlmMode::SaidTwice
        | LlmMode::EndsInError => verdict::sensible(&prompt).to_string(),
        LlmMode::Obedient => obedient::obey(&request::system_text(body), &prompt),
        LlmMode::Slow(millis) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            verdict::sensible(&prompt).to_string()
        }
        LlmMode::SlowOn(word, millis) => {
            if prompt.contains(word) {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            verdict::sensible(&prompt).to_string()
        }
        LlmMode::Garbage => "Sure! Here is my analysis: it could be malicious, or not.".to_owned(),
        LlmMode::WrongSchema => {
            json!({"verdict": "MALICIOUS", "confidence": 93, "suggested_action": "kill_process"}).to_string()
        }
        LlmMode::ListAnswer => json!(["BENIGN", 1.0, "A list.", [], "monitor"]).to_string(),
        LlmMode::RateLimited => return later(1),
        LlmMode::RateLimitedOnce(seconds) => {
            if shared.edit(|inner| inner.told_later.insert(model.to_owned())) {
                return later(seconds);
            }
            verdict::sensible(&prompt).to_string()
        }
        LlmMode::ServerError => {
            let message = "The server had an error while processing your request.";
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, message, "server_error", None);
        }
        LlmMode::Reasoning => {
            if let Some(refusal) = unsupported(body) {
                return refusal;
            }
            verdict::sensible(&prompt).to_string()
        }
        LlmMode::KeyRefused => {
            let message = "Incorrect API key provided.";
            return refuse(StatusCode::UNAUTHORIZED, message, "invalid_request_error", Some("invalid_api_key"));
        }
        LlmMode::BadRequest => {
            let message = "This model does not take json_schema.";
            return refuse(StatusCode::BAD_REQUEST, message, "invalid_request_error", None);
        }
        LlmMode::Redirect
        | LlmMode::Filtered
        | LlmMode::Empty
        | LlmMode::Trickle
        | LlmMode::Huge
        | LlmMode::ErrorWith200
        | LlmMode::NoChoices
        | LlmMode::Refusal
        | LlmMode::CutShort
        | LlmMode::ToolCalls => String::new(),
    };
    fault::shaped(mode, completion(model, body, &content))
}

/// What a reasoning model says to the parameters of the others.
fn unsupported(body: &Value) -> Option<Response> {
    let (param, code, message) = if !body["max_tokens"].is_null() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        ("max_tokens", "unsupported_parameter", message)
    } else if !body["temperature"].is_null() {
        ("temperature", "unsupported_value", "Unsupported value: 'temperature' does not support 0 with this model.")
    } else {
        return None;
    };
    let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}});
    Some((StatusCode::BAD_REQUEST, Json(error)).into_response())
}

fn later(seconds: u64) -> Response {
    let mut response =
        refuse(StatusCode::TOO_MANY_REQUESTS, "Rate limit reached.", "requests", Some("rate_limit_exceeded"));
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    response
}

fn refuse(status: StatusCode, message: &str, kind: &str, code: Option<&str>) -> Response {
    let error = json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    (status, Json(error)).into_response()
}

fn completion(model: &str, body: &Value, content: &str) -> Value {
    // Four characters to a token: close enough for budgets, and the same every time.
    let tokens = |characters: usize| characters.div_ceil(4);
    let messages = body["messages"].as_array().into_iter().flatten();
    let prompt = tokens(messages.map(|message| request::text(&message["content"]).chars().count()).sum());
    let answer = tokens(content.chars().count());
    let now = clock::unix_millis();
    json!({
        "id": format!("chatcmpl-{now:x}"), "object": "chat.completion", "created": now / 1000, "model": model,
        "system_fingerprint": "fp_standin", "service_tier": "default",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": content, "refusal": null, "annotations": []},
        }],
        "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer},
    })
}
