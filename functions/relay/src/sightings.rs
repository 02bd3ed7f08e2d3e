//! When each proxy was last heard of, for whoever asks why nothing is contained.

use std::collections::HashMap;
use tokio::sync::Mutex;
use vyrox_contract::{ProxyId, TenantId};
use vyrox_platform::table::Table;
use vyrox_platform::volatile::Volatile;

/// How often one proxy is noted, in seconds: it polls every few, and each note is a write.
const EVERY: i64 = 60;
/// How many proxies are remembered as noted before all are forgotten, which costs one write more for each.
const MOST_REMEMBERED: usize = 10_000;

/// Notes proxies, each once a minute.
#[derive(Debug)]
pub(crate) struct Sightings {
    volatile: Volatile,
    noted: Mutex<HashMap<(TenantId, ProxyId), i64>>,
}

impl Sightings {
    pub(crate) fn new(table: Table) -> Self {
        Self { volatile: Volatile::new(table), noted: Mutex::default() }
    }

    /// A proxy was heard of at `now` (unix seconds), proven by its signature.
    pub(crate) async fn note(&self, tenant: &TenantId, proxy: &ProxyId, now: i64) {
        let mut noted = self.noted.lock().await;
        if noted.len() >= MOST_REMEMBERED {
            noted.clear();
        }
        let last = noted.entry((tenant.clone(), proxy.clone())).or_insert(i64::MIN);
        if now.saturating_sub(*last) < EVERY {
            return;
        }
        *last = now;
        drop(noted);
        self.volatile.note_proxy(tenant, proxy, now).await;
    }
}
