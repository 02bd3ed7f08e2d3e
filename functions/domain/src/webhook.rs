//! Who sent these bytes? Answered on the raw bytes, before anything in them is parsed.
//!
//! [`Authenticated`] can be made only here, by a signature that verified; [`crate::vendor::normalise`] takes nothing else.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use vyrox_contract::Vendor;

/// The header of the published scheme: `sha256=<hex HMAC-SHA256 of the raw body>`.
pub const SIGNATURE_HEADER: &str = "X-Vyrox-Signature";
/// The largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// The longest tenant reference that is looked for in a body, in bytes.
const MAX_REFERENCE: usize = 128;

/// What came in: the body as received, and the signature header as received.
#[derive(Debug, Clone)]
pub struct RawDelivery<B> {
    /// The body, untouched.
    pub body: B,
    /// The value of [`SIGNATURE_HEADER`], if there was exactly one.
    pub signature: Option<String>,
}

/// A body whose sender is proven.
#[derive(Debug, Clone)]
pub struct Authenticated<B> {
    body: B,
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
}

/// Verifies the `vyrox_hmac` scheme against the active secrets (two during a rotation), in constant time per secret.
/// With no secret it does the same work and fails, so that an unknown tenant takes as long as a wrong signature.
///
/// # Errors
/// [`Unauthenticated`] for a missing, malformed or wrong signature, or no secret.
pub fn authenticate<B: AsRef<[u8]>, S: AsRef<[u8]>>(
    delivery: RawDelivery<B>,
    secrets: &[S],
) -> Result<Authenticated<B>, Unauthenticated> {
    let claimed = delivery.signature.as_deref().and_then(parse_signature);
    let body = delivery.body.as_ref();
    let mut proven = false;
    for secret in secrets {
        proven |= verifies(secret.as_ref(), body, claimed.as_ref()) && !secret.as_ref().is_empty();
    }
    if secrets.is_empty() {
        std::hint::black_box(verifies(b"no such tenant", body, claimed.as_ref()));
    }
    if proven { Ok(Authenticated { body: delivery.body }) } else { Err(Unauthenticated) }
}

fn verifies(secret: &[u8], body: &[u8], claimed: Option<&[u8; 32]>) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    // A missing signature is compared too, and always unequal.
    mac.verify_slice(claimed.unwrap_or(&[0; 32])).is_ok() && claimed.is_some()
}

/// `sha256=` and 64 hex digits of either case; nothing else.
fn parse_signature(header: &str) -> Option<[u8; 32]> {
    let digits = header.strip_prefix("sha256=")?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// The signature header's value for a body: what a sender computes.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The keys under which a vendor's body names its tenant, for the routes without a tenant in the path.
const fn reference_keys(vendor: Vendor) -> &'static [&'static str] {
    match vendor {
        Vendor::Crowdstrike => &["customer_id", "customerIDString"],
        Vendor::Sentinelone => &["accountId"],
        Vendor::Defender => &["tenantId"],
        Vendor::Generic => &[],
    }
}

/// Looks for the one string that names the tenant, without building a document: the shallowest member with one of the
/// vendor's keys and a plain string value. It only selects the secret; the signature decides.
///
/// Values with escapes, empty or over 128 bytes are not references.
#[must_use]
pub fn scan_tenant_reference(vendor: Vendor, body: &[u8]) -> Option<&str> {
    let keys = reference_keys(vendor);
    let mut found: Option<(usize, &[u8])> = None;
    let (mut depth, mut index) = (0_usize, 0_usize);
    while index < body.len() {
        match body[index] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(body, index + 1)?;
                let name = &body[index + 1..end];
                index = end;
                if found.is_none_or(|(at, _)| depth < at)
                    && keys.iter().any(|key| key.as_bytes() == name)
                    && let Some(value) = member_string(body, end + 1)
                {
                    found = Some((depth, value));
                    if depth == 1 {
                        break;
                    }
                }
            }
            _ => {}
        }
        index += 1;
    }
    let (_, value) = found?;
    std::str::from_utf8(value).ok()
}

/// The index of the quote that ends the string whose content begins at `start`.
fn string_end(body: &[u8], start: usize) -> Option<usize> {
    let mut index = start;
    loop {
        match body.get(index)? {
            b'\\' => index += 2,
            b'"' => return Some(index),
            _ => index += 1,
        }
    }
}

/// The content of `: "value"` at `start`, if that is what stands there.
fn member_string(body: &[u8], start: usize) -> Option<&[u8]> {
    let skip = |mut index: usize| {
        while body.get(index).is_some_and(u8::is_ascii_whitespace) {
            index += 1;
        }
        index
    };
    let colon = skip(start);
    if body.get(colon) != Some(&b':') {
        return None;
    }
    let quote = skip(colon + 1);
    if body.get(quote) != Some(&b'"') {
        return None;
    }
    let end = string_end(body, quote + 1)?;
    let value = &body[quote + 1..end];
    (!value.is_empty() && value.len() <= MAX_REFERENCE && !value.contains(&b'\\')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delivery<'a>(body: &'a [u8], signature: Option<&str>) -> RawDelivery<&'a [u8]> {
        RawDelivery { body, signature: signature.map(str::to_owned) }
    }

    #[test]
    fn the_published_formula_is_accepted_with_either_of_two_secrets() {
        let body = br#"{"a":1}"#;
        let signature = sign(b"new", body);
        assert!(authenticate(delivery(body, Some(&signature)), &[b"old".as_slice(), b"new"]).is_ok());
        // printf '{"a":1}' | openssl dgst -sha256 -hmac new
        assert_eq!(signature, "sha256=0eb6fdf4827b258ee3a559f26dc09df4e037567f2ae37a8e56a577c2c6415756");
    }

    #[test]
    fn everything_else_is_refused_alike() {
        let body = br#"{"a":1}"#;
        let good = sign(b"secret", body);
        let upper = good.to_uppercase();
        for (signature, secrets) in [
            (None, vec![b"secret".as_slice()]),
            (Some(""), vec![b"secret"]),
            (Some("sha256="), vec![b"secret"]),
            (Some(&good[7..]), vec![b"secret"]),
            (Some(&good[..good.len() - 1]), vec![b"secret"]),
            (Some(upper.as_str()), vec![b"secret"]),
            (Some(&good), vec![b"other"]),
            (Some(&good), vec![]),
            (Some("sha256=0000000000000000000000000000000000000000000000000000000000000000"), vec![b"secret"]),
        ] {
            assert!(authenticate(delivery(body, signature), &secrets).is_err(), "{signature:?}");
        }
        let empty_key = sign(b"", body);
        assert!(authenticate(delivery(body, Some(&empty_key)), &[b""]).is_err(), "an empty secret proves nothing");
    }

    #[test]
    fn the_shallowest_reference_counts_and_strings_are_not_keys() {
        let scan = |body: &'static str| scan_tenant_reference(Vendor::Crowdstrike, body.as_bytes());
        assert_eq!(scan(r#"{"x":{"customer_id":"deep"},"customer_id" : "acme"}"#), Some("acme"));
        assert_eq!(scan(r#"{"metadata":{"customerIDString":"cid"}}"#), Some("cid"));
        assert_eq!(scan(r#"{"a":"customer_id","b":"\"customer_id\":\"evil\""}"#), None);
        assert_eq!(scan(r#"{"customer_id":42}"#), None);
        assert_eq!(scan(r#"{"customer_id":""}"#), None);
        assert_eq!(scan(r#"{"customer_id":"a\u0000b"}"#), None);
        assert_eq!(scan(r#"{"customer_id":"unterminated"#), None);
        assert_eq!(scan(""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
            for vendor in [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic] {
                let _ = scan_tenant_reference(vendor, &body);
            }
        }

        #[test]
        fn no_changed_body_keeps_its_signature(body in prop::collection::vec(any::<u8>(), 1..256), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let signature = sign(b"secret", &body);
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            prop_assert!(authenticate(delivery(&changed, Some(&signature)), &[b"secret"]).is_err());
            prop_assert!(authenticate(delivery(&body, Some(&signature)), &[b"secret"]).is_ok());
        }
    }
}
