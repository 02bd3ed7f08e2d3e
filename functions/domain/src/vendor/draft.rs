//! An alert while an adapter collects it. Only [`Draft::finish`] makes a [`NormalizedAlert`] of it: ids and times are
//! there or the payload is refused, texts are bounded, and a containment target has its vendor's form or is absent.

use super::fields::shortened;
use super::{NormaliseError, Reception};
use crate::alert::{NormalizedAlert, Platform, VendorSeverity, VendorStatus, alert_id};
use vyrox_contract::{DeviceId, ProcessId, Sha1, Sha256, ThreatId, Vendor};

/// The longest id of an alert, in bytes. The longest real one seen has about 100.
const MAX_ID: usize = 512;

/// What a payload said so far; see [`NormalizedAlert`] for the fields.
#[derive(Debug, Default)]
pub struct Draft {
    /// The vendor's own id; an alert cannot do without it.
    pub raw_id: Option<String>,
    /// Unix seconds; an alert cannot do without it.
    pub timestamp: Option<i64>,
    /// The host's name.
    pub hostname: Option<String>,
    /// The account, with its domain where given.
    pub username: Option<String>,
    /// The process's file name.
    pub process_name: Option<String>,
    /// Its command line.
    pub process_cmdline: Option<String>,
    /// The file's SHA-256.
    pub sha256: Option<Sha256>,
    /// As the vendor spells it.
    pub tactic: Option<String>,
    /// As the vendor spells it.
    pub technique: Option<String>,
    /// Only where it is certain.
    pub severity: Option<VendorSeverity>,
    /// What the vendor's containment call takes, and nothing else.
    pub device_id: Option<DeviceId>,
    /// The operating system's.
    pub process_id: Option<ProcessId>,
    /// What the vendor kills by.
    pub threat_id: Option<ThreatId>,
    /// The file's SHA-1.
    pub sha1: Option<Sha1>,
    /// The file's full path.
    pub process_path: Option<String>,
    /// The parent's file name or path.
    pub parent_process: Option<String>,
    /// The parent's command line.
    pub parent_cmdline: Option<String>,
    /// The vendor's title.
    pub title: Option<String>,
    /// Where the payload leaves no doubt.
    pub platform: Option<Platform>,
    /// What has become of it already.
    pub status: Option<VendorStatus>,
    /// The payload is one of several parts of its alert.
    pub partial: bool,
}

/// Where a shape keeps what no alert can do without, for the refusal's text.
#[derive(Debug, Clone, Copy)]
pub struct Required {
    /// The path of the vendor's id.
    pub raw_id: &'static str,
    /// The path of the time.
    pub timestamp: &'static str,
}

impl Draft {
    /// The alert of `vendor` at `reception`.
    ///
    /// What is longer than any real value is cut, so that a hostile payload costs no more to store than a real one. An id
    /// is never cut: two cut ids might be one.
    ///
    /// # Errors
    /// [`NormaliseError::Field`] without an id or a time, and for an id that is too long.
    pub fn finish(
        self,
        vendor: Vendor,
        required: Required,
        reception: &Reception<'_>,
    ) -> Result<NormalizedAlert, NormaliseError> {
        let raw_id = self.raw_id.ok_or(NormaliseError::Field { field: required.raw_id })?;
        if raw_id.len() > MAX_ID {
            return Err(NormaliseError::Field { field: "the alert's id (it is too long)" });
        }
        let timestamp = self.timestamp.ok_or(NormaliseError::Field { field: required.timestamp })?;
        Ok(NormalizedAlert {
            tenant_id: reception.tenant_id.clone(),
            id: alert_id(reception.tenant_id, vendor, &raw_id),
            source: vendor,
            raw_id,
            timestamp,
            hostname: cut(self.hostname, 253),
            username: cut(self.username, 256),
            process_name: cut(self.process_name, 256),
            process_cmdline: self.process_cmdline,
            sha256: self.sha256.filter(|sha256| !is_zero(sha256.as_str())),
            tactic: cut(self.tactic, 128),
            technique: cut(self.technique, 128),
            vendor_severity: self.severity.unwrap_or(VendorSeverity::Unknown),
            device_id: self.device_id.filter(|device| is_device(vendor, device.as_str())),
            process_id: self.process_id,
            threat_id: self.threat_id.filter(|threat| is_threat(vendor, threat.as_str())),
            sha1: self.sha1.filter(|sha1| !is_zero(sha1.as_str())),
            process_path: cut(self.process_path, 1_024),
            parent_process: cut(self.parent_process, 1_024),
            parent_cmdline: self.parent_cmdline.map(|text| shortened(&text, 4_096)),
            title: cut(self.title, 512),
            platform: self.platform,
            vendor_status: self.status,
            partial: self.partial,
            received_at: reception.received_at,
            revision: 0,
        })
    }
}

fn cut(text: Option<String>, most: usize) -> Option<String> {
    text.map(|mut text| {
        if let Some((end, _)) = text.char_indices().nth(most) {
            text.truncate(end);
        }
        text
    })
}

/// Vendors send zeros where they have no hash.
fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|digit| digit == b'0')
}

/// Whether a containment API of the vendor could be given this as a device: an id of another kind (a UUID of the agent's
/// installation, a directory's device id) must not become a target.
fn is_device(vendor: Vendor, id: &str) -> bool {
    match vendor {
        // The published shape writes an agent id with dashes.
        Vendor::Crowdstrike => id.bytes().filter(u8::is_ascii_hexdigit).count() == 32 && only_hex_and_dashes(id),
        Vendor::Sentinelone => id.bytes().all(|byte| byte.is_ascii_digit()),
        Vendor::Defender => id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        Vendor::Generic => true,
    }
}

fn only_hex_and_dashes(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Only SentinelOne kills by threat id, and its ids are numbers.
fn is_threat(vendor: Vendor, id: &str) -> bool {
    vendor != Vendor::Sentinelone || id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: Required = Required { raw_id: "id", timestamp: "time" };

    fn draft() -> Draft {
        Draft { raw_id: Some("1".to_owned()), timestamp: Some(1), ..Draft::default() }
    }

    fn finish(draft: Draft, vendor: Vendor) -> Result<NormalizedAlert, NormaliseError> {
        let tenant = "acme".parse().unwrap();
        draft.finish(vendor, REQUIRED, &Reception { tenant_id: &tenant, received_at: 2 })
    }

    #[test]
    fn an_alert_has_an_id_and_a_time_or_is_refused_by_their_names() {
        for (draft, wanted) in [
            (Draft { raw_id: None, ..draft() }, "id is missing or unreadable"),
            (Draft { timestamp: None, ..draft() }, "time is missing or unreadable"),
            (
                Draft { raw_id: Some("x".repeat(513)), ..draft() },
                "the alert's id (it is too long) is missing or unreadable",
            ),
        ] {
            assert_eq!(finish(draft, Vendor::Generic).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn only_an_id_of_the_vendors_own_form_becomes_a_target() {
        for (vendor, id, wanted) in [
            (Vendor::Crowdstrike, "00112233445566778899aabbccddeeff", true),
            (Vendor::Crowdstrike, "00112233-4455-6677-8899-aabbccddeeff", true),
            (Vendor::Crowdstrike, "host-1", false),
            (Vendor::Sentinelone, "1570395776954206544", true),
            (Vendor::Sentinelone, "00112233-4455-6677-8899-aabbccddeeff", false),
            (Vendor::Defender, "0123456789012345678901234567890123456789", true),
            (Vendor::Defender, "00112233445566778899aabbccddeeff", false),
            (Vendor::Defender, "zz23456789012345678901234567890123456789", false),
            (Vendor::Crowdstrike, "00112233445566778899aabbccddeeff0011", false),
            (Vendor::Defender, "00112233-4455-6677-8899-aabbccddeeff", false),
        ] {
            let alert = finish(Draft { device_id: id.parse().ok(), ..draft() }, vendor).unwrap();
            assert_eq!(alert.device_id.is_some(), wanted, "{vendor} {id}");
        }
    }

    #[test]
    fn zeros_are_no_hash_and_endless_texts_are_cut_between_characters() {
        let alert = finish(
            Draft {
                sha1: "0".repeat(40).parse().ok(),
                sha256: "0".repeat(64).parse().ok(),
                title: Some("é".repeat(600)),
                ..draft()
            },
            Vendor::Generic,
        )
        .unwrap();
        assert_eq!((alert.sha1, alert.sha256), (None, None));
        assert_eq!(alert.title.unwrap().chars().count(), 512);
    }
}
