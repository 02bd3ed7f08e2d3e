//! Random bytes from the operating system.

use crate::clock::Clock;

/// `N` random bytes.
///
/// # Panics
/// If the operating system has no randomness to give, which leaves nothing safe to do.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 32 hex digits that nobody can guess.
#[must_use]
pub fn nonce() -> String {
    hex::encode(bytes::<16>())
}

/// A ULID: 26 characters, sortable by time.
#[must_use]
pub fn ulid(clock: &dyn Clock) -> String {
    let millis = u64::try_from(clock.now_millis()).unwrap_or(0);
    ulid::Ulid::from_parts(millis, u128::from_be_bytes(bytes())).to_string()
}
