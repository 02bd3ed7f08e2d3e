//! Connections: how many, how slow, and how they end.

use crate::cause::chain;
use crate::config::Limits;
use crate::pipeline::Pipeline;
use crate::routes::Routes;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

/// How long a connection may be open. A request that may last longer begins it anew whenever its client has taken something.
#[derive(Clone)]
pub(crate) struct Lifetime {
    length: Duration,
    begun: Arc<Notify>,
}

impl Lifetime {
    /// Begins anew.
    pub(crate) fn begin(&self) {
        self.begun.notify_one();
    }

    async fn over(&self) {
        while tokio::time::timeout(self.length, self.begun.notified()).await.is_ok() {}
    }
}

/// Serves until `stop`, then lets open requests end for at most `limits.drain`.
pub(crate) async fn serve(
    (listener, tls): (TcpListener, Option<TlsAcceptor>),
    pipeline: Arc<Pipeline>,
    limits: Limits,
    stop: CancellationToken,
) {
    let (drain, length, handshake) = (limits.drain, limits.connection_lifetime, limits.header_timeout);
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(32 * 1024);
    let routes = Arc::new(Routes { pipeline, limits });
    loop {
        // A place first, then a connection: what is over the limit waits in the operating system's queue.
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let lifetime = Lifetime { length, begun: Arc::default() };
        let (routes, known) = (Arc::clone(&routes), lifetime.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (routes, known) = (Arc::clone(&routes), known.clone());
            async move { Ok::<_, Infallible>(routes.answer(request, known).await) }
        });
        let (http, tls, watcher) = (http.clone(), tls.clone(), connections.watcher());
        let connection = async move {
            let stream = match tls {
                None => Either::Left(stream),
                Some(tls) => Either::Right(tokio::time::timeout(handshake, tls.accept(stream)).await??),
            };
            watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await?;
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        };
        tokio::spawn(async move {
            tokio::select! {
                // A client's broken connection is the client's business.
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(error = %chain(error.as_ref()), "connection ended");
                },
                () = lifetime.over() => tracing::debug!("connection ended: it was open for too long"),
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, connections.shutdown()).await.is_err() {
        tracing::warn!("connections were still open at the end of the drain time");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Small answers, each in one write: waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, place))
        }
        Err(error) => {
            // Out of descriptors, for example: trying again at once would only spin.
            tracing::warn!(error = %chain(&error), "cannot accept");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
