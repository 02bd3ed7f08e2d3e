//! Who sent these bytes? Answered on the raw bytes, before anything in them is parsed.
//!
//! ```text
//!  RawDelivery (body, headers)  --authenticate(Keyring, now)-->  Authenticated
//! ```
//!
//! [`Authenticated`] can be made only here, by a scheme that verified; [`crate::vendor::normalise`] takes nothing else.
//!
//! | scheme | file | what proves the sender |
//! |---|---|---|
//! | `vyrox_hmac` | `vyrox_hmac.rs` | HMAC over the body |
//! | `bearer` | `bearer.rs` | a random token, known by its hash |
//! | `crowdstrike_hmac` | `crowdstrike.rs` | HMAC over body and time, fresh |
//! | `static_header` | `static_header.rs` | a secret value in a header of the source's choosing |
//! | `graph_client_state` | `graph.rs` | a secret in every item of the body |
//! | `standard_webhooks` | `standard_webhooks.rs` | HMAC over id, time and body, fresh |
//!
//! All six are computed for every delivery, twice (the present and the previous secret), whatever the source has and
//! whatever was sent, and nothing ends early: the time tells neither which scheme a source has, nor whether there is one.

mod bearer;
mod canary;
mod crowdstrike;
mod freshness;
mod graph;
mod headers;
mod keyring;
mod mac;
mod reference;
mod scan;
mod scheme;
mod sender;
mod standard_webhooks;
mod static_header;
mod vyrox_hmac;

pub use canary::{CANARY_HEADER, canary};
pub use crowdstrike::SIGNATURE_HEADER as CROWDSTRIKE_SIGNATURE_HEADER;
pub use freshness::FRESHNESS;
pub use graph::{MAX_CLIENT_STATE, validation_answer};
pub use headers::Headers;
pub use keyring::{Keyring, Slots, token_hash};
pub use reference::scan_tenant_reference;
pub use scheme::{Scheme, UnknownScheme};
pub use sender::{CannotProve, Sender};
pub use standard_webhooks::{KEY_PREFIX as STANDARD_WEBHOOKS_PREFIX, parse_key as parse_standard_webhooks_key};
pub use vyrox_hmac::{SIGNATURE_HEADER, sign};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// What came in: the body as received, and the headers that came exactly once.
#[derive(Debug, Clone)]
pub struct RawDelivery<B> {
    /// The body, untouched.
    pub body: B,
    /// The headers.
    pub headers: Headers,
}

/// A body whose sender is proven.
#[derive(Debug, Clone)]
pub struct Authenticated<B> {
    body: B,
    scheme: Scheme,
}

/// The delivery was not proven to come from the tenant's source. One error for every reason: the sender learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid signature")]
pub struct Unauthenticated;

impl<B: AsRef<[u8]>> Authenticated<B> {
    /// The authenticated bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.body.as_ref()
    }

    /// The scheme that proved them; the first in [`Scheme::ALL`]'s order where several did.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }
}

/// Verifies a delivery against everything that may prove it at `now` (unix seconds). One scheme that verifies is enough.
/// The work is the same whatever the keyring holds and whatever the headers say, so that an unknown tenant (whose keyring
/// is empty) takes as long as a wrong signature.
///
/// # Errors
/// [`Unauthenticated`] if no scheme verifies.
pub fn authenticate<B: AsRef<[u8]>, S: AsRef<[u8]>>(
    delivery: RawDelivery<B>,
    keyring: &Keyring<S>,
    now: i64,
) -> Result<Authenticated<B>, Unauthenticated> {
    let RawDelivery { body, headers } = delivery;
    let bytes = body.as_ref();
    let answers = [
        (Scheme::VyroxHmac, vyrox_hmac::verifies(&keyring.vyrox_hmac, &headers, bytes)),
        (Scheme::Bearer, bearer::verifies(&keyring.bearer, &headers)),
        (
            Scheme::CrowdstrikeHmac,
            crowdstrike::verifies(&keyring.crowdstrike_hmac, &keyring.crowdstrike_header, &headers, bytes, now),
        ),
        (Scheme::StaticHeader, static_header::verifies(&keyring.static_header, &keyring.static_header_name, &headers)),
        (Scheme::GraphClientState, graph::verifies(&keyring.graph_client_state, bytes)),
        (Scheme::StandardWebhooks, standard_webhooks::verifies(&keyring.standard_webhooks, &headers, bytes, now)),
    ];
    match answers.into_iter().find(|(_, proven)| *proven) {
        Some((scheme, _)) => Ok(Authenticated { body, scheme }),
        None => Err(Unauthenticated),
    }
}

#[cfg(test)]
mod tests;
