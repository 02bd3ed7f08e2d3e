//! HMAC-SHA256 and comparing, in a time that does not tell the key, nor whether there is one.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// Stands for a key that is not there, so that its absence costs what its presence does.
const NO_KEY: &[u8] = b"no such key: whatever is computed with it counts for nothing";

/// HMAC-SHA256 over the parts, one after the other.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether any of the claims is the HMAC under the key. Without a key or a claim the work is the same and the answer no.
pub(super) fn verifies(key: Option<&[u8]>, parts: &[&[u8]], claims: &[[u8; 32]]) -> bool {
    let wanted = hmac(key.unwrap_or(NO_KEY), parts);
    let mut matches = Choice::from(0);
    for claim in claims {
        matches |= wanted.ct_eq(claim);
    }
    bool::from(matches) & key.is_some()
}

/// SHA-256.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether two values are the same. They are hashed first, so that not even their lengths show.
pub(super) fn same(wanted: Option<&[u8]>, found: Option<&[u8]>) -> bool {
    let hash = digest(wanted.unwrap_or(NO_KEY));
    hash_matches(Some(&hash), found) & wanted.is_some()
}

/// Whether a value has this hash.
pub(super) fn hash_matches(wanted: Option<&[u8; 32]>, found: Option<&[u8]>) -> bool {
    let computed = digest(found.unwrap_or(NO_KEY));
    let matches = wanted.unwrap_or(&[0; 32]).ct_eq(&computed);
    bool::from(matches) & wanted.is_some() & found.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stand-in for a key that is not there is in this file, for everybody to read.
    #[test]
    fn what_is_computed_with_the_stand_in_counts_for_nothing() {
        let claim = hmac(NO_KEY, &[b"body"]);
        assert!(verifies(Some(NO_KEY), &[b"body"], &[claim]), "that is the claim");
        assert!(!verifies(None, &[b"body"], &[claim]));
        assert!(same(Some(b"value"), Some(b"value")) && !same(None, Some(NO_KEY)) && !same(Some(NO_KEY), None));
        assert!(hash_matches(Some(&digest(b"token")), Some(b"token")));
        assert!(!hash_matches(Some(&digest(NO_KEY)), None));
    }
}
