//! Routes, what every request goes through, and connections that can be cut.

use super::body::{TRACE, refuse};
use super::{Fault, On, Shared, devices, page, rtr, token};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// The limit that `X-Ratelimit-Limit` tells. It is not enforced; [`Fault::RateLimited`] is for that.
const RATE_LIMIT: u64 = 6000;
const MOST_BYTES: usize = 1024 * 1024;

/// Marks a response that is not to be sent: the connection is cut instead.
#[derive(Clone)]
struct Cut;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/oauth2/token", post(token::issue))
        .route("/devices/entities/devices-actions/v2", post(devices::act))
        .route("/devices/entities/devices/v2", get(devices::read_by_query).post(devices::read_by_body))
        .route("/devices/queries/devices/v1", get(devices::search))
        .route("/real-time-response/entities/sessions/v1", post(rtr::open).delete(rtr::close))
        .route("/real-time-response/entities/active-responder-command/v1", post(rtr::send).get(rtr::result))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "404: Page Not Found") })
        .method_not_allowed_fallback(|| async { refuse(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed") })
        .layer(from_fn_with_state(Arc::clone(&shared), guard))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .route("/", get(page::show))
        .with_state(shared)
}

/// Faults, then the token, then the handler; the vendor's headers on the way out.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let number = shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let kind = On::of(request.method(), request.uri().path());
    let fault = kind.and_then(|kind| shared.faults.take(kind));
    let needs_token = kind != Some(On::Token);
    let response = match &fault {
        Some(fault) if !fault.acts() => Response::default(),
        _ if needs_token && !token::is_authorised(&shared, request.headers()) => {
            refuse(StatusCode::UNAUTHORIZED, "access denied, invalid bearer token")
        }
        _ => next.run(request).await,
    };
    let response = match fault {
        Some(fault) => failed(fault).await,
        None => response,
    };
    finished(response, number).await
}

async fn failed(fault: Fault) -> Response {
    match fault {
        Fault::RateLimited(wait) => {
            let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, "API rate limit exceeded.");
            let until = crate::clock::unix_now() + wait.as_secs();
            response.headers_mut().insert("x-ratelimit-retryafter", HeaderValue::from(until));
            response.headers_mut().insert("x-ratelimit-remaining", HeaderValue::from(0));
            response
        }
        Fault::Forbidden => refuse(StatusCode::FORBIDDEN, "access denied, authorization failed"),
        Fault::ServerError | Fault::ServerErrorAfterActing => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error: Please provide trace-id to support")
        }
        Fault::Hang | Fault::HangAfterActing => std::future::pending().await,
        Fault::Drop | Fault::DropAfterActing => {
            let mut response = Response::default();
            response.extensions_mut().insert(Cut);
            response
        }
        Fault::Redirect(to) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response(),
    }
}

/// The rate and trace headers; the trace id goes into the body too.
async fn finished(response: Response, number: u64) -> Response {
    let trace = format!("5ca1ab1e-0000-4000-8000-{number:012x}");
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace(TRACE, &trace);
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Ok(trace) = HeaderValue::try_from(trace) {
        parts.headers.insert("x-cs-traceid", trace);
    }
    parts.headers.insert("x-ratelimit-limit", HeaderValue::from(RATE_LIMIT));
    let remaining = HeaderValue::from(RATE_LIMIT.saturating_sub(number));
    parts.headers.entry("x-ratelimit-remaining").or_insert(remaining);
    Response::from_parts(parts, Body::from(text))
}

/// Serves until it is aborted; the connections end with it.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(TokioIo::new(stream), router.clone()))),
                // Out of descriptors, most likely: they come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TokioIo<tokio::net::TcpStream>, router: Router) {
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request).await;
            // An error of the service makes hyper close the connection without a word.
            if response.extensions().get::<Cut>().is_some() { Err(io::Error::other("cut")) } else { Ok(response) }
        }
    });
    // A client that goes away is not this server's error.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
}
