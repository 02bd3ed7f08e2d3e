//! What is remembered of a proxy between its reports, so that a later one can be held against it.

use serde::{Deserialize, Serialize};
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::{AuditHead, Receipt};

/// How long a remembered head is good enough, in seconds: every receipt's head is in the audit anyway, and an item that
/// every receipt wrote would make them wait for each other.
const GOOD_FOR: i64 = 60;

/// The last that a proxy said about itself, as stored under `WATCH#`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProxyWatch {
    /// The newest remembered head of its audit chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<AuditHead>,
    /// When that was, unix seconds.
    pub seen_at: i64,
    /// The digest of its policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_digest: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl ProxyWatch {
    /// Enters in a receipt's event that the proxy's policy or version is another than before; whether one is.
    pub(super) fn note_drift(&self, receipt: &Receipt, event: &mut Draft) -> bool {
        let mut has_drifted = false;
        let pairs = [
            ("policy_digest", &self.policy_digest, &receipt.policy_digest),
            ("version", &self.version, &receipt.version),
        ];
        for (name, before, after) in pairs {
            if let Some(after) = after {
                let after: String = after.chars().filter(|c| !c.is_control()).take(64).collect();
                event.detail.insert(format!("proxy_{name}"), json!(after));
                if before.as_ref().is_some_and(|before| *before != after) {
                    has_drifted = true;
                    event.detail.insert(format!("proxy_{name}_before"), json!(before));
                }
            }
        }
        has_drifted
    }

    /// What is to be remembered after a receipt, if that is worth a write.
    pub(super) fn after(&self, receipt: &Receipt, now: i64) -> Option<Self> {
        let text = |text: &Option<String>| {
            text.as_ref().map(|text| text.chars().filter(|c| !c.is_control()).take(64).collect::<String>())
        };
        let (policy_digest, version) = (text(&receipt.policy_digest), text(&receipt.version));
        // Receipts are posted again after a restart: an older one says nothing about now.
        let is_newer = self.audit_head.as_ref().is_none_or(|known| receipt.audit_head.seq > known.seq);
        let is_changed = (&policy_digest, &version) != (&self.policy_digest, &self.version);
        let is_due = now.saturating_sub(self.seen_at) >= GOOD_FOR;
        (is_newer && (is_changed || is_due)).then(|| Self {
            audit_head: Some(receipt.audit_head.clone()),
            seen_at: now,
            policy_digest,
            version,
        })
    }
}
