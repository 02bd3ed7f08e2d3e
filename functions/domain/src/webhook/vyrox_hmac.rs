//! The published scheme: `X-Vyrox-Signature: sha256=<hex HMAC-SHA256 of the raw body>`. It carries no time, so a recorded
//! delivery can be sent again: the same body is the same alert, which is answered as a duplicate.

use super::{Headers, Slots, mac};

/// The header of the published scheme.
pub const SIGNATURE_HEADER: &str = "X-Vyrox-Signature";

pub(super) fn verifies<S: AsRef<[u8]>>(keys: &Slots<S>, headers: &Headers, body: &[u8]) -> bool {
    let claim: Vec<[u8; 32]> = headers.text(SIGNATURE_HEADER).and_then(parse).into_iter().collect();
    let [current, previous] = keys.keys();
    mac::verifies(current, &[body], &claim) | mac::verifies(previous, &[body], &claim)
}

/// `sha256=` and 64 hex digits of either case; nothing else.
fn parse(header: &str) -> Option<[u8; 32]> {
    let digits = header.strip_prefix("sha256=")?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// The header's value for a body: what a sender computes.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hex::encode(mac::hmac(secret, &[body])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(keys: &Slots<&[u8]>, signature: &str) -> bool {
        verifies(keys, &[(SIGNATURE_HEADER, signature)].into_iter().collect(), br#"{"a":1}"#)
    }

    #[test]
    fn the_published_formula_is_accepted_with_either_of_two_secrets() {
        let signature = sign(b"new", br#"{"a":1}"#);
        // printf '{"a":1}' | openssl dgst -sha256 -hmac new
        assert_eq!(signature, "sha256=0eb6fdf4827b258ee3a559f26dc09df4e037567f2ae37a8e56a577c2c6415756");
        let rotating = Slots { current: Some(b"newer".as_slice()), previous: Some(b"new") };
        assert!(verify(&Slots::one(b"new"), &signature) && verify(&rotating, &signature));
        assert!(verify(&Slots::one(b"new"), &format!("sha256={}", signature[7..].to_uppercase())));
    }

    #[test]
    fn everything_else_is_refused() {
        let good = sign(b"secret", br#"{"a":1}"#);
        let zeros = format!("sha256={}", "0".repeat(64));
        for signature in ["", "sha256=", &good[7..], &good[..good.len() - 1], &good.to_uppercase(), &zeros] {
            assert!(!verify(&Slots::one(b"secret"), signature), "{signature}");
            assert!(!verify(&Slots::default(), signature), "{signature}");
        }
        assert!(!verify(&Slots::one(b"other"), &good));
        assert!(!verify(&Slots::one(b""), &sign(b"", br#"{"a":1}"#)), "an empty secret proves nothing");
    }
}
