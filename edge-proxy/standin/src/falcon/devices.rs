//! Hosts: contain and lift, search, details.

use super::Shared;
use super::body::{Body, is_aid, read, refuse};
use super::estate::{Change, Refusal};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::Instant;

const MOST_PER_ACTION: usize = 100;
const MOST_PER_READ: usize = 5000;

/// A query string; a name may occur more than once.
pub(super) type Pairs = Query<Vec<(String, String)>>;

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

pub(super) fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(super) async fn act(State(shared): State<Arc<Shared>>, pairs: Pairs, headers: HeaderMap, body: Bytes) -> Response {
    let change = match value(&pairs, "action_name") {
        Some("contain") => Change::Contain,
        Some("lift_containment") => Change::LiftContainment,
        // The vendor also has hide_host and unhide_host on this URL. Nothing here may ever send them.
        _ => return refuse(StatusCode::BAD_REQUEST, "Provided action_name is not one of: contain, lift_containment"),
    };
    let ids = match read::<Ids>(&headers, &body) {
        Ok(body) => body.ids,
        Err(refusal) => return *refusal,
    };
    if ids.is_empty() || ids.len() > MOST_PER_ACTION || !ids.iter().all(|id| is_aid(id)) {
        return refuse(StatusCode::BAD_REQUEST, "ids must be 1 to 100 agent ids of 32 hex digits");
    }
    let mut reply = Body::default();
    let mut estate = shared.estate();
    for id in ids {
        match estate.change(change, &id, Instant::now()) {
            Ok(()) => reply.resources.push(json!({"id": id, "path": format!("/devices/entities/devices/v1?ids={id}")})),
            Err(refusal) => reply.errors.push(refusal),
        }
    }
    reply.with(StatusCode::ACCEPTED)
}

pub(super) async fn read_by_query(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let ids: Vec<&str> = pairs.iter().filter(|(key, _)| key == "ids").map(|(_, id)| id.as_str()).collect();
    details(&shared, &ids)
}

pub(super) async fn read_by_body(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    match read::<Ids>(&headers, &body) {
        Ok(body) => details(&shared, &body.ids.iter().map(String::as_str).collect::<Vec<_>>()),
        Err(refusal) => *refusal,
    }
}

fn details(shared: &Shared, ids: &[&str]) -> Response {
    if ids.is_empty() || ids.len() > MOST_PER_READ || !ids.iter().all(|id| is_aid(id)) {
        return refuse(StatusCode::BAD_REQUEST, "ids must be 1 to 5000 agent ids of 32 hex digits");
    }
    let estate = shared.estate();
    let mut reply = Body::default();
    for id in ids {
        match (estate.device(id), estate.status(id, Instant::now())) {
            (Some(device), Some(status)) => reply.resources.push(json!({
                "device_id": id, "hostname": device.hostname, "status": status.as_str(), "platform_name": "Windows",
            })),
            _ => reply.errors.push(Refusal { code: 404, message: format!("No results found for {id}") }),
        }
    }
    reply.with(StatusCode::OK)
}

pub(super) async fn search(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let wanted = match value(&pairs, "filter").map(hostname) {
        Some(None) => return refuse(StatusCode::BAD_REQUEST, "invalid filter: this server knows hostname:'..'"),
        // As the vendor does it: without a filter, everything.
        None => None,
        Some(wanted) => wanted,
    };
    let limit = match value(&pairs, "limit").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(limit)) if (1..=MOST_PER_READ).contains(&limit) => limit,
        Some(_) => return refuse(StatusCode::BAD_REQUEST, "limit must be 1 to 5000"),
    };
    let estate = shared.estate();
    let found: Vec<Value> = estate
        .devices()
        .filter(|(_, device)| wanted.as_ref().is_none_or(|name| device.hostname.eq_ignore_ascii_case(name)))
        .map(|(aid, _)| json!(aid))
        .collect();
    let pagination = Some(json!({"offset": 0, "limit": limit, "total": found.len()}));
    Body { pagination, ..Body::of(found.into_iter().take(limit).collect()) }.with(StatusCode::OK)
}

/// The name in `hostname:'NAME'`, in which `\` escapes a quote or itself. Wildcards are not a name.
fn hostname(filter: &str) -> Option<String> {
    let quoted = filter.strip_prefix("hostname:'")?.strip_suffix('\'')?;
    let mut name = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => name.push(characters.next().filter(|next| matches!(next, '\\' | '\''))?),
            '\'' | '*' => return None,
            plain => name.push(plain),
        }
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::hostname;

    #[test]
    fn a_filter_is_one_exact_name_and_nothing_else() {
        assert_eq!(hostname("hostname:'ws-01'").as_deref(), Some("ws-01"));
        assert_eq!(hostname(r"hostname:'o\'brien\\x'").as_deref(), Some(r"o'brien\x"));
        for bad in
            ["", "hostname:''", "hostname:ws-01", "hostname:'a'+status:'normal'", "hostname:'*'", r"hostname:'a\'"]
        {
            assert_eq!(hostname(bad), None, "{bad}");
        }
    }
}
