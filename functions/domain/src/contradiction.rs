//! What a proxy reports, held against what was approved. A receipt is signed, so it is the proxy's word; this is where its
//! word does not fit the plan, the clock, or what it said before. Nothing is decided here: it is recorded and shown.

use crate::action::ActionRecord;
use serde::{Deserialize, Serialize};
use vyrox_contract::{AuditHead, Operation, Outcome, Receipt, Verification};

/// How late after its expiry an action's end may be reported, in seconds: reading back and a full disk take their time.
const LATE: i64 = 900;
/// How far two honest clocks may differ, in seconds.
const SKEW: i64 = 60;

/// One way in which a report does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contradiction {
    /// It reports a release where an isolation was approved, or the other way round.
    OtherOperation,
    /// It reports that the EDR was read although it also reports that the EDR was not called.
    ReadWithoutCall,
    /// The EDR shows another state than it promised.
    EdrShowsOtherwise,
    /// It ended before it was approved.
    BeforeApproval,
    /// It was acted on long after its approval had expired.
    AfterExpiry,
    /// The plan has an end and the proxy keeps none, or keeps one that nobody approved.
    Lease,
    /// The proxy's audit log does not continue the one that it showed before: it was cut or rewritten.
    AuditLog,
}

impl Contradiction {
    /// The word in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtherOperation => "other_operation",
            Self::ReadWithoutCall => "read_without_call",
            Self::EdrShowsOtherwise => "edr_shows_otherwise",
            Self::BeforeApproval => "before_approval",
            Self::AfterExpiry => "after_expiry",
            Self::Lease => "lease",
            Self::AuditLog => "audit_log",
        }
    }

    /// A sentence for the card.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::OtherOperation => "the proxy reports another operation than was approved",
            Self::ReadWithoutCall => "the proxy reports a state that it cannot have read",
            Self::EdrShowsOtherwise => "the EDR shows another state than it promised",
            Self::BeforeApproval => "the proxy reports an end before the approval",
            Self::AfterExpiry => "the proxy acted after the approval had expired",
            Self::Lease => "the proxy keeps another end of the isolation than was approved",
            Self::AuditLog => "the proxy's audit log does not continue the one that it showed before",
        }
    }
}

/// What does not fit in `receipt`, which answers `action` (for the end of a lease: the isolation that had it). `known` is
/// the newest head of the proxy's chain that was remembered.
#[must_use]
pub fn contradictions(action: &ActionRecord, receipt: &Receipt, known: Option<&AuditHead>) -> Vec<Contradiction> {
    use Outcome::{Already, Ambiguous, DryRun, Executed, Refused, RolledBack};
    let asked = if receipt.lease_of.is_some() { Operation::Rollback } else { action.operation };
    let did = match receipt.outcome {
        Executed => Some(Operation::Execute),
        RolledBack => Some(Operation::Rollback),
        _ => receipt.operation,
    };
    let acted = matches!(receipt.outcome, Executed | RolledBack | Already);
    let uncalled = matches!(receipt.outcome, DryRun | Refused);
    let by_lease = receipt.lease_of.is_some();
    let has_lease = action.plan.lease_seconds().is_some();
    // A proxy that does not say its version is older than leases. One that finds the host isolated already may give it no end.
    let keeps_none = matches!(receipt.outcome, Executed | Ambiguous | DryRun)
        && receipt.version.is_some()
        && asked == Operation::Execute
        && has_lease
        && receipt.lease_until.is_none();
    let keeps_other = !has_lease && (receipt.lease_until.is_some() || by_lease);
    let checks = [
        (did.is_some_and(|did| did != asked), Contradiction::OtherOperation),
        (uncalled && receipt.verification != Verification::None, Contradiction::ReadWithoutCall),
        (receipt.verification == Verification::Contradicted, Contradiction::EdrShowsOtherwise),
        (receipt.finished_at < action.approved_at.saturating_sub(SKEW), Contradiction::BeforeApproval),
        (
            acted && !by_lease && receipt.finished_at > action.expires_at.saturating_add(LATE),
            Contradiction::AfterExpiry,
        ),
        (keeps_none || keeps_other, Contradiction::Lease),
        (known.is_some_and(|known| is_rewritten(known, &receipt.audit_head)), Contradiction::AuditLog),
    ];
    checks.into_iter().filter_map(|(is_so, which)| is_so.then_some(which)).collect()
}

/// Whether a head that is shown with a receipt cannot belong to the same chain as one that was seen: the same place, another
/// entry. An older place says nothing, because receipts are posted again after a restart.
fn is_rewritten(known: &AuditHead, shown: &AuditHead) -> bool {
    known.seq == shown.seq && known.hash != shown.hash
}

/// Whether the head that a proxy shows when it asks for work, which is its newest, is older than one that was seen, or none.
#[must_use]
pub fn is_cut(known: &AuditHead, shown: Option<&AuditHead>) -> bool {
    shown.is_none_or(|shown| shown.seq < known.seq || is_rewritten(known, shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ActionState;
    use crate::plan::Plan;
    use crate::stage::{NOW, alert, tenant, verdict};

    fn action(lease_seconds: Option<u32>) -> ActionRecord {
        let tenant = crate::tenant::Tenant { lease_seconds, ..tenant() };
        ActionRecord {
            request_id: "r-1".parse().unwrap(),
            operation: Operation::Execute,
            plan: Plan::draft(&alert(), &verdict(), &tenant, NOW).unwrap(),
            approved_by: Vec::new(),
            approved_at: NOW,
            expires_at: NOW + 600,
            state: ActionState::Delivered,
            delivered_at: Some(NOW),
            moments: Default::default(),
            receipt: None,
            lease_end: None,
        }
    }

    fn receipt() -> Receipt {
        Receipt {
            request_id: "r-1".parse().unwrap(),
            tenant_id: "acme".parse().unwrap(),
            proxy_id: "edge-1".parse().unwrap(),
            outcome: Outcome::Executed,
            verification: Verification::Confirmed,
            detail: String::new(),
            vendor_reference: None,
            finished_at: NOW + 5,
            audit_head: AuditHead { seq: 7, hash: "a".repeat(64) },
            operation: Some(Operation::Execute),
            lease_until: None,
            lease_of: None,
            policy_digest: Some("0".repeat(64)),
            version: Some("0.1.0".into()),
        }
    }

    fn found(lease: Option<u32>, change: impl FnOnce(&mut Receipt)) -> Vec<Contradiction> {
        let mut receipt = receipt();
        change(&mut receipt);
        contradictions(&action(lease), &receipt, Some(&AuditHead { seq: 7, hash: "a".repeat(64) }))
    }

    #[test]
    fn a_report_that_fits_is_not_flagged() {
        assert_eq!(found(None, |_| ()), []);
        assert_eq!(found(Some(60), |receipt| receipt.lease_until = Some(NOW + 65)), []);
        assert_eq!(found(Some(60), |receipt| receipt.outcome = Outcome::Already), [], "somebody else's isolation");
        assert_eq!(found(Some(60), |receipt| receipt.version = None), [], "an older proxy");
        assert_eq!(found(None, |receipt| receipt.audit_head.seq = 3), [], "posted again");
        let end = |receipt: &mut Receipt| {
            receipt.lease_of = Some("r-1".parse().unwrap());
            receipt.operation = Some(Operation::Rollback);
            (receipt.outcome, receipt.finished_at) = (Outcome::RolledBack, NOW + 90_000);
        };
        assert_eq!(found(Some(60), end), []);
    }

    #[test]
    fn each_contradiction_is_found_by_itself() {
        use Contradiction::{
            AfterExpiry, AuditLog, BeforeApproval, EdrShowsOtherwise, Lease, OtherOperation, ReadWithoutCall,
        };
        assert_eq!(found(None, |receipt| receipt.outcome = Outcome::RolledBack), [OtherOperation]);
        let other = |receipt: &mut Receipt| {
            (receipt.outcome, receipt.operation) = (Outcome::Failed, Some(Operation::Rollback));
        };
        assert_eq!(found(None, other), [OtherOperation]);
        assert_eq!(found(None, |receipt| receipt.outcome = Outcome::DryRun), [ReadWithoutCall]);
        assert_eq!(found(None, |receipt| receipt.verification = Verification::Contradicted), [EdrShowsOtherwise]);
        assert_eq!(found(None, |receipt| receipt.finished_at = NOW - 61), [BeforeApproval]);
        assert_eq!(found(None, |receipt| receipt.finished_at = NOW + 1501), [AfterExpiry]);
        assert_eq!(found(Some(60), |_| ()), [Lease], "the plan has an end, the proxy keeps none");
        assert_eq!(found(None, |receipt| receipt.lease_until = Some(NOW)), [Lease], "nobody approved an end");
        assert_eq!(found(None, |receipt| receipt.audit_head.hash = "b".repeat(64)), [AuditLog]);
    }

    #[test]
    fn a_log_that_became_shorter_or_vanished_is_cut() {
        let head = |seq: u64, letter: &str| AuditHead { seq, hash: letter.repeat(64) };
        let known = head(7, "a");
        assert!(!is_cut(&known, Some(&head(7, "a"))) && !is_cut(&known, Some(&head(9, "c"))));
        assert!(is_cut(&known, Some(&head(6, "c"))) && is_cut(&known, Some(&head(7, "b"))) && is_cut(&known, None));
    }
}
