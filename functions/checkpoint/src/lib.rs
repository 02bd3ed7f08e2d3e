//! checkpoint: on a schedule, the heads of every tenant's lanes are signed, and lanes that do not verify any more are found.
//!
//! ```text
//!  open lanes (index) -> tenants -> each lane, from the covered entry on --verified--> its head
//!      idle or orphaned? -> closed by an entry          cut, rewritten, dropped? -> audit entry, metric, log
//!      heads that moved --KMS--> CHECKPOINT#n -> closed lanes expire -> published
//! ```
//!
//! A run costs one query for each open lane plus what was written since the last one: memory does not grow with the number
//! of lanes or entries, and a run that is out of time is gone on with by the next. It never signs a lane that it found broken.

mod lane;
mod tenant;

pub use tenant::TenantSummary;

use futures::stream::{self, StreamExt as _};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::TenantId;
use vyrox_platform::aws::Clients;
use vyrox_platform::batch::chain;
use vyrox_platform::checkpoint::{CheckpointError, CheckpointKey, CheckpointLane, Publication};
use vyrox_platform::clock::Clock;
use vyrox_platform::http::HttpClientError;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::metric::{self, Metric};
use vyrox_platform::table::{Lookup, Table, TableError};
use vyrox_platform::{config, http, random};

/// How many tenants are worked on at once.
const AT_ONCE: usize = 8;
const DAY: i64 = 24 * 3_600;

/// What is kept of an invocation's time: what is cut off then is gone on with by the next run.
const RESERVE: Duration = Duration::from_secs(5);
/// How long a run takes at most where nobody says when it must end.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(60);

/// How long an invocation may go on that must end at `deadline`, both in unix milliseconds. Lambda invokes nothing after its
/// deadline: one that is over is no deadline but what `cargo lambda watch` puts in its place.
#[must_use]
pub const fn time_left(deadline: u64, now: u64) -> Duration {
    match deadline.checked_sub(now) {
        None => WITHOUT_DEADLINE,
        Some(left) => Duration::from_millis(left).saturating_sub(RESERVE),
    }
}

/// Which lanes are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Those without a new entry for the configured time.
    ByAge,
    /// All: their writers have stopped.
    All,
}

/// The function could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// KMS has no key to show.
    #[error("the checkpoint key cannot be read")]
    Key(#[from] vyrox_platform::kms_key::KmsKeyError),
    /// No client.
    #[error("no HTTP client")]
    Client(#[from] HttpClientError),
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Tenants that were looked at.
    pub tenants: usize,
    /// Checkpoints that were made.
    pub checkpoints: u64,
    /// Lanes that were closed in place of their writers.
    pub closed: u64,
    /// Lanes that do not verify.
    pub broken: u64,
    /// Tenants that failed or were not reached; the next run begins with them again.
    pub left: usize,
}

/// What checkpoint can do: read lanes, close them, sign heads, let closed lanes expire, publish.
#[derive(Debug)]
pub struct Checkpointer {
    table: Table,
    ledger: Ledger,
    lane: CheckpointLane,
    publication: Option<Publication>,
    idle_seconds: i64,
    retention_seconds: Option<i64>,
    clock: Arc<dyn Clock>,
}

impl Checkpointer {
    /// Wires the function up; reads the checkpoint key's public half.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(
        clients: &Clients,
        config: &config::Checkpoint,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectError> {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        let key = CheckpointKey::connect(clients.kms.clone(), &config.checkpoint_key_id);
        let (key, ()) = tokio::join!(key, table.warm());
        let key = key?;
        let publication = match &config.checkpoint_bucket {
            Some(bucket) => Some(Publication::new(http::client(Duration::from_secs(10))?, &config.aws, bucket)),
            None => None,
        };
        Ok(Self {
            ledger: Ledger::new(table.clone(), "checkpoint", Arc::clone(&clock)),
            lane: CheckpointLane::new(table.clone(), key, Arc::clone(&clock)),
            publication,
            idle_seconds: config.lane_idle_minutes * 60,
            retention_seconds: (config.audit_retention_days > 0).then_some(config.audit_retention_days * DAY),
            table,
            clock,
        })
    }

    /// Every tenant with an open lane, until `time` is up. One tenant's failure does not keep the others back.
    ///
    /// # Errors
    /// [`TableError`] if the tenants cannot be listed.
    pub async fn run(&self, time: Duration, idle: Idle) -> Result<Summary, TableError> {
        metric::gather(Arc::clone(&self.clock), "checkpoint", self.go(time, idle)).await
    }

    async fn go(&self, time: Duration, idle: Idle) -> Result<Summary, TableError> {
        let until = tokio::time::Instant::now() + time;
        let tenants = self.tenants().await?;
        let mut summary = Summary { tenants: tenants.len(), ..Summary::default() };
        // Not always from the same one: with too little time for all, each has its turn.
        let first = usize::from(random::bytes::<1>()[0]) % tenants.len().max(1);
        let mut tenants: Vec<TenantId> = tenants.into_iter().collect();
        tenants.rotate_left(first);
        let mut runs = stream::iter(tenants)
            .map(|tenant| async move {
                let now = tokio::time::Instant::now();
                let in_time = tokio::time::timeout(until.saturating_duration_since(now), self.tenant(&tenant, idle));
                let outcome = in_time.await;
                (tenant, outcome)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((tenant, outcome)) = runs.next().await {
            match outcome {
                Ok(Ok(done)) => {
                    summary.checkpoints += done.checkpoints;
                    summary.closed += done.closed;
                    summary.broken += done.broken;
                }
                Ok(Err(error)) => {
                    tracing::error!(tenant_id = %tenant, error = %chain(&error), "no checkpoint");
                    summary.left += 1;
                }
                Err(_) => summary.left += 1,
            }
        }
        // Said even where there are none: an alarm takes silence for a run that did not happen.
        Metric::BrokenLanes.set(summary.broken);
        Metric::Checkpoints.set(summary.checkpoints);
        Metric::TenantsLeft.set(u64::try_from(summary.left).unwrap_or(u64::MAX));
        Ok(summary)
    }

    /// One tenant now, whatever the schedule says.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub async fn tenant(&self, tenant: &TenantId, idle: Idle) -> Result<TenantSummary, CheckpointError> {
        tenant::Run::new(self, tenant, idle).go().await
    }

    /// The tenants that have an open lane, from the index.
    async fn tenants(&self) -> Result<BTreeSet<TenantId>, TableError> {
        let mut tenants = BTreeSet::new();
        let mut last = None;
        loop {
            let mut page = self.table.owners_after(&Lookup::open_lanes(), last.as_ref()).await?;
            let Some(end) = page.pop() else { return Ok(tenants) };
            tenants.extend(page.into_iter().map(|(tenant, _)| tenant));
            tenants.insert(end.0.clone());
            last = Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::time_left;
    use std::time::Duration;

    #[test]
    fn a_run_ends_before_its_deadline_and_has_time_where_none_is_said() {
        assert_eq!(time_left(1_800_000_240_000, 1_800_000_000_000), Duration::from_secs(235));
        assert_eq!(time_left(1_800_000_003_000, 1_800_000_000_000), Duration::ZERO, "too late to begin with anything");
        assert_eq!(time_left(600_000, 1_800_000_000_000), Duration::from_secs(60));
    }
}
