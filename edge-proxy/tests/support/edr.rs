//! A Falcon of one device that counts what it is asked for and can be told to misbehave.

use super::{AID, HOST};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vyrox_edge_proxy::{Clock as _, SystemClock};

/// How the next change is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes it and shows the new state at once.
    Fine,
    /// Takes it, and the state stays pending.
    Pending,
    /// Takes it, and the state does not change.
    Lies,
    /// 202 with an error of this code for the host.
    HostError(i64),
    /// 202 without naming the host.
    Silent,
    /// Takes it and never answers.
    TakesAndHangs,
    /// Does not take it and never answers.
    Hangs,
    /// This status.
    Status(u16),
    /// 429 once, then fine.
    RateLimitedOnce,
    /// The token is refused once, then fine.
    TokenExpiredOnce,
    /// A redirect elsewhere.
    Redirect,
}

#[derive(Debug)]
pub struct Falcon {
    pub mood: Mood,
    pub status: String,
    pub hostname: Option<String>,
    pub known: bool,
    /// How long a read takes.
    pub pause: Duration,
    pub tokens: usize,
    pub reads: usize,
    pub changes: Vec<(String, Value)>,
}

#[derive(Clone)]
pub struct Edr {
    pub url: String,
    pub falcon: Arc<Mutex<Falcon>>,
}

impl Edr {
    pub async fn start(mood: Mood) -> Self {
        let falcon = Arc::new(Mutex::new(Falcon {
            mood,
            status: "normal".into(),
            hostname: Some(HOST.into()),
            known: true,
            pause: Duration::ZERO,
            tokens: 0,
            reads: 0,
            changes: Vec::new(),
        }));
        let router = Router::new()
            .route("/oauth2/token", post(token))
            .route("/devices/queries/devices/v1", get(|| async { Json(json!({"resources": [AID], "errors": null})) }))
            .route("/devices/entities/devices/v2", get(device))
            .route("/devices/entities/devices-actions/v2", post(change))
            .with_state(Arc::clone(&falcon));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, falcon }
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut Falcon) -> T) -> T {
        look(&mut self.falcon.lock().unwrap())
    }

    pub fn changes(&self) -> usize {
        self.with(|falcon| falcon.changes.len())
    }
}

type Shared = State<Arc<Mutex<Falcon>>>;

async fn token(State(falcon): Shared, body: String) -> Response {
    assert_eq!(body, "client_id=client&client_secret=falcon-secret");
    let mut falcon = falcon.lock().unwrap();
    falcon.tokens += 1;
    let token = format!("token-{}", falcon.tokens);
    let answer = json!({"access_token": token, "token_type": "bearer", "expires_in": 1799});
    (StatusCode::CREATED, [("X-Cs-Region", "http://evil.invalid")], Json(answer)).into_response()
}

async fn device(State(falcon): Shared, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    assert_eq!(query["ids"], AID);
    let pause = {
        let mut falcon = falcon.lock().unwrap();
        falcon.reads += 1;
        falcon.pause
    };
    tokio::time::sleep(pause).await;
    let falcon = falcon.lock().unwrap();
    let mut device = json!({"device_id": AID, "status": falcon.status});
    if let Some(name) = &falcon.hostname {
        device["hostname"] = json!(name);
    }
    Json(json!({"meta": {}, "resources": falcon.known.then(|| vec![device]), "errors": null}))
}

async fn change(
    State(falcon): Shared,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
    Json(body): Json<Value>,
) -> Response {
    let mood = {
        let mut falcon = falcon.lock().unwrap();
        falcon.changes.push((query["action_name"].clone(), body));
        let token = headers["authorization"].to_str().unwrap().to_owned();
        assert_eq!(token, format!("Bearer token-{}", falcon.tokens));
        let (wanted, pending) = match query["action_name"].as_str() {
            "contain" => ("contained", "containment_pending"),
            "lift_containment" => ("normal", "lift_containment_pending"),
            other => panic!("{other} must never be asked for"),
        };
        let mood = falcon.mood;
        match mood {
            Mood::Fine | Mood::TakesAndHangs => falcon.status = wanted.into(),
            Mood::Pending => falcon.status = pending.into(),
            Mood::RateLimitedOnce | Mood::TokenExpiredOnce => falcon.mood = Mood::Fine,
            _ => {}
        }
        mood
    };
    let taken = || json!({"meta": {"trace_id": "trace-1"}, "resources": [{"id": AID, "path": ""}], "errors": []});
    match mood {
        Mood::Fine | Mood::Pending | Mood::Lies => (StatusCode::ACCEPTED, Json(taken())).into_response(),
        Mood::HostError(code) => {
            let errors = json!([{"code": code, "message": format!("Device {AID} cannot be changed\u{1b}[31m")}]);
            let body = json!({"meta": {"trace_id": "trace-1"}, "resources": [], "errors": errors});
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        Mood::Silent => (StatusCode::ACCEPTED, Json(json!({"resources": [], "errors": []}))).into_response(),
        Mood::TakesAndHangs | Mood::Hangs => std::future::pending().await,
        Mood::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Mood::RateLimitedOnce => {
            let at = SystemClock.now() + 1;
            (StatusCode::TOO_MANY_REQUESTS, [("X-Ratelimit-Retryafter", at.to_string())]).into_response()
        }
        Mood::TokenExpiredOnce => StatusCode::UNAUTHORIZED.into_response(),
        Mood::Redirect => (StatusCode::TEMPORARY_REDIRECT, [("Location", "http://127.0.0.1:9/")]).into_response(),
    }
}
