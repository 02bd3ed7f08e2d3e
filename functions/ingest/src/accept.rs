//! One delivery, from its bytes to its answer.

use crate::answer::Answer;
use crate::authenticate::AuthenticationError;
use crate::raw::{Raw, RawEvidence};
use crate::settings::Settings;
use crate::{FUNCTION, Ingest, Named, Reception};
use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use vyrox_audit::Draft;
use vyrox_contract::Vendor;
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::message::AlertQueued;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::vendor::{NormaliseError, Normalised};
use vyrox_domain::webhook::{Headers, RawDelivery, Scheme};
use vyrox_platform::batch::chain;
use vyrox_platform::evidence::{About, EvidenceError};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::metric::Metric;
use vyrox_platform::refusals::Refused;
use vyrox_platform::table::{SortKey, TableError};
use vyrox_platform::trace::{self, Origin};

/// How often a race with another delivery of the same alert is run again.
const RACES: usize = 4;

/// What proved a delivery.
#[derive(Debug, Clone, Copy)]
struct Proof {
    scheme: Scheme,
    /// Whether it was a test's own secret.
    canary: bool,
}

/// Why a delivery was not accepted for reasons that are not the sender's.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Send(#[from] vyrox_platform::queue::SendError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl Ingest {
    pub(crate) async fn deliver(
        &self,
        vendor: Vendor,
        named: Named,
        headers: Headers,
        body: Bytes,
        reception: Reception<'_>,
    ) -> Answer {
        match self.try_deliver(vendor, named, headers, body, reception).await {
            Ok(answer) => answer,
            Err(failure) => {
                let request_id = reception.request_id;
                tracing::error!(request_id, %vendor, error = %chain(&failure), "delivery was not accepted");
                Answer::Unavailable
            }
        }
    }

    async fn try_deliver(
        &self,
        vendor: Vendor,
        named: Named,
        headers: Headers,
        body: Bytes,
        reception: Reception<'_>,
    ) -> Result<Answer, Failure> {
        let (now, request_id) = (self.clock.now(), reception.request_id);
        let delivery = RawDelivery { body, headers };
        let Some(proven) = self.authenticate(vendor, named, delivery, request_id, now).await? else {
            return Ok(Answer::Unauthenticated);
        };
        let (tenant_id, proof) = (proven.tenant.id.clone(), Proof { scheme: proven.scheme(), canary: proven.canary });
        let settings = Settings::of(&proven.tenant, vendor, self.unless_set);
        if let Err(over) = self.rate.admit(&tenant_id, vendor, settings.limits, now).await {
            tracing::warn!(request_id, %tenant_id, %vendor, of = over.of.as_str(), "delivery is over a rate");
            self.refuse(&tenant_id, Refused::OverRate);
            return Ok(Answer::TooMany(over.retry_after));
        }
        match proven.normalise(now) {
            Ok(Normalised::Alerts(alerts)) => {
                self.refusals.enter(&self.ledger, &tenant_id, vendor.as_str(), now).await;
                // All or none: one that fails makes the answer a 503, and the retry finds the others stored.
                let mut ids = Vec::new();
                let mut answer = Answer::Ignored("no alert in the body".to_owned());
                let raw = Raw::of(proven.bytes(), &alerts, settings.redactor);
                for (index, alert) in alerts.into_iter().enumerate() {
                    let trace = alert.id.into();
                    ids.push(alert.id);
                    let evidence = raw.evidence(index);
                    let accept = self.accept(alert, proof, &evidence, reception, now);
                    answer = trace::follow(FUNCTION, trace, Origin::default(), accept).await?;
                }
                Ok(if ids.len() > 1 { Answer::QueuedAll(ids) } else { answer })
            }
            Ok(Normalised::Ignored { reason }) => {
                self.refusals.enter(&self.ledger, &tenant_id, vendor.as_str(), now).await;
                let mut event = Draft::event(now, tenant_id.as_str(), "DELIVERY_IGNORED");
                event.detail.insert("reason".to_owned(), json!(reason));
                event.detail.insert("source".to_owned(), json!(vendor));
                self.ledger.commit(&tenant_id, &[], &event).await?;
                Metric::DeliveriesIgnored.add_by(vendor.as_str(), 1);
                Ok(Answer::Ignored(reason))
            }
            Err(error) => {
                tracing::warn!(request_id, %tenant_id, %vendor, %error, "delivery is not normalisable");
                self.refuse(&tenant_id, Refused::NotNormalisable);
                Ok(match error {
                    NormaliseError::NotJson(_) => Answer::NotJson,
                    error => Answer::NotNormalisable(error.to_string()),
                })
            }
        }
    }

    /// Stores the alert with its evidence and its audit entry, then queues it.
    async fn accept(
        &self,
        alert: NormalizedAlert,
        proof: Proof,
        raw: &RawEvidence<'_>,
        Reception { request_id, began }: Reception<'_>,
        now: i64,
    ) -> Result<Answer, Failure> {
        let vendor = alert.source.as_str();
        let (tenant_id, alert_id) = (alert.tenant_id.clone(), alert.id);
        let key = SortKey::alert(alert_id);
        let mut stored = AlertRecord { canary: proof.canary, ..AlertRecord::received(alert.clone()) };
        let mut expect = Expect::Absent;
        let mut is_new = true;
        for race in 0.. {
            if !is_new {
                break;
            }
            let revision = stored.alert.revision;
            let about = About { tenant_id: &tenant_id, alert_id, revision };
            let sealed = self.evidence.seal(&about, &raw.text, raw.part, raw.most).await?;
            let mut event = accepted(&stored, proof, request_id, now);
            event.detail.insert("evidence_sha256".to_owned(), json!(hex::encode(Sha256::digest(&sealed))));
            let changes = [
                Change::put(key.clone(), &stored, expect).expiring(stored.expires_at()),
                Change::put_bytes(SortKey::evidence(alert_id, revision), sealed).expiring(stored.expires_at()),
            ];
            match self.ledger.commit(&tenant_id, &changes, &event).await {
                Ok(_) => break,
                Err(CommitError::Conflict(_)) if race < RACES => {}
                Err(error) => return Err(error.into()),
            }
            // Somebody else's delivery of the same alert is there.
            if let Some(found) = self.table.read::<AlertRecord>(&tenant_id, &key, now).await? {
                expect = Expect::Version(found.version);
                let after = found.value.after(&alert);
                is_new = after.is_some();
                stored = after.unwrap_or(found.value);
            }
        }
        let message = AlertQueued { tenant_id: tenant_id.clone(), alert_id, revision: stored.alert.revision };
        // A retry of a delivery that was stored but perhaps not queued is queued now; triage takes it once.
        if is_new || stored.verdict.is_none() {
            self.alerts.send_since(&message, began).await?;
        }
        let counted = if is_new { Metric::AlertsAccepted } else { Metric::AlertsDuplicate };
        counted.add_by(vendor, 1);
        tracing::info!(request_id, %tenant_id, %alert_id, revision = message.revision, is_new, "alert accepted");
        Ok(if is_new { Answer::Queued(alert_id) } else { Answer::Duplicate(alert_id) })
    }
}

fn accepted(record: &AlertRecord, proof: Proof, request_id: &str, now: i64) -> Draft {
    let alert = &record.alert;
    let kind = if alert.revision == 0 { "ALERT_ACCEPTED" } else { "ALERT_REVISED" };
    let mut event = Draft::event(now, alert.tenant_id.as_str(), kind);
    event.host = alert.hostname.clone().unwrap_or_default();
    event.alert_id = Some(alert.id.to_string());
    event.detail.insert("source".to_owned(), json!(alert.source));
    event.detail.insert("scheme".to_owned(), json!(proof.scheme));
    if proof.canary {
        event.detail.insert("test".to_owned(), json!(true));
    }
    event.detail.insert("raw_id".to_owned(), json!(alert.raw_id));
    event.detail.insert("revision".to_owned(), json!(alert.revision));
    event.detail.insert("content_sha256".to_owned(), json!(record.content_digest));
    event.detail.insert("delivery".to_owned(), json!(request_id));
    event
}
