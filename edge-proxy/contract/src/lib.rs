//! The wire between the Vyrox cloud and a customer's edge proxy.
//!
//! What it is: the signed envelope ([`Envelope`], DSSE), the three payloads that travel in it ([`Action`], [`Receipt`],
//! [`Poll`]), the typed values inside them ([`Target`] and the ids), and the canonical JSON that signatures of plans and
//! audit hashes are computed over ([`canonical`]); what comes in is read by [`strict`].
//!
//! What it is not: a client, a server, a clock, or a policy. Nothing here does I/O.
//!
//! ```text
//!  cloud: Action --to_payload--> bytes --KMS signs PAE--> Envelope ----> proxy: Envelope::verify --> Verified bytes --> Action
//!  proxy: Receipt -> bytes --Ed25519 signs PAE--> Envelope ----> cloud: Envelope::verify --> Verified bytes --> Receipt
//! ```
//!
//! The order is the point: [`Envelope::verify`] authenticates the exact payload bytes, and only its result
//! ([`VerifiedPayload`]) can be parsed into a payload type.

#![forbid(unsafe_code)]

mod action;
pub mod canonical;
mod dsse;
mod enrolment;
mod id;
mod key;
mod poll;
mod receipt;
pub mod strict;
mod target;

pub use action::{Action, ActionType, Approver, Checkpoint, Operation};
pub use dsse::{
    Envelope, EnvelopeError, EnvelopeSignature, Payload, TrustedKeys, VerifiedPayload, pre_authentication_encoding,
};
pub use enrolment::{Rotation, prove_possession, proves_possession};
pub use id::{AlertId, ProxyId, RequestId, TenantId, UntrustedInput};
pub use key::{Ed25519Signer, KeyError, KeyId, VerifyingKey};
pub use poll::Poll;
pub use receipt::{AuditHead, Outcome, Receipt, Verification};
pub use target::{DeviceId, Hostname, Measure, ProcessId, Sha1, Sha256, Target, ThreatId, ValidatedIpAddress, Vendor};

/// How old `issued_at` may be when an envelope arrives, in seconds.
pub const MAX_AGE_SECONDS: i64 = 30;
/// How far ahead of the receiver's clock `issued_at` may be, in seconds.
pub const MAX_AHEAD_SECONDS: i64 = 5;

/// Whether `issued_at` lies in the window that a receiver whose clock says `now` accepts (both unix seconds).
///
/// Arithmetic is checked: a value that overflows is outside the window.
#[must_use]
pub fn is_fresh(issued_at: i64, now: i64) -> bool {
    match now.checked_sub(issued_at) {
        Some(age) => (-MAX_AHEAD_SECONDS..=MAX_AGE_SECONDS).contains(&age),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_fresh;

    #[test]
    fn the_window_is_thirty_seconds_back_and_five_ahead() {
        let now = 1_700_000_000;
        for (issued_at, fresh) in [
            (now, true),
            (now - 30, true),
            (now - 31, false),
            (now + 5, true),
            (now + 6, false),
            (i64::MIN, false),
            (i64::MAX, false),
            (i64::MIN + now, false),
        ] {
            assert_eq!(is_fresh(issued_at, now), fresh, "issued_at {issued_at}");
        }
    }
}
