//! What a proxy reports back.

use crate::{Operation, Payload, ProxyId, RequestId, TenantId};
use serde::{Deserialize, Serialize};

/// How an action ended at the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The EDR accepted it.
    Executed,
    /// The EDR was in that state already.
    Already,
    /// Checked and audited, but this proxy is configured not to call the EDR.
    DryRun,
    /// This proxy's own policy said no.
    Refused,
    /// The EDR said no, or the target is not what the alert claimed.
    Failed,
    /// It may or may not have happened: started, then no answer. Never repeated blindly.
    Ambiguous,
    /// A release that the EDR accepted.
    RolledBack,
}

impl Outcome {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Already => "already",
            Self::DryRun => "dry_run",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Ambiguous => "ambiguous",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// What reading the EDR's state back said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// The EDR shows the wanted state.
    Confirmed,
    /// Not (yet) by the deadline.
    Unconfirmed,
    /// The EDR shows another state than it promised.
    Contradicted,
    /// Nothing was read: dry run, refusal, or nothing to read.
    None,
}

impl Verification {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unconfirmed => "unconfirmed",
            Self::Contradicted => "contradicted",
            Self::None => "none",
        }
    }
}

/// The newest entry of an audit chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Its sequence number.
    pub seq: u64,
    /// Its hash, 64 hex digits.
    pub hash: String,
}

/// The signed report of one action. `audit_head` is the proxy's chain after the outcome was entered, so that the cloud
/// can tell later if that chain was cut or rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The action's id.
    pub request_id: RequestId,
    /// Whose action it was.
    pub tenant_id: TenantId,
    /// The proxy that reports.
    pub proxy_id: ProxyId,
    /// How it ended.
    pub outcome: Outcome,
    /// What reading back said.
    pub verification: Verification,
    /// One sentence for people.
    pub detail: String,
    /// The vendor's own id of the operation, or its trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_reference: Option<String>,
    /// When it ended, unix seconds.
    pub finished_at: i64,
    /// The proxy's chain after the outcome was entered.
    pub audit_head: AuditHead,
    /// Whether it was done or undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// When the proxy will release the host by itself, unix seconds, if it took a lease on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// For a release at the end of a lease, which nobody asked for: the isolation that had the lease. The release's own
    /// `request_id` was made by the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_of: Option<RequestId>,
    /// SHA-256 (hex) of the proxy's mode and policy at the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_digest: Option<String>,
    /// The proxy's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Payload for Receipt {
    const TYPE: &'static str = "application/vnd.vyrox.receipt+json";
}
