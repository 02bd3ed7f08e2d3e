//! What Investigate shows beside the alert: what it came in as, and what was seen and decided before. Both are extras:
//! whatever keeps them from being read is said in their place, in time for the rest to be shown.

use crate::answer::Answer;
use crate::failure::Failure;
use crate::known::Known;
use crate::{Interactions, event};
use serde_json::json;
use std::time::Duration;
use vyrox_domain::card::{self, Past};
use vyrox_domain::history::{HostAlert, HostKey, PastDecision};
use vyrox_domain::interaction::Click;
use vyrox_domain::record::AlertRecord;
use vyrox_platform::batch::chain;
use vyrox_platform::table::{Prefix, TableError};

/// How much of the answer's time the past may take.
const PATIENCE: Duration = Duration::from_millis(800);
/// How many earlier alerts and decisions are looked up; the alert itself is among the first.
const MOST_ALERTS: i32 = 6;
const MOST_DECISIONS: i32 = 5;

impl Interactions {
    pub(crate) async fn investigate(&self, click: &Click, known: &Known, now: i64) -> Result<Answer, Failure> {
        let (record, tenant_id) = (&known.record.value, &known.tenant.id);
        let (payload, past) = tokio::join!(self.payload(record, now), self.past(record, now));
        let mut entry = event::of(record, click, "INVESTIGATED", now);
        entry.detail.insert("payload".to_owned(), json!(payload.as_str()));
        self.ledger.commit(tenant_id, &[], &entry).await?;
        Ok(Answer::Whisper(Box::new(card::investigation(record, payload.shown(), past.as_ref(), now))))
    }

    /// Earlier alerts on this host, and earlier decisions on alerts that looked the same. None if it cannot be read in time.
    async fn past(&self, record: &AlertRecord, now: i64) -> Option<Past> {
        let (tenant_id, alert_id) = (&record.alert.tenant_id, record.alert.id);
        match tokio::time::timeout(PATIENCE, self.try_past(record, now)).await {
            Ok(Ok(past)) => Some(past),
            Ok(Err(failure)) => {
                tracing::warn!(%tenant_id, %alert_id, error = %chain(&failure), "the past is not shown");
                None
            }
            Err(_) => {
                tracing::warn!(%tenant_id, %alert_id, "the past is not shown: it took too long");
                None
            }
        }
    }

    async fn try_past(&self, record: &AlertRecord, now: i64) -> Result<Past, TableError> {
        let alert = &record.alert;
        let alerts = async {
            let Some(host) = &alert.hostname else { return Ok(Vec::new()) };
            let prefix = Prefix::host_alerts(&HostKey::of(host));
            self.table.latest::<HostAlert>(&alert.tenant_id, &prefix, MOST_ALERTS, now).await
        };
        let decisions = async {
            let Some(fingerprint) = &record.fingerprint else { return Ok(Vec::new()) };
            let prefix = Prefix::past_decisions(fingerprint);
            self.table.latest::<PastDecision>(&alert.tenant_id, &prefix, MOST_DECISIONS, now).await
        };
        let (mut alerts, mut decisions) = tokio::try_join!(alerts, decisions)?;
        alerts.retain(|seen| seen.alert_id != alert.id);
        decisions.retain(|decision| decision.alert_id != alert.id);
        Ok(Past { alerts, decisions })
    }
}
