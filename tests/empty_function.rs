//! A function that does nothing, in the same runtime as ours: what their start-up and memory are measured against.
//!
//! `empty-function http` answers an API's requests, `empty-function` anything else.

use axum::Router;
use axum::http::StatusCode;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    if std::env::args().nth(1).as_deref() == Some("http") {
        return lambda_http::run(Router::new().fallback(async || StatusCode::ACCEPTED)).await;
    }
    lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| Ok::<_, lambda_runtime::Error>(Value::Null))).await
}
