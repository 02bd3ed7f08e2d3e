//! CrowdStrike's Falcon Fusion webhook: `X-Cs-Primary-Signature: base64(HMAC-SHA256(key, raw body || timestamp))`, where
//! the timestamp is the text of `X-Cs-Delivery-Timestamp` (RFC 3339), at most [`super::FRESHNESS`] old or ahead.
//!
//! The console lets a user rename the signature's header; the formula stays. `X-Cs-Signature-Algorithm` is not read: a
//! message does not choose its algorithm.

use super::freshness::is_fresh;
use super::{Headers, Slots, mac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The signature's header, unless it was renamed.
pub const SIGNATURE_HEADER: &str = "X-Cs-Primary-Signature";
/// The timestamp's header.
pub(super) const TIMESTAMP_HEADER: &str = "X-Cs-Delivery-Timestamp";

pub(super) fn verifies<S: AsRef<[u8]>>(
    keys: &Slots<S>,
    signature_header: &str,
    headers: &Headers,
    body: &[u8],
    now: i64,
) -> bool {
    let timestamp = headers.text(TIMESTAMP_HEADER).unwrap_or_default();
    let time = OffsetDateTime::parse(timestamp, &Rfc3339).ok();
    let fresh = time.is_some_and(|time| is_fresh(time.unix_timestamp(), now));
    let claim = headers.only(signature_header).and_then(|value| STANDARD.decode(value).ok()?.try_into().ok());
    let claim: Vec<[u8; 32]> = claim.into_iter().collect();
    let parts = [body, timestamp.as_bytes()];
    let [current, previous] = keys.keys();
    (mac::verifies(current, &parts, &claim) | mac::verifies(previous, &parts, &claim)) & fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
    const TIMESTAMP: &str = "2026-11-20T15:00:00Z";
    const NOW: i64 = 1_795_186_800;
    // { printf '{"foo":"bar"}'; printf 2026-11-20T15:00:00Z; } | openssl dgst -sha256 -hmac KEY -binary | base64
    const SIGNATURE: &str = "zOLYBKkVSip3LD8+lltqa5CNZrx5gJ387VysErIJo8s=";

    fn verify(key: &[u8], header: &str, headers: &[(&str, &str)], now: i64) -> bool {
        let headers = headers.iter().copied().collect();
        verifies(&Slots::one(key), header, &headers, br#"{"foo":"bar"}"#, now)
    }

    #[test]
    fn a_signature_computed_elsewhere_is_accepted_while_it_is_fresh() {
        let headers = [(SIGNATURE_HEADER, SIGNATURE), (TIMESTAMP_HEADER, TIMESTAMP)];
        for (offset, accepted) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(verify(KEY, SIGNATURE_HEADER, &headers, NOW + offset), accepted, "{offset}");
        }
        let renamed = [("X-Acme-Signature", SIGNATURE), (TIMESTAMP_HEADER, TIMESTAMP)];
        assert!(verify(KEY, "x-acme-signature", &renamed, NOW));
        assert!(!verify(KEY, SIGNATURE_HEADER, &renamed, NOW));
        assert!(!verify(KEY, "x-acme-signature", &headers, NOW), "the default name does not count beside it");
    }

    #[test]
    fn everything_else_is_refused() {
        let body_only = STANDARD.encode(mac::hmac(KEY, &[br#"{"foo":"bar"}"#]));
        let other_order = STANDARD.encode(mac::hmac(KEY, &[TIMESTAMP.as_bytes(), br#"{"foo":"bar"}"#]));
        let hexadecimal = hex::encode(STANDARD.decode(SIGNATURE).unwrap());
        for (signature, timestamp) in [
            (SIGNATURE, "2026-11-20T15:00:01Z"),
            (SIGNATURE, "1795186800"),
            (SIGNATURE, ""),
            (SIGNATURE.trim_end_matches('='), TIMESTAMP),
            (&body_only, TIMESTAMP),
            (&body_only, ""),
            (&other_order, TIMESTAMP),
            (&hexadecimal, TIMESTAMP),
            ("", TIMESTAMP),
        ] {
            let headers = [(SIGNATURE_HEADER, signature), (TIMESTAMP_HEADER, timestamp)];
            assert!(!verify(KEY, SIGNATURE_HEADER, &headers, NOW), "{signature} {timestamp}");
        }
        assert!(!verify(KEY, SIGNATURE_HEADER, &[(SIGNATURE_HEADER, &body_only)], NOW), "a signature without a time");
        let good = [(SIGNATURE_HEADER, SIGNATURE), (TIMESTAMP_HEADER, TIMESTAMP)];
        assert!(!verify(b"another key, as long as the one", SIGNATURE_HEADER, &good, NOW));
        assert!(!verify(b"", SIGNATURE_HEADER, &good, NOW));
    }
}
