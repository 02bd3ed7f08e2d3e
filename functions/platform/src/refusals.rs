//! Refused callers, counted. Writing one audit entry per refusal would let anyone write to the table, and would make a
//! refusal for a known tenant slower than for an unknown one; so they are counted here and entered, as one number, with
//! what the tenant is next served. Each one is in the log at once; what an environment that ends has not entered is only there.

use crate::batch::chain;
use crate::ledger::Ledger;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use vyrox_audit::Draft;
use vyrox_contract::TenantId;

/// More tenants than one execution environment serves between two accepted calls of each.
const MOST_COUNTS: usize = 20_000;

/// Why callers were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refused {
    /// 401: not proven to be the source's, the proxy's, the key's holder's.
    NotAuthentic,
    /// 429: a source's delivery, but one of too many.
    OverRate,
    /// 415 or 422: a source's delivery, but not an alert that can be read.
    NotNormalisable,
}

impl Refused {
    /// The entry's name in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAuthentic => "AUTHENTICATION_REFUSED",
            Self::OverRate => "DELIVERY_OVER_RATE",
            Self::NotNormalisable => "DELIVERY_REJECTED",
        }
    }

    /// In a word, for numbers.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotAuthentic => "not_authentic",
            Self::OverRate => "over_rate",
            Self::NotNormalisable => "not_normalisable",
        }
    }
}

/// The counts that are not entered yet.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<(TenantId, Refused), i64>>);

impl Refusals {
    /// One more.
    pub fn count(&self, tenant: &TenantId, kind: Refused) {
        self.put_back(tenant, kind, 1);
    }

    /// Enters what was refused since the tenant was last served; `source` is what it was refused to. A count that cannot be
    /// entered now is kept for the next time, and does not stop this one.
    pub async fn enter(&self, ledger: &Ledger, tenant: &TenantId, source: &str, now: i64) {
        for (kind, count) in self.take(tenant) {
            let mut event = Draft::event(now, tenant.as_str(), kind.as_str());
            event.detail.insert("count".to_owned(), json!(count));
            event.detail.insert("source".to_owned(), json!(source));
            if let Err(error) = ledger.commit(tenant, &[], &event).await {
                tracing::warn!(tenant_id = %tenant, error = %chain(&error), "refusals are entered later");
                self.put_back(tenant, kind, count);
            }
        }
    }

    fn put_back(&self, tenant: &TenantId, kind: Refused, count: i64) {
        let (mut counts, key) = (self.counts(), (tenant.clone(), kind));
        if counts.len() < MOST_COUNTS || counts.contains_key(&key) {
            *counts.entry(key).or_default() += count;
        }
    }

    fn take(&self, tenant: &TenantId) -> Vec<(Refused, i64)> {
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
