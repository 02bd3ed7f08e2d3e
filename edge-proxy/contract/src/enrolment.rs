//! How a proxy's key becomes known to the cloud, and how it is replaced by another without a gap.

use crate::dsse::pre_authentication_encoding;
use crate::{Ed25519Signer, Payload, ProxyId, TenantId, VerifyingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What stands in the encoding in place of a payload type.
const PROOF: &str = "application/vnd.vyrox.enrolment-proof";

/// Proof that whoever enrols holds the private half of the key, base64: the key's signature over the token. A token that was
/// overheard cannot bind somebody else's public key, and a proof cannot be used with another token.
#[must_use]
pub fn prove_possession(token: &str, signer: &Ed25519Signer) -> String {
    STANDARD.encode(signer.sign(&pre_authentication_encoding(PROOF, token.as_bytes())))
}

/// Whether `proof` is `key`'s for this token.
#[must_use]
pub fn proves_possession(token: &str, key: &VerifyingKey, proof: &str) -> bool {
    let message = pre_authentication_encoding(PROOF, token.as_bytes());
    STANDARD.decode(proof).is_ok_and(|signature| key.verifies(&message, &signature))
}

/// A proxy's wish to be known by another key. Its envelope is signed by the old key, first, and by the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Who asks.
    pub proxy_id: ProxyId,
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// When it was signed, unix seconds.
    pub issued_at: i64,
    /// The new key: SPKI, base64 DER.
    pub public_key: String,
}

impl Payload for Rotation {
    const TYPE: &'static str = "application/vnd.vyrox.rotation+json";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_key_for_one_token() {
        let (signer, other) = (Ed25519Signer::from_seed(&[1; 32]), Ed25519Signer::from_seed(&[2; 32]));
        let proof = prove_possession("token-1", &signer);
        assert!(proves_possession("token-1", &signer.verifying_key(), &proof));
        assert!(!proves_possession("token-2", &signer.verifying_key(), &proof));
        assert!(!proves_possession("token-1", &other.verifying_key(), &proof));
        assert!(!proves_possession("token-1", &signer.verifying_key(), ""));
    }
}
