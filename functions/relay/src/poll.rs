//! Polls and receipts: signed by the proxy's own key. The key id in the envelope only says which key to try; the tenant and
//! the proxy are those that the key was enrolled for.

use crate::{Refusal, Relay};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use vyrox_contract::{Envelope, Poll, ProxyId, RequestId, TenantId, is_fresh};
use vyrox_platform::batch::chain;
use vyrox_platform::delivery::{AGAIN_AFTER, DeliveryError, EnrolledProxy};
use vyrox_platform::table::{Lookup, Prefix, SortKey, Versioned};

/// What refused calls are counted as having come to.
const SOURCE: &str = "relay";
/// How soon a proxy should ask again, in seconds.
const NEXT_POLL_SECONDS: u32 = 2;
/// How many actions one poll hands out at most.
const MOST_ACTIONS: usize = 10;
/// How many waiting actions one poll looks at at most.
const MOST_LOOKED_AT: usize = 200;

impl Relay {
    /// 200 with the signed actions that are due, or 204.
    pub(crate) async fn poll(&self, envelope: Envelope) -> Result<Response, Refusal> {
        let (tenant, proxy) = self.sender(&envelope).await?;
        let keys = proxy.keys(self.clock.now()).map_err(|_| Refusal::Unauthorised)?;
        let poll = envelope.verify::<Poll>(&keys).and_then(|verified| verified.parse());
        let poll = poll.map_err(|_| self.not_authentic(&tenant))?;
        if poll.tenant_id != tenant || poll.proxy_id != proxy.id {
            return Err(self.not_authentic(&tenant));
        }
        if !is_fresh(poll.issued_at, self.clock.now()) {
            return Err(Refusal::Stale);
        }
        self.refusals.enter(&self.ledger, &tenant, SOURCE, self.clock.now()).await;
        self.note_head(&tenant, &proxy, &poll).await?;
        self.sightings.note(&tenant, &proxy.id, self.clock.now()).await;
        let waiting = self.table.list::<RequestId>(&tenant, &Prefix::outbox(&proxy.id), self.clock.now()).await?;
        let mut actions = Vec::new();
        // One action that cannot be delivered must not keep the others back.
        for Versioned { value: request_id, .. } in waiting.into_iter().take(MOST_LOOKED_AT) {
            if actions.len() == MOST_ACTIONS {
                break;
            }
            let outcome = match self.delivery.prepare(&tenant, &request_id, AGAIN_AFTER).await {
                Ok(Some(signed)) => {
                    actions.push(signed.envelope().clone());
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(DeliveryError::NotApproved(why)) => {
                    self.delivery.refuse(&tenant, &proxy.id, &request_id, &why).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                tracing::error!(tenant_id = %tenant, %request_id, error = %chain(&error), "action is held back");
            }
        }
        if actions.is_empty() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Ok(axum::Json(json!({"actions": actions, "next_poll_seconds": NEXT_POLL_SECONDS})).into_response())
    }

    /// 200 once the receipt is recorded; the same receipt again is 200 too.
    pub(crate) async fn receipt(&self, envelope: Envelope) -> Result<Response, Refusal> {
        let (tenant, proxy) = self.sender(&envelope).await?;
        let receipt = self.delivery.verify_receipt(&tenant, &proxy, &envelope);
        let receipt = receipt.map_err(|error| match Refusal::from(error) {
            Refusal::Unauthorised => self.not_authentic(&tenant),
            other => other,
        })?;
        self.delivery.record(&tenant, &receipt).await?;
        Ok(axum::Json(json!({"status": "recorded"})).into_response())
    }

    /// The enrolled proxy whose key id the envelope names; not authenticated yet.
    pub(crate) async fn sender(&self, envelope: &Envelope) -> Result<(TenantId, EnrolledProxy), Refusal> {
        let signature = envelope.signatures.first().ok_or(Refusal::Unauthorised)?;
        if !signature.keyid.is_well_formed() {
            return Err(Refusal::Unauthorised);
        }
        // The index only says where to look; what counts, the revocation above all, is read consistently.
        let (tenant, mut key) = self.table.owner(&Lookup::key(&signature.keyid)).await?.ok_or(Refusal::Unauthorised)?;
        if key.is_previous_key() {
            let previous = self.table.read::<ProxyId>(&tenant, &key, self.clock.now()).await?;
            key = SortKey::proxy(&previous.ok_or(Refusal::Unauthorised)?.value);
        }
        let proxy = self.table.read::<EnrolledProxy>(&tenant, &key, self.clock.now()).await?;
        match proxy {
            Some(proxy) if proxy.value.revoked_at.is_none() => Ok((tenant, proxy.value)),
            _ => Err(self.not_authentic(&tenant)),
        }
    }
}
