//! One tenant's run: every open lane followed, closed where its writer is idle or gone, and what moved signed.

use crate::lane::{End, Followed, follow};
use crate::{Checkpointer, Idle};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use vyrox_audit::{Draft, Entry};
use vyrox_contract::{AuditHead, TenantId};
use vyrox_platform::batch::chain as causes;
use vyrox_platform::checkpoint::{
    self, CheckpointError, LaneHead, LastCheckpoint, MOST_LANES, forget_lane, head_of, lane_of, set_retention,
};
use vyrox_platform::ledger::{Expect, LaneRecord, close_idle};
use vyrox_platform::metric::Metric;
use vyrox_platform::table::{Prefix, SortKey, TableError, Versioned};

/// The most checkpoints of a tenant that one run publishes.
const MOST_PUBLISHED: u64 = 200;

/// What a run did for one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TenantSummary {
    /// Checkpoints that were made.
    pub checkpoints: u64,
    /// Lanes that were closed in place of their writers.
    pub closed: u64,
    /// Lanes that do not verify.
    pub broken: u64,
    /// The number of the last checkpoint, if there is one.
    pub last: Option<u64>,
}

/// A lane that has moved.
struct Moved {
    chain: String,
    end: End,
    record: LaneRecord,
    version: u64,
}

pub(crate) struct Run<'a> {
    function: &'a Checkpointer,
    tenant: &'a TenantId,
    idle: Idle,
    last: Option<Versioned<LastCheckpoint>>,
    moved: Vec<Moved>,
    summary: TenantSummary,
}

impl<'a> Run<'a> {
    pub(crate) fn new(function: &'a Checkpointer, tenant: &'a TenantId, idle: Idle) -> Self {
        Self { function, tenant, idle, last: None, moved: Vec::new(), summary: TenantSummary::default() }
    }

    pub(crate) async fn go(mut self) -> Result<TenantSummary, CheckpointError> {
        self.last = self.function.lane.last(self.tenant).await?;
        if let Some(problem) = self.checkpoint_lane_problem().await? {
            // Nothing is signed behind a checkpoint lane that is not as it was left.
            self.alarm_checkpoint_lane(problem).await?;
            return Ok(self.summary);
        }
        let expected = self.last.as_ref().map_or(0, |last| last.value.open);
        let mut known = 0;
        let mut after = None;
        loop {
            let now = self.now();
            let table = &self.function.table;
            let page = table.page_with_keys::<LaneRecord>(self.tenant, &Prefix::lanes(), after, now).await?;
            for (key, Versioned { value: record, version }) in page.0 {
                let Some(chain) = lane_of(&key).filter(|chain| *chain != checkpoint::lane_name(self.tenant)) else {
                    continue;
                };
                known += u64::from(record.covered.is_some() && !record.closed);
                self.lane(chain, record, version).await?;
            }
            match page.1 {
                Some(key) => after = Some(key),
                None => break,
            }
        }
        if known != expected {
            self.restore_records().await?;
        }
        self.sign().await?;
        self.summary.last = self.last.as_ref().map(|last| last.value.n);
        self.publish().await?;
        Ok(self.summary)
    }

    fn now(&self) -> i64 {
        self.function.clock.now()
    }

    async fn lane(&mut self, chain: &str, record: LaneRecord, version: u64) -> Result<(), CheckpointError> {
        if record.closed {
            return Ok(self.settle(chain, &record).await?);
        }
        let now = self.now();
        let mut end = match follow(&self.function.table, self.tenant, chain, &record, now).await? {
            Followed::Sound(end) => end,
            Followed::Broken(problem) => return self.alarm(chain, record, Expect::Version(version), problem).await,
        };
        let is_idle = self.idle == Idle::All || now.saturating_sub(end.at) >= self.function.idle_seconds;
        if is_idle
            && !end.closes
            && let Some(entry) = close_idle(&self.function.table, self.tenant, chain, &end.head, now).await?
        {
            end = End { head: head_of(&entry), at: entry.timestamp(), closes: true };
            self.summary.closed += 1;
        }
        if record.covered.as_ref() != Some(&end.head) {
            self.moved.push(Moved { chain: chain.to_owned(), end, record, version });
        }
        if self.moved.len() == MOST_LANES { self.sign().await } else { Ok(()) }
    }

    /// Signs what has moved, and lets the lanes that are closed by it expire.
    async fn sign(&mut self) -> Result<(), CheckpointError> {
        if self.moved.is_empty() {
            return Ok(());
        }
        let moved = std::mem::take(&mut self.moved);
        let mut open = self.last.as_ref().map_or(0, |last| last.value.open);
        let (mut heads, mut records, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for Moved { chain, end, record, version } in moved {
            open = (open + u64::from(record.covered.is_none())).saturating_sub(u64::from(end.closes));
            let kept_until = self.function.retention_seconds.filter(|_| end.closes).map(|seconds| end.at + seconds);
            let AuditHead { seq, hash } = end.head.clone();
            heads.push(LaneHead { chain: chain.clone(), seq, hash, closed: end.closes, kept_until });
            let record = LaneRecord {
                covered: Some(end.head),
                moved_at: end.at,
                closed: end.closes,
                kept_until,
                broken: None,
                ..record
            };
            changes.push(record.stored(&chain, Expect::Version(version)));
            records.push((chain, record));
        }
        let entry = self.function.lane.append(self.tenant, self.last.as_ref(), &heads, open, &changes).await?;
        self.last = Some(Versioned {
            value: LastCheckpoint { n: entry.seq(), hash: entry.hash().to_owned(), open },
            version: self.last.as_ref().map_or(1, |last| last.version + 1),
        });
        self.summary.checkpoints += 1;
        tracing::info!(tenant_id = %self.tenant, n = entry.seq(), lanes = heads.len(), "checkpoint");
        for (chain, record) in records.iter().filter(|(_, record)| record.closed) {
            self.settle(chain, record).await?;
        }
        Ok(())
    }

    /// What is left to do for a lane whose end is covered. Until it is done its record stays, and the next run does it.
    async fn settle(&self, chain: &str, record: &LaneRecord) -> Result<(), TableError> {
        let table = &self.function.table;
        if let Some(until) = record.kept_until {
            set_retention(table, self.tenant, chain, record, until).await?;
        }
        forget_lane(table, self.tenant, chain).await
    }

    /// What is wrong with the end of the checkpoint lane, if anything is.
    async fn checkpoint_lane_problem(&self) -> Result<Option<String>, TableError> {
        let (table, now) = (&self.function.table, self.now());
        let (n, expected) = match &self.last {
            Some(last) => (last.value.n, Some(&last.value.hash)),
            None => (0, None),
        };
        let stored = match table.read::<Entry>(self.tenant, &SortKey::checkpoint(n), now).await {
            Err(TableError::Corrupt(..)) => return Ok(Some(format!("checkpoint {n} was altered"))),
            stored => stored?,
        };
        let goes_on = expected.is_some() && table.holds(self.tenant, &SortKey::checkpoint(n + 1)).await?;
        Ok(match (expected, stored) {
            (None, Some(_)) => Some("there are checkpoints, and no note of the last one".to_owned()),
            (Some(_), None) => Some(format!("checkpoint {n} is not there any more")),
            (Some(hash), Some(stored)) if stored.value.hash() != hash => Some(format!("checkpoint {n} was replaced")),
            (Some(_), Some(_)) if goes_on => Some(format!("the note of the last checkpoint is as old as {n}")),
            _ => None,
        })
    }

    async fn alarm_checkpoint_lane(&mut self, problem: String) -> Result<(), CheckpointError> {
        let chain = checkpoint::lane_name(self.tenant);
        let key = SortKey::lane(&chain);
        let found = self.function.table.read::<LaneRecord>(self.tenant, &key, self.now()).await?;
        let (record, expect) = match found {
            Some(found) => (found.value, Expect::Version(found.version)),
            None => (LaneRecord::opened(self.now()), Expect::Absent),
        };
        self.alarm(&chain, record, expect, problem).await
    }

    /// Says that a lane is broken: in the log and in a metric at every run, in the audit once.
    async fn alarm(
        &mut self,
        chain: &str,
        record: LaneRecord,
        expect: Expect,
        problem: String,
    ) -> Result<(), CheckpointError> {
        self.summary.broken += 1;
        tracing::error!(tenant_id = %self.tenant, lane = chain, problem, "an audit lane is broken");
        if record.broken.as_ref() == Some(&problem) {
            return Ok(());
        }
        let mut event = Draft::event(self.now(), self.tenant.as_str(), "AUDIT_LANE_BROKEN");
        event.outcome = Some(problem.clone());
        event.detail.insert("lane".to_owned(), json!(chain));
        event.detail.insert("covered".to_owned(), json!(record.covered));
        let record = LaneRecord { broken: Some(problem), ..record };
        self.function.ledger.commit(self.tenant, &[record.stored(chain, expect)], &event).await?;
        Ok(())
    }

    /// Some covered lane has lost its record, by which it is found: the checkpoints say which one. It gets its record again,
    /// so that it is followed, and found cut or gone if it is.
    async fn restore_records(&mut self) -> Result<(), CheckpointError> {
        let mut open: BTreeMap<String, AuditHead> = BTreeMap::new();
        let mut after = None;
        loop {
            let (table, now) = (&self.function.table, self.now());
            let (bodies, next) = table.bodies(self.tenant, &Prefix::checkpoints(), after, now).await?;
            for entry in bodies.iter().filter_map(|body| Entry::from_line(body.as_bytes()).ok()) {
                let heads = entry.detail().get("lanes").cloned().unwrap_or_default();
                for head in serde_json::from_value::<Vec<LaneHead>>(heads).unwrap_or_default() {
                    match head.closed {
                        true => open.remove(&head.chain),
                        false => open.insert(head.chain, AuditHead { seq: head.seq, hash: head.hash }),
                    };
                }
            }
            match next {
                Some(key) => after = Some(key),
                None => break,
            }
        }
        for (chain, head) in open {
            let key = SortKey::lane(&chain);
            if self.function.table.read::<LaneRecord>(self.tenant, &key, self.now()).await?.is_none() {
                let record = LaneRecord { covered: Some(head), ..LaneRecord::opened(self.now()) };
                self.alarm(&chain, record, Expect::Absent, "its record was removed".to_owned()).await?;
            }
        }
        Ok(())
    }

    /// Publishes what has not been published yet. What fails is published by the next run.
    async fn publish(&self) -> Result<(), CheckpointError> {
        let (Some(publication), Some(last)) = (&self.function.publication, self.summary.last) else { return Ok(()) };
        let (table, now) = (&self.function.table, self.now());
        let first = checkpoint::published(table, self.tenant, now).await?.map_or(0, |n| n + 1);
        for n in (first..=last).take(usize::try_from(MOST_PUBLISHED).unwrap_or(usize::MAX)) {
            let Some(entry) = table.read::<Entry>(self.tenant, &SortKey::checkpoint(n), now).await? else { break };
            if let Err(error) = publication.publish(self.tenant, &entry.value, now).await {
                tracing::error!(tenant_id = %self.tenant, n, error = %causes(&error), "a checkpoint is not published yet");
                Metric::PublicationFailures.add(1);
                break;
            }
            checkpoint::mark_published(table, self.tenant, n).await?;
        }
        Ok(())
    }
}
