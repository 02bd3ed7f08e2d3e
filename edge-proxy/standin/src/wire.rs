//! What the stand-ins share below their APIs: connections that can be cut, and answers that go wrong.

use crate::fault::Fault;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt as _;

/// Marks a response that is not to be sent: the connection is cut instead.
#[derive(Clone)]
struct Cut;

/// The answer that a fault makes of `response`. `refuse` has the vendor's body for a status, `throttle` its headers.
pub(crate) async fn failed(
    fault: Fault,
    response: Response,
    refuse: fn(StatusCode) -> Response,
    throttle: fn(&mut HeaderMap, Duration),
) -> Response {
    match fault {
        Fault::RateLimited(wait) => {
            let mut response = refuse(StatusCode::TOO_MANY_REQUESTS);
            throttle(response.headers_mut(), wait);
            response
        }
        Fault::Forbidden => refuse(StatusCode::FORBIDDEN),
        Fault::ServerError | Fault::ServerErrorAfterActing => refuse(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Hang | Fault::HangAfterActing => std::future::pending().await,
        Fault::Drop | Fault::DropAfterActing => {
            let mut response = Response::default();
            response.extensions_mut().insert(Cut);
            response
        }
        Fault::Redirect(to) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Fault::WrongShape => with_body(response, |_| b"{\"status\":[\"ok\"]}".to_vec()).await,
        Fault::Empty => with_body(response, |_| Vec::new()).await,
        Fault::Torn => with_body(response, |body| body[..body.len() / 2].to_vec()).await,
    }
}

async fn with_body(response: Response, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(change(&bytes)))
}

/// A running server. It stops when this is dropped; open connections are cut.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds and serves.
    pub(crate) async fn start(bind: SocketAddr, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(bind).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(serve(listener, router)) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn shutdown(mut self) {
        self.task.abort();
        // Cancelled is how it ends.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves until it is aborted; the connections end with it.
async fn serve(listener: TcpListener, router: Router) {
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
