//! A proxy's head, as its polls tell it, is entered in the cloud's audit whenever it has moved: from then on the proxy's log
//! cannot be cut or rewritten up to there without the two sides disagreeing. One that went back behind what an earlier poll
//! or receipt told is said at once.

use crate::{Refusal, Relay};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use vyrox_audit::Draft;
use vyrox_contract::{AuditHead, Poll, ProxyId, TenantId};
use vyrox_domain::contradiction::is_cut;
use vyrox_platform::delivery::{EnrolledProxy, ProxyWatch};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::metric::Metric;
use vyrox_platform::table::{SortKey, Versioned};

/// More proxies than one execution environment serves.
const MOST_HEADS: usize = 20_000;
/// A poll that was signed before a receipt was written shows an older head, and is no contradiction: a receipt's head is
/// held against polls after so many seconds.
const SETTLED_AFTER: i64 = 60;

/// A proxy's head as it was told last, as stored under `HEAD#PROXY#`. A new enrolment begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct NotedHead {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<AuditHead>,
    /// When the poll that told it was made, by the proxy's clock, unix seconds: an older poll that comes late proves nothing.
    issued_at: i64,
    /// What the log went back to, so that it is said once. Every further poll is still measured by `head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    went_back_to: Option<WentBackTo>,
}

/// The head that was told instead; none if the log is empty now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WentBackTo {
    head: Option<AuditHead>,
}

/// The heads that this environment knows to be entered, so that a proxy with nothing new costs no request.
#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<HashMap<(TenantId, ProxyId), Option<AuditHead>>>);

impl Heads {
    fn knows(&self, tenant: &TenantId, proxy: &ProxyId, shown: Option<&AuditHead>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(tenant.clone(), proxy.clone())).is_some_and(|known| known.as_ref() == shown)
    }

    fn remember(&self, tenant: &TenantId, proxy: &ProxyId, shown: Option<&AuditHead>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_HEADS {
            known.clear();
        }
        known.insert((tenant.clone(), proxy.clone()), shown.cloned());
    }
}

impl Relay {
    /// Enters the head that a poll told, if it is not the one that was entered last.
    pub(crate) async fn note_head(&self, tenant: &TenantId, proxy: &EnrolledProxy, poll: &Poll) -> Result<(), Refusal> {
        let (issued_at, shown) = (poll.issued_at, poll.audit_head.as_ref());
        if self.heads.knows(tenant, &proxy.id, shown) {
            return Ok(());
        }
        let (key, watch_key, now) = (SortKey::proxy_head(&proxy.id), SortKey::proxy_watch(&proxy.id), self.clock.now());
        let (stored, watch) = tokio::try_join!(
            self.table.read::<NotedHead>(tenant, &key, now),
            self.table.read::<ProxyWatch>(tenant, &watch_key, now)
        )?;
        let (before, watch) = (stored.as_ref().map(|stored| &stored.value), watch.map(|watch| watch.value));
        let told = before.and_then(|before| before.head.as_ref());
        if before.is_some_and(|before| issued_at <= before.issued_at) && told.is_some_and(|told| is_cut(told, shown)) {
            // It was overtaken by a newer poll.
            return Ok(());
        }
        let is_settled = watch.as_ref().is_some_and(|watch| now.saturating_sub(watch.seen_at) > SETTLED_AFTER);
        let reported = watch.as_ref().and_then(|watch| watch.audit_head.as_ref());
        let contradicted =
            [told, reported.filter(|_| is_settled)].into_iter().flatten().find(|known| is_cut(known, shown));

        let mut event = Draft::event(now, tenant.as_str(), "PROXY_HEAD");
        event.detail.insert("proxy_id".to_owned(), json!(proxy.id));
        if let Some(shown) = shown {
            event.detail.insert("proxy_audit_head".to_owned(), json!(shown));
        }
        let noted = if let Some(known) = contradicted {
            let went_back_to = Some(WentBackTo { head: shown.cloned() });
            if before.is_some_and(|before| before.went_back_to == went_back_to) {
                self.heads.remember(tenant, &proxy.id, shown);
                return Ok(());
            }
            "PROXY_HEAD_WENT_BACK".clone_into(&mut event.action_type);
            event.detail.insert("before".to_owned(), json!(known));
            tracing::error!(tenant_id = %tenant, proxy_id = %proxy.id, known = known.seq, "a proxy's audit log went back");
            Metric::ProxyHeadsWentBack.add(1);
            NotedHead { head: Some(known.clone()), issued_at, went_back_to }
        } else {
            // Until the receipt counts, an older head is looked at again each time.
            let may_be_older = reported.is_some_and(|reported| is_cut(reported, shown));
            if told == shown {
                if !may_be_older {
                    self.heads.remember(tenant, &proxy.id, shown);
                }
                return Ok(());
            }
            NotedHead { head: shown.cloned(), issued_at, went_back_to: None }
        };
        let expect = stored.as_ref().map_or(Expect::Absent, |Versioned { version, .. }| Expect::Version(*version));
        match self.ledger.commit(tenant, &[Change::put(key, &noted, expect)], &event).await {
            // Another environment has entered a head at this moment, or will be asked next; the next poll tells again.
            Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
