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
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

/// Connections that wait for a place. Of the 128 that are usual the system loses whoever comes behind them and says nothing: the
/// client believes itself connected, and nobody knows of it.
const QUEUE: u32 = 1024;

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

/// Listens.
///
/// # Errors
/// The system's.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Beside connections of the last run that have not ended yet.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
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

#[cfg(test)]
mod tests {
    use super::listen;
    use std::net::TcpStream;
    use std::time::Duration;

    #[tokio::test]
    async fn a_crowd_that_comes_at_once_and_says_nothing_is_not_lost() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        let crowd: Vec<_> = (0..300).map(|_| connect()).collect();
        for _ in &crowd {
            tokio::time::timeout(Duration::from_secs(5), listener.accept()).await.expect("it is known").unwrap();
        }
    }
}
