//! Enrolment tokens: what a proxy's operator is given once, and what is stored of it.
//!
//! The token is `vyxe_<tenant>_<id>_<secret>`: the first parts say where its hash is, the last is 256 random bits. Only an
//! Argon2id hash is stored.

use crate::random;
use crate::secrets::Secret;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use vyrox_contract::{ProxyId, TenantId};

/// A token, as it is shown once.
#[derive(Debug, Clone)]
pub struct EnrolmentToken {
    tenant: TenantId,
    id: String,
    secret: Secret,
}

/// Not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of the form of one.
    #[error("not an enrolment token")]
    Form,
    /// It could not be hashed.
    #[error("token cannot be hashed")]
    Hash,
}

/// A token, as stored under `ENROL#`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Argon2id, in PHC form.
    pub hash: String,
    /// Which proxy it enrols.
    pub proxy_id: ProxyId,
    /// Where that proxy takes pushed actions, if it does not poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_url: Option<String>,
    /// How often it may still be used.
    pub uses_left: u32,
    /// Until when, unix seconds.
    pub expires_at: i64,
}

impl EnrolmentToken {
    /// A new random token for this tenant.
    #[must_use]
    pub fn generate(tenant: &TenantId) -> Self {
        let secret = hex::encode(random::bytes::<32>());
        Self { tenant: tenant.clone(), id: hex::encode(random::bytes::<6>()), secret: Secret::new(secret.into_bytes()) }
    }

    /// The id under which its hash is stored.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The tenant whose proxies it enrols.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Its hash.
    ///
    /// # Errors
    /// [`TokenError::Hash`].
    pub fn hash(&self) -> Result<String, TokenError> {
        let hash = Argon2::default().hash_password_with_salt(self.secret.as_ref(), &random::bytes::<16>());
        hash.map(|hash| hash.to_string()).map_err(|_| TokenError::Hash)
    }

    /// The token's text. It is shown once and stored nowhere.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("vyxe_{}_{}_{}", self.tenant, self.id, self.secret.expose())
    }
}

impl fmt::Display for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vyxe_{}_{}_..", self.tenant, self.id)
    }
}

impl FromStr for EnrolmentToken {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // From the right, because a tenant id may hold an underscore.
        let rest = text.strip_prefix("vyxe_").ok_or(TokenError::Form)?;
        let (rest, secret) = rest.rsplit_once('_').ok_or(TokenError::Form)?;
        let (tenant, id) = rest.rsplit_once('_').ok_or(TokenError::Form)?;
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex(id, 12) || !is_hex(secret, 64) {
            return Err(TokenError::Form);
        }
        let tenant = tenant.parse().map_err(|_| TokenError::Form)?;
        Ok(Self { tenant, id: id.to_owned(), secret: Secret::new(secret.as_bytes().to_vec()) })
    }
}

impl Enrolment {
    /// Whether this is the stored form of `token`, still usable at `now` (unix seconds).
    #[must_use]
    pub fn admits(&self, token: &EnrolmentToken, now: i64) -> bool {
        let Ok(hash) = PasswordHash::new(&self.hash) else { return false };
        let matches = Argon2::default().verify_password(token.secret.as_ref(), &hash).is_ok();
        matches && self.uses_left > 0 && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolment(token: &EnrolmentToken) -> Enrolment {
        Enrolment {
            hash: token.hash().unwrap(),
            proxy_id: "edge-1".parse().unwrap(),
            push_url: None,
            uses_left: 1,
            expires_at: 100,
        }
    }

    #[test]
    fn only_the_token_itself_is_admitted_while_it_lasts() {
        let tenant: TenantId = "acme_eu".parse().unwrap();
        let token = EnrolmentToken::generate(&tenant);
        let again: EnrolmentToken = token.reveal().parse().unwrap();
        let other = EnrolmentToken::generate(&tenant);
        let stored = enrolment(&token);
        assert!(stored.admits(&again, 99));
        assert!(!stored.admits(&other, 99));
        assert!(!stored.admits(&again, 100), "expired");
        assert!(!Enrolment { uses_left: 0, ..stored }.admits(&again, 99), "used up");
    }

    #[test]
    fn a_token_does_not_print_its_secret() {
        let token = EnrolmentToken::generate(&"acme".parse().unwrap());
        let secret = token.reveal().rsplit('_').next().unwrap().to_owned();
        assert!(!format!("{token} {token:?}").contains(&secret));
        assert!("vyxe_acme_short_x".parse::<EnrolmentToken>().is_err());
    }
}
