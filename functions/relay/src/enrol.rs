//! Enrolment: a one-time token becomes a key that is bound to the tenant.
//!
//! The token is `vyxe_<tenant>_<id>_<secret>`: the first parts say where its hash is, the last is 256 random bits. Only an
//! Argon2id hash is stored.

use crate::{Refusal, Relay};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::str::FromStr;
use vyrox_audit::Draft;
use vyrox_contract::{ProxyId, TenantId, VerifyingKey};
use vyrox_domain::tenant::Tenant;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::random;
use vyrox_platform::secrets::Secret;
use vyrox_platform::table::{Lookup, SortKey, Versioned};

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

/// The body of `POST /proxy/v1/enrol`.
#[derive(Deserialize)]
pub(crate) struct EnrolRequest {
    token: String,
    public_key: String,
}

impl Relay {
    pub(crate) async fn enrol(&self, request: EnrolRequest) -> Result<Response, Refusal> {
        let now = self.clock.now();
        let token: EnrolmentToken = request.token.parse().map_err(|_| Refusal::Unauthorised)?;
        let key = match VerifyingKey::from_text(&request.public_key) {
            Ok(key @ VerifyingKey::Ed25519(_)) => key,
            Ok(VerifyingKey::P256(_)) | Err(_) => return Err(Refusal::Unreadable),
        };
        let enrolment_key = SortKey::enrolment(token.id());
        let stored = self.table.read::<Enrolment>(&token.tenant, &enrolment_key, now).await?;
        let Versioned { value: mut enrolment, version } = stored.ok_or(Refusal::Unauthorised)?;
        if !enrolment.admits(&token, now) {
            return Err(Refusal::Unauthorised);
        }
        let tenant = self.table.read::<Tenant>(&token.tenant, &SortKey::profile(), now).await?;
        let Versioned { value: mut tenant, version: tenant_version } = tenant.ok_or(Refusal::Unauthorised)?;
        // A key that is bound already stays where it is bound: to another tenant for ever, in this one until its proxy has
        // been revoked. The same proxy asking again (its first answer was lost) is that proxy.
        let bound = self.table.owners(&Lookup::key(&key.id())).await?;
        let own = (token.tenant.clone(), SortKey::proxy(&enrolment.proxy_id));
        if bound.iter().any(|owner| *owner != own) {
            return Err(Refusal::Unauthorised);
        }
        let proxy = EnrolledProxy {
            id: enrolment.proxy_id.clone(),
            public_key: key.to_text(),
            enrolled_at: now,
            push_url: enrolment.push_url.clone(),
            revoked_at: None,
        };
        enrolment.uses_left -= 1;
        let mut changes = vec![
            Change::put(enrolment_key, &enrolment, Expect::Version(version)).expiring(enrolment.expires_at),
            Change::put(SortKey::proxy(&proxy.id), &proxy, Expect::Anything).known_as(Lookup::key(&key.id())),
        ];
        // The tenant's first proxy is the one that acts for it.
        if tenant.proxy_id.is_none() {
            tenant.proxy_id = Some(proxy.id.clone());
            let mut profile = Change::put(SortKey::profile(), &tenant, Expect::Version(tenant_version));
            if let Some(guild) = tenant.guild_id {
                profile = profile.known_as(Lookup::guild(guild));
            }
            changes.push(profile);
        }
        let mut event = Draft::event(now, token.tenant.as_str(), "PROXY_ENROLLED");
        event.detail.insert("proxy_id".to_owned(), json!(proxy.id));
        event.detail.insert("key_id".to_owned(), json!(key.id()));
        event.detail.insert("token".to_owned(), json!(token.id()));
        match self.ledger.commit(&token.tenant, &changes, &event).await {
            Ok(_) => {}
            // Somebody used the token at the same moment.
            Err(CommitError::Conflict(0)) => return Err(Refusal::Unauthorised),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(tenant_id = %token.tenant, proxy_id = %proxy.id, key_id = %key.id(), "proxy enrolled");
        Ok(axum::Json(json!({
            "tenant_id": token.tenant,
            "proxy_id": proxy.id,
            "platform_keys": [self.delivery.platform_key().to_text()],
        }))
        .into_response())
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
