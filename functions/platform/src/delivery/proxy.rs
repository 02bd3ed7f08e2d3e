//! A proxy as the platform knows it since its enrolment: its keys, and where it takes actions.

use serde::{Deserialize, Serialize};
use vyrox_contract::{KeyError, ProxyId, VerifyingKey};

/// An enrolled proxy, as stored under `PROXY#`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolledProxy {
    /// Its id.
    pub id: ProxyId,
    /// Its public key: SPKI, base64 DER.
    pub public_key: String,
    /// When it was enrolled, unix seconds.
    pub enrolled_at: i64,
    /// Where it takes pushed actions; a proxy without one polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_url: Option<String>,
    /// When it was revoked, unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
    /// The key that it had before, while that is still believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousKey>,
}

/// A key that is on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousKey {
    /// SPKI, base64 DER.
    pub public_key: String,
    /// Until when it is believed, unix seconds.
    pub until: i64,
}

impl EnrolledProxy {
    /// Its key.
    ///
    /// # Errors
    /// [`KeyError`] if the stored text is none.
    pub fn key(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_text(&self.public_key)
    }

    /// The keys that are believed at `now` (unix seconds): its own, and for a while after a rotation the one before.
    ///
    /// # Errors
    /// [`KeyError`] if a stored text is none.
    pub fn keys(&self, now: i64) -> Result<Vec<VerifyingKey>, KeyError> {
        let previous = self.previous.iter().filter(|previous| now < previous.until);
        let texts = std::iter::once(&self.public_key).chain(previous.map(|previous| &previous.public_key));
        texts.map(|text| VerifyingKey::from_text(text)).collect()
    }
}
