//! Who asks, by the key alone; and what a route is asked, as the type that it takes.

use crate::Api;
use crate::dress::RequestId;
use crate::refusal::Refusal;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use vyrox_contract::TenantId;
use vyrox_domain::access::{Access, Permission};
use vyrox_domain::tenant::{Tenant, TenantStatus};
use vyrox_platform::api_key::{ApiKey, ApiKeyToken, KeyPrefix};
use vyrox_platform::refusals::Refused;
use vyrox_platform::table::{Lookup, SortKey};

/// The holder of a good key that is within its rate.
#[derive(Debug)]
pub(crate) struct Caller {
    tenant: TenantId,
    key: ApiKey,
    request_id: RequestId,
}

impl Caller {
    /// The caller's tenant, if the key has this permission.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn may(&self, permission: Permission) -> Result<&TenantId, Refusal> {
        if self.key.access.allows(permission) { Ok(&self.tenant) } else { Err(Refusal::Forbidden(permission)) }
    }

    /// All that the key may do.
    pub(crate) const fn access(&self) -> &Access {
        &self.key.access
    }

    /// The part of the key that is no secret.
    pub(crate) const fn prefix(&self) -> &KeyPrefix {
        &self.key.prefix
    }

    /// Names the request.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id.0
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or(Refusal::Unauthorised)?;
        let (tenant, key) = api.authenticate(&token).await?;
        let now = api.clock.now();
        api.usage.admit(&tenant, &key.prefix, api.key_rate, now).await?;
        api.refusals.enter(&api.ledger, &tenant, "api", now).await;
        let request_id = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
        Ok(Self { tenant, key, request_id })
    }
}

impl Api {
    /// The key's tenant and what is stored of the key. One that nobody has costs the same reads and the same comparison as
    /// one that is expired, revoked or forged, and is refused in the same words.
    async fn authenticate(&self, token: &ApiKeyToken) -> Result<(TenantId, ApiKey), Refusal> {
        let now = self.clock.now();
        let owner = self.table.owner(&Lookup::api_key(token.prefix())).await?;
        let (tenant, at) = owner.unwrap_or_else(|| (self.nobody.clone(), SortKey::api_key(token.prefix())));
        let profile = SortKey::profile();
        let (key, profile) = tokio::try_join!(
            self.table.read::<ApiKey>(&tenant, &at, now),
            self.table.read::<Tenant>(&tenant, &profile, now)
        )?;
        let is_served = profile.is_some_and(|profile| profile.value.status != TenantStatus::Suspended);
        let key = key.map_or_else(|| self.decoy.clone(), |key| key.value);
        if key.admits(token, now) & is_served {
            return Ok((tenant, key));
        }
        // For nobody, too: what is not entered is bounded, and a guess must not be told from the other's time.
        self.refusals.count(&tenant, Refused::NotAuthentic);
        Err(Refusal::Unauthorised)
    }
}

/// The key in the one `Authorization: Bearer KEY`. Of two it would depend on what lies before the function whose request it is:
/// API Gateway makes one of them, with a comma.
fn bearer(headers: &HeaderMap) -> Option<ApiKeyToken> {
    let mut said = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(said), None) = (said.next(), said.next()) else { return None };
    let (scheme, key) = said.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().parse().ok())?
}

/// What axum puts before what is wrong with a query.
const BEFORE_THE_NAME: &str = "Failed to deserialize query string: ";

/// What a route is asked that takes no query.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A query, in which every name is known.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            // Which name, and what is wrong with it; not that something is read with serde.
            Err(error) => {
                let said = error.body_text();
                Err(Refusal::Query(said.strip_prefix(BEFORE_THE_NAME).unwrap_or(&said).to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_wrong_with_a_query_is_said_after_its_name() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Page {
            #[expect(dead_code, reason = "it is never read with success")]
            limit: u32,
        }
        for (query, begins) in [("limit=x", "limit: "), ("limit=1&limit=2", "duplicate field"), ("size=1", "size: ")] {
            let request = axum::http::Request::get(format!("/alerts?{query}")).body(()).unwrap();
            let (mut parts, ()) = request.into_parts();
            let refusal = Asked::<Page>::from_request_parts(&mut parts, &()).await.unwrap_err();
            assert!(refusal.to_string().starts_with(begins), "{refusal}");
        }
    }

    #[tokio::test]
    async fn a_route_without_a_query_takes_none() {
        let asked = async |uri: &str| {
            let (mut parts, ()) = axum::http::Request::get(uri).body(()).unwrap().into_parts();
            Asked::<Nothing>::from_request_parts(&mut parts, &()).await.map(drop).map_err(|refusal| refusal.to_string())
        };
        assert_eq!((asked("/keys").await, asked("/keys?").await), (Ok(()), Ok(())));
        assert!(asked("/keys?role=owner").await.unwrap_err().starts_with("role: "));
    }

    #[test]
    fn a_key_comes_as_a_bearer_token_and_no_other_way() {
        let key = ApiKeyToken::generate().reveal();
        let read = |value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(|token| token.reveal())
        };
        for good in [format!("Bearer {key}"), format!("bearer  {key} ")] {
            assert_eq!(read(good), Some(key.clone()));
        }
        for bad in [key.clone(), format!("Basic {key}"), "Bearer".to_owned(), format!("Bearer {key} {key}")] {
            assert_eq!(read(bad), None);
        }
        assert!(bearer(&HeaderMap::new()).is_none());
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        }
        assert!(bearer(&twice).is_none());
    }
}
