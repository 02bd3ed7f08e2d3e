//! The one shape that every vendor's alert becomes.

use serde::{Deserialize, Serialize};
use vyrox_contract::{AlertId, DeviceId, ProcessId, Sha1, Sha256, TenantId, ThreatId, Vendor};

/// The namespace of Vyrox alert ids (UUIDv5).
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_bytes([
    0x6f, 0x0c, 0x9b, 0x3e, 0x52, 0x1d, 0x5a, 0x61, 0x8e, 0x77, 0x2f, 0x4a, 0x90, 0xd3, 0x11, 0xc8,
]);

/// How bad the vendor says it is. `Unknown` is an honest answer: an ambiguous number is never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VendorSeverity {
    /// Not said, or not understood.
    Unknown,
    /// Informational.
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl VendorSeverity {
    /// The word in payloads and on cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// A vendor's word for it, in any case. Anything else is `Unknown`.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "informational" | "info" | "information" => Self::Informational,
            "low" => Self::Low,
            "medium" | "moderate" => Self::Medium,
            "high" => Self::High,
            "critical" => Self::Critical,
            _ => Self::Unknown,
        }
    }
}

/// The operating system an alert is about, where the payload says so or leaves no doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Microsoft Windows.
    Windows,
    /// Linux.
    Linux,
    /// Apple macOS.
    Macos,
}

impl Platform {
    /// The name in rules and payloads.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Linux => "linux",
            Self::Macos => "macos",
        }
    }
}

/// An alert in the one shape. Absent is absent: a field that the payload did not carry is `None`, never `"unknown"`.
/// Text fields are bounded by the adapter and otherwise exactly the vendor's; treat them as hostile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NormalizedAlert {
    /// Whose alert.
    pub tenant_id: TenantId,
    /// Deterministic over tenant, source and `raw_id`, see [`alert_id`].
    pub id: AlertId,
    /// The vendor.
    pub source: Vendor,
    /// The vendor's own id.
    pub raw_id: String,
    /// When the vendor says it happened, unix seconds.
    pub timestamp: i64,
    /// The host's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The account, with its domain where given (`DOMAIN\user`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The process's file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_name: Option<String>,
    /// Its command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_cmdline: Option<String>,
    /// The file's SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The ATT&CK tactic, as the vendor spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tactic: Option<String>,
    /// The ATT&CK technique, as the vendor spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    /// How bad the vendor says it is.
    pub vendor_severity: VendorSeverity,
    /// What containment needs: the vendor's device id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// The operating system's process id; never a vendor's graph id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_id: Option<ProcessId>,
    /// The vendor's threat id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat_id: Option<ThreatId>,
    /// The file's SHA-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Sha1>,
    /// The file's full path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_path: Option<String>,
    /// The parent process's file name or path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_process: Option<String>,
    /// The parent's command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_cmdline: Option<String>,
    /// The vendor's title for the alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// When Vyrox received it, unix seconds.
    pub received_at: i64,
    /// 0 for the first payload; one more for each changed payload of the same alert.
    pub revision: u32,
}

impl NormalizedAlert {
    /// SHA-256 (hex) over what the vendor said, leaving out when we received it and how often it changed: equal for a
    /// vendor's retry, different for a changed payload.
    #[must_use]
    pub fn content_digest(&self) -> String {
        let content = Self { received_at: 0, revision: 0, ..self.clone() };
        let bytes = vyrox_contract::canonical::to_bytes(&content).expect("an alert has string keys and no floats");
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes))
    }
}

/// The id of the alert that `vendor` calls `raw_id` at `tenant`: UUIDv5, so a vendor's retry is the same alert.
/// The parts are length-prefixed, so no two triples join to the same name.
#[must_use]
pub fn alert_id(tenant: &TenantId, vendor: Vendor, raw_id: &str) -> AlertId {
    let (tenant, vendor) = (tenant.as_str(), vendor.as_str());
    let name = format!("{}:{tenant}{}:{vendor}{}:{raw_id}", tenant.len(), vendor.len(), raw_id.len());
    AlertId::from_bytes(*uuid::Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_alert_has_the_same_id_and_no_two_others_share_it() {
        let (acme, bcme): (TenantId, TenantId) = ("acme".parse().unwrap(), "acm".parse().unwrap());
        let id = alert_id(&acme, Vendor::Crowdstrike, "ldt:1");
        assert_eq!(id, alert_id(&acme, Vendor::Crowdstrike, "ldt:1"));
        assert_ne!(id, alert_id(&bcme, Vendor::Crowdstrike, "ldt:1"));
        assert_ne!(id, alert_id(&acme, Vendor::Sentinelone, "ldt:1"));
        assert_ne!(id, alert_id(&acme, Vendor::Crowdstrike, "ldt:2"));
    }

    #[test]
    fn an_unknown_word_is_unknown_not_critical() {
        assert_eq!(VendorSeverity::from_word("Critical"), VendorSeverity::Critical);
        assert_eq!(VendorSeverity::from_word("catastrophic"), VendorSeverity::Unknown);
    }
}
