//! That Discord signed what came: on the raw bytes, now and again later.

use super::{Click, Interaction};
use crate::command::Invocation;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

/// How far Discord's timestamp may be from our clock, in seconds. Discord states no window; this one is ours.
const MAX_SKEW: i64 = 300;
/// The headers and the raw body of an interaction.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `X-Signature-Ed25519`: 128 hex digits.
    pub signature: &'a str,
    /// `X-Signature-Timestamp`: unix seconds.
    pub timestamp: &'a str,
    /// The body as received.
    pub body: &'a [u8],
}

/// Not proven to come from Discord, or not recent. One error for every reason; the answer is 401 with an empty body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid request signature")]
pub struct Unverified;

/// A request that Discord signed.
#[derive(Debug)]
pub struct VerifiedInteraction<'a> {
    request: SignedRequest<'a>,
}

/// What Discord signed, kept with the decision, so that the human's click can be proven again before anything is signed
/// because of it: whoever can write to the table still cannot invent one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickProof {
    signature: String,
    timestamp: String,
    body: String,
}

impl ClickProof {
    /// Verifies the signature again, without asking how old it is, and returns the click.
    ///
    /// # Errors
    /// [`Unverified`] if Discord did not sign it, or it is no click in a guild.
    pub fn verify(&self, keys: &[VerifyingKey]) -> Result<Click, Unverified> {
        let request =
            SignedRequest { signature: &self.signature, timestamp: &self.timestamp, body: self.body.as_bytes() };
        match verify_signature(keys, request)?.parse() {
            Ok(Interaction::Click(click)) => Ok(*click),
            _ => Err(Unverified),
        }
    }

    /// The same for a command.
    ///
    /// # Errors
    /// [`Unverified`] if Discord did not sign it, or it is no command in a guild.
    pub fn verify_command(&self, keys: &[VerifyingKey]) -> Result<Invocation, Unverified> {
        let request =
            SignedRequest { signature: &self.signature, timestamp: &self.timestamp, body: self.body.as_bytes() };
        match verify_signature(keys, request)?.parse() {
            Ok(Interaction::Command(invocation)) => Ok(*invocation),
            _ => Err(Unverified),
        }
    }

    /// Whether it may have come at `at` (unix seconds), by the time that Discord signed with it.
    pub(crate) fn is_of(&self, at: i64) -> bool {
        is_timely(&self.timestamp, at)
    }
}

/// Verifies strictly against the application's keys (two during a rotation). `now` is unix seconds.
///
/// # Errors
/// [`Unverified`].
pub fn verify<'a>(
    keys: &[VerifyingKey],
    request: SignedRequest<'a>,
    now: i64,
) -> Result<VerifiedInteraction<'a>, Unverified> {
    let verified = verify_signature(keys, request)?;
    if is_timely(request.timestamp, now) { Ok(verified) } else { Err(Unverified) }
}

/// Whether what was sent at `timestamp` may have come at `at`.
fn is_timely(timestamp: &str, at: i64) -> bool {
    timestamp.parse().is_ok_and(|sent: i64| at.abs_diff(sent) <= MAX_SKEW.unsigned_abs())
}

fn verify_signature<'a>(
    keys: &[VerifyingKey],
    request: SignedRequest<'a>,
) -> Result<VerifiedInteraction<'a>, Unverified> {
    let mut raw = [0; 64];
    hex::decode_to_slice(request.signature, &mut raw).map_err(|_| Unverified)?;
    let signature = Signature::from_bytes(&raw);
    let mut message = Vec::with_capacity(request.timestamp.len() + request.body.len());
    message.extend_from_slice(request.timestamp.as_bytes());
    message.extend_from_slice(request.body);
    if keys.iter().any(|key| key.verify_strict(&message, &signature).is_ok()) {
        Ok(VerifiedInteraction { request })
    } else {
        Err(Unverified)
    }
}

impl<'a> VerifiedInteraction<'a> {
    /// What Discord signed, besides the time.
    pub(super) const fn body(&self) -> &'a [u8] {
        self.request.body
    }

    /// What Discord signed, to be kept.
    pub(super) fn proof(&self) -> ClickProof {
        ClickProof {
            signature: self.request.signature.to_owned(),
            timestamp: self.request.timestamp.to_owned(),
            // JSON that was read is UTF-8.
            body: String::from_utf8_lossy(self.request.body).into_owned(),
        }
    }
}
