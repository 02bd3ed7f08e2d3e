//! Refused deliveries, counted. Writing one audit entry per refusal would let anyone write to the table, and would make a
//! refusal for a known tenant slower than for an unknown one; so they are counted here and entered, as one number, with
//! the tenant's next accepted delivery. Each one is in the log at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use vyrox_contract::TenantId;
use vyrox_platform::metric::Metric;

/// More tenants than one execution environment serves between two accepted deliveries.
const MOST_COUNTS: usize = 20_000;

/// Why deliveries were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// 401: not proven to be the source's.
    NotAuthentic,
    /// 429: the source's, but too many.
    OverRate,
    /// 415 or 422: the source's, but not an alert that can be read.
    NotNormalisable,
}

impl Refused {
    /// The entry's name in the audit.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotAuthentic => "AUTHENTICATION_REFUSED",
            Self::OverRate => "DELIVERY_OVER_RATE",
            Self::NotNormalisable => "DELIVERY_REJECTED",
        }
    }

    /// In a word, for numbers.
    const fn reason(self) -> &'static str {
        match self {
            Self::NotAuthentic => "not_authentic",
            Self::OverRate => "over_rate",
            Self::NotNormalisable => "not_normalisable",
        }
    }
}

/// The counts since the last accepted delivery.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<(TenantId, Refused), i64>>);

impl Refusals {
    /// One more.
    pub(crate) fn count(&self, tenant: &TenantId, kind: Refused) {
        Metric::DeliveriesRefused.add_by(kind.reason(), 1);
        self.put_back(tenant, kind, 1);
    }

    /// So many more.
    pub(crate) fn put_back(&self, tenant: &TenantId, kind: Refused, count: i64) {
        let (mut counts, key) = (self.counts(), (tenant.clone(), kind));
        if counts.len() < MOST_COUNTS || counts.contains_key(&key) {
            *counts.entry(key).or_default() += count;
        }
    }

    /// Takes a tenant's counts.
    pub(crate) fn take(&self, tenant: &TenantId) -> Vec<(Refused, i64)> {
        let mut counts = self.counts();
        let kinds = [Refused::NotAuthentic, Refused::OverRate, Refused::NotNormalisable];
        kinds.into_iter().filter_map(|kind| Some((kind, counts.remove(&(tenant.clone(), kind))?))).collect()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<(TenantId, Refused), i64>> {
        self.0.lock().expect("nothing panics while holding this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once_by_kind_and_tenant() {
        let (acme, other): (TenantId, TenantId) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let refusals = Refusals::default();
        refusals.count(&acme, Refused::NotAuthentic);
        refusals.count(&acme, Refused::NotAuthentic);
        refusals.count(&acme, Refused::NotNormalisable);
        assert_eq!(refusals.take(&other), []);
        assert_eq!(refusals.take(&acme), [(Refused::NotAuthentic, 2), (Refused::NotNormalisable, 1)]);
        assert_eq!(refusals.take(&acme), []);
    }
}
