//! Routes under `/web/api/v2.1`. The vendor's error codes are only known by their form.

use super::Shared;
use crate::fault::On;
use crate::shared::credential;
use crate::wire;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const MOST_BYTES: usize = 1024 * 1024;

type Pairs = Query<Vec<(String, String)>>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/web/api/v2.1/agents", get(agents))
        .route("/web/api/v2.1/agents/actions/{action}", post(connect))
        .route("/web/api/v2.1/threats", get(threats))
        .route("/web/api/v2.1/threats/mitigate/{action}", post(mitigate))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "Not found") })
        .layer(from_fn_with_state(Arc::clone(&shared), guard))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(shared)
}

/// One error in the vendor's body.
fn refuse(status: StatusCode, title: &str) -> Response {
    let code = u32::from(status.as_u16()) * 10_000 + 10;
    (status, Json(json!({"errors": [{"code": code, "detail": null, "title": title}]}))).into_response()
}

fn refusal(status: StatusCode) -> Response {
    refuse(
        status,
        match status {
            StatusCode::TOO_MANY_REQUESTS => "Too many requests",
            StatusCode::FORBIDDEN => "Insufficient permissions",
            _ => "Server could not process the request.",
        },
    )
}

/// No header is known by which this vendor says how long to wait.
fn throttle(_: &mut HeaderMap, _: Duration) {}

fn kind(method: &Method, path: &str, query: &str) -> On {
    match *method {
        Method::GET if path.ends_with("/agents") && query.contains("computerName") => On::Query,
        Method::GET => On::Details,
        _ => On::Action,
    }
}

/// Faults, then the token, then the handler.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    shared.count_request();
    let kind = kind(request.method(), request.uri().path(), request.uri().query().unwrap_or_default());
    let fault = shared.faults.take(kind);
    let response = match &fault {
        Some(fault) if !fault.acts() => Response::default(),
        _ if !is_authorised(&shared, request.headers()) => refuse(StatusCode::UNAUTHORIZED, "Authentication Failed"),
        _ => next.run(request).await,
    };
    match fault {
        Some(fault) => wire::failed(fault, response, refusal, throttle).await,
        None => response,
    }
}

fn is_authorised(shared: &Shared, headers: &HeaderMap) -> bool {
    credential(headers, "apitoken").is_some_and(|token| token == shared.options.api_token)
}

fn values<'a>(pairs: &'a Pairs, name: &str) -> Option<Vec<&'a str>> {
    let found: Vec<&str> =
        pairs.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(',')).collect();
    (!found.is_empty()).then_some(found)
}

fn page(found: Vec<Value>, pairs: &Pairs) -> Response {
    let limit = values(pairs, "limit").and_then(|limit| limit[0].parse().ok()).unwrap_or(10_usize);
    let total = found.len();
    let data: Vec<Value> = found.into_iter().take(limit).collect();
    Json(json!({"data": data, "pagination": {"nextCursor": null, "totalItems": total}})).into_response()
}

async fn agents(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let (ids, names) = (values(&pairs, "ids"), values(&pairs, "computerName"));
    let active = values(&pairs, "isActive");
    let (estate, now) = (shared.estate(), Instant::now());
    let found = estate.agents.iter().filter(|(id, agent)| {
        ids.as_ref().is_none_or(|ids| ids.contains(&id.as_str()))
            && names.as_ref().is_none_or(|names| names.iter().any(|name| agent.name.eq_ignore_ascii_case(name)))
            && active.as_ref().is_none_or(|active| active[0] == agent.online.to_string())
    });
    let found = found.map(|(id, agent)| {
        json!({
            "id": id, "uuid": format!("{id:0>32}"), "computerName": agent.name, "isActive": agent.online,
            "networkStatus": estate.status(id, now), "osType": "windows", "isDecommissioned": false,
        })
    });
    page(found.collect(), &pairs)
}

async fn threats(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let ids = values(&pairs, "ids");
    let (estate, now) = (shared.estate(), Instant::now());
    let found = estate.threats.iter().filter(|(id, _)| ids.as_ref().is_none_or(|ids| ids.contains(&id.as_str())));
    let found = found.map(|(id, threat)| {
        let mitigations = estate.mitigations(threat, now);
        let mitigated = mitigations.iter().any(|(_, status)| *status == "success");
        let mitigations: Vec<Value> = mitigations
            .iter()
            .map(|(action, status)| json!({"action": action, "status": status, "latestReport": null}))
            .collect();
        json!({
            "id": id,
            "agentRealtimeInfo": {"agentId": threat.agent, "agentComputerName": estate.agents.get(&threat.agent).map(|agent| &agent.name)},
            "threatInfo": {"threatId": id, "mitigationStatus": if mitigated { "mitigated" } else { "not_mitigated" }},
            "mitigationStatus": mitigations,
        })
    });
    page(found.collect(), &pairs)
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    filter: Filter,
}

#[derive(Deserialize, Default)]
struct Filter {
    #[serde(default)]
    ids: Vec<String>,
}

impl Filter {
    /// As the vendor does it: an empty filter means everybody.
    fn targets<'a>(self, everybody: impl Iterator<Item = &'a String>) -> Vec<String> {
        if self.ids.is_empty() { everybody.cloned().collect() } else { self.ids }
    }
}

fn filter(body: &[u8]) -> Result<Filter, Box<Response>> {
    let body: Result<Body, _> = serde_json::from_slice(body);
    body.map(|body| body.filter).map_err(|_| Box::new(refuse(StatusCode::BAD_REQUEST, "Validation Error")))
}

fn affected(count: usize) -> Response {
    Json(json!({"data": {"affected": count}, "errors": []})).into_response()
}

async fn connect(State(shared): State<Arc<Shared>>, Path(action): Path<String>, body: Bytes) -> Response {
    if !matches!(action.as_str(), "disconnect" | "connect") {
        return refuse(StatusCode::NOT_FOUND, "Not found");
    }
    let filter = match filter(&body) {
        Ok(filter) => filter,
        Err(refusal) => return *refusal,
    };
    let mut estate = shared.estate();
    let targets = filter.targets(estate.agents.keys());
    affected(targets.iter().filter(|id| estate.connect(&action, id, Instant::now())).count())
}

async fn mitigate(State(shared): State<Arc<Shared>>, Path(action): Path<String>, body: Bytes) -> Response {
    // The vendor has others on this URL. Nothing here may ever send them.
    let known = ["kill", "quarantine", "un-quarantine"].into_iter().find(|known| *known == action);
    let Some(action) = known else { return refuse(StatusCode::NOT_FOUND, "Not found") };
    let filter = match filter(&body) {
        Ok(filter) => filter,
        Err(refusal) => return *refusal,
    };
    let mut estate = shared.estate();
    let targets = filter.targets(estate.threats.keys());
    affected(targets.iter().filter(|id| estate.mitigate(action, id, Instant::now())).count())
}
