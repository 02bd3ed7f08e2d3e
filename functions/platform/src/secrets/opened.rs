//! Opened secrets in memory: found again within a bounded time, and wiped when it is over even if nobody asks any more.
//! (Between two requests Lambda stops the whole environment, this included; what ran out meanwhile is wiped when it goes
//! on, and is never used.)

use super::{KEEP, Sealed, Secret, Use};
use crate::clock::Clock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use vyrox_contract::TenantId;

/// How many are kept at most.
const MOST: usize = 1_000;
/// How often those that ran out are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Whose secret, and which.
pub(super) type Slot = (TenantId, Use, Sealed);

/// The secrets.
#[derive(Debug)]
pub(super) struct OpenedSecrets {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each with the time until which it may be used, in unix seconds.
    secrets: HashMap<Slot, (Secret, i64)>,
    sweeping: bool,
}

impl Kept {
    fn sweep(&mut self, now: i64) {
        self.secrets.retain(|_, (_, until)| now < *until);
    }
}

impl OpenedSecrets {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// The secret, if it is there and its time is not over.
    pub(super) fn find(&self, slot: &Slot) -> Option<Secret> {
        let now = self.clock.now();
        self.kept().secrets.get(slot).filter(|(_, until)| now < *until).map(|(secret, _)| secret.clone())
    }

    /// Keeps a secret for [`KEEP`]. Where there are too many, the one that has been there longest makes room.
    pub(super) fn keep(self: &Arc<Self>, slot: Slot, secret: Secret) {
        let now = self.clock.now();
        let mut kept = self.kept();
        kept.sweep(now);
        if kept.secrets.len() >= MOST
            && let Some(oldest) = kept.secrets.iter().min_by_key(|(_, (_, until))| *until).map(|(slot, _)| slot.clone())
        {
            kept.secrets.remove(&oldest);
        }
        kept.secrets.insert(slot, (secret, now.saturating_add(KEEP)));
        if !kept.sweeping {
            kept.sweeping = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics while holding this lock")
    }
}

/// Wipes what ran out until nothing is left.
async fn sweep(opened: std::sync::Weak<OpenedSecrets>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(opened) = opened.upgrade() else { return };
        let now = opened.clock.now();
        let mut kept = opened.kept();
        kept.sweep(now);
        if kept.secrets.is_empty() {
            kept.sweeping = false;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use vyrox_contract::Vendor;

    fn slot(tenant: &str) -> Slot {
        (tenant.parse().unwrap(), Vendor::Crowdstrike.into(), Sealed("AQID".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_found_for_its_time_and_then_wiped_though_nobody_asks() {
        let clock = Arc::new(ManualClock::at(1_000));
        let opened = Arc::new(OpenedSecrets::new(clock.clone()));
        opened.keep(slot("acme"), Secret::new(b"secret".to_vec()));
        assert!(opened.find(&slot("acme")).is_some() && opened.find(&slot("other")).is_none());
        clock.advance(KEEP - 1);
        tokio::time::sleep(SWEEP_EVERY * 2).await;
        assert_eq!(opened.kept().secrets.len(), 1);
        clock.advance(1);
        assert!(opened.find(&slot("acme")).is_none(), "not used any more");
        tokio::time::sleep(SWEEP_EVERY * 2).await;
        assert_eq!(opened.kept().secrets.len(), 0, "not even there");
        // And the same once more.
        opened.keep(slot("acme"), Secret::new(b"secret".to_vec()));
        clock.advance(KEEP);
        tokio::time::sleep(SWEEP_EVERY * 2).await;
        assert_eq!(opened.kept().secrets.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_makes_room() {
        let clock = Arc::new(ManualClock::at(1_000));
        let opened = Arc::new(OpenedSecrets::new(clock.clone()));
        opened.keep(slot("oldest"), Secret::new(b"secret".to_vec()));
        clock.advance(1);
        for number in 0..MOST {
            opened.keep(slot(&format!("tenant-{number}")), Secret::new(b"secret".to_vec()));
        }
        assert_eq!(opened.kept().secrets.len(), MOST);
        assert!(opened.find(&slot("oldest")).is_none() && opened.find(&slot("tenant-0")).is_some());
    }
}
