//! Enrolment: a one-time token becomes a key that is bound to the tenant.

use crate::{Refusal, Relay};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::{VerifyingKey, proves_possession};
use vyrox_domain::tenant::Tenant;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::enrolment::{Enrolment, EnrolmentToken};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::table::{Lookup, SortKey, Versioned};

/// The body of `POST /proxy/v1/enrol`.
#[derive(Deserialize)]
pub(crate) struct EnrolRequest {
    token: String,
    public_key: String,
    /// See [`proves_possession`].
    proof: String,
}

impl Relay {
    pub(crate) async fn enrol(&self, request: EnrolRequest) -> Result<Response, Refusal> {
        let now = self.clock.now();
        let token: EnrolmentToken = request.token.parse().map_err(|_| Refusal::Unauthorised)?;
        let key = match VerifyingKey::from_text(&request.public_key) {
            Ok(key @ VerifyingKey::Ed25519(_)) => key,
            Ok(VerifyingKey::P256(_)) | Err(_) => return Err(Refusal::Unreadable),
        };
        // Before anything is read: whoever cannot sign with the key has nothing to enrol.
        if !proves_possession(&request.token, &key, &request.proof) {
            return Err(Refusal::NoProof);
        }
        let enrolment_key = SortKey::enrolment(token.id());
        let stored = self.table.read::<Enrolment>(token.tenant(), &enrolment_key, now).await?;
        let Versioned { value: mut enrolment, version } = stored.ok_or(Refusal::Unauthorised)?;
        if !enrolment.admits(&token, now) {
            return Err(self.not_authentic(token.tenant()));
        }
        let tenant = self.table.read::<Tenant>(token.tenant(), &SortKey::profile(), now).await?;
        let Versioned { value: mut tenant, version: tenant_version } = tenant.ok_or(Refusal::Unauthorised)?;
        // A key that is bound already stays where it is bound: to another tenant for ever, in this one until its proxy has
        // been revoked. The same proxy asking again (its first answer was lost) is that proxy.
        let bound = self.table.owners(&Lookup::key(&key.id())).await?;
        let own = (token.tenant().clone(), SortKey::proxy(&enrolment.proxy_id));
        if bound.iter().any(|owner| *owner != own) {
            return Err(Refusal::Unauthorised);
        }
        let proxy = EnrolledProxy {
            id: enrolment.proxy_id.clone(),
            public_key: key.to_text(),
            enrolled_at: now,
            push_url: enrolment.push_url.clone(),
            revoked_at: None,
            previous: None,
        };
        enrolment.uses_left -= 1;
        let mut changes = vec![
            Change::put(enrolment_key, &enrolment, Expect::Version(version)).expiring(enrolment.expires_at),
            Change::put(SortKey::proxy(&proxy.id), &proxy, Expect::Anything).known_as(Lookup::key(&key.id())),
            // Its log may begin anew with it.
            Change::delete(SortKey::proxy_head(&proxy.id)),
            Change::delete(SortKey::proxy_watch(&proxy.id)),
        ];
        // The tenant's first proxy is the one that acts for it.
        if tenant.proxy_id.is_none() {
            tenant.proxy_id = Some(proxy.id.clone());
            changes.push(Change::profile(&tenant, Expect::Version(tenant_version)));
        }
        let mut event = Draft::event(now, token.tenant().as_str(), "PROXY_ENROLLED");
        event.detail.insert("proxy_id".to_owned(), json!(proxy.id));
        event.detail.insert("key_id".to_owned(), json!(key.id()));
        event.detail.insert("token".to_owned(), json!(token.id()));
        match self.ledger.commit(token.tenant(), &changes, &event).await {
            Ok(_) => {}
            // Somebody used the token at the same moment.
            Err(CommitError::Conflict(0)) => return Err(Refusal::Unauthorised),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(tenant_id = %token.tenant(), proxy_id = %proxy.id, key_id = %key.id(), "proxy enrolled");
        Ok(axum::Json(json!({
            "tenant_id": token.tenant(),
            "proxy_id": proxy.id,
            "platform_keys": self.platform_keys,
        }))
        .into_response())
    }
}
