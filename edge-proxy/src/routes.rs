//! Routes and their answers. Nothing is decided here.

use crate::config::Limits;
use crate::export;
use crate::pipeline::{Answer, Pipeline};
use crate::policy::Refusal;
use crate::server::Lifetime;
use crate::verify::{Rejection, Verified, belongs};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::{Action, Envelope, Operation, Outcome, Receipt, strict};

const SIGNATURE: &str = "X-Vyrox-Signature";
/// So much of a body that is too large is read and thrown away before the answer, and for so long.
const DRAINED: (usize, Duration) = (1024 * 1024, Duration::from_millis(200));

/// An answer: whole, or an export in pieces.
type Response = hyper::Response<UnsyncBoxBody<Bytes, io::Error>>;

/// What every request is answered from.
pub(crate) struct Routes {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) limits: Limits,
}

impl Routes {
    /// Answers one request. Whoever has proved no key gives their connection back with the answer, so that those who can get
    /// their turn.
    pub(crate) async fn answer(&self, request: Request<Incoming>, lifetime: Lifetime) -> Response {
        let (head, body) = request.into_parts();
        self.route(&head, body, lifetime).await.unwrap_or_else(|mut answer| {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            answer
        })
    }

    /// `Ok` for somebody who has proved a key, `Err` for anybody else.
    async fn route(&self, head: &Parts, body: Incoming, lifetime: Lifetime) -> Result<Response, Response> {
        let (path, reads) = (head.uri.path(), matches!(head.method, Method::GET | Method::HEAD));
        match path {
            "/execute" if head.method == Method::POST => self.action(head, body, Operation::Execute).await,
            "/rollback" if head.method == Method::POST => self.action(head, body, Operation::Rollback).await,
            "/audit/export" if reads => self.audit_export(head, lifetime).await,
            "/health" if reads => Err(json(StatusCode::OK, &json!({"status": "ok"}))),
            "/ready" if reads => Err(self.ready()),
            "/metrics" if reads => Err(self.metrics()),
            "/execute" | "/rollback" => Err(not_allowed("POST")),
            "/audit/export" | "/health" | "/ready" | "/metrics" => Err(not_allowed("GET,HEAD")),
            _ => Err(problem(StatusCode::NOT_FOUND, "no such route")),
        }
    }

    async fn action(&self, head: &Parts, body: Incoming, route: Operation) -> Result<Response, Response> {
        let pipeline = &self.pipeline;
        let body = read(body, &self.limits).await?;
        let verified = verify(pipeline, &head.headers, &body);
        let verified = verified.and_then(|verified| belongs(&verified, route).map(|()| verified));
        let verified = verified.map_err(|rejection| reject(pipeline, &rejection))?;
        Ok(answer(pipeline, &pipeline.submit(verified).await))
    }

    fn ready(&self) -> Response {
        let ready = self.pipeline.is_ready();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json(status, &json!({"ready": ready, "dry_run": self.pipeline.dry_run}))
    }

    fn metrics(&self) -> Response {
        let pipeline = &self.pipeline;
        let gauges = [
            ("vyrox_proxy_receipts_waiting", pipeline.outbox.len()),
            ("vyrox_proxy_leases", pipeline.leases.len()),
            ("vyrox_proxy_breaker_open", usize::from(pipeline.breaker.is_open())),
        ];
        let text = pipeline.metrics.render(pipeline.audit.counts(), &gauges);
        whole(StatusCode::OK, "text/plain; version=0.0.4", text)
    }

    async fn audit_export(&self, head: &Parts, lifetime: Lifetime) -> Result<Response, Response> {
        let (pipeline, rules) = (&self.pipeline, self.pipeline.rules());
        let Some(expected) = &rules.export_token else {
            return Err(problem(StatusCode::FORBIDDEN, "export is not configured: set export_token_sha256"));
        };
        let token = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
        if !token.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("Bearer") && expected.matches(token)) {
            return Err(reject(pipeline, &Rejection::Token));
        }
        let query = head.uri.query().unwrap_or_default();
        let tenant = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "tenant_id");
        if tenant.is_none_or(|(_, tenant)| tenant != pipeline.tenant_id.as_str()) {
            return Err(problem(StatusCode::FORBIDDEN, "this proxy serves another tenant"));
        }
        match pipeline.audit.segments().await {
            Ok(segments) => {
                let stream = export::stream(segments, lifetime).boxed_unsync();
                Ok(typed(StatusCode::OK, "application/x-ndjson", stream))
            }
            Err(_) => Err(later(problem(StatusCode::SERVICE_UNAVAILABLE, "the audit log is not readable now"))),
        }
    }
}

async fn read(mut body: Incoming, limits: &Limits) -> Result<Bytes, Response> {
    let reading = async {
        // What says itself that it is too large need not be waited for.
        let fits = body.size_hint().lower() <= limits.body_bytes as u64;
        match if fits { Some(Limited::new(&mut body, limits.body_bytes).collect().await) } else { None } {
            Some(Ok(read)) => return Ok(read.to_bytes()),
            Some(Err(error)) if !error.is::<LengthLimitError>() => {
                return Err((StatusCode::BAD_REQUEST, "the body cannot be read"));
            }
            _ => {}
        }
        let (_, most) = DRAINED;
        // Whoever sends slowly is told before they are done.
        let _ = tokio::time::timeout(most, drain(&mut body)).await;
        Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))
    };
    let read = tokio::time::timeout(limits.body_timeout, reading).await;
    let late = Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"));
    read.unwrap_or(late).map_err(|(status, detail)| problem(status, detail))
}

/// A connection that is closed with bytes unread is reset, and the answer may be lost with it.
async fn drain(body: &mut Incoming) {
    let (mut left, _) = DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

fn verify(pipeline: &Pipeline, headers: &HeaderMap, body: &[u8]) -> Result<Verified<Action>, Rejection> {
    if let Some(signature) = headers.get(SIGNATURE) {
        let signature = signature.to_str().unwrap_or_default();
        return pipeline.rules().verifier.shared_secret(body, signature, pipeline.clock.now());
    }
    let envelope: Envelope = strict::from_slice(body).map_err(|_| Rejection::Shape)?;
    pipeline.verify(&envelope)
}

fn reject(pipeline: &Pipeline, rejection: &Rejection) -> Response {
    pipeline.turn_away(rejection);
    let status = match rejection {
        Rejection::Shape | Rejection::Operation => StatusCode::BAD_REQUEST,
        Rejection::Signature(_) | Rejection::Token => StatusCode::UNAUTHORIZED,
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
        Refusal::Expired | Refusal::ApprovalAge | Refusal::Forgotten => StatusCode::GONE,
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
    whole(code, "application/json", body)
}

fn problem(status: StatusCode, detail: &str) -> Response {
    json(status, &json!({"detail": detail}))
}

fn not_allowed(methods: &'static str) -> Response {
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "not a method of this route");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

fn later(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    whole(status, "application/json", value.to_string())
}

fn whole(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    typed(status, kind, Full::new(body.into()).map_err(|never| match never {}).boxed_unsync())
}

fn typed(status: StatusCode, kind: &'static str, body: UnsyncBoxBody<Bytes, io::Error>) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
