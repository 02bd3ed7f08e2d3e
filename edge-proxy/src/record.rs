//! Fourth step: the intent is on disk. `Permitted<Action> -> Recorded<Action>`.

use crate::audit::{Audit, AuditError};
use crate::dedup::Claim;
use crate::policy::Permitted;
use crate::subject::{Subject, detail};
use serde_json::json;
use vyrox_audit::Phase;
use vyrox_contract::{Action, TenantId};

/// An action whose intent has been synced to the audit log. Made only by [`record`]; the one thing that
/// [`edr::execute`](crate::edr::execute) takes.
#[derive(Debug)]
pub struct Recorded<T> {
    permitted: Permitted<T>,
}

impl<T> Recorded<T> {
    /// What is recorded.
    pub fn value(&self) -> &T {
        self.permitted.fresh().verified().value()
    }

    pub(crate) fn subject(&self) -> &Subject {
        self.permitted.fresh().subject()
    }

    pub(crate) fn into_claim(self) -> Claim {
        self.permitted.into_claim()
    }
}

/// Writes the intent and waits until it is on disk. `now` in unix seconds.
///
/// # Errors
/// [`AuditError`]; then nothing may be done; the request id and the budget are given back.
pub async fn record(
    mut permitted: Permitted<Action>,
    audit: &Audit,
    tenant_id: &TenantId,
    now: i64,
) -> Result<Recorded<Action>, AuditError> {
    let verified = permitted.fresh().verified();
    let action = verified.value();
    let mut detail = detail([
        ("authenticated_by", json!(verified.authenticated_by())),
        ("approvers", json!(action.approved_by)),
        ("approved_at", json!(action.approved_at)),
        ("expires_at", json!(action.expires_at)),
        ("plan_digest", json!(action.plan_digest)),
    ]);
    if let Some(checkpoint) = &action.checkpoint {
        detail.insert("checkpoint".into(), json!(checkpoint));
    }
    let claim = permitted.claim();
    if let Some(until) = claim.subject().lease_until {
        detail.insert("lease_until".into(), until.into());
    }
    let draft = claim.subject().draft(tenant_id.as_str(), now, Phase::Intent, detail);
    audit.is_sound()?;
    // Taken for good before the write: if this task is dropped while it waits, the entry may be on disk all the same.
    claim.hold();
    match audit.append(draft).await {
        Ok(_) => Ok(Recorded { permitted }),
        Err(error) => {
            permitted.claim().release();
            Err(error)
        }
    }
}
