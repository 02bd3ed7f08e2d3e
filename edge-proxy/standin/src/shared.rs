//! What all requests to a stand-in share.

use crate::fault::Faults;
use axum::http::{HeaderMap, header};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a stand-in was set up, what it stands for, and what has been asked of it.
#[derive(Debug)]
pub(crate) struct Shared<Options, Estate> {
    pub(crate) options: Options,
    estate: Mutex<Estate>,
    pub(crate) faults: Faults,
    requests: AtomicU64,
}

impl<Options, Estate> Shared<Options, Estate> {
    pub(crate) fn new(options: Options, estate: Estate) -> Self {
        Self { options, estate: Mutex::new(estate), faults: Faults::default(), requests: AtomicU64::new(0) }
    }

    pub(crate) fn estate(&self) -> MutexGuard<'_, Estate> {
        // Every change of the estate is complete in itself, so a panic elsewhere leaves nothing half done.
        self.estate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request: its number, from one.
    pub(crate) fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many there have been.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// What stands behind `scheme`, in any case, in the `Authorization` header.
pub(crate) fn credential<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (written, credential) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    written.eq_ignore_ascii_case(scheme).then_some(credential)
}
