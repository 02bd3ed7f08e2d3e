//! DynamoDB: dynoxide behind a loopback listener of its own, and the way there.

use axum::body::Body;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{Request, Response, StatusCode};
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

/// Where DynamoDB's requests are passed on to.
///
/// Its server is reached over a socket, not called, because it checks more of a request than its library does.
pub(crate) struct DynamoDb {
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
            None => Database::memory(),
        };
        let database = database.map_err(|error| crate::StartError::DynamoDb(Box::new(error)))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(crate::StartError::Listen)?;
        let address = listener.local_addr().map_err(crate::StartError::Listen)?;
        let served = tokio::spawn(async move {
            let stopped = async move { stop.cancelled().await };
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
                tracing::error!(error, "embedded DynamoDB ended");
            }
        });
        let mut connector = HttpConnector::new();
        // A larger request is passed on in pieces: the last one must not wait 40 ms for the acknowledgement of those before.
        connector.set_nodelay(true);
        Ok((Self { client: Client::builder(TokioExecutor::new()).build(connector), address }, served))
    }

    /// Where its server is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes a request on and its answer back.
    pub(crate) async fn forward(&self, mut request: Request<Body>) -> Response<Body> {
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
