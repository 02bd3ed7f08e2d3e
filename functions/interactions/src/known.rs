//! Everything that a click is ruled by, read at one moment.

use crate::Interactions;
use std::time::Duration;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::approval::{Moment, Pace};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::{Snowflake, Tenant};
use vyrox_platform::approver::Approver;
use vyrox_platform::table::{SortKey, TableError, Versioned};

/// How often, and how far apart, a card that has just been posted is looked for.
const CARD_LOOKS: (usize, Duration) = (6, Duration::from_millis(80));

/// What is stored about the alert, its tenant and the one who clicked.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) tenant: Tenant,
    pub(crate) record: Versioned<AlertRecord>,
    pub(crate) pace: Option<Versioned<Pace>>,
    pub(crate) approver: Option<Versioned<Approver>>,
    no_pace: Pace,
}

impl Known {
    /// As the rules take it. `now` is unix seconds.
    pub(crate) fn moment(&self, now: i64) -> Moment<'_> {
        Moment {
            tenant: &self.tenant,
            pace: self.pace.as_ref().map_or(&self.no_pace, |pace| &pace.value),
            factor: self.approver.as_ref().map(|approver| &approver.value.factor),
            now,
        }
    }
}

impl Interactions {
    /// Reads it all at once, consistently: roles, status and policy as they are now. None where the tenant or the alert is
    /// gone.
    pub(crate) async fn known(
        &self,
        tenant_id: &TenantId,
        alert_id: AlertId,
        user: Snowflake,
    ) -> Result<Option<Known>, TableError> {
        let now = self.clock.now();
        let (profile, pace, approver) = (SortKey::profile(), SortKey::pace(), SortKey::approver(user));
        let (tenant, record, pace, approver) = tokio::try_join!(
            self.table.read::<Tenant>(tenant_id, &profile, now),
            self.record(tenant_id, alert_id),
            self.table.read::<Pace>(tenant_id, &pace, now),
            self.table.read::<Approver>(tenant_id, &approver, now),
        )?;
        let (Some(tenant), Some(record)) = (tenant, record) else { return Ok(None) };
        Ok(Some(Known { tenant: tenant.value, record, pace, approver, no_pace: Pace::default() }))
    }

    /// The alert's record. A card that was posted a moment ago may not be in it yet, so a few looks are taken.
    async fn record(
        &self,
        tenant_id: &TenantId,
        alert_id: AlertId,
    ) -> Result<Option<Versioned<AlertRecord>>, TableError> {
        let (looks, apart) = CARD_LOOKS;
        let mut found = None;
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(apart).await;
            }
            found = self.table.read::<AlertRecord>(tenant_id, &SortKey::alert(alert_id), self.clock.now()).await?;
            if found.as_ref().is_none_or(|found| found.value.posted.is_some()) {
                break;
            }
        }
        Ok(found)
    }
}
