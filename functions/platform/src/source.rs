//! A tenant's source, as stored under `SOURCE#`: how its webhook proves itself, and how its bodies are read.

use crate::secrets::{Opening, Sealed, Secret, SecretError, Secrets};
use serde::{Deserialize, Serialize};
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::webhook::{Keyring, Scheme, Slots, token_hash};

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredSource")]
pub struct Source {
    /// The vendor.
    pub vendor: Vendor,
    /// The account by which a body without a tenant in its path names this source.
    pub account: String,
    /// What proves its deliveries: one per scheme at most.
    pub credentials: Vec<Credential>,
    /// Where its bodies keep what an alert needs: a field map as it was saved, which is checked before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_map: Option<String>,
}

/// What proves deliveries under one scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The scheme.
    pub scheme: Scheme,
    /// The header that carries the value (`static_header`) or the signature (`crowdstrike_hmac`, if it was renamed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The present secret.
    pub secret: Kept,
    /// The one before it, while it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
}

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The secret.
    pub secret: Kept,
    /// Until when it still counts (unix seconds, exclusive).
    pub until: i64,
}

/// How a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Sealed: it is needed again to verify.
    Sealed(Sealed),
    /// A bearer token, as its SHA-256.
    Sha256(TokenHash),
}

/// The SHA-256 of a token of 256 random bits, from which the token cannot be found. Written in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token.
    #[must_use]
    pub fn of(token: &Secret) -> Self {
        Self(token_hash(token.as_ref()))
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hex::encode(hash.0)
    }
}

impl TryFrom<String> for TokenHash {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash)?;
        Ok(Self(hash))
    }
}

impl Source {
    /// A source without credentials: nobody can deliver to it.
    #[must_use]
    pub fn new(vendor: Vendor, account: impl Into<String>) -> Self {
        Self { vendor, account: account.into(), credentials: Vec::new(), field_map: None }
    }

    /// The same with one more credential, instead of the one of its scheme if there was one.
    #[must_use]
    pub fn with(mut self, credential: Credential) -> Self {
        self.credentials.retain(|other| other.scheme != credential.scheme);
        self.credentials.push(credential);
        self.credentials.sort_by_key(|credential| credential.scheme);
        self
    }

    /// The credential of a scheme.
    #[must_use]
    pub fn credential(&self, scheme: Scheme) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.scheme == scheme)
    }
}

impl Credential {
    /// A credential with one secret.
    #[must_use]
    pub const fn new(scheme: Scheme, secret: Kept) -> Self {
        Self { scheme, header: None, secret, previous: None }
    }

    /// The secrets that count at `now`.
    fn active(&self, now: i64) -> Slots<&Kept> {
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        Slots { current: Some(&self.secret), previous: previous.map(|previous| &previous.secret) }
    }
}

impl Secrets {
    /// A secret as it is to be stored for a scheme: a bearer token as its hash, everything else sealed.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn keep(
        &self,
        tenant: &TenantId,
        vendor: Vendor,
        scheme: Scheme,
        secret: &Secret,
    ) -> Result<Kept, SecretError> {
        Ok(match scheme {
            Scheme::Bearer => Kept::Sha256(TokenHash::of(secret)),
            _ => Kept::Sealed(self.seal(tenant, vendor, secret).await?),
        })
    }

    /// Everything that may prove a delivery of this source at `now`, and whether KMS had to be asked. A stored secret that
    /// does not open proves nothing and is logged; the others still count.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    pub async fn keyring(
        &self,
        tenant: &TenantId,
        source: &Source,
        now: i64,
    ) -> Result<(Keyring<Secret>, Opening), SecretError> {
        let opened = source.credentials.iter().map(async |credential| {
            let Slots { current, previous } = credential.active(now);
            let (current, previous) =
                tokio::try_join!(self.slot(tenant, source, current), self.slot(tenant, source, previous))?;
            Ok::<_, SecretError>((credential, Slots { current, previous }))
        });
        let mut keyring = Keyring::default();
        let mut opening = Opening::Memory;
        for (credential, slots) in futures::future::try_join_all(opened).await? {
            if [&slots.current, &slots.previous].into_iter().flatten().any(|found| found.opening == Opening::Kms) {
                opening = Opening::Kms;
            }
            put(&mut keyring, credential, slots);
        }
        Ok((keyring, opening))
    }

    async fn slot(
        &self,
        tenant: &TenantId,
        source: &Source,
        kept: Option<&Kept>,
    ) -> Result<Option<Found>, SecretError> {
        match kept {
            None => Ok(None),
            Some(Kept::Sha256(hash)) => Ok(Some(Found { proof: Proof::Hash(hash.0), opening: Opening::Memory })),
            Some(Kept::Sealed(sealed)) => match self.open_from(tenant, source.vendor.into(), sealed).await {
                Ok((secret, opening)) => Ok(Some(Found { proof: Proof::Secret(secret), opening })),
                Err(SecretError::Sealed(error)) => {
                    tracing::error!(tenant_id = %tenant, vendor = %source.vendor, %error, "a stored secret does not open");
                    Ok(None)
                }
                Err(error) => Err(error),
            },
        }
    }
}

/// A secret or hash that was read.
struct Found {
    proof: Proof,
    opening: Opening,
}

enum Proof {
    Secret(Secret),
    Hash([u8; 32]),
}

/// Puts a credential's proofs where its scheme looks for them. A hash where a secret belongs proves nothing.
fn put(keyring: &mut Keyring<Secret>, credential: &Credential, slots: Slots<Found>) {
    if credential.scheme == Scheme::Bearer {
        let hash = |found: Found| match found.proof {
            Proof::Hash(hash) => Some(hash),
            Proof::Secret(_) => None,
        };
        keyring.bearer = Slots { current: slots.current.and_then(hash), previous: slots.previous.and_then(hash) };
        return;
    }
    let secret = |found: Found| match found.proof {
        Proof::Secret(secret) => Some(secret),
        Proof::Hash(_) => None,
    };
    let slots = Slots { current: slots.current.and_then(secret), previous: slots.previous.and_then(secret) };
    match (credential.scheme, &credential.header) {
        (Scheme::Bearer, _) => {}
        (Scheme::VyroxHmac, _) => keyring.vyrox_hmac = slots,
        (Scheme::CrowdstrikeHmac, header) => {
            keyring.crowdstrike_hmac = slots;
            if let Some(header) = header {
                keyring.crowdstrike_header.clone_from(header);
            }
        }
        (Scheme::StaticHeader, header) => {
            keyring.static_header = slots;
            keyring.static_header_name = header.clone().unwrap_or_default();
        }
        (Scheme::GraphClientState, _) => keyring.graph_client_state = slots,
        (Scheme::StandardWebhooks, _) => keyring.standard_webhooks = slots,
    }
}

/// A source as it may lie in the table: today's form, or the one before it, which had one scheme.
#[derive(Deserialize)]
struct StoredSource {
    vendor: Vendor,
    account: String,
    #[serde(default)]
    credentials: Vec<Credential>,
    #[serde(default)]
    field_map: Option<String>,
    /// The former form: the secret of `vyrox_hmac`, and the one before it with its end.
    secret: Option<Sealed>,
    previous: Option<(Sealed, i64)>,
}

impl From<StoredSource> for Source {
    fn from(stored: StoredSource) -> Self {
        let source = Self {
            vendor: stored.vendor,
            account: stored.account,
            credentials: stored.credentials,
            field_map: stored.field_map,
        };
        match stored.secret {
            Some(secret) if source.credential(Scheme::VyroxHmac).is_none() => source.with(Credential {
                previous: stored.previous.map(|(secret, until)| Previous { secret: Kept::Sealed(secret), until }),
                ..Credential::new(Scheme::VyroxHmac, Kept::Sealed(secret))
            }),
            _ => source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sealed(text: &str) -> Kept {
        Kept::Sealed(serde_json::from_value(json!(text)).unwrap())
    }

    #[test]
    fn a_source_of_the_former_form_is_one_with_the_published_scheme() {
        let stored =
            json!({"vendor": "crowdstrike", "account": "cid", "secret": "AQID", "previous": ["BAUG", 1_700_000_000]});
        let source: Source = serde_json::from_value(stored).unwrap();
        let previous = Some(Previous { secret: sealed("BAUG"), until: 1_700_000_000 });
        let credential = Credential { previous, ..Credential::new(Scheme::VyroxHmac, sealed("AQID")) };
        assert_eq!(source, Source::new(Vendor::Crowdstrike, "cid").with(credential));
        assert_eq!(serde_json::from_value::<Source>(json!(source)).unwrap(), source, "and is written in the new one");
        assert!(json!(source).get("secret").is_none());
    }

    #[test]
    fn a_source_says_the_same_after_it_was_stored_and_a_token_is_in_it_as_its_hash_only() {
        let hash = TokenHash::of(&Secret::new(b"token".to_vec()));
        let bearer = Credential::new(Scheme::Bearer, Kept::Sha256(hash));
        let header =
            Credential { header: Some("x-key".to_owned()), ..Credential::new(Scheme::StaticHeader, sealed("AQID")) };
        let source = Source::new(Vendor::Generic, "a").with(header).with(bearer.clone()).with(bearer);
        let stored = json!(source);
        assert_eq!(
            stored["credentials"][0],
            json!({"scheme": "bearer", "secret": {"sha256": "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"}})
        );
        assert_eq!(stored["credentials"].as_array().unwrap().len(), 2);
        assert_eq!(serde_json::from_value::<Source>(stored).unwrap(), source);
        assert!(serde_json::from_value::<TokenHash>(json!("abc")).is_err());
    }

    #[test]
    fn a_previous_secret_counts_until_its_time_and_not_in_it() {
        let previous = Some(Previous { secret: sealed("BAUG"), until: 100 });
        let credential = Credential { previous, ..Credential::new(Scheme::VyroxHmac, sealed("AQID")) };
        assert!(credential.active(99).previous.is_some() && credential.active(100).previous.is_none());
        assert!(credential.active(100).current.is_some());
    }
}
