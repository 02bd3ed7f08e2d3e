//! How a proxy asks for work.

use crate::{AuditHead, Payload, ProxyId, TenantId};
use serde::{Deserialize, Serialize};

/// A signed poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Who asks.
    pub proxy_id: ProxyId,
    /// For which tenant.
    pub tenant_id: TenantId,
    /// When it was signed, unix seconds.
    pub issued_at: i64,
    /// Random, so that no two polls are the same bytes.
    pub nonce: String,
    /// The proxy's audit chain at the time of asking; absent before its first entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<AuditHead>,
    /// The proxy's version.
    pub version: String,
}

impl Payload for Poll {
    const TYPE: &'static str = "application/vnd.vyrox.poll+json";
}
