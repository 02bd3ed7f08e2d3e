//! Fourth step: the intent is on disk. `Permitted<Action> -> Recorded<Action>`.

use crate::audit::{Audit, AuditError};
use crate::dedup::Claim;
use crate::policy::Permitted;
use serde_json::{Map, Value};
use vyrox_audit::Phase;
use vyrox_contract::{Action, Approver, TenantId};

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
    let mut detail = detail(verified.value(), verified.authenticated_by());
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

fn detail(action: &Action, authenticated_by: &str) -> Map<String, Value> {
    let approver =
        |by: &Approver| Value::Object(object([("id", by.id.as_str().into()), ("name", by.name.as_str().into())]));
    let mut detail = object([
        ("authenticated_by", authenticated_by.into()),
        ("approvers", action.approved_by.iter().map(approver).collect()),
        ("approved_at", action.approved_at.into()),
        ("expires_at", action.expires_at.into()),
        ("plan_digest", action.plan_digest.as_str().into()),
    ]);
    if let Some(checkpoint) = &action.checkpoint {
        let checkpoint = object([("n", checkpoint.n.into()), ("hash", checkpoint.hash.as_str().into())]);
        detail.insert("checkpoint".into(), checkpoint.into());
    }
    detail
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
