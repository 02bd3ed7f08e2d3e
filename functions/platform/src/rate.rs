//! How many deliveries a tenant and each of its sources may make: a sliding window over a minute that all execution
//! environments share, and that a tenant far below its limit does not pay for.
//!
//! ```text
//!  environment A   counts by itself --(more than a share of the limit)--> adds its counts to RATE#<window>, is told the sum
//!  environment B   counts by itself                                       (never asks, never writes: it is quiet)
//! ```
//!
//! Each environment may have up to one **share** (a sixteenth of the limit, at least 1) that the others do not know of yet.
//! Past it, it adds its counts to the window's shared item, in one write that also tells it what all others have added, and
//! from then on does so every sixty-fourth of the limit. Hence:
//!
//! * **No write below a share.** An environment that sees at most a share of the limit in a minute neither reads nor writes.
//! * **Few writes above.** At most 64 and a few more per limit's worth of deliveries; none at all while over the limit.
//! * **Bounded overshoot.** With `N` environments, at most `limit + N * share` deliveries are admitted in one window: the
//!   first addition that reaches the limit exceeds it by less than a share, and each other environment holds less than a
//!   share before it adds, and is then told to stop.
//!
//! The window slides: the part of the last minute's sum that the last sixty seconds still cover counts, too. If the shared
//! item cannot be reached, the environment goes on with what it knows and its own counts, so that the limit then holds for
//! each environment alone; alerts are not refused because a counter is down.

use crate::batch::chain;
use crate::table::{SortKey, Table, TableError};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;
use tokio::sync::Mutex;
use vyrox_contract::{TenantId, Vendor};

/// The window, in seconds.
pub const WINDOW: i64 = 60;
/// An environment keeps this part of a limit to itself before it first adds to the shared count.
const SHARE: i64 = 16;
/// And this part between two additions.
const STEP: i64 = 64;
/// How long the shared count may take: a delivery has little time, and can do without it.
const PATIENCE: Duration = Duration::from_millis(300);
/// After a shared count that could not be reached, it is left alone for this long, in seconds.
const PAUSE: i64 = 2;
/// More tenants than one environment serves within a window.
const MOST_TENANTS: usize = 10_000;
/// The attribute that counts all sources.
const ALL: &str = "all";

/// How many deliveries a minute are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of the tenant, all sources together.
    pub tenant: u32,
    /// Of this source.
    pub source: u32,
}

/// Over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("over the {} rate for {retry_after} s more", self.of.as_str())]
pub struct OverRate {
    /// Whose limit.
    pub of: Of,
    /// After this many seconds one more would be admitted, if nobody else sent any.
    pub retry_after: i64,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The tenant's.
    Tenant,
    /// The source's.
    Source,
}

impl Of {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Source => "source",
        }
    }
}

/// Deliveries of one tenant, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Counts {
    all: i64,
    by_source: BTreeMap<Vendor, i64>,
}

impl Counts {
    fn of(&self, vendor: Vendor) -> i64 {
        self.by_source.get(&vendor).copied().unwrap_or(0)
    }

    fn add(&mut self, vendor: Vendor) {
        self.all += 1;
        *self.by_source.entry(vendor).or_default() += 1;
    }

    fn plus(mut self, other: &Self) -> Self {
        self.all += other.all;
        for (vendor, count) in &other.by_source {
            *self.by_source.entry(*vendor).or_default() += count;
        }
        self
    }

    fn amounts(&self) -> Vec<(String, i64)> {
        let sources = self.by_source.iter().map(|(vendor, count)| (vendor.to_string(), *count));
        sources.chain([(ALL.to_owned(), self.all)]).collect()
    }

    fn from_numbers(numbers: &HashMap<String, i64>) -> Self {
        let by_source =
            numbers.iter().filter_map(|(name, count)| Some((name.parse::<Vendor>().ok()?, *count))).collect();
        Self { all: numbers.get(ALL).copied().unwrap_or(0), by_source }
    }
}

/// What this environment knows of one tenant.
#[derive(Debug, Default)]
struct Tally {
    /// When the window began, unix seconds.
    window: i64,
    /// Admitted here and not added to the shared count yet.
    pending: Counts,
    /// The shared count of this window, own additions included, as last told.
    shared: Option<Counts>,
    /// The last window's count, as far as it is known here.
    before: Counts,
    /// Whether the last window was near a limit; then others are asked early.
    was_busy: bool,
    /// Until when the shared count is left alone, unix seconds.
    paused_until: i64,
}

/// The rates of all tenants, as this environment knows them.
#[derive(Debug)]
pub struct Rate {
    table: Table,
    tallies: StdMutex<HashMap<TenantId, Arc<Mutex<Tally>>>>,
}

impl Rate {
    /// Rates that are shared through `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, tallies: StdMutex::default() }
    }

    /// Counts one delivery of this source at `now` (unix seconds).
    ///
    /// # Errors
    /// [`OverRate`]: it is over a limit, and is not counted.
    pub async fn admit(&self, tenant: &TenantId, vendor: Vendor, limits: Limits, now: i64) -> Result<(), OverRate> {
        let tally = self.tally(tenant, now);
        let mut tally = tally.lock().await;
        tally.turn(now, limits);
        tally.check(vendor, limits, now)?;
        if tally.wants_sharing(vendor, limits) && now >= tally.paused_until {
            self.share(tenant, &mut tally, now).await;
            tally.check(vendor, limits, now)?;
        }
        tally.pending.add(vendor);
        Ok(())
    }

    fn tally(&self, tenant: &TenantId, now: i64) -> Arc<Mutex<Tally>> {
        let mut tallies = self.tallies.lock().expect("nothing panics while holding this lock");
        if tallies.len() >= MOST_TENANTS && !tallies.contains_key(tenant) {
            let is_recent = |tally: &Arc<Mutex<Tally>>| {
                tally.try_lock().map_or(true, |tally| tally.window >= now.div_euclid(WINDOW) * WINDOW - WINDOW)
            };
            tallies.retain(|_, tally| is_recent(tally));
        }
        Arc::clone(tallies.entry(tenant.clone()).or_default())
    }

    /// Adds what is pending to the shared count, and learns the sum. What fails or takes too long leaves all as it was: what
    /// was added without our knowing is added twice then, which errs on the side of the limit.
    async fn share(&self, tenant: &TenantId, tally: &mut Tally, now: i64) {
        let first = tally.shared.is_none();
        let key = SortKey::rate(tally.window);
        let amounts = tally.pending.amounts();
        let add = self.table.add(tenant, &key, &amounts, tally.window + 3 * WINDOW);
        let last = SortKey::rate(tally.window - WINDOW);
        let before = async {
            // What the last window came to is asked once.
            if first { self.table.counters(tenant, &last).await.map(Some) } else { Ok::<_, TableError>(None) }
        };
        match tokio::time::timeout(PATIENCE, async { tokio::try_join!(add, before) }).await {
            Ok(Ok((sum, before))) => {
                tally.shared = Some(Counts::from_numbers(&sum));
                tally.pending = Counts::default();
                if let Some(before) = before.map(|numbers| Counts::from_numbers(&numbers))
                    && before.all > tally.before.all
                {
                    tally.before = before;
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%tenant, error = %chain(&error), "the shared rate cannot be reached");
                tally.paused_until = now + PAUSE;
            }
            Err(_) => {
                tracing::warn!(%tenant, "the shared rate takes too long");
                tally.paused_until = now + PAUSE;
            }
        }
    }
}

impl Tally {
    /// Goes on to the window of `now`.
    fn turn(&mut self, now: i64, limits: Limits) {
        let window = now.div_euclid(WINDOW) * WINDOW;
        if window == self.window {
            return;
        }
        let last = if window == self.window + WINDOW { self.known() } else { Counts::default() };
        let is_near = |count: i64, limit: u32| count >= i64::from(limit) / 2;
        self.was_busy =
            is_near(last.all, limits.tenant) || last.by_source.values().any(|count| is_near(*count, limits.source));
        *self =
            Self { window, before: last, was_busy: self.was_busy, paused_until: self.paused_until, ..Self::default() };
    }

    /// All that is known to have been admitted in this window.
    fn known(&self) -> Counts {
        self.shared.clone().unwrap_or_default().plus(&self.pending)
    }

    fn check(&self, vendor: Vendor, limits: Limits, now: i64) -> Result<(), OverRate> {
        let known = self.known();
        let sides = [
            (Of::Source, limits.source, self.before.of(vendor), known.of(vendor)),
            (Of::Tenant, limits.tenant, self.before.all, known.all),
        ];
        for (of, limit, before, count) in sides {
            if let Some(retry_after) = wait(i64::from(limit), before, count, now - self.window) {
                return Err(OverRate { of, retry_after });
            }
        }
        Ok(())
    }

    /// Whether one more would be more than this environment may keep to itself.
    fn wants_sharing(&self, vendor: Vendor, limits: Limits) -> bool {
        let part = if self.shared.is_some() || self.was_busy { STEP } else { SHARE };
        let may_keep = |limit: u32| (i64::from(limit) / part).max(1);
        self.pending.all >= may_keep(limits.tenant) || self.pending.of(vendor) >= may_keep(limits.source)
    }
}

/// For how many seconds more nothing is admitted: none, if the part of the last window that is still covered and this
/// window's count are below the limit. `into` is how many seconds of this window have gone by.
fn wait(limit: i64, before: i64, count: i64, into: i64) -> Option<i64> {
    let covered = |count: i64, into: i64| count * (WINDOW - into) / WINDOW;
    if covered(before, into) + count < limit {
        return None;
    }
    let in_this_window = (1..WINDOW - into).find(|wait| covered(before, into + wait) + count < limit);
    // Then this window is the last one, and fades in turn.
    let in_the_next = || (0..WINDOW).find(|after| covered(count, *after) < limit).unwrap_or(WINDOW);
    Some(in_this_window.unwrap_or_else(|| WINDOW - into + in_the_next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Clients;
    use crate::config::Aws;

    const LIMITS: Limits = Limits { tenant: 10, source: 8 };

    /// Rates whose shared count cannot be reached: nobody listens on port 9.
    fn alone() -> Rate {
        Rate::new(Table::new(Clients::new(&Aws::local("http://127.0.0.1:9")).dynamodb.clone(), "none"))
    }

    #[tokio::test]
    async fn a_tenant_is_held_to_its_rate_and_no_other_pays_for_it() {
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let rate = alone();
        for vendor in [Vendor::Crowdstrike, Vendor::Defender].repeat(5) {
            assert_eq!(rate.admit(&acme, vendor, LIMITS, 600).await, Ok(()));
        }
        let refused = rate.admit(&acme, Vendor::Crowdstrike, LIMITS, 630).await;
        assert_eq!(refused, Err(OverRate { of: Of::Tenant, retry_after: 31 }));
        assert_eq!(rate.admit(&other, Vendor::Crowdstrike, LIMITS, 630).await, Ok(()));
        // Half of the last window still counts in the middle of the next.
        for vendor in [Vendor::Crowdstrike, Vendor::Defender, Vendor::Generic, Vendor::Sentinelone, Vendor::Crowdstrike]
        {
            assert_eq!(rate.admit(&acme, vendor, LIMITS, 690).await, Ok(()));
        }
        assert!(rate.admit(&acme, Vendor::Crowdstrike, LIMITS, 690).await.is_err());
        assert_eq!(rate.admit(&acme, Vendor::Crowdstrike, LIMITS, 900).await, Ok(()));
    }

    #[tokio::test]
    async fn a_source_is_held_to_its_own_rate_within_the_tenants() {
        let acme = "acme".parse().unwrap();
        let rate = alone();
        for _ in 0..8 {
            assert_eq!(rate.admit(&acme, Vendor::Defender, LIMITS, 600).await, Ok(()));
        }
        let refused = rate.admit(&acme, Vendor::Defender, LIMITS, 600).await;
        assert!(matches!(refused, Err(OverRate { of: Of::Source, .. })), "{refused:?}");
        assert_eq!(rate.admit(&acme, Vendor::Crowdstrike, LIMITS, 600).await, Ok(()));
    }

    #[test]
    fn after_the_time_that_is_told_one_more_is_admitted_and_not_before() {
        for (limit, before, count) in
            [(10, 0, 10), (10, 10, 0), (10, 20, 3), (100, 250, 99), (1, 1, 0), (1, 0, 1), (7, 5, 12)]
        {
            for into in 0..WINDOW {
                let Some(told) = wait(limit, before, count, into) else { continue };
                assert!(told >= 1, "{limit} {before} {count} {into}");
                let then = |after: i64| {
                    let at = into + after;
                    if at < WINDOW { wait(limit, before, count, at) } else { wait(limit, count, 0, at - WINDOW) }
                };
                assert_eq!(then(told), None, "{limit} {before} {count} {into}");
                assert!((1..told).all(|early| then(early).is_some()), "{limit} {before} {count} {into}");
            }
        }
    }
}
