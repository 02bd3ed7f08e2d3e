//! A proxy becomes known by another key. Its old key vouches for the wish and the new one for itself; both are believed for a
//! day, so that nothing that is on its way is lost.

use crate::{Refusal, Relay};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::{Envelope, Rotation, VerifyingKey, is_fresh};
use vyrox_platform::delivery::{EnrolledProxy, PreviousKey};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::table::{Lookup, SortKey, Versioned};

/// How long the old key is believed, in seconds.
const OVERLAP: i64 = 24 * 3_600;

impl Relay {
    pub(crate) async fn rotate(&self, envelope: Envelope) -> Result<Response, Refusal> {
        let now = self.clock.now();
        let (tenant, proxy) = self.sender(&envelope).await?;
        let keys = proxy.keys(now).map_err(|_| Refusal::Unauthorised)?;
        let rotation = envelope.verify::<Rotation>(&keys).and_then(|verified| verified.parse());
        let rotation = rotation.map_err(|_| self.not_authentic(&tenant))?;
        if rotation.tenant_id != tenant || rotation.proxy_id != proxy.id {
            return Err(self.not_authentic(&tenant));
        }
        if !is_fresh(rotation.issued_at, now) {
            return Err(Refusal::Stale);
        }
        let new = match VerifyingKey::from_text(&rotation.public_key) {
            Ok(key @ VerifyingKey::Ed25519(_)) => key,
            Ok(VerifyingKey::P256(_)) | Err(_) => return Err(Refusal::Unreadable),
        };
        if envelope.verify::<Rotation>(std::slice::from_ref(&new)).is_err() {
            return Err(Refusal::NoProof);
        }
        // The answer to the same wish was lost.
        let current = proxy.key().map_err(|_| Refusal::Unauthorised)?;
        if current != new {
            self.replace(&tenant, &proxy.id, &current, &new, now).await?;
        }
        Ok(axum::Json(json!({"status": "rotated", "platform_keys": self.platform_keys})).into_response())
    }

    async fn replace(
        &self,
        tenant: &vyrox_contract::TenantId,
        proxy_id: &vyrox_contract::ProxyId,
        current: &VerifyingKey,
        new: &VerifyingKey,
        now: i64,
    ) -> Result<(), Refusal> {
        // A key that is bound to anything, an old key of this very proxy included, is not bound again.
        if !self.table.owners(&Lookup::key(&new.id())).await?.is_empty() {
            return Err(Refusal::Unauthorised);
        }
        let (key, until) = (SortKey::proxy(proxy_id), now.saturating_add(OVERLAP));
        let stored = self.table.read::<EnrolledProxy>(tenant, &key, now).await?.ok_or(Refusal::Unauthorised)?;
        let Versioned { value: proxy, version } = stored;
        if proxy.revoked_at.is_some() || proxy.public_key != current.to_text() {
            return Err(Refusal::Unauthorised);
        }
        let previous = PreviousKey { public_key: proxy.public_key.clone(), until };
        let proxy = EnrolledProxy { public_key: new.to_text(), previous: Some(previous), ..proxy };
        let changes = [
            Change::put(key, &proxy, Expect::Version(version)).known_as(Lookup::key(&new.id())),
            Change::put(SortKey::previous_key(proxy_id), proxy_id, Expect::Anything)
                .known_as(Lookup::key(&current.id()))
                .expiring(until),
        ];
        let mut event = Draft::event(now, tenant.as_str(), "PROXY_KEY_ROTATED");
        event.detail.insert("proxy_id".to_owned(), json!(proxy_id));
        event.detail.insert("key_id".to_owned(), json!(new.id()));
        event.detail.insert("previous_key_id".to_owned(), json!(current.id()));
        event.detail.insert("previous_until".to_owned(), json!(until));
        match self.ledger.commit(tenant, &changes, &event).await {
            Ok(_) => {}
            // Revoked or rotated at the same moment.
            Err(CommitError::Conflict(_)) => return Err(Refusal::Unauthorised),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(tenant_id = %tenant, %proxy_id, key_id = %new.id(), "proxy key rotated");
        Ok(())
    }
}
