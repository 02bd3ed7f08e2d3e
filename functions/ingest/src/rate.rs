//! How many authentic deliveries a tenant may make: a sliding window over one minute, counted in this execution environment.
//!
//! The count is per environment, so the limit is a ceiling on what one environment accepts, not on the tenant's total; it
//! costs no read and no write. Deliveries that are not authentic do not count: nobody can use up another's rate.

use std::collections::HashMap;
use std::sync::Mutex;
use vyrox_contract::TenantId;

/// The window, in seconds.
const WINDOW: i64 = 60;
/// More tenants than one environment serves within a window.
const MOST_TENANTS: usize = 10_000;

/// Two adjacent windows of one tenant.
#[derive(Debug, Clone, Copy)]
struct Count {
    window: i64,
    now: i64,
    before: i64,
}

/// The counts of the last two windows.
#[derive(Debug)]
pub(crate) struct Rate {
    per_minute: i64,
    counts: Mutex<HashMap<TenantId, Count>>,
}

impl Rate {
    /// A limit of so many deliveries a minute.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute: i64::from(per_minute), counts: Mutex::default() }
    }

    /// Counts one delivery at `now` (unix seconds).
    ///
    /// # Errors
    /// Over the limit: the number of seconds after which to try again.
    pub(crate) fn admit(&self, tenant: &TenantId, now: i64) -> Result<(), i64> {
        let (window, into) = (now.div_euclid(WINDOW), now.rem_euclid(WINDOW));
        let mut counts = self.counts.lock().expect("nothing panics while holding this lock");
        if counts.len() >= MOST_TENANTS && !counts.contains_key(tenant) {
            counts.retain(|_, count| count.window >= window - 1);
        }
        let count = counts.entry(tenant.clone()).or_insert(Count { window, now: 0, before: 0 });
        if count.window != window {
            let before = if count.window == window - 1 { count.now } else { 0 };
            *count = Count { window, now: 0, before };
        }
        // The part of the last window that the last sixty seconds still cover.
        let covered = count.before * (WINDOW - into) / WINDOW;
        if covered + count.now >= self.per_minute {
            return Err(WINDOW - into);
        }
        count.now += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn a_tenant_is_held_to_its_rate_and_no_other_pays_for_it() {
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let rate = Rate::new(10);
        for _ in 0..10 {
            assert_eq!(rate.admit(&acme, 600), Ok(()));
        }
        assert_eq!(rate.admit(&acme, 630), Err(30));
        assert_eq!(rate.admit(&other, 630), Ok(()));
        // Half of the last window still counts in the middle of the next.
        for _ in 0..5 {
            assert_eq!(rate.admit(&acme, 690), Ok(()));
        }
        assert_eq!(rate.admit(&acme, 690), Err(30));
        assert_eq!(rate.admit(&acme, 900), Ok(()));
    }
}
