//! A hop in front of the embedded AWS: it counts requests by operation and DynamoDB's units, slows everything down, and can
//! refuse, throttle or swallow requests of one operation or one service.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 500, and it has no effect.
    Refused,
    /// "Too many requests", and it has no effect.
    Throttled,
    /// No answer, and it has no effect.
    Hangs,
    /// No answer, though it has taken effect.
    AnswerHangs,
    /// 503, though it has taken effect.
    AnswerLost,
}

/// What DynamoDB charges, in its units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    /// For reading: 1 for 4 KB read consistently, half of it otherwise.
    pub read: f64,
    /// For writing: 1 for 1 KB, twice that in a transaction; what an index takes is in it.
    pub write: f64,
}

/// The hop.
#[derive(Debug, Clone)]
pub struct Hop {
    /// Where it listens.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    behind: String,
    client: reqwest::Client,
    faults: Mutex<Vec<(String, Fault)>>,
    seen: Mutex<BTreeMap<String, usize>>,
    /// None where nobody asks.
    units: Mutex<Option<Units>>,
    delay: Mutex<Duration>,
}

impl Hop {
    /// In front of the endpoint `behind`.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn before(behind: &str) -> Self {
        let shared = Arc::new(Shared {
            behind: behind.to_owned(),
            client: vyrox_platform::http::client(Duration::from_secs(30)).expect("an HTTP client"),
            faults: Mutex::default(),
            seen: Mutex::default(),
            units: Mutex::default(),
            delay: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// From now on, what begins so (`AmazonSQS`, `DynamoDB`, `TrentService` for KMS) or ends so (`UpdateItem`) fails so.
    pub fn fail(&self, operation: &str, fault: Fault) {
        self.shared.faults.lock().expect("no test panics here").push((operation.to_owned(), fault));
    }

    /// From now on, all is well.
    pub fn heal(&self) {
        self.shared.faults.lock().expect("no test panics here").clear();
    }

    /// From now on, each request takes so much longer.
    pub fn slow(&self, delay: Duration) {
        *self.shared.delay.lock().expect("no test panics here") = delay;
    }

    /// From now on, DynamoDB is asked what each request costs.
    pub fn meter(&self) {
        *self.shared.units.lock().expect("no test panics here") = Some(Units::default());
    }

    /// What all requests since [`Hop::meter`] have cost.
    #[must_use]
    pub fn units(&self) -> Units {
        self.shared.units.lock().expect("no test panics here").unwrap_or_default()
    }

    /// How many requests for this operation (`UpdateItem`) have come in.
    #[must_use]
    pub fn seen(&self, operation: &str) -> usize {
        self.shared.seen.lock().expect("no test panics here").get(operation).copied().unwrap_or(0)
    }

    /// How many requests have come in since the beginning, by operation.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, usize> {
        self.shared.seen.lock().expect("no test panics here").clone()
    }
}

async fn pass(State(hop): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    *hop.seen.lock().expect("no test panics here").entry(operation.clone()).or_default() += 1;
    let fault = {
        let faults = hop.faults.lock().expect("no test panics here");
        let found = faults.iter().find(|(name, _)| target.starts_with(name.as_str()) || operation == *name);
        found.map(|(_, fault)| *fault)
    };
    let kind = parts.headers.get("content-type").cloned();
    let delay = *hop.delay.lock().expect("no test panics here");
    tokio::time::sleep(delay).await;
    let is_metered = target.starts_with("DynamoDB") && hop.units.lock().expect("no test panics here").is_some();
    let body = if is_metered { asking_for_units(&body) } else { body };
    match fault {
        Some(Fault::Refused) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Throttled) => {
            let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
            return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response();
        }
        Some(Fault::Hangs) => std::future::pending().await,
        Some(Fault::AnswerHangs | Fault::AnswerLost) | None => {}
    }
    let mut onward = hop.client.post(&hop.behind).body(body);
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = parts.headers.get(name).and_then(|value| value.to_str().ok()) {
            onward = onward.header(name, value);
        }
    }
    let Ok(answer) = onward.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, bytes) = (answer.status().as_u16(), answer.bytes().await.unwrap_or_default());
    if is_metered && let Some(units) = &mut *hop.units.lock().expect("no test panics here") {
        let charged = charged(&bytes);
        match operation.as_str() {
            "GetItem" | "BatchGetItem" | "TransactGetItems" | "Query" | "Scan" => units.read += charged,
            _ => units.write += charged,
        }
    }
    match fault {
        Some(Fault::AnswerHangs) => std::future::pending().await,
        Some(Fault::AnswerLost) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => {}
    }
    let mut response = Response::builder().status(status);
    if let Some(kind) = kind {
        response = response.header("content-type", kind);
    }
    response.body(Body::from(bytes)).expect("status and header were those of a response")
}

/// The same request, with the question what it costs. The embedded AWS takes it though the signature is another body's.
fn asking_for_units(body: &[u8]) -> axum::body::Bytes {
    let mut request: Value = serde_json::from_slice(body).unwrap_or_default();
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    request.to_string().into()
}

/// What an answer says that its request cost: of one table, or of several.
fn charged(answer: &[u8]) -> f64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let of = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or(0.0);
    match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().map(of).sum(),
        table => of(table),
    }
}
