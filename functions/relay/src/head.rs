//! A proxy's head, as its polls tell it, is entered in the cloud's audit whenever it has moved: from then on the proxy's log
//! cannot be cut or rewritten up to there without the two sides disagreeing. One that went back is said at once.

use crate::{Refusal, Relay};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use vyrox_audit::Draft;
use vyrox_contract::{AuditHead, Poll, ProxyId, TenantId};
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::metric::Metric;
use vyrox_platform::table::{SortKey, Versioned};

/// More proxies than one execution environment serves.
const MOST_HEADS: usize = 20_000;

/// A proxy's head as it was told last, as stored under `HEAD#PROXY#`. A new enrolment begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct NotedHead {
    head: AuditHead,
    /// When the poll that told it was made, by the proxy's clock, unix seconds: an older poll that comes late proves nothing.
    issued_at: i64,
}

/// The heads that this environment knows to be entered, so that a proxy with nothing new costs no request.
#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<HashMap<(TenantId, ProxyId), AuditHead>>);

impl Heads {
    fn knows(&self, tenant: &TenantId, proxy: &ProxyId, head: &AuditHead) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(tenant.clone(), proxy.clone())) == Some(head)
    }

    fn remember(&self, tenant: &TenantId, proxy: &ProxyId, head: &AuditHead) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_HEADS {
            known.clear();
        }
        known.insert((tenant.clone(), proxy.clone()), head.clone());
    }
}

impl Relay {
    /// Enters the head that a poll told, if it is not the one that was entered last.
    pub(crate) async fn note_head(&self, tenant: &TenantId, proxy: &EnrolledProxy, poll: &Poll) -> Result<(), Refusal> {
        let (issued_at, head) = (poll.issued_at, poll.audit_head.as_ref());
        let Some(head) = head.filter(|head| !self.heads.knows(tenant, &proxy.id, head)) else { return Ok(()) };
        let (key, now) = (SortKey::proxy_head(&proxy.id), self.clock.now());
        let stored = self.table.read::<NotedHead>(tenant, &key, now).await?;
        let before = stored.as_ref().map(|stored| &stored.value);
        let is_late = before.is_some_and(|before| issued_at <= before.issued_at && head.seq < before.head.seq);
        if is_late || before.is_some_and(|before| before.head == *head) {
            self.heads.remember(tenant, &proxy.id, head);
            return Ok(());
        }
        let went_back = before.is_some_and(|before| head.seq <= before.head.seq);
        let mut event =
            Draft::event(now, tenant.as_str(), if went_back { "PROXY_HEAD_WENT_BACK" } else { "PROXY_HEAD" });
        event.detail.insert("proxy_id".to_owned(), json!(proxy.id));
        event.detail.insert("proxy_audit_head".to_owned(), json!(head));
        if went_back {
            // What was seen before stays stored: every further poll is measured by it.
            event.detail.insert("before".to_owned(), json!(before.map(|before| &before.head)));
            tracing::error!(tenant_id = %tenant, proxy_id = %proxy.id, seq = head.seq, "a proxy's audit log went back");
            Metric::ProxyHeadsWentBack.add(1);
        }
        let expect = stored.as_ref().map_or(Expect::Absent, |Versioned { version, .. }| Expect::Version(*version));
        let noted = NotedHead { head: head.clone(), issued_at };
        let changes = if went_back { Vec::new() } else { vec![Change::put(key, &noted, expect)] };
        match self.ledger.commit(tenant, &changes, &event).await {
            Ok(_) => self.heads.remember(tenant, &proxy.id, head),
            // Another environment has entered a head at this moment; the next poll tells again.
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
