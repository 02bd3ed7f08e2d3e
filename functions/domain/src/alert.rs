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

/// What the vendor says has become of the alert already. Only words that leave no doubt are read; every other is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorStatus {
    /// Its own agent has dealt with it: killed, quarantined, blocked.
    Mitigated,
    /// An analyst has closed it.
    Resolved,
    /// An analyst has called it harmless.
    Benign,
}

impl VendorStatus {
    /// The word in payloads and on cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::Benign => "benign",
        }
    }

    /// A vendor's word for it, in any case and spelling of its spaces. Anything else (new, open, in progress) is `None`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let letters: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        match letters.to_ascii_lowercase().as_str() {
            "mitigated" | "remediated" | "blocked" | "prevented" => Some(Self::Mitigated),
            "resolved" | "closed" => Some(Self::Resolved),
            "benign" | "markedasbenign" | "truepositivebenign" | "benignpositive" => Some(Self::Benign),
            word if word.starts_with("falsepositive") => Some(Self::Benign),
            _ => None,
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
    /// What the vendor says has become of it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_status: Option<VendorStatus>,
    /// The payload was one of several parts of the alert, as a stream of single pieces of evidence delivers them. Parts add
    /// up ([`Self::with_part`]) instead of replacing each other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// When Vyrox received it, unix seconds.
    pub received_at: i64,
    /// 0 for the first payload; one more for each changed payload of the same alert.
    pub revision: u32,
}

impl NormalizedAlert {
    /// SHA-256 (hex) over what the vendor said, leaving out all times and how often it changed: equal for a vendor's retry,
    /// different for a changed payload. A payload's own time decides nothing, and where it has none that of its reception
    /// stands for it, which is another one for every retry.
    #[must_use]
    pub fn content_digest(&self) -> String {
        let content = Self { received_at: 0, revision: 0, timestamp: 0, ..self.clone() };
        let bytes = vyrox_contract::canonical::to_bytes(&content).expect("an alert has string keys and no floats");
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes))
    }

    /// This alert with another part of it: what the parts before did not say, the new one says. What they did say stays, so
    /// that the order in which parts arrive, and parts that arrive twice, change little. The device and the host's name are
    /// one machine's and are taken together; a second machine in a later part does not change the target.
    #[must_use]
    pub fn with_part(&self, part: &Self) -> Self {
        let mut whole = self.clone();
        macro_rules! fill {
            ($($field:ident),* $(,)?) => { $( if whole.$field.is_none() { whole.$field.clone_from(&part.$field); } )* };
        }
        if whole.device_id.is_none() && (whole.hostname.is_none() || whole.hostname == part.hostname) {
            whole.device_id.clone_from(&part.device_id);
            whole.hostname.clone_from(&part.hostname);
        } else if whole.device_id == part.device_id {
            fill!(hostname);
        }
        if whole.process_name.is_none() && whole.process_cmdline.is_none() && whole.sha256.is_none() {
            fill!(
                process_name,
                process_cmdline,
                process_path,
                process_id,
                sha256,
                sha1,
                parent_process,
                parent_cmdline
            );
        }
        fill!(username, tactic, technique, threat_id, title, platform, vendor_status);
        whole.vendor_severity = whole.vendor_severity.max(part.vendor_severity);
        whole.timestamp = whole.timestamp.min(part.timestamp);
        whole
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

    fn alert(part: &serde_json::Value) -> NormalizedAlert {
        let mut whole = serde_json::json!({"tenant_id": "acme", "id": alert_id(&"acme".parse().unwrap(), Vendor::Defender, "a"),
            "source": "defender", "raw_id": "a", "timestamp": 20, "vendor_severity": "UNKNOWN", "received_at": 30,
            "revision": 0, "partial": true});
        for (key, value) in part.as_object().unwrap() {
            whole[key] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn parts_add_up_and_a_part_that_comes_twice_changes_nothing() {
        let device = "0123456789012345678901234567890123456789";
        let process = alert(&serde_json::json!({"process_name": "cmd.exe", "process_cmdline": "cmd /c x"}));
        let machine = alert(&serde_json::json!({"device_id": device, "hostname": "ws-1", "timestamp": 10}));
        let title = alert(&serde_json::json!({"title": "t", "vendor_severity": "HIGH", "process_name": "other.exe"}));
        let whole = process.with_part(&machine).with_part(&title);
        assert_eq!(whole.hostname.as_deref(), Some("ws-1"));
        assert_eq!((whole.process_name.as_deref(), whole.title.as_deref()), (Some("cmd.exe"), Some("t")));
        assert_eq!((whole.vendor_severity, whole.timestamp), (VendorSeverity::High, 10));
        for part in [&process, &machine, &title] {
            assert_eq!(whole.with_part(part).content_digest(), whole.content_digest());
        }
    }

    #[test]
    fn a_second_machine_does_not_change_the_target() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let first = alert(&serde_json::json!({"device_id": one, "hostname": "one"}));
        let second = alert(&serde_json::json!({"device_id": two, "hostname": "two"}));
        let nameless = alert(&serde_json::json!({"device_id": one}));
        let whole = first.with_part(&second);
        assert_eq!((whole.device_id.unwrap().to_string(), whole.hostname.as_deref()), (one, Some("one")));
        assert_eq!(nameless.with_part(&second).hostname, None, "another machine's name");
        assert_eq!(nameless.with_part(&first).hostname.as_deref(), Some("one"));
    }

    #[test]
    fn a_time_is_no_content() {
        let of = |timestamp: i64, received_at: i64| {
            alert(&serde_json::json!({"timestamp": timestamp, "received_at": received_at})).content_digest()
        };
        assert_eq!(of(30, 30), of(90, 90), "the reception's stands for one that is missing");
        assert_eq!(of(30, 30), of(30, 31), "received in the very second that it names, and once more");
        let other = alert(&serde_json::json!({"hostname": "another"})).content_digest();
        assert_ne!(of(30, 30), other);
    }

    #[test]
    fn a_status_is_a_word_that_leaves_no_doubt() {
        for (word, wanted) in [
            ("marked_as_benign", Some(VendorStatus::Benign)),
            ("False Positive", Some(VendorStatus::Benign)),
            ("Resolved", Some(VendorStatus::Resolved)),
            ("MITIGATED", Some(VendorStatus::Mitigated)),
            ("not_mitigated", None),
            ("inProgress", None),
            ("", None),
        ] {
            assert_eq!(VendorStatus::from_word(word), wanted, "{word}");
        }
    }

    #[test]
    fn an_unknown_word_is_unknown_not_critical() {
        assert_eq!(VendorSeverity::from_word("Critical"), VendorSeverity::Critical);
        assert_eq!(VendorSeverity::from_word("catastrophic"), VendorSeverity::Unknown);
    }
}
