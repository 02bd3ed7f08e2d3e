//! Last step: what happened is on disk, and is reported. `Outcome -> Receipt`.
//!
//! A receipt is made from the outcome's entry and from nothing else, so that the answer given now, the answer to a replay
//! and the answer after a restart are the same.

use crate::edr::Outcome;
use crate::lease::Effect;
use crate::subject::{FOUND, Key, Subject, detail};
use serde::de::DeserializeOwned;
use serde::de::value::StrDeserializer;
use serde_json::{Value, json};
use std::sync::Arc;
use vyrox_audit::log::{LogError, Reader};
use vyrox_audit::{Draft, Entry, Phase};
use vyrox_contract::{AuditHead, Receipt, RequestId, TenantId};

/// The entry that says how it ended, under which policy, and what that does to the device's lease. `now` in unix seconds.
pub fn draft(outcome: &Outcome, policy_digest: &str, lease: Effect, tenant_id: &TenantId, now: i64) -> Draft {
    let ending = outcome.ending();
    let mut detail = detail([
        ("verification", json!(ending.verification.as_str())),
        ("text", json!(ending.detail)),
        ("policy_digest", json!(policy_digest)),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
    ]);
    if let Some(reference) = &ending.vendor_reference {
        detail.insert("vendor_reference".into(), json!(reference));
    }
    let target = outcome.subject().target.as_ref();
    if let (Some(found), Some(None)) = (&ending.device_id, target.map(|target| &target.device_id)) {
        detail.insert(FOUND.into(), json!(found));
    }
    match lease {
        Effect::Until(until) => drop(detail.insert("lease_until".into(), json!(until))),
        Effect::Ends => drop(detail.insert("lease_seconds".into(), json!(0))),
        Effect::Nothing => {}
    }
    let draft = outcome.subject().draft(tenant_id.as_str(), now, Phase::Outcome, detail);
    Draft { outcome: Some(ending.kind.as_str().to_owned()), ..draft }
}

/// The receipt of the outcome with this number, and what it was about; `None` if it is no outcome. It is read from the log when
/// it is asked for, so that memory does not grow with the number of actions. Two or three short reads of files that were written
/// lately: brief enough for a task that must not wait.
///
/// # Errors
/// The log's.
pub fn recall(log: &Reader, seq: u64) -> Result<Option<(Subject, Arc<Receipt>)>, LogError> {
    let Some(entry) = log.entry(seq)? else { return Ok(None) };
    Ok(Subject::of_entry(&entry).zip(from_entry(&entry).map(Arc::new)))
}

/// The receipt that an outcome's entry stands for; `None` for any other entry. A proxy's chain is named after it.
pub fn from_entry(entry: &Entry) -> Option<Receipt> {
    let text = |name: &str| entry.detail().get(name).and_then(Value::as_str);
    let number = |name: &str| entry.detail().get(name).and_then(Value::as_i64);
    Some(Receipt {
        request_id: entry.request_id()?.parse::<RequestId>().ok()?,
        tenant_id: entry.tenant_id().parse().ok()?,
        proxy_id: entry.chain().parse().ok()?,
        outcome: word(entry.outcome()?)?,
        verification: word(text("verification")?)?,
        detail: text("text")?.to_owned(),
        vendor_reference: text("vendor_reference").map(str::to_owned),
        operation: Key::of_entry(entry).map(|key| key.operation),
        lease_until: number("lease_until"),
        lease_of: text("lease_of").and_then(|id| id.parse().ok()),
        policy_digest: text("policy_digest").map(str::to_owned),
        version: text("version").map(str::to_owned),
        finished_at: entry.timestamp(),
        audit_head: AuditHead { seq: entry.seq(), hash: entry.hash().to_owned() },
    })
}

/// A word of the wire as its type.
pub(crate) fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text)).ok()
}
