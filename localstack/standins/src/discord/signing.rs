//! The application's key, and signatures as Discord makes them.

use ed25519_dalek::{Signer, SigningKey};

/// Headers of one signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureHeaders {
    /// `X-Signature-Ed25519`: 128 hex characters.
    pub(crate) signature: String,
    /// `X-Signature-Timestamp`: unix seconds.
    pub(crate) timestamp: String,
}

/// Signs interactions.
pub(crate) struct InteractionSigner(SigningKey);

impl InteractionSigner {
    /// From a seed, or with a new key.
    pub(crate) fn new(seed: Option<[u8; 32]>) -> Result<Self, getrandom::Error> {
        let seed = match seed {
            Some(seed) => seed,
            None => {
                let mut fresh = [0_u8; 32];
                getrandom::fill(&mut fresh)?;
                fresh
            }
        };
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// 64 hex characters.
    pub(crate) fn public_key_hex(&self) -> String {
        hex::encode(self.0.verifying_key().to_bytes())
    }

    /// Sign the timestamp's characters followed by the raw body.
    pub(crate) fn sign(&self, unix_seconds: u64, body: &[u8]) -> SignatureHeaders {
        let timestamp = unix_seconds.to_string();
        let message = [timestamp.as_bytes(), body].concat();
        SignatureHeaders { signature: hex::encode(self.0.sign(&message).to_bytes()), timestamp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, VerifyingKey};

    #[test]
    fn a_signature_verifies_strictly_over_timestamp_and_body() {
        let signer = InteractionSigner::new(Some([7; 32])).unwrap();
        let headers = signer.sign(1_700_000_000, br#"{"type":1}"#);
        let key: [u8; 32] = hex::decode(signer.public_key_hex()).unwrap().try_into().unwrap();
        let key = VerifyingKey::from_bytes(&key).unwrap();
        let bytes: [u8; 64] = hex::decode(&headers.signature).unwrap().try_into().unwrap();
        let signature = Signature::from_bytes(&bytes);
        assert!(key.verify_strict(br#"1700000000{"type":1}"#, &signature).is_ok());
        assert!(key.verify_strict(br#"1700000001{"type":1}"#, &signature).is_err());
        assert_eq!(headers.timestamp, "1700000000");
    }

    #[test]
    fn a_seed_keeps_the_key_and_no_seed_makes_a_new_one() {
        let key = |seed| InteractionSigner::new(seed).unwrap().public_key_hex();
        assert_eq!(key(Some([7; 32])), key(Some([7; 32])));
        assert_ne!(key(None), key(None));
    }
}
