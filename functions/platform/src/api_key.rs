//! API keys: what a tenant's program is given once, what is stored of it, and when it was used.
//!
//! The key is `vyxk_<prefix>_<secret>`. The prefix, 48 random bits, names it in lists, in the audit and in the index that
//! leads to its tenant. The secret is 256 random bits, of which only SHA-256 is stored. A slow hash protects secrets that can
//! be guessed; nobody guesses 256 random bits, whatever the hash costs, and a fast one lets every request be checked.

mod usage;

pub use usage::{KeyUsage, OverKeyRate};

use crate::random;
use crate::secrets::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq as _;
use vyrox_contract::UntrustedInput;
use vyrox_domain::access::Access;

/// The part of a key that is no secret: 12 hex digits in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key, as it is shown once and comes with every request.
#[derive(Debug, Clone)]
pub struct ApiKeyToken {
    prefix: KeyPrefix,
    secret: Secret,
}

impl ApiKeyToken {
    /// A new random one.
    #[must_use]
    pub fn generate() -> Self {
        let secret = hex::encode(random::bytes::<32>());
        Self { prefix: KeyPrefix(hex::encode(random::bytes::<6>())), secret: Secret::new(secret.into_bytes()) }
    }

    /// The part that is no secret.
    #[must_use]
    pub const fn prefix(&self) -> &KeyPrefix {
        &self.prefix
    }

    /// SHA-256 (hex) of its secret.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.secret.as_ref()))
    }

    /// The key's text. It is shown once and stored nowhere.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("vyxk_{}_{}", self.prefix, self.secret.expose())
    }
}

/// A key, as stored under `APIKEY#<prefix>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The part that is no secret.
    pub prefix: KeyPrefix,
    /// SHA-256 of the secret, hex.
    pub digest: String,
    /// What it is for, in its tenant's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its holder may do.
    pub access: Access,
    /// When it was made, unix seconds.
    pub created_at: i64,
    /// By whom, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Until when it is good, unix seconds.
    pub expires_at: i64,
    /// Since when it is not good any more, unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
}

impl ApiKey {
    /// What is stored of a key that is made at `now` and good until `expires_at` (unix seconds).
    #[must_use]
    pub fn made(token: &ApiKeyToken, access: Access, now: i64, expires_at: i64) -> Self {
        Self {
            prefix: token.prefix.clone(),
            digest: token.digest(),
            name: None,
            access,
            created_at: now,
            created_by: None,
            expires_at,
            revoked_at: None,
        }
    }

    /// Whether this is the stored form of `token`, good at `now` (unix seconds). The digests are compared in constant time,
    /// whatever else is wrong.
    #[must_use]
    pub fn admits(&self, token: &ApiKeyToken, now: i64) -> bool {
        let matches = bool::from(self.digest.as_bytes().ct_eq(token.digest().as_bytes()));
        matches & self.is_good(now)
    }

    /// All about it that may be shown: everything but its digest. `last_used_at` is unix seconds.
    #[must_use]
    pub fn described(&self, last_used_at: Option<i64>) -> Value {
        json!({
            "prefix": self.prefix,
            "name": self.name,
            "role": self.access.role(),
            "permissions": self.access.permissions(),
            "created_at": self.created_at,
            "created_by": self.created_by,
            "expires_at": self.expires_at,
            "revoked_at": self.revoked_at,
            "last_used_at": last_used_at,
        })
    }

    /// Whether it is neither expired nor revoked at `now` (unix seconds).
    #[must_use]
    pub const fn is_good(&self, now: i64) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<KeyPrefix> for String {
    fn from(prefix: KeyPrefix) -> Self {
        prefix.0
    }
}

impl TryFrom<String> for KeyPrefix {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for KeyPrefix {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_hex(text, 12) {
            Ok(Self(text.to_owned()))
        } else {
            Err(UntrustedInput { what: "API key's prefix", reason: "it is not 12 hex digits in small letters" })
        }
    }
}

impl FromStr for ApiKeyToken {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = UntrustedInput { what: "API key", reason: "it is not vyxk_<prefix>_<secret>" };
        let (prefix, secret) = text.strip_prefix("vyxk_").and_then(|rest| rest.split_once('_')).ok_or(refused)?;
        if !is_hex(secret, 64) {
            return Err(UntrustedInput { what: "API key", reason: "its secret is not 64 hex digits in small letters" });
        }
        Ok(Self { prefix: prefix.parse()?, secret: Secret::new(secret.as_bytes().to_vec()) })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vyrox_domain::access::Role;

    #[test]
    fn only_the_key_itself_is_admitted_while_it_is_good() {
        let token = ApiKeyToken::generate();
        let stored = ApiKey::made(&token, Access::of(Role::Viewer), 50, 100);
        let again: ApiKeyToken = token.reveal().parse().unwrap();
        assert!(stored.admits(&again, 99));
        assert!(!stored.admits(&again, 100), "expired");
        assert!(!ApiKey { revoked_at: Some(60), ..stored.clone() }.admits(&again, 99), "revoked");
        let forged = format!("vyxk_{}_{}", token.prefix(), "0".repeat(64)).parse().unwrap();
        assert!(!stored.admits(&forged, 99), "another secret under the same prefix");
        assert!(!stored.admits(&ApiKeyToken::generate(), 99));
    }

    #[test]
    fn neither_what_is_stored_nor_what_is_logged_has_the_secret() {
        let token = ApiKeyToken::generate();
        let stored = ApiKey::made(&token, Access::of(Role::Owner), 0, 1);
        let text = format!("{token:?} {stored:?} {}", serde_json::to_string(&stored).unwrap());
        assert!(!text.contains(token.secret.expose()) && text.contains(token.prefix().as_str()));
        assert_ne!(token.digest(), token.secret.expose());
    }

    #[test]
    fn what_is_not_a_key_is_none() {
        let good = ApiKeyToken::generate().reveal();
        for bad in ["", "vyxk_", "vyxk_0123456789ab", &good.to_uppercase(), &good[1..], &format!("{good}0")] {
            assert!(bad.parse::<ApiKeyToken>().is_err(), "{bad}");
        }
        assert!("0123456789aB".parse::<KeyPrefix>().is_err() && "#".parse::<KeyPrefix>().is_err());
    }
}
