//! One delivery, from its bytes to its answer.

use crate::answer::Answer;
use crate::refusals::Refused;
use crate::{Ingest, Named};
use bytes::Bytes;
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::message::AlertQueued;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::{Tenant, TenantStatus};
use vyrox_domain::vendor::{NormaliseError, Normalised, Reception, normalise};
use vyrox_domain::webhook::{RawDelivery, authenticate};
use vyrox_platform::batch::chain;
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::secrets::{Secret, Source};
use vyrox_platform::table::{Lookup, SortKey, TableError};

/// How often a race with another delivery of the same alert is run again.
const RACES: usize = 4;

/// Why a delivery was not accepted for reasons that are not the sender's.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Secret(#[from] vyrox_platform::secrets::SecretError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Send(#[from] vyrox_platform::queue::SendError),
}

impl Ingest {
    pub(crate) async fn deliver(
        &self,
        vendor: Vendor,
        named: Named,
        signature: Option<String>,
        body: Bytes,
        request_id: &str,
    ) -> Answer {
        match self.try_deliver(vendor, named, signature, body, request_id).await {
            Ok(answer) => answer,
            Err(failure) => {
                tracing::error!(request_id, %vendor, error = %chain(&failure), "delivery was not accepted");
                Answer::Unavailable
            }
        }
    }

    async fn try_deliver(
        &self,
        vendor: Vendor,
        named: Named,
        signature: Option<String>,
        body: Bytes,
        request_id: &str,
    ) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let tenant_id = self.resolve(vendor, named).await?;
        // An unknown name costs the same reads as a known one.
        let secrets = match &tenant_id {
            Some(tenant) => self.secrets_of(tenant, vendor, now).await?,
            None => self.secrets_of(&self.nobody, vendor, now).await?,
        };
        let tenant_id = tenant_id.filter(|_| !secrets.is_empty());
        let Ok(delivery) = authenticate(RawDelivery { body, signature }, &secrets) else {
            if let Some(tenant_id) = &tenant_id {
                tracing::warn!(request_id, %tenant_id, %vendor, "delivery is not authentic");
                self.refusals.count(tenant_id, Refused::NotAuthentic);
            }
            return Ok(Answer::Unauthenticated);
        };
        let tenant_id = tenant_id.expect("only a tenant's own secret authenticates");
        if let Err(seconds) = self.rate.admit(&tenant_id, now) {
            tracing::warn!(request_id, %tenant_id, %vendor, "tenant is over its rate");
            self.refusals.count(&tenant_id, Refused::OverRate);
            return Ok(Answer::TooMany(seconds));
        }
        match normalise(vendor, &delivery, &Reception { tenant_id: &tenant_id, received_at: now }) {
            Ok(Normalised::Alerts(alerts)) => {
                self.enter_refusals(&tenant_id, vendor, now).await;
                // All or none: one that fails makes the answer a 503, and the retry finds the others stored.
                let mut ids = Vec::new();
                let mut answer = Answer::Ignored("no alert in the body".to_owned());
                for alert in alerts {
                    ids.push(alert.id);
                    answer = self.accept(alert, request_id, now).await?;
                }
                Ok(if ids.len() > 1 { Answer::QueuedAll(ids) } else { answer })
            }
            Ok(Normalised::Ignored { reason }) => {
                self.enter_refusals(&tenant_id, vendor, now).await;
                let mut event = Draft::event(now, tenant_id.as_str(), "DELIVERY_IGNORED");
                event.detail.insert("reason".to_owned(), json!(reason));
                event.detail.insert("source".to_owned(), json!(vendor));
                self.ledger.commit(&tenant_id, &[], &event).await?;
                Ok(Answer::Ignored(reason))
            }
            Err(error) => {
                tracing::warn!(request_id, %tenant_id, %vendor, %error, "delivery is not normalisable");
                self.refusals.count(&tenant_id, Refused::NotNormalisable);
                Ok(match error {
                    NormaliseError::NotJson(_) => Answer::NotJson,
                    error => Answer::NotNormalisable(error.to_string()),
                })
            }
        }
    }

    /// The tenant that is named, if there is such a one. A name proves nothing yet.
    async fn resolve(&self, vendor: Vendor, named: Named) -> Result<Option<TenantId>, Failure> {
        match named {
            Named::Tenant(tenant) => Ok(tenant),
            Named::Account(account) => {
                let found = self.table.owner(&Lookup::account(vendor, &account)).await?;
                Ok(found.map(|(tenant, _)| tenant))
            }
        }
    }

    /// The secrets that count now: none for an unknown, suspended or unconfigured tenant.
    async fn secrets_of(&self, tenant_id: &TenantId, vendor: Vendor, now: i64) -> Result<Vec<Secret>, Failure> {
        let (profile, source) = (SortKey::profile(), SortKey::source(vendor));
        let (tenant, source) = tokio::try_join!(
            self.table.read::<Tenant>(tenant_id, &profile, now),
            self.table.read::<Source>(tenant_id, &source, now)
        )?;
        let (Some(tenant), Some(source)) = (tenant, source) else { return Ok(Vec::new()) };
        if tenant.value.status == TenantStatus::Suspended {
            return Ok(Vec::new());
        }
        let mut secrets = vec![self.secrets.open(tenant_id, vendor, &source.value.secret).await?];
        if let Some((previous, until)) = &source.value.previous
            && now < *until
        {
            secrets.push(self.secrets.open(tenant_id, vendor, previous).await?);
        }
        Ok(secrets)
    }

    /// Enters what was refused since the tenant's last accepted delivery. A count that cannot be entered now is kept for
    /// the next one, and does not stop this one.
    async fn enter_refusals(&self, tenant_id: &TenantId, vendor: Vendor, now: i64) {
        for (kind, count) in self.refusals.take(tenant_id) {
            let mut event = Draft::event(now, tenant_id.as_str(), kind.as_str());
            event.detail.insert("count".to_owned(), json!(count));
            event.detail.insert("source".to_owned(), json!(vendor));
            if let Err(error) = self.ledger.commit(tenant_id, &[], &event).await {
                tracing::warn!(%tenant_id, error = %chain(&error), "refusals are entered later");
                self.refusals.put_back(tenant_id, kind, count);
            }
        }
    }

    /// Stores the alert with its audit entry, then queues it.
    async fn accept(&self, alert: NormalizedAlert, request_id: &str, now: i64) -> Result<Answer, Failure> {
        let (tenant_id, alert_id) = (alert.tenant_id.clone(), alert.id);
        let key = SortKey::alert(alert_id);
        let mut stored = AlertRecord::received(alert.clone());
        let mut expect = Expect::Absent;
        let mut is_new = true;
        for race in 0.. {
            if !is_new {
                break;
            }
            let change = Change::put(key.clone(), &stored, expect).expiring(stored.expires_at());
            match self.ledger.commit(&tenant_id, &[change], &accepted(&stored, request_id, now)).await {
                Ok(_) => break,
                Err(CommitError::Conflict(_)) if race < RACES => {}
                Err(error) => return Err(error.into()),
            }
            // Somebody else's delivery of the same alert is there.
            if let Some(found) = self.table.read::<AlertRecord>(&tenant_id, &key, now).await? {
                is_new = found.value.content_digest != stored.content_digest;
                expect = Expect::Version(found.version);
                stored = if is_new { found.value.revised(alert.clone()) } else { found.value };
            }
        }
        let message = AlertQueued { tenant_id: tenant_id.clone(), alert_id, revision: stored.alert.revision };
        // A retry of a delivery that was stored but perhaps not queued is queued now; triage takes it once.
        if is_new || stored.verdict.is_none() {
            self.alerts.send(&message).await?;
        }
        tracing::info!(request_id, %tenant_id, %alert_id, revision = message.revision, is_new, "alert accepted");
        Ok(if is_new { Answer::Queued(alert_id) } else { Answer::Duplicate(alert_id) })
    }
}

fn accepted(record: &AlertRecord, request_id: &str, now: i64) -> Draft {
    let alert = &record.alert;
    let kind = if alert.revision == 0 { "ALERT_ACCEPTED" } else { "ALERT_REVISED" };
    let mut event = Draft::event(now, alert.tenant_id.as_str(), kind);
    event.host = alert.hostname.clone().unwrap_or_default();
    event.alert_id = Some(alert.id.to_string());
    event.detail.insert("source".to_owned(), json!(alert.source));
    event.detail.insert("raw_id".to_owned(), json!(alert.raw_id));
    event.detail.insert("revision".to_owned(), json!(alert.revision));
    event.detail.insert("content_sha256".to_owned(), json!(record.content_digest));
    event.detail.insert("delivery".to_owned(), json!(request_id));
    event
}
