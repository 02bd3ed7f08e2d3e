//! What every answer wears: the security headers and the request's id.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use vyrox_platform::http::SECURITY_HEADERS;
use vyrox_platform::random;

/// Names the request in the answer, in the logs and in the audit.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(pub(crate) String);

pub(crate) async fn dress(mut request: Request, next: Next) -> Response {
    let id = random::nonce();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", value);
    }
    response
}
