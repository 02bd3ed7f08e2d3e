//! Everything that a click is ruled by, read at one moment.

use crate::Interactions;
use std::time::Duration;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::approval::{Moment, Pace};
use vyrox_domain::card::{self, Message};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::Digest;
use vyrox_domain::tenant::{Snowflake, Tenant};
use vyrox_platform::approved::HeldHost;
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
        moment(&self.tenant, self.pace.as_ref().map_or(&self.no_pace, |pace| &pace.value), self.approver.as_ref(), now)
    }
}

fn moment<'a>(tenant: &'a Tenant, pace: &'a Pace, approver: Option<&'a Versioned<Approver>>, now: i64) -> Moment<'a> {
    Moment { tenant, pace, factor: approver.map(|approver| &approver.value.factor), now }
}

/// A digest with what it shows.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) digest: Versioned<Digest>,
    /// The alerts of its hosts; one that is gone is not among them.
    pub(crate) records: Vec<Versioned<AlertRecord>>,
}

impl Gathered {
    /// The version that an alert's record was read with.
    pub(crate) fn version_of(&self, alert: AlertId) -> Option<u64> {
        self.records.iter().find(|record| record.value.alert.id == alert).map(|record| record.version)
    }

    /// The digest's card as it is, with this record in place of the one that was read. `now` is unix seconds.
    pub(crate) fn card(&self, newer: Option<&AlertRecord>, now: i64) -> Message {
        let newest = |record: &Versioned<AlertRecord>| {
            newer.filter(|newer| newer.alert.id == record.value.alert.id).unwrap_or(&record.value).clone()
        };
        card::digest(&self.digest.value, &self.records.iter().map(newest).collect::<Vec<_>>(), now)
    }
}

/// The same for a plan for several hosts.
#[derive(Debug)]
pub(crate) struct KnownJoint {
    pub(crate) tenant: Tenant,
    pub(crate) gathered: Gathered,
    /// Whose the hosts are that its question is about.
    held: Vec<(AlertId, HeldHost)>,
    pub(crate) pace: Option<Versioned<Pace>>,
    pub(crate) approver: Option<Versioned<Approver>>,
    no_pace: Pace,
}

impl KnownJoint {
    /// As the rules take it. `now` is unix seconds.
    pub(crate) fn moment(&self, now: i64) -> Moment<'_> {
        moment(&self.tenant, self.pace.as_ref().map_or(&self.no_pace, |pace| &pace.value), self.approver.as_ref(), now)
    }

    /// The alerts whose hosts are contained because of others.
    pub(crate) fn held_by_others(&self) -> Vec<AlertId> {
        self.held.iter().filter(|(_, held)| held.by.is_some()).map(|(alert, _)| *alert).collect()
    }

    /// What is known of an alert's host.
    pub(crate) fn held(&self, alert: AlertId) -> Option<&HeldHost> {
        self.held.iter().find(|(other, _)| *other == alert).map(|(_, held)| held)
    }
}

impl Interactions {
    /// Reads a digest with everything that a click on its plan is ruled by. None where the tenant or the digest is gone.
    pub(crate) async fn known_joint(
        &self,
        tenant_id: &TenantId,
        digest_id: AlertId,
        user: Snowflake,
    ) -> Result<Option<KnownJoint>, TableError> {
        let now = self.clock.now();
        let (profile, pace, approver) = (SortKey::profile(), SortKey::pace(), SortKey::approver(user));
        let (tenant, gathered, pace, approver) = tokio::try_join!(
            self.table.read::<Tenant>(tenant_id, &profile, now),
            self.gathered(tenant_id, digest_id, now),
            self.table.read::<Pace>(tenant_id, &pace, now),
            self.table.read::<Approver>(tenant_id, &approver, now),
        )?;
        let (Some(tenant), Some(gathered)) = (tenant, gathered) else { return Ok(None) };
        let asked = gathered.digest.value.asked.iter().flat_map(|question| question.plan.alerts());
        let plans = asked.filter_map(|alert| {
            let record = gathered.records.iter().find(|record| record.value.alert.id == alert)?;
            Some((alert, record.value.plan()?))
        });
        let held = plans.map(|(alert, plan)| async move {
            HeldHost::of(&self.table, tenant_id, plan, now).await.map(|held| (alert, held))
        });
        let held = futures::future::try_join_all(held).await?;
        let (tenant, no_pace) = (tenant.value, Pace::default());
        Ok(Some(KnownJoint { tenant, gathered, held, pace, approver, no_pace }))
    }

    /// Reads a digest with the alerts of its hosts, if it is there.
    pub(crate) async fn gathered(
        &self,
        tenant_id: &TenantId,
        digest_id: AlertId,
        now: i64,
    ) -> Result<Option<Gathered>, TableError> {
        let digest = self.table.read::<Digest>(tenant_id, &SortKey::digest(digest_id), now).await?;
        let Some(digest) = digest else { return Ok(None) };
        let records = digest.value.hosts.iter().map(|host| {
            let key = SortKey::alert(host.alert_id);
            async move { self.table.read::<AlertRecord>(tenant_id, &key, now).await }
        });
        let records = futures::future::try_join_all(records).await?.into_iter().flatten().collect();
        Ok(Some(Gathered { digest, records }))
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
