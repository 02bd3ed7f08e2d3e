//! Fourth step: the intent is on disk. `Permitted<Action> -> Recorded<Action>`.

use crate::audit::{Audit, AuditError};
use crate::dedup::Claim;
use crate::policy::Permitted;
use serde_json::{Map, Value, json};
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

    pub(crate) fn into_claim(self) -> Claim {
        self.permitted.fresh.claim
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
    let detail = detail(verified.value(), verified.authenticated_by());
    let claim = &mut permitted.fresh.claim;
    let draft = claim.subject().draft(tenant_id.as_str(), now, Phase::Intent, detail);
    audit.is_sound()?;
    // Taken for good before the write: if this task is dropped while it waits, the entry may be on disk all the same.
    claim.hold();
    match audit.append(vec![draft]).await {
        Ok(_) => Ok(Recorded { permitted }),
        Err(error) => {
            permitted.fresh.claim.release();
            Err(error)
        }
    }
}

fn detail(action: &Action, authenticated_by: &str) -> Map<String, Value> {
    let approvers: Vec<Value> =
        action.approved_by.iter().map(|approver| json!({"id": approver.id, "name": approver.name})).collect();
    let mut detail = Map::from_iter([
        ("authenticated_by".to_owned(), json!(authenticated_by)),
        ("approvers".to_owned(), json!(approvers)),
        ("approved_at".to_owned(), json!(action.approved_at)),
        ("expires_at".to_owned(), json!(action.expires_at)),
        ("plan_digest".to_owned(), json!(action.plan_digest)),
    ]);
    if let Some(checkpoint) = &action.checkpoint {
        detail.insert("checkpoint".into(), json!({"n": checkpoint.n, "hash": checkpoint.hash}));
    }
    detail
}
