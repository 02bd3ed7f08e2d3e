//! A Falcon of any number of devices, each named after its id, that counts how often each was contained. It outlives the
//! proxies that are killed beside it.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub struct Fleet {
    pub url: String,
    contained: Arc<Mutex<HashMap<String, usize>>>,
}

impl Fleet {
    pub async fn start() -> Self {
        let contained = Arc::default();
        let router = Router::new()
            .route("/oauth2/token", post(token))
            .route("/devices/entities/devices/v2", get(device))
            .route("/devices/entities/devices-actions/v2", post(contain))
            .with_state(Arc::clone(&contained));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, contained }
    }

    /// How often each device was contained.
    pub fn counts(&self) -> HashMap<String, usize> {
        self.contained.lock().unwrap().clone()
    }

    /// Begins again with every device on the network.
    pub fn forget(&self) {
        self.contained.lock().unwrap().clear();
    }
}

type Contained = State<Arc<Mutex<HashMap<String, usize>>>>;

async fn token() -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({"access_token": "token", "token_type": "bearer", "expires_in": 1799})))
}

async fn device(State(contained): Contained, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let aid = &query["ids"];
    let status = if contained.lock().unwrap().contains_key(aid) { "contained" } else { "normal" };
    let device = json!({"device_id": aid, "status": status, "hostname": format!("host-{aid}")});
    Json(json!({"meta": {}, "resources": [device], "errors": null}))
}

async fn contain(
    State(contained): Contained,
    Query(query): Query<HashMap<String, String>>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    assert_eq!(query["action_name"], "contain");
    let aid = body["ids"][0].as_str().unwrap().to_owned();
    *contained.lock().unwrap().entry(aid.clone()).or_default() += 1;
    let body = json!({"meta": {"trace_id": "trace"}, "resources": [{"id": aid, "path": ""}], "errors": []});
    (StatusCode::ACCEPTED, Json(body))
}
