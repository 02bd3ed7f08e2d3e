//! What a tenant chose about its rates and its evidence, as its profile says at each delivery.

use vyrox_contract::Vendor;
use vyrox_domain::redact::Redactor;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::rate::Limits;

/// One tenant's, for one of its sources.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How many deliveries a minute the source may make.
    pub(crate) limits: Limits,
    /// What takes secrets, and personal data where the tenant wants it, out of the evidence.
    pub(crate) redactor: Redactor,
}

impl Settings {
    /// Out of the tenant's profile; limits that it does not name are these.
    pub(crate) fn of(tenant: &Tenant, vendor: Vendor, unless_set: Limits) -> Self {
        let rates = &tenant.rates;
        Self {
            limits: Limits {
                tenant: rates.tenant_per_minute.unwrap_or(unless_set.tenant),
                source: rates.source_per_minute.get(&vendor).copied().unwrap_or(unless_set.source),
            },
            redactor: Redactor::new(tenant.evidence_personal),
        }
    }
}
