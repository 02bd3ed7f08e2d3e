//! A client for plain HTTP on loopback.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use reqwest::{Client, Response, redirect};
use serde_json::Value;
use std::sync::Arc;

/// Only plain HTTP is spoken here, but the client wants to know its TLS.
pub fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls).redirect(redirect::Policy::none());
    client.no_proxy().build().unwrap()
}

/// The status and the body.
pub async fn read(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}
