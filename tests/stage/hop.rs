//! A hop in front of the embedded AWS: it counts requests by operation and DynamoDB's units, slows everything down, and can
//! refuse, throttle, swallow, repeat or delay requests of one operation or one service, always or now and then.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
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
    /// It takes effect twice: a message that is sent so is there twice.
    Twice,
    /// A message that is sent so comes this many seconds late.
    Late(u32),
    /// Messages that are received so are given out again after this many seconds, though they are still worked on.
    HiddenFor(u32),
}

/// What fails how, and how often.
#[derive(Debug)]
struct Rule {
    operation: String,
    fault: Fault,
    /// Every how-manieth request meets it.
    every: usize,
    seen: usize,
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
    rules: Mutex<Vec<Rule>>,
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
            rules: Mutex::default(),
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
        self.fail_some(1, operation, fault);
    }

    /// The same for every n-th request of them.
    pub fn fail_some(&self, every: usize, operation: &str, fault: Fault) {
        let rule = Rule { operation: operation.to_owned(), fault, every: every.max(1), seen: 0 };
        self.shared.rules.lock().expect("no test panics here").push(rule);
    }

    /// From now on, all is well.
    pub fn heal(&self) {
        self.shared.rules.lock().expect("no test panics here").clear();
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

/// What this request meets.
fn met(hop: &Shared, target: &str, operation: &str) -> Option<Fault> {
    let mut rules = hop.rules.lock().expect("no test panics here");
    rules.iter_mut().find_map(|rule| {
        let is_meant = target.starts_with(rule.operation.as_str()) || operation == rule.operation;
        if is_meant {
            rule.seen += 1;
        }
        (is_meant && rule.seen.is_multiple_of(rule.every)).then_some(rule.fault)
    })
}

/// A request's body with another value of one field.
fn with(body: &[u8], field: &str, value: u32) -> Bytes {
    let mut json: serde_json::Value = serde_json::from_slice(body).expect("the SDK sends JSON");
    json[field] = value.into();
    json.to_string().into()
}

async fn pass(State(hop): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    *hop.seen.lock().expect("no test panics here").entry(operation.clone()).or_default() += 1;
    let fault = met(&hop, target, &operation);
    let delay = *hop.delay.lock().expect("no test panics here");
    tokio::time::sleep(delay).await;
    let is_metered = target.starts_with("DynamoDB") && hop.units.lock().expect("no test panics here").is_some();
    if is_metered {
        body = asking_for_units(&body);
    }
    match fault {
        Some(Fault::Refused) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Throttled) => {
            let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
            return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response();
        }
        Some(Fault::Hangs) => std::future::pending().await,
        Some(Fault::Late(seconds)) => body = with(&body, "DelaySeconds", seconds),
        Some(Fault::HiddenFor(seconds)) => body = with(&body, "VisibilityTimeout", seconds),
        Some(Fault::AnswerHangs | Fault::AnswerLost | Fault::Twice) | None => {}
    }
    let mut onward = hop.client.post(&hop.behind).body(body);
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = parts.headers.get(name).and_then(|value| value.to_str().ok()) {
            onward = onward.header(name, value);
        }
    }
    if fault == Some(Fault::Twice)
        && let Some(first) = onward.try_clone()
    {
        let _first_answer = first.send().await;
    }
    let Ok(answer) = onward.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = answer.bytes().await.unwrap_or_default();
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
    // The second one is how SQS names its errors.
    for name in ["content-type", "x-amzn-query-error"] {
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(bytes)).expect("status and headers were those of a response")
}

/// The same request, with the question what it costs. The embedded AWS takes it though the signature is another body's.
fn asking_for_units(body: &[u8]) -> Bytes {
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
