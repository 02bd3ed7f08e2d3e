//! `POST /oauth2/token`, and the check of what it gave out.

use super::Shared;
use super::body::refuse;
use crate::shared::credential;
use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio::time::Instant;

#[derive(Deserialize)]
pub(super) struct Credentials {
    client_id: String,
    client_secret: String,
}

pub(super) async fn issue(
    State(shared): State<Arc<Shared>>,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Ok(Form(given)) = form else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Unable to parse the request: client_id and client_secret are required",
        );
    };
    let options = &shared.options;
    if given.client_id != options.client_id || given.client_secret != options.client_secret {
        return refuse(StatusCode::FORBIDDEN, "access denied, authorization failed");
    }
    let token = shared.estate().issued.token(Instant::now() + options.token_life);
    let body = Json(json!({"access_token": token, "token_type": "bearer", "expires_in": 1799}));
    (StatusCode::CREATED, [("x-cs-region", options.region_hint.clone())], body).into_response()
}

/// Whether the request carries a token that is valid now.
pub(super) fn is_authorised(shared: &Shared, headers: &HeaderMap) -> bool {
    credential(headers, "bearer").is_some_and(|token| shared.estate().issued.knows_token(token, Instant::now()))
}
