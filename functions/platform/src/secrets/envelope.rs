//! How a sealed secret is stored: `e1.` and the base64 of
//!
//! ```text
//!  length of the wrapped key (2, big endian) | wrapped key | nonce (12) | AES-256-GCM ciphertext and tag
//! ```
//!
//! Without `e1.` it is the base64 of what KMS encrypted directly, as secrets were sealed before.

use super::Secret;
use crate::random;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use aws_sdk_kms::primitives::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "e1.";
const NONCE: usize = 12;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What was stored, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// KMS has all of it.
    Direct(Blob),
    /// KMS has the data key.
    Envelope {
        /// The data key, wrapped.
        wrapped: Blob,
        /// Nonce, ciphertext and tag.
        contents: Vec<u8>,
    },
}

/// Seals under a data key, which is used this once.
pub(super) fn seal(data_key: &[u8], wrapped: &[u8], bound_to: &str, secret: &[u8]) -> String {
    let cipher = Aes256Gcm::new_from_slice(data_key).expect("KMS was asked for an AES-256 key");
    let nonce = random::bytes::<NONCE>();
    let payload = Payload { msg: secret, aad: bound_to.as_bytes() };
    let sealed = cipher.encrypt(&Nonce::from(nonce), payload).expect("a short plaintext can be sealed");
    let length = u16::try_from(wrapped.len()).expect("KMS wraps a key in some hundred bytes");
    let whole = [length.to_be_bytes().as_slice(), wrapped, &nonce, &sealed].concat();
    format!("{PREFIX}{}", STANDARD.encode(whole))
}

/// Takes apart what was stored.
pub(super) fn parse(text: &str) -> Result<Stored, Cause> {
    let Some(envelope) = text.strip_prefix(PREFIX) else {
        return Ok(Stored::Direct(Blob::new(STANDARD.decode(text)?)));
    };
    let whole = STANDARD.decode(envelope)?;
    let (length, rest) = whole.split_first_chunk::<2>().ok_or("the envelope is cut short")?;
    let wrapped = usize::from(u16::from_be_bytes(*length));
    let (wrapped, contents) = rest.split_at_checked(wrapped).ok_or("the envelope is cut short")?;
    Ok(Stored::Envelope { wrapped: Blob::new(wrapped), contents: contents.to_vec() })
}

/// Opens what was sealed under this data key.
pub(super) fn open(data_key: &[u8], contents: &[u8], bound_to: &str) -> Result<Secret, Cause> {
    let cipher = Aes256Gcm::new_from_slice(data_key).map_err(|_| "the data key is not one of 256 bits")?;
    let (nonce, sealed) = contents.split_first_chunk::<NONCE>().ok_or("the envelope is cut short")?;
    let payload = Payload { msg: sealed, aad: bound_to.as_bytes() };
    let plain = cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| "the envelope was changed or moved")?;
    Ok(Secret::new(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn what_was_sealed_opens_where_it_belongs_and_nowhere_else() {
        let text = seal(&KEY, b"wrapped", "acme", b"the secret");
        assert_ne!(text, seal(&KEY, b"wrapped", "acme", b"the secret"), "no two are alike");
        let Stored::Envelope { wrapped, contents } = parse(&text).unwrap() else { panic!("{text}") };
        assert_eq!(wrapped.as_ref(), b"wrapped");
        assert_eq!(open(&KEY, &contents, "acme").unwrap().expose(), "the secret");
        assert!(open(&KEY, &contents, "other").is_err());
        assert!(open(&[8; 32], &contents, "acme").is_err());
        assert!(open(&KEY[1..], &contents, "acme").is_err());
        for at in 0..contents.len() {
            let mut changed = contents.clone();
            changed[at] ^= 1;
            assert!(open(&KEY, &changed, "acme").is_err(), "byte {at}");
            assert!(open(&KEY, &contents[..at], "acme").is_err(), "{at} bytes");
        }
    }

    #[test]
    fn what_was_sealed_by_kms_directly_is_still_understood() {
        assert_eq!(parse("AQID").unwrap(), Stored::Direct(Blob::new([1, 2, 3])));
        for broken in ["%", "e1.%", "e1.", "e1.AA==", "e1.AAk="] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }
}
