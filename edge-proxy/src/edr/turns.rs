//! One operation on a device at a time: else a repetition of the older could undo the newer, and each would read back the
//! other's state.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use tokio::sync::{Mutex, MutexGuard};

/// A bounded number of locks that serves any number of devices.
#[derive(Debug)]
pub(super) struct Turns(Vec<Mutex<()>>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(std::iter::repeat_with(Mutex::default).take(256).collect())
    }

    /// Waits for the device's turn; it ends when the guard is dropped.
    pub(super) async fn take(&self, device: &str) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(device);
        // 256 locks, so the first byte is an index.
        self.0[usize::from(hash.to_be_bytes()[0])].lock().await
    }
}
