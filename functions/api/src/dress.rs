//! What every answer wears: the security headers and the request's id.

use crate::Api;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use vyrox_platform::http::SECURITY_HEADERS;
use vyrox_platform::metric::{self, Metric};
use vyrox_platform::random;

/// Names the request in the answer, in the logs and in the audit.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(pub(crate) String);

pub(crate) async fn dress(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let id = random::nonce();
    request.extensions_mut().insert(RequestId(id.clone()));
    let work = async {
        let began = api.clock.now_millis();
        let response = next.run(request).await;
        Metric::ApiRequests.add_by(class(response.status().as_u16()), 1);
        Metric::ApiToAnswer.took((began, api.clock.now_millis()));
        response
    };
    let mut response = metric::gather(Arc::clone(&api.clock), "api", work).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", value);
    }
    response
}

/// The class of a status, for numbers.
const fn class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        429 => "429",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
