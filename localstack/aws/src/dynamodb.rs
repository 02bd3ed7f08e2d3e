//! DynamoDB: dynoxide, asked directly where that will do, else behind a loopback listener of its own, and the way there.

mod at_once;

use crate::wire::{Protocol, answer};
use at_once::{AtOnce, Done};
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use dynoxide::Database;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A database in memory, read through a cache as one in a file is. One that is nothing but a cache, as SQLite's `:memory:` is, is
/// gone through as a whole whenever a transaction has split a page.
const MEMORY: &str = "file:dynamodb?vfs=memdb";

/// What carries DynamoDB's requests out.
///
/// dynoxide's server is reached over a socket, not called, because it checks more of a request than its library does: the
/// library is asked only for what is nothing but carried out.
pub(crate) struct DynamoDb {
    at_once: AtOnce,
    client: Client<HttpConnector, Body>,
    address: SocketAddr,
}

impl DynamoDb {
    /// Opens the database, in a file or in memory, and serves it until `stop`.
    pub(crate) async fn start(
        file: Option<&Path>,
        stop: CancellationToken,
    ) -> Result<(Self, JoinHandle<()>), crate::StartError> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::new(MEMORY),
        };
        let database = database.map_err(|error| crate::StartError::DynamoDb(Box::new(error)))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(crate::StartError::Listen)?;
        let address = listener.local_addr().map_err(crate::StartError::Listen)?;
        let at_once = AtOnce::new(database.clone());
        let served = tokio::spawn(async move {
            let stopped = async move { stop.cancelled().await };
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
                tracing::error!(error, "embedded DynamoDB ended");
            }
        });
        let mut connector = HttpConnector::new();
        // A larger request is passed on in pieces: the last one must not wait 40 ms for the acknowledgement of those before.
        connector.set_nodelay(true);
        Ok((Self { at_once, client: Client::builder(TokioExecutor::new()).build(connector), address }, served))
    }

    /// Answers a request.
    pub(crate) async fn handle(&self, operation: &str, head: Parts, body: Bytes) -> Response<Body> {
        if !is_ordinary(&head.headers) {
            return self.forward(Request::from_parts(head, Body::from(body))).await;
        }
        match self.at_once.handle(operation, &body).await {
            Done::Yes(output) => answer(Protocol::Json10, StatusCode::OK, output),
            Done::OtherBefore(why) => answer(Protocol::Json10, StatusCode::BAD_REQUEST, why),
            Done::No => self.forward(Request::from_parts(head, Body::from(body))).await,
        }
    }

    /// Passes a request on and its answer back.
    async fn forward(&self, mut request: Request<Body>) -> Response<Body> {
        let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::builder()
            .scheme("http")
            .authority(self.address.to_string())
            .path_and_query(path)
            .build()
            .expect("scheme, address and path make an address");
        match self.client.request(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "embedded DynamoDB cannot be reached");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        }
    }
}

/// Whether it is signed, and says what it is in, as an SDK's requests are; of others dynoxide's server knows what to say.
fn is_ordinary(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == Protocol::Json10.content_type());
    content_type && headers.contains_key(header::AUTHORIZATION) && !headers.contains_key(header::ORIGIN)
}
