//! A stand-in for tenants' backup addresses: takes every POST and keeps what it said.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// One letter: the path that it was posted to, and what it said.
pub type Letter = (String, Value);

#[derive(Debug, Default)]
struct Shared {
    letters: Vec<Letter>,
    refusing: bool,
}

/// A running stand-in. Dropping it leaves the server running; call [`BackupStandin::shutdown`].
#[derive(Debug, Clone)]
pub struct BackupStandin {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    stop: Arc<watch::Sender<bool>>,
}

impl BackupStandin {
    /// Serves on a free port of this machine.
    ///
    /// # Errors
    /// There is none.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let (stop, mut stopped) = watch::channel(false);
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        tokio::spawn(async move {
            let until = async move {
                let _closed = stopped.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the backup stand-in stopped");
            }
        });
        Ok(Self { address, shared, stop: Arc::new(stop) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The letters so far, oldest first.
    #[must_use]
    pub fn letters(&self) -> Vec<Letter> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).letters.clone()
    }

    /// Refuse letters from now on, or take them again.
    pub fn refuse(&self, refusing: bool) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).refusing = refusing;
    }

    /// Stop serving.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }
}

async fn take(State(shared): State<Arc<Mutex<Shared>>>, uri: Uri, body: Bytes) -> StatusCode {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.refusing {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let letter = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
    shared.letters.push((uri.path().to_owned(), letter));
    StatusCode::NO_CONTENT
}
