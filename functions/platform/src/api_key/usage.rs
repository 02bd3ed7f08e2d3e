//! How often a key is used, and when it was last: counts without an audit entry, forgotten by themselves.

use crate::api_key::KeyPrefix;
use crate::batch::chain;
use crate::table::{SortKey, Table};
use crate::volatile::Volatile;
use std::collections::HashMap;
use std::sync::Mutex;
use vyrox_contract::TenantId;

/// The window in which uses are counted, in seconds.
const WINDOW: i64 = 60;
/// A key's use is noted once in so many seconds.
const NOTED_EVERY: i64 = 3_600;
/// How many keys are remembered before all are forgotten, which costs a few writes more.
const MOST_REMEMBERED: usize = 10_000;

/// What this execution environment knows of one key.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The window in which it was over its rate, unix seconds of its beginning.
    over_in: Option<i64>,
    /// The hour in which its use was noted.
    noted_in: Option<i64>,
}

/// Counts uses, in all execution environments together: one write a request, none for a key that is over its rate.
#[derive(Debug)]
pub struct KeyUsage {
    table: Table,
    volatile: Volatile,
    known: Mutex<HashMap<KeyPrefix, Known>>,
}

/// Over its rate; one more is admitted after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("over the key's rate for {0} s more")]
pub struct OverKeyRate(pub i64);

impl KeyUsage {
    /// Counted in this table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { volatile: Volatile::new(table.clone()), table, known: Mutex::default() }
    }

    /// Counts one use of a key at `now` (unix seconds), of at most `most` a minute. If the count cannot be reached, the use
    /// is admitted: whoever has a key is not locked out by a counter.
    ///
    /// # Errors
    /// [`OverKeyRate`].
    pub async fn admit(&self, tenant: &TenantId, prefix: &KeyPrefix, most: i64, now: i64) -> Result<(), OverKeyRate> {
        let window = now.div_euclid(WINDOW) * WINDOW;
        let over = OverKeyRate(window + WINDOW - now);
        let known = self.known(prefix);
        if known.over_in == Some(window) {
            return Err(over);
        }
        let key = SortKey::api_key_rate(prefix, window);
        match self.table.add(tenant, &key, &[("used".to_owned(), 1)], window + 2 * WINDOW).await {
            Ok(counts) if counts.get("used").is_some_and(|used| *used > most) => {
                self.remember(prefix, Known { over_in: Some(window), ..known });
                return Err(over);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%tenant, key = %prefix, error = %chain(&error), "the key's rate is not counted")
            }
        }
        self.note(tenant, prefix, known, now).await;
        Ok(())
    }

    async fn note(&self, tenant: &TenantId, prefix: &KeyPrefix, known: Known, now: i64) {
        let hour = now.div_euclid(NOTED_EVERY);
        if known.noted_in == Some(hour) {
            return;
        }
        self.remember(prefix, Known { noted_in: Some(hour), ..known });
        self.volatile.note_key(tenant, prefix, now).await;
    }

    fn known(&self, prefix: &KeyPrefix) -> Known {
        let known = self.known.lock().expect("nothing panics while holding this lock");
        known.get(prefix).copied().unwrap_or_default()
    }

    fn remember(&self, prefix: &KeyPrefix, what: Known) {
        let mut known = self.known.lock().expect("nothing panics while holding this lock");
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(prefix.clone(), what);
    }
}
