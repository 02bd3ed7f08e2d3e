//! The audit entries of a delivery.

use super::VerifiedReceipt;
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::Operation;
use vyrox_domain::action::ActionRecord;
use vyrox_domain::contradiction::Contradiction;

pub(super) fn event(action: &ActionRecord, kind: &str, now: i64) -> Draft {
    let plan = &action.plan;
    let mut event = Draft::event(now, plan.tenant_id().as_str(), kind);
    event.host = plan.target().hostname.to_string();
    event.alert_id = Some(plan.alert_id().to_string());
    event.request_id = Some(action.request_id.to_string());
    event.approved_by = action.approved_by.iter().map(|approver| approver.name.as_str()).collect::<Vec<_>>().join(", ");
    event.detail.insert("operation".to_owned(), json!(action.operation));
    event.detail.insert("action".to_owned(), json!(plan.action_type()));
    event.detail.insert("proxy_id".to_owned(), json!(plan.proxy_id()));
    event.detail.insert("plan_digest".to_owned(), json!(plan.digest().hex()));
    event
}

pub(super) fn receipt_event(
    action: &ActionRecord,
    verified: &VerifiedReceipt,
    found: &[Contradiction],
    now: i64,
) -> Draft {
    let receipt = &verified.receipt;
    let kind = match (&receipt.lease_of, found) {
        (None, []) => "RECEIPT_RECORDED",
        (None, _) => "RECEIPT_CONTRADICTED",
        (Some(_), []) => "LEASE_ENDED",
        (Some(_), _) => "LEASE_CONTRADICTED",
    };
    let mut event = event(action, kind, now);
    if let Some(isolation) = &receipt.lease_of {
        event.request_id = Some(receipt.request_id.to_string());
        event.detail.insert("operation".to_owned(), json!(Operation::Rollback));
        event.detail.insert("lease_of".to_owned(), json!(isolation));
        event.approved_by = "the lease".to_owned();
    }
    if !found.is_empty() {
        event.detail.insert("contradictions".to_owned(), json!(found));
    }
    if let Some(until) = receipt.lease_until {
        event.detail.insert("lease_until".to_owned(), json!(until));
    }
    event.outcome = Some(receipt.outcome.as_str().to_owned());
    event.dry_run = receipt.outcome == vyrox_contract::Outcome::DryRun;
    event.detail.insert("verification".to_owned(), json!(receipt.verification));
    event.detail.insert("finished_at".to_owned(), json!(receipt.finished_at));
    // The proxy's head: from now on the proxy cannot cut or rewrite its chain up to here without being found out.
    event.detail.insert("proxy_audit_head".to_owned(), json!(receipt.audit_head));
    // As the proxy signed it, so that anyone can check the signature later.
    event.detail.insert("receipt".to_owned(), json!(verified.envelope));
    if let Some(reference) = &receipt.vendor_reference {
        let reference: String = reference.chars().take(200).collect();
        event.detail.insert("vendor_reference".to_owned(), json!(reference));
    }
    event
}
