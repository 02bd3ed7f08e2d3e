//! Lambda's runtime API on loopback: hands events to a function's real binary, and takes its answers.
//!
//! A function finds it by [`RuntimeApi::environment`], as it finds the real one. What is not part of the contract that the
//! runtimes use (extensions, telemetry) answers 404.

use crate::clock;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// How long an invocation may take, as the function is told.
const DEADLINE: Duration = Duration::from_secs(30);

/// The function said that it failed, or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvocationError {
    /// It reported an error; the text is its report.
    #[error("the function failed: {0}")]
    Failed(String),
    /// It could not start; the text is its report.
    #[error("the function could not start: {0}")]
    NotStarted(String),
    /// It answered with something that is not JSON.
    #[error("the function's answer is not JSON")]
    NotJson,
    /// It did not answer within its deadline.
    #[error("the function did not answer in time")]
    TimedOut,
}

type Answer = Result<Value, InvocationError>;

struct Invocation {
    id: String,
    event: Vec<u8>,
}

struct Shared {
    waiting: mpsc::UnboundedSender<Invocation>,
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    answers: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    not_started: Mutex<Option<String>>,
    polled: Notify,
    stop: Notify,
    counter: AtomicU64,
}

/// A running runtime API for one function.
#[derive(Clone)]
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl RuntimeApi {
    /// Binds a free port of loopback and serves.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (waiting, next) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting,
            next: tokio::sync::Mutex::new(next),
            answers: Mutex::default(),
            not_started: Mutex::default(),
            polled: Notify::new(),
            stop: Notify::new(),
            counter: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&shared));
        let stopping = Arc::clone(&shared);
        tokio::spawn(async move {
            let served =
                axum::serve(listener, router).with_graceful_shutdown(async move { stopping.stop.notified().await });
            if let Err(error) = served.await {
                tracing::error!(%error, "the runtime API has stopped");
            }
        });
        Ok(Self { address, shared })
    }

    /// What Lambda sets in the environment of the function `name`.
    #[must_use]
    pub fn environment(&self, name: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ]
    }

    /// Waits until the function asks for work; at once if it has asked since this was waited for last.
    pub async fn polled(&self) {
        self.shared.polled.notified().await;
    }

    /// Invokes the function with one event and waits for its answer.
    ///
    /// # Errors
    /// [`InvocationError`].
    pub async fn invoke(&self, event: &Value) -> Answer {
        let id = format!("00000000-0000-4000-8000-{:012}", self.shared.counter.fetch_add(1, Ordering::Relaxed));
        let (send, answer) = oneshot::channel();
        lock(&self.shared.answers).insert(id.clone(), send);
        let event = serde_json::to_vec(event).expect("a value is JSON");
        // The receiver lives as long as `shared`.
        let _ = self.shared.waiting.send(Invocation { id: id.clone(), event });
        let answer = tokio::time::timeout(DEADLINE, answer).await;
        lock(&self.shared.answers).remove(&id);
        match answer {
            Ok(Ok(answer)) => answer,
            _ => match lock(&self.shared.not_started).clone() {
                Some(report) => Err(InvocationError::NotStarted(report)),
                None => Err(InvocationError::TimedOut),
            },
        }
    }

    /// Stops serving.
    pub fn shutdown(&self) {
        self.shared.stop.notify_one();
    }
}

impl std::fmt::Debug for RuntimeApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeApi").field("address", &self.address).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for an invocation; a function that is idle waits here.
async fn next_invocation(State(shared): State<Arc<Shared>>) -> Response {
    shared.polled.notify_one();
    let Some(invocation) = shared.next.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = clock::unix_millis() + u64::try_from(DEADLINE.as_millis()).unwrap_or(u64::MAX);
    let mut response = invocation.event.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", invocation.id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:local".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).expect("digits, words and dashes are a header's value"));
    }
    response
}

fn settle(shared: &Shared, id: &str, answer: Answer) -> Response {
    match lock(&shared.answers).remove(id) {
        Some(waiting) => {
            // Whoever asked may have given up.
            let _ = waiting.send(answer);
            (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
        }
        None => {
            let body = json!({"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"});
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    settle(&shared, &id, serde_json::from_slice(&body).map_err(|_| InvocationError::NotJson))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    settle(&shared, &id, Err(InvocationError::Failed(String::from_utf8_lossy(&body).into_owned())))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let report = String::from_utf8_lossy(&body).into_owned();
    *lock(&shared.not_started) = Some(report.clone());
    for (_, waiting) in lock(&shared.answers).drain() {
        let _ = waiting.send(Err(InvocationError::NotStarted(report.clone())));
    }
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}
