//! Link codes: what a tenant's operator gives to whoever manages its Discord server, and what is stored of it.
//!
//! A code is `vyxl_<tenant>_<id>_<secret>`. The secret is 256 random bits, so its SHA-256 protects it as well as a slow hash
//! would, and costs nothing of the three seconds in which Discord wants its answer.

use crate::random;
use crate::secrets::Secret;
use crate::source::TokenHash;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use vyrox_contract::TenantId;

/// A code, as it is shown once. It does not print its secret.
#[derive(Debug, Clone)]
pub struct LinkCode {
    tenant: TenantId,
    id: String,
    secret: Secret,
}

/// Not of the form of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a link code")]
pub struct NotACode;

/// A code, as stored under `LINK#` until it is used or has expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCode {
    hash: TokenHash,
    /// Until when it is good, unix seconds, exclusive.
    pub expires_at: i64,
}

impl LinkCode {
    /// A new random code for this tenant.
    #[must_use]
    pub fn generate(tenant: &TenantId) -> Self {
        let secret = hex::encode(random::bytes::<32>());
        Self { tenant: tenant.clone(), id: hex::encode(random::bytes::<6>()), secret: Secret::new(secret.into_bytes()) }
    }

    /// The tenant that it links.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The id under which its hash is stored.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is stored of it, good until `expires_at` (unix seconds).
    #[must_use]
    pub fn stored(&self, expires_at: i64) -> StoredCode {
        StoredCode { hash: TokenHash::of(&self.secret), expires_at }
    }

    /// The code's text. It is shown once and stored nowhere.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("vyxl_{}_{}_{}", self.tenant, self.id, self.secret.expose())
    }
}

impl FromStr for LinkCode {
    type Err = NotACode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // From the right, because a tenant id may hold an underscore.
        let rest = text.strip_prefix("vyxl_").ok_or(NotACode)?;
        let (rest, secret) = rest.rsplit_once('_').ok_or(NotACode)?;
        let (tenant, id) = rest.rsplit_once('_').ok_or(NotACode)?;
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex(id, 12) || !is_hex(secret, 64) {
            return Err(NotACode);
        }
        let tenant = tenant.parse().map_err(|_| NotACode)?;
        Ok(Self { tenant, id: id.to_owned(), secret: Secret::new(secret.as_bytes().to_vec()) })
    }
}

impl StoredCode {
    /// Whether this is the stored form of `code`, still good at `now` (unix seconds).
    #[must_use]
    pub fn admits(&self, code: &LinkCode, now: i64) -> bool {
        now < self.expires_at && self.hash == TokenHash::of(&code.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_itself_is_admitted_while_it_lasts() {
        let code = LinkCode::generate(&"acme_eu".parse().unwrap());
        let again: LinkCode = code.reveal().parse().unwrap();
        assert_eq!((again.tenant(), again.id()), (code.tenant(), code.id()));
        let stored = code.stored(100);
        assert!(stored.admits(&again, 99) && !stored.admits(&again, 100));
        assert!(!stored.admits(&LinkCode::generate(code.tenant()), 99));
        let secret = code.reveal().rsplit('_').next().unwrap().to_owned();
        assert!(!format!("{code:?}").contains(&secret) && !serde_json::to_string(&stored).unwrap().contains(&secret));
        assert!("vyxl_acme_short_x".parse::<LinkCode>().is_err());
    }
}
