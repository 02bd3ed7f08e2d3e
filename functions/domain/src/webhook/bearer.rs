//! `Authorization: Bearer <token>`. The token is 256 random bits, so a plain hash of it can be stored and tells nothing.

use super::{Headers, Slots, mac};

pub(super) fn verifies(hashes: &Slots<[u8; 32]>, headers: &Headers) -> bool {
    let token = headers.only("authorization").and_then(token);
    let [current, previous] = hashes.both();
    mac::hash_matches(current, token) | mac::hash_matches(previous, token)
}

/// What stands behind `Bearer`, in any case, and one or more spaces.
fn token(value: &[u8]) -> Option<&[u8]> {
    let (kind, rest) = value.split_at_checked(7)?;
    let token = rest.trim_ascii_start();
    (kind.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(hashes: &Slots<[u8; 32]>, value: &str) -> bool {
        verifies(hashes, &[("Authorization", value)].into_iter().collect())
    }

    #[test]
    fn a_token_is_known_by_its_hash_only() {
        let hashes = Slots { current: Some(mac::digest(b"new")), previous: Some(mac::digest(b"old")) };
        for good in ["Bearer new", "bearer new", "BEARER  old"] {
            assert!(verify(&hashes, good), "{good}");
        }
        let hash = hex::encode(mac::digest(b"new"));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearernew",
            "new",
            "Basic new",
            "Bearer new,Bearer new",
            &format!("Bearer {hash}"),
        ] {
            assert!(!verify(&hashes, bad), "{bad}");
            assert!(!verify(&Slots::default(), bad), "{bad}");
        }
        assert!(!verifies(&hashes, &Headers::default()));
    }
}
