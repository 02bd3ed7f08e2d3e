//! The Standard Webhooks specification: `webhook-signature: v1,<base64 HMAC-SHA256>` over `id.timestamp.body`, the key
//! being the base64 behind `whsec_`. Several signatures, separated by spaces, are a sender's own rotation; one that
//! verifies is enough. `webhook-timestamp` (unix seconds) may be [`super::FRESHNESS`] old or ahead.
//!
//! Within that time a recorded delivery verifies again. It does no harm: the same body is the same alert, which is answered
//! as a duplicate, so ids are not remembered.

use super::freshness::is_fresh;
use super::{Headers, Slots, mac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// What stands before a key's base64.
pub const KEY_PREFIX: &str = "whsec_";
/// The longest id, in bytes.
const MAX_ID: usize = 256;
/// The most signatures that are looked at.
const MAX_SIGNATURES: usize = 8;
/// A key's length, in bytes, as the specification recommends it.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

pub(super) fn verifies<S: AsRef<[u8]>>(keys: &Slots<S>, headers: &Headers, body: &[u8], now: i64) -> bool {
    let id = headers.only("webhook-id").unwrap_or_default();
    let timestamp = headers.text("webhook-timestamp").unwrap_or_default();
    let fresh = unix_seconds(timestamp).is_some_and(|time| is_fresh(time, now));
    let sound = !id.is_empty() && id.len() <= MAX_ID && !id.contains(&b'.') && fresh;
    let claims: Vec<[u8; 32]> = headers
        .text("webhook-signature")
        .unwrap_or_default()
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok()?.try_into().ok())
        .take(MAX_SIGNATURES)
        .collect();
    let parts = [id, b".", timestamp.as_bytes(), b".", body];
    let [current, previous] = keys.keys();
    (mac::verifies(current, &parts, &claims) | mac::verifies(previous, &parts, &claims)) & sound
}

/// Digits only: no sign, no space.
fn unix_seconds(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The bytes of a key that is written `whsec_<base64>`, padded or not, if it is one of 24 to 64 bytes.
#[must_use]
pub fn parse_key(text: &str) -> Option<Vec<u8>> {
    let key = STANDARD_NO_PAD.decode(text.strip_prefix(KEY_PREFIX)?.trim_end_matches('=')).ok()?;
    KEY_LENGTH.contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector that the specification's libraries share.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const NOW: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn verify(secret: &str, id: &str, timestamp: &str, signature: &str, now: i64) -> bool {
        let headers = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        let key = parse_key(secret).unwrap();
        verifies(&Slots::one(key), &headers.into_iter().collect(), BODY, now)
    }

    #[test]
    fn the_shared_vector_is_accepted_while_it_is_fresh_also_among_other_signatures() {
        for (offset, accepted) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(verify(SECRET, ID, "1614265330", SIGNATURE, NOW + offset), accepted, "{offset}");
        }
        let other = STANDARD.encode([7; 32]);
        assert!(verify(SECRET, ID, "1614265330", &format!("v1,{other} v1a,{other} v2,x {SIGNATURE}"), NOW));
    }

    #[test]
    fn everything_else_is_refused() {
        let upper = SIGNATURE.to_uppercase();
        let late = format!("{}{SIGNATURE}", format!("v1,{} ", STANDARD.encode([7; 32])).repeat(MAX_SIGNATURES));
        for (id, timestamp, signature) in [
            (ID, "1614265331", SIGNATURE),
            (ID, "+1614265330", SIGNATURE),
            (ID, "", SIGNATURE),
            (ID, "99999999999999999999", SIGNATURE),
            ("msg_other", "1614265330", SIGNATURE),
            ("", "1614265330", SIGNATURE),
            (ID, "1614265330", ""),
            (ID, "1614265330", &SIGNATURE[3..]),
            (ID, "1614265330", &SIGNATURE.replace("v1,", "v1a,")),
            (ID, "1614265330", &upper),
            (ID, "1614265330", &late),
        ] {
            assert!(!verify(SECRET, id, timestamp, signature, NOW), "{id} {timestamp} {signature}");
        }
        assert!(!verify(&format!("whsec_{}", STANDARD.encode([7; 24])), ID, "1614265330", SIGNATURE, NOW));
        // A dot in the id could move the border between the parts that are signed.
        let key = parse_key(SECRET).unwrap();
        let moved = STANDARD.encode(mac::hmac(&key, &[b"a.1614265330.", b"1614265330.", BODY]));
        assert!(!verify(SECRET, "a.1614265330", "1614265330", &format!("v1,{moved}"), NOW));
    }

    #[test]
    fn a_key_is_read_as_the_specification_writes_it() {
        assert_eq!(parse_key(SECRET).map(|key| key.len()), Some(24));
        for bad in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAA",
            "whsec_%%%%",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        ] {
            assert_eq!(parse_key(bad), None, "{bad}");
        }
    }
}
