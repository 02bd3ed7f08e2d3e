//! What a tenant chose about its rates and its evidence, at most a minute old: a change takes that long to be in force,
//! and a delivery seldom pays a read for it. Whether the tenant may deliver at all is not asked here.

use std::collections::HashMap;
use std::sync::Mutex;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::redact::Redactor;
use vyrox_domain::tenant::{Rates, Tenant};
use vyrox_platform::rate::Limits;
use vyrox_platform::table::{SortKey, Table, TableError};

/// How long settings are kept, in seconds.
const KEEP: i64 = 60;
/// How many tenants' settings are kept at most.
const KEEP_MOST: usize = 10_000;

/// One tenant's.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    rates: Rates,
    redactor: Redactor,
    unless_set: Limits,
}

impl Settings {
    /// How many deliveries a minute a source of the tenant may make.
    pub(crate) fn limits(&self, vendor: Vendor) -> Limits {
        Limits {
            tenant: self.rates.tenant_per_minute.unwrap_or(self.unless_set.tenant),
            source: self.rates.source_per_minute.get(&vendor).copied().unwrap_or(self.unless_set.source),
        }
    }

    /// What takes secrets, and personal data where the tenant wants it, out of the evidence.
    pub(crate) const fn redactor(&self) -> Redactor {
        self.redactor
    }
}

/// All tenants'.
#[derive(Debug)]
pub(crate) struct SettingsOf {
    table: Table,
    unless_set: Limits,
    /// With the time until which they are kept, unix seconds.
    kept: Mutex<HashMap<TenantId, (Settings, i64)>>,
}

impl SettingsOf {
    /// Out of the profiles in `table`; limits that a profile does not name are these.
    pub(crate) fn new(table: Table, unless_set: Limits) -> Self {
        Self { table, unless_set, kept: Mutex::default() }
    }

    /// A tenant's, at `now` (unix seconds). One without a profile has chosen nothing.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) async fn of(&self, tenant: &TenantId, now: i64) -> Result<Settings, TableError> {
        if let Some((settings, until)) = self.kept.lock().expect("nothing panics while holding this lock").get(tenant)
            && now < *until
        {
            return Ok(settings.clone());
        }
        let profile = self.table.read::<Tenant>(tenant, &SortKey::profile(), now).await?.map(|found| found.value);
        let settings = Settings {
            redactor: Redactor::new(profile.as_ref().map(|tenant| tenant.evidence_personal).unwrap_or_default()),
            rates: profile.map(|tenant| tenant.rates).unwrap_or_default(),
            unless_set: self.unless_set,
        };
        let mut kept = self.kept.lock().expect("nothing panics while holding this lock");
        if kept.len() >= KEEP_MOST {
            kept.retain(|_, (_, until)| now < *until);
        }
        if kept.len() < KEEP_MOST || kept.contains_key(tenant) {
            kept.insert(tenant.clone(), (settings.clone(), now + KEEP));
        }
        Ok(settings)
    }
}
