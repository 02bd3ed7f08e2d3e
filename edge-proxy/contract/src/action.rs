//! What the cloud asks a proxy to do.

use crate::{AlertId, Payload, ProxyId, RequestId, Target, TenantId};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Do it, or undo it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Contain.
    Execute,
    /// Release what was contained.
    Rollback,
}

impl Operation {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Rollback => "rollback",
        }
    }
}

/// The kinds of containment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActionType {
    /// Cut a host from the network, the EDR's own channel excepted.
    HostIsolation,
    /// End one process.
    ProcessKill,
    /// Restrict what a host may talk to.
    NetworkQuarantine,
}

impl ActionType {
    /// The name on the wire and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HostIsolation => "HOST_ISOLATION",
            Self::ProcessKill => "PROCESS_KILL",
            Self::NetworkQuarantine => "NETWORK_QUARANTINE",
        }
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ActionType {
    type Err = crate::UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::HostIsolation, Self::ProcessKill, Self::NetworkQuarantine]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(crate::UntrustedInput::new("action type", "it is none that this version knows"))
    }
}

/// A person who approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// Their Discord user id.
    pub id: String,
    /// Their name at the time of the click.
    pub name: String,
}

/// The cloud's latest audit checkpoint for the tenant, entered in the proxy's own chain with the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The checkpoint's number.
    pub n: u64,
    /// Its hash, 64 hex digits.
    pub hash: String,
}

/// An approved containment, as the cloud signs it and the proxy receives it.
///
/// Unknown fields are refused: a proxy must understand everything that it is asked to do.
/// All times are unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The key against doing it twice.
    pub request_id: RequestId,
    /// Whose action it is.
    pub tenant_id: TenantId,
    /// The one proxy it is for.
    pub proxy_id: ProxyId,
    /// The alert it answers.
    pub alert_id: AlertId,
    /// Do or undo.
    pub operation: Operation,
    /// The kind of containment.
    pub action_type: ActionType,
    /// What it is aimed at.
    pub target: Target,
    /// Who approved; never empty.
    pub approved_by: Vec<Approver>,
    /// When the deciding approval was given.
    pub approved_at: i64,
    /// When this envelope was signed, at delivery.
    pub issued_at: i64,
    /// After this it must not be acted on.
    pub expires_at: i64,
    /// Digest of the plan that the approvers were shown.
    pub plan_digest: String,
    /// For an isolation that ends by itself: its length in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// The cloud's latest audit checkpoint, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

impl Payload for Action {
    const TYPE: &'static str = "application/vnd.vyrox.action+json";
}
