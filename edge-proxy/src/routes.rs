//! Routes and their answers. Nothing is decided here.

use crate::config::Limits;
use crate::export;
use crate::pipeline::{Answer, Pipeline};
use crate::policy::Refusal;
use crate::server::Lifetime;
use crate::verify::{Rejection, Verified, belongs};
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::{Action, Envelope, Operation, Outcome, Receipt};

const SIGNATURE: &str = "X-Vyrox-Signature";
/// So much of a body that is too large is read and thrown away before the answer, and for so long.
const DRAINED: (usize, Duration) = (1024 * 1024, Duration::from_millis(200));

#[derive(Clone)]
struct Shared {
    pipeline: Arc<Pipeline>,
    limits: Limits,
}

pub(crate) fn router(pipeline: Arc<Pipeline>, limits: Limits) -> Router {
    Router::new()
        .route("/execute", post(|State(shared): State<Shared>, request| action(shared, request, Operation::Execute)))
        .route("/rollback", post(|State(shared): State<Shared>, request| action(shared, request, Operation::Rollback)))
        .route("/audit/export", get(audit_export))
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "no such route") })
        .layer(map_response(part))
        .with_state(Shared { pipeline, limits })
}

async fn action(shared: Shared, request: Request, route: Operation) -> Response {
    let (head, body) = request.into_parts();
    let body = match read(body, &shared.limits).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let pipeline = &shared.pipeline;
    let verified = verify(pipeline, &head.headers, &body);
    match verified.and_then(|verified| belongs(&verified, route).map(|()| verified)) {
        Ok(verified) => proven(answer(pipeline, &pipeline.submit(verified).await)),
        Err(rejection) => reject(pipeline, &rejection),
    }
}

async fn read(mut body: Body, limits: &Limits) -> Result<Bytes, Response> {
    let reading = async {
        match Limited::new(&mut body, limits.body_bytes).collect().await {
            Ok(read) => Ok(read.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                let (_, most) = DRAINED;
                // Whoever sends slowly is told before they are done.
                let _ = tokio::time::timeout(most, drain(&mut body)).await;
                Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))
            }
            Err(_) => Err((StatusCode::BAD_REQUEST, "the body cannot be read")),
        }
    };
    let read = tokio::time::timeout(limits.body_timeout, reading).await;
    let late = Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"));
    read.unwrap_or(late).map_err(|(status, detail)| problem(status, detail))
}

/// A connection that is closed with bytes unread is reset, and the answer may be lost with it.
async fn drain(body: &mut Body) {
    let (mut left, _) = DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// An answer to somebody who has proved a key.
#[derive(Clone)]
struct Proven;

fn proven(mut answer: Response) -> Response {
    answer.extensions_mut().insert(Proven);
    answer
}

/// Whoever has proved no key gives their connection back with the answer, so that those who can get their turn.
async fn part(mut answer: Response) -> Response {
    if answer.extensions().get::<Proven>().is_none() {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn verify(pipeline: &Pipeline, headers: &HeaderMap, body: &[u8]) -> Result<Verified<Action>, Rejection> {
    if let Some(signature) = headers.get(SIGNATURE) {
        let signature = signature.to_str().unwrap_or_default();
        return pipeline.rules().verifier.shared_secret(body, signature, pipeline.clock.now());
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| Rejection::Shape)?;
    pipeline.verify(&envelope)
}

fn reject(pipeline: &Pipeline, rejection: &Rejection) -> Response {
    pipeline.turn_away(rejection);
    let status = match rejection {
        Rejection::Shape | Rejection::Operation => StatusCode::BAD_REQUEST,
        Rejection::Signature(_) => StatusCode::UNAUTHORIZED,
        Rejection::Payload(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Rejection::Window => StatusCode::GONE,
        Rejection::Address => StatusCode::FORBIDDEN,
    };
    match rejection {
        Rejection::Payload(why) => problem(status, &format!("{rejection}: {why}")),
        _ => problem(status, &rejection.to_string()),
    }
}

fn answer(pipeline: &Pipeline, answer: &Answer) -> Response {
    match answer {
        Answer::Ended { receipt, refusal } => {
            let status = refusal.map_or_else(|| ended(receipt.outcome), refused);
            with_receipt(pipeline, status, receipt.outcome.as_str(), pipeline.dry_run, receipt)
        }
        // The mode may have changed since: what counts is what was done then.
        Answer::Replayed(receipt) => {
            with_receipt(pipeline, StatusCode::OK, "replayed", receipt.outcome == Outcome::DryRun, receipt)
        }
        Answer::Taken => problem(StatusCode::CONFLICT, "this request id belongs to another action"),
        Answer::InFlight => problem(StatusCode::CONFLICT, "this request is being worked on"),
        Answer::Busy => later(problem(StatusCode::TOO_MANY_REQUESTS, "too many actions are being worked on")),
        Answer::AuditFailed => problem(StatusCode::INTERNAL_SERVER_ERROR, "the audit log could not be written"),
    }
}

const fn ended(outcome: Outcome) -> StatusCode {
    match outcome {
        Outcome::Failed | Outcome::Ambiguous => StatusCode::BAD_GATEWAY,
        _ => StatusCode::OK,
    }
}

const fn refused(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Expired | Refusal::ApprovalAge => StatusCode::GONE,
        Refusal::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Refusal::DeviceForm => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::FORBIDDEN,
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    detail: &'a str,
    dry_run: bool,
    receipt: Envelope,
    status: &'a str,
}

fn with_receipt(pipeline: &Pipeline, code: StatusCode, status: &str, dry_run: bool, receipt: &Receipt) -> Response {
    let reply = Reply { detail: &receipt.detail, dry_run, receipt: pipeline.seal(receipt), status };
    // Room for all of it: what grows is copied each time.
    let mut body = Vec::with_capacity(reply.receipt.payload.len() + 1024);
    serde_json::to_writer(&mut body, &reply).expect("a struct of texts has a JSON form");
    (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn problem(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({"detail": detail}))).into_response()
}

fn later(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

async fn ready(State(shared): State<Shared>) -> Response {
    let ready = shared.pipeline.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": ready, "dry_run": shared.pipeline.dry_run}))).into_response()
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let pipeline = &shared.pipeline;
    let gauges = [
        ("vyrox_proxy_receipts_waiting", pipeline.outbox.len()),
        ("vyrox_proxy_leases", pipeline.leases.len()),
        ("vyrox_proxy_breaker_open", usize::from(pipeline.breaker.is_open())),
    ];
    let text = pipeline.metrics.render(pipeline.audit.counts(), &gauges);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn audit_export(
    State(shared): State<Shared>,
    Extension(lifetime): Extension<Lifetime>,
    Query(query): Query<Value>,
    headers: HeaderMap,
) -> Response {
    let rules = shared.pipeline.rules();
    let Some(expected) = &rules.export_token else {
        return problem(StatusCode::FORBIDDEN, "export is not configured: set export_token_sha256");
    };
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    if !token.is_some_and(|token| expected.matches(token)) {
        return problem(StatusCode::UNAUTHORIZED, "invalid token");
    }
    if query.get("tenant_id").and_then(Value::as_str) != Some(shared.pipeline.tenant_id.as_str()) {
        return problem(StatusCode::FORBIDDEN, "this proxy serves another tenant");
    }
    match shared.pipeline.audit.segments().await {
        Ok(segments) => {
            let stream = Body::from_stream(export::stream(segments, lifetime));
            proven(([(header::CONTENT_TYPE, "application/x-ndjson")], stream).into_response())
        }
        Err(_) => later(problem(StatusCode::SERVICE_UNAVAILABLE, "the audit log is not readable now")),
    }
}
