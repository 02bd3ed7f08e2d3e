//! What an alert came in as, for the one who investigates. It is an extra: whatever keeps it from being read is said in its
//! place, in time for the rest to be shown.

use crate::Interactions;
use std::time::Duration;
use vyrox_domain::card::RawPayload;
use vyrox_domain::record::AlertRecord;
use vyrox_platform::batch::chain;
use vyrox_platform::evidence::{About, Evidence, EvidenceError};
use vyrox_platform::table::{SortKey, TableError};

/// How much of the answer's time the payload may take; the audit entry comes after it.
const PATIENCE: Duration = Duration::from_millis(800);

/// What came of reading it.
#[derive(Debug)]
pub(crate) enum Payload {
    Opened(Evidence),
    Absent,
    Unavailable,
}

impl Payload {
    /// In the audit: what the one who asked got to see.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Opened(_) => "shown",
            Self::Absent => "none",
            Self::Unavailable => "unavailable",
        }
    }

    /// On the card.
    pub(crate) fn shown(&self) -> RawPayload<'_> {
        match self {
            Self::Opened(evidence) => RawPayload::Opened { text: &evidence.text, bytes: evidence.bytes },
            Self::Absent => RawPayload::Absent,
            Self::Unavailable => RawPayload::Unavailable,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl Interactions {
    /// The payload of the record's newest revision.
    pub(crate) async fn payload(&self, record: &AlertRecord, now: i64) -> Payload {
        let (tenant_id, alert_id) = (&record.alert.tenant_id, record.alert.id);
        match tokio::time::timeout(PATIENCE, self.opened(record, now)).await {
            Ok(Ok(Some(evidence))) => Payload::Opened(evidence),
            Ok(Ok(None)) => Payload::Absent,
            Ok(Err(failure)) => {
                tracing::warn!(%tenant_id, %alert_id, error = %chain(&failure), "payload is not shown");
                Payload::Unavailable
            }
            Err(_) => {
                tracing::warn!(%tenant_id, %alert_id, "payload is not shown: it took too long");
                Payload::Unavailable
            }
        }
    }

    async fn opened(&self, record: &AlertRecord, now: i64) -> Result<Option<Evidence>, Failure> {
        let alert = &record.alert;
        let key = SortKey::evidence(alert.id, alert.revision);
        let Some(stored) = self.table.read_bytes(&alert.tenant_id, &key, now).await? else { return Ok(None) };
        let about = About { tenant_id: &alert.tenant_id, alert_id: alert.id, revision: alert.revision };
        Ok(Some(self.evidence.open(&about, &stored).await?))
    }
}
