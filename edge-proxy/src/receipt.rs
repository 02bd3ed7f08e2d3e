//! Last step: what happened is on disk, and is reported. `Outcome -> Receipt`.
//!
//! A receipt is made from the outcome's entry and from nothing else, so that the answer given now, the answer to a replay
//! and the answer after a restart are the same.

use crate::edr::Outcome;
use serde_json::{Map, Value, json};
use vyrox_audit::{Draft, Entry, Phase};
use vyrox_contract::{AuditHead, ProxyId, Receipt, RequestId, TenantId};

/// The entry that says how it ended. `now` in unix seconds.
pub fn draft(outcome: &Outcome, tenant_id: &TenantId, now: i64) -> Draft {
    let ending = outcome.ending();
    let mut detail = Map::new();
    detail.insert("verification".into(), json!(ending.verification.as_str()));
    detail.insert("text".into(), json!(ending.detail));
    if let Some(reference) = &ending.vendor_reference {
        detail.insert("vendor_reference".into(), json!(reference));
    }
    let draft = outcome.subject().draft(tenant_id.as_str(), now, Phase::Outcome, detail);
    Draft { outcome: Some(ending.kind.as_str().to_owned()), ..draft }
}

/// The receipt that an outcome's entry stands for; `None` for any other entry.
pub fn from_entry(entry: &Entry, tenant_id: &TenantId, proxy_id: &ProxyId) -> Option<Receipt> {
    let text = |name: &str| entry.detail().get(name).and_then(Value::as_str);
    Some(Receipt {
        request_id: entry.request_id()?.parse::<RequestId>().ok()?,
        tenant_id: tenant_id.clone(),
        proxy_id: proxy_id.clone(),
        outcome: serde_json::from_value(json!(entry.outcome()?)).ok()?,
        verification: serde_json::from_value(json!(text("verification")?)).ok()?,
        detail: text("text")?.to_owned(),
        vendor_reference: text("vendor_reference").map(str::to_owned),
        finished_at: entry.timestamp(),
        audit_head: AuditHead { seq: entry.seq(), hash: entry.hash().to_owned() },
    })
}
