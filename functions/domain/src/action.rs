//! The life of an approved action, from its approval to the proxy's receipt.

use crate::approval::ApprovedAction;
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use vyrox_contract::{Approver, Operation, Outcome, Receipt, RequestId};

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Approved, not delivered yet.
    Pending,
    /// Signed and handed to the proxy; no receipt yet.
    Delivered,
    /// The EDR accepted it.
    Executed,
    /// The EDR was in that state already.
    Already,
    /// The proxy is in dry run.
    DryRun,
    /// The proxy's own policy said no, or it came too late.
    Refused,
    /// The EDR said no.
    Failed,
    /// It may or may not have happened.
    Ambiguous,
    /// A release that the EDR accepted.
    RolledBack,
    /// It was never handed over in time; nothing was done.
    Expired,
}

/// How long after its expiry an action that was handed over may still be asked about, in seconds: the proxy acts on none
/// that is too late, but answers with what it did in time.
pub const GRACE: i64 = 24 * 3_600;

impl ActionState {
    /// The word in the audit and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Executed => "executed",
            Self::Already => "already",
            Self::DryRun => "dry_run",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Ambiguous => "ambiguous",
            Self::RolledBack => "rolled_back",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more is expected.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Delivered)
    }

    /// Whether the host is contained as far as is known.
    #[must_use]
    pub const fn is_contained(self) -> bool {
        matches!(self, Self::Executed | Self::Already | Self::Ambiguous)
    }
}

impl From<Outcome> for ActionState {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Executed => Self::Executed,
            Outcome::Already => Self::Already,
            Outcome::DryRun => Self::DryRun,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Ambiguous => Self::Ambiguous,
            Outcome::RolledBack => Self::RolledBack,
        }
    }
}

/// When an action got where, in milliseconds since 1970, as far as is known. Nothing is decided by them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moments {
    /// The deciding approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<i64>,
    /// The first handing over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<i64>,
}

impl Moments {
    /// Whether neither is known.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.approved.is_none() && self.delivered.is_none()
    }
}

/// The stored action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// The key against doing it twice.
    pub request_id: RequestId,
    /// Do or undo.
    pub operation: Operation,
    /// The plan that was approved.
    pub plan: Plan,
    /// Who approved.
    pub approved_by: Vec<Approver>,
    /// When the deciding approval was given, unix seconds.
    pub approved_at: i64,
    /// After this it is not delivered any more, unix seconds.
    pub expires_at: i64,
    /// Where it stands.
    pub state: ActionState,
    /// When it was last handed to the proxy, unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<i64>,
    /// When the deciding approval was recorded, and when it was first handed to the proxy: milliseconds since 1970, for measuring.
    #[serde(default, skip_serializing_if = "Moments::is_unknown")]
    pub moments: Moments,
    /// The proxy's signed report, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The proxy's signed report on the release at the end of its lease, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_end: Option<Receipt>,
}

impl ActionRecord {
    /// The record of an action that has just been approved.
    #[must_use]
    pub fn approved(action: &ApprovedAction) -> Self {
        Self {
            request_id: action.request_id().clone(),
            operation: action.operation(),
            plan: action.plan().clone(),
            approved_by: action.approved_by().to_vec(),
            approved_at: action.approved_at(),
            expires_at: action.expires_at(),
            state: ActionState::Pending,
            delivered_at: None,
            moments: Moments::default(),
            receipt: None,
            lease_end: None,
        }
    }

    /// Whether it should be handed to its proxy now: it has no receipt, is not too late, and was not handed over within
    /// the last `again_after` seconds. One that was handed over may be asked about for [`GRACE`] longer.
    #[must_use]
    pub fn is_due(&self, now: i64, again_after: i64) -> bool {
        let until = match self.delivered_at {
            None => self.expires_at,
            Some(_) => self.expires_at.saturating_add(GRACE),
        };
        self.is_unanswered() && now < until && self.delivered_at.is_none_or(|at| now.saturating_sub(at) >= again_after)
    }

    /// Whether no receipt has come. An action can be ambiguous for that very reason.
    #[must_use]
    pub const fn is_unanswered(&self) -> bool {
        matches!(self.state, ActionState::Pending | ActionState::Delivered)
            || (matches!(self.state, ActionState::Ambiguous) && self.receipt.is_none())
    }

    /// Whether this report on the end of its lease says something new. Reports come again after a restart of the proxy, the
    /// older ones first, and a release that was tried again has several.
    #[must_use]
    pub fn is_news_of_lease(&self, receipt: &Receipt) -> bool {
        self.lease_end.as_ref().is_none_or(|known| receipt.audit_head.seq > known.audit_head.seq)
    }

    /// What it has come to if it is past its expiry without a receipt: never handed over is expired, handed over is
    /// ambiguous until the proxy answers after all.
    #[must_use]
    pub const fn overdue(&self, now: i64) -> Option<ActionState> {
        match self.state {
            ActionState::Pending if now >= self.expires_at => Some(ActionState::Expired),
            ActionState::Delivered if now >= self.expires_at => Some(ActionState::Ambiguous),
            _ => None,
        }
    }
}
