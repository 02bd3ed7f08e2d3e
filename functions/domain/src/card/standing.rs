//! Where an alert stands, in one word for the code and in a few for people, and the card's colour.

use crate::action::ActionState;
use crate::record::{AlertRecord, Decision};
use crate::verdict::VerdictLevel;

/// What the card says about itself: the question, or how it was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing to decide.
    Informational,
    /// Waiting for people.
    Open,
    /// Nobody decided in time.
    Expired,
    /// Somebody said no.
    Denied,
    /// Approved; the action stands here.
    Acting(ActionState),
    /// Contained, and a release stands here.
    Releasing(ActionState),
}

/// Where it stands at `now` (unix seconds).
pub(super) fn standing(record: &AlertRecord, now: i64) -> Standing {
    match (&record.decision, &record.containment, &record.release, record.plan()) {
        (_, _, Some(release), _) => Standing::Releasing(release.state),
        (Some(Decision::Approved { .. }), Some(action), _, _) => Standing::Acting(action.state),
        (Some(Decision::Denied { .. }), ..) => Standing::Denied,
        (_, _, _, Some(plan)) if now >= plan.expires_at() => Standing::Expired,
        (_, _, _, Some(_)) => Standing::Open,
        _ => Standing::Informational,
    }
}

/// In words.
pub(super) const fn said(standing: Standing) -> &'static str {
    match standing {
        Standing::Informational => "for your information, nothing to approve",
        Standing::Open => "waiting for a decision",
        Standing::Expired => "EXPIRED, nothing was done",
        Standing::Denied => "DENIED, nothing was done",
        Standing::Acting(state) => outcome(state),
        Standing::Releasing(ActionState::Pending | ActionState::Delivered) => "release requested",
        Standing::Releasing(ActionState::RolledBack | ActionState::Executed | ActionState::Already) => "RELEASED",
        Standing::Releasing(ActionState::DryRun) => "release checked, dry run: nothing was changed",
        Standing::Releasing(ActionState::Refused) => "still contained: the proxy REFUSED the release",
        Standing::Releasing(ActionState::Failed) => "still contained: the release FAILED",
        Standing::Releasing(ActionState::Ambiguous) => "release AMBIGUOUS, look at the EDR console",
        Standing::Releasing(ActionState::Expired) => "still contained: the release did not reach the proxy in time",
    }
}

/// What came of an approved action, in words.
pub(super) const fn outcome(state: ActionState) -> &'static str {
    match state {
        ActionState::Pending => "APPROVED, waiting for the proxy",
        ActionState::Delivered => "APPROVED, executing",
        ActionState::Executed => "CONTAINED",
        ActionState::Already => "CONTAINED (it already was)",
        ActionState::DryRun => "APPROVED, dry run: checked and recorded, the EDR was not called",
        ActionState::Refused => "REFUSED by the proxy, nothing was done",
        ActionState::Failed => "FAILED, the host is not contained",
        ActionState::Ambiguous => "AMBIGUOUS, look at the EDR console",
        ActionState::RolledBack => "RELEASED",
        ActionState::Expired => "APPROVED, but the proxy did not ask for it in time: nothing was done",
    }
}

pub(super) const fn colour(level: VerdictLevel, standing: Standing) -> u32 {
    match standing {
        Standing::Acting(ActionState::Executed | ActionState::Already) => 0x0023_a55a,
        Standing::Acting(
            ActionState::Failed | ActionState::Refused | ActionState::Ambiguous | ActionState::Expired,
        ) => 0x00f2_3f43,
        Standing::Acting(_) | Standing::Releasing(_) => 0x0058_65f2,
        Standing::Denied | Standing::Expired => 0x0080_848e,
        Standing::Informational | Standing::Open => match level {
            VerdictLevel::Critical => 0x00da_373c,
            VerdictLevel::High => 0x00e6_7e22,
            VerdictLevel::Medium => 0x00f0_b232,
            VerdictLevel::Low | VerdictLevel::Benign => 0x0080_848e,
        },
    }
}
