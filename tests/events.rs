//! The files of `events/lambda` are what Lambda hands to each function: each goes through that function's own handler, or
//! its message type where the handler needs a running system.
//!
//! Here belongs: a new function's event, or a new shape of one.

#![allow(clippy::unwrap_used)]

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt as _;
use vyrox_domain::message::{ActionApproved, AlertQueued, CardRequested, CommandAsked, Message};
use vyrox_tests::Stage;

fn event(function: &str) -> Value {
    let path = format!("{}/../events/lambda/{function}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The HTTP request inside an HTTP API event.
fn request(event: &Value) -> Request<Body> {
    let mut request = Request::post(event["rawPath"].as_str().unwrap());
    for (name, value) in event["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.body(Body::from(event["body"].as_str().unwrap().to_owned())).unwrap()
}

fn messages<M: Message>(function: &str) -> Vec<M> {
    let event = event(function);
    let records = event["Records"].as_array().unwrap();
    records.iter().map(|record| serde_json::from_str(record["body"].as_str().unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_events_reach_their_routes_and_their_placeholder_signatures_are_refused() {
    let stage = Stage::dry_run().await;
    let endpoints = &stage.system.endpoints;
    let client = vyrox_platform::http::client(std::time::Duration::from_secs(10)).unwrap();
    for function in ["ingest", "interactions", "relay", "api"] {
        let event = event(function);
        let url = format!("{}{}", endpoints.webhook_base_url, event["rawPath"].as_str().unwrap());
        let method = event["requestContext"]["http"]["method"].as_str().unwrap().parse().unwrap();
        let body = event["body"].as_str().unwrap_or_default().to_owned();
        let mut request = client.request(method, url).body(body);
        for (name, value) in event["headers"].as_object().unwrap().iter().filter(|(name, _)| *name != "host") {
            request = request.header(name, value.as_str().unwrap());
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{function}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_ping_event_is_refused_by_the_interactions_router_without_any_system() {
    let clients = vyrox_platform::aws::Clients::new(&vyrox_platform::config::Aws::local("http://127.0.0.1:9"));
    let environment = |name: &str| match name {
        "VYROX_DISCORD_PUBLIC_KEY" => {
            Some("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c".to_owned())
        }
        "VYROX_DISCORD_APPLICATION_ID" => Some("500".to_owned()),
        name if name.ends_with("_URL") => Some("http://127.0.0.1:9".to_owned()),
        _ => Some("test".to_owned()),
    };
    let config = vyrox_platform::config::Interactions::from_environment(&environment).unwrap();
    let clock = Arc::new(vyrox_platform::clock::SystemClock);
    let function = vyrox_interactions::Interactions::new(&clients, &config, clock);
    let answer = vyrox_interactions::router(Arc::new(function)).oneshot(request(&event("interactions"))).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[test]
fn the_queue_events_are_the_messages_of_their_queues() {
    assert_eq!(messages::<AlertQueued>("triage")[0].tenant_id.as_str(), "demo");
    assert_eq!(messages::<CardRequested>("notify")[0].tenant_id.as_str(), "demo");
    assert_eq!(messages::<CommandAsked>("assist")[0].tenant_id.as_str(), "demo");
    assert_eq!(messages::<ActionApproved>("dispatch")[0].tenant_id().as_str(), "demo");
}
