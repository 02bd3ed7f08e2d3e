//! The synthetic alert of `/vyrox test-alert`: a body in the vendor's own published shape, so that it goes the way that a
//! real one goes, from its signature to its card.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vyrox_contract::Vendor;

/// The host on the card, unless another one is named.
pub const DEFAULT_HOST: &str = "vyrox-test-host";
/// The device, unless another one is named: none that an EDR knows, so a containment that is approved is refused by it.
const NO_DEVICE: &str = "00000000000000000000000000000000";
/// What every rule set knows as credential theft.
const COMMAND_LINE: &str =
    "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 624 C:\\Users\\Public\\out.dmp full";
const TITLE: &str = "Vyrox test alert: credential dumping (nothing happened)";

/// A body of this vendor's. `unique` makes its alert one of its own; `account` is what the payload names the tenant by;
/// `now` is unix seconds.
#[must_use]
pub fn sample(vendor: Vendor, unique: &str, account: &str, (host, device): (&str, Option<&str>), now: i64) -> Value {
    let device = device.unwrap_or(NO_DEVICE);
    let time =
        OffsetDateTime::from_unix_timestamp(now).ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
    match vendor {
        Vendor::Crowdstrike => json!({
            "detect_id": format!("vyrox-test:{unique}"), "customer_id": account, "timestamp": now, "severity": "critical",
            "sensor": {"hostname": host, "agent_id": device},
            "process": {"file_name": "rundll32.exe", "command_line": COMMAND_LINE, "user_name": "VYROX\\test"},
            "tactic": "Credential Access", "technique": "T1003.001", "detect_name": TITLE,
        }),
        Vendor::Sentinelone => json!({
            "id": format!("vyrox-test-{unique}"), "accountId": account, "createdAt": now, "severity": "HIGH",
            "agentRealtimeInfo": {"computerName": host, "agentId": device},
            "processName": "rundll32.exe", "commandLine": COMMAND_LINE,
            "mitreTactic": "TA0006", "mitreTechnique": "T1003.001", "threatName": TITLE,
        }),
        Vendor::Defender => json!({
            "id": format!("vyrox-test-{unique}"), "aadTenantId": account, "alertCreationTime": time, "severity": "High",
            "status": "New", "category": "CredentialAccess", "title": TITLE, "mitreTechniques": ["T1003.001"],
            "machineId": device, "computerDnsName": host,
            "evidence": [{"entityType": "Process", "fileName": "rundll32.exe", "processCommandLine": COMMAND_LINE}],
        }),
        Vendor::Generic => json!({
            "class_uid": 2004, "class_name": "Detection Finding", "category_uid": 2, "activity_id": 1,
            "severity_id": 5, "severity": "Critical", "time": now.saturating_mul(1_000), "message": TITLE,
            "finding_info": {"uid": format!("vyrox-test-{unique}"), "title": TITLE, "created_time": now.saturating_mul(1_000),
                "attacks": [{"tactic": {"name": "Credential Access", "uid": "TA0006"},
                             "technique": {"name": "LSASS Memory", "uid": "T1003.001"}}]},
            "device": {"hostname": host, "uid": device, "os": {"type": "windows", "name": "Windows"}},
            "evidences": [{"process": {"name": "rundll32.exe", "pid": 1, "cmd_line": COMMAND_LINE,
                           "user": {"name": "test", "domain": "VYROX"}}}],
            "metadata": {"uid": unique, "version": "1.3.0", "product": {"name": "Vyrox", "vendor_name": "Vyrox"}},
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::{Normalised, Reception, normalise};
    use crate::webhook::{Keyring, RawDelivery, SIGNATURE_HEADER, authenticate, sign};

    #[test]
    fn each_vendors_sample_is_an_alert_that_is_read_as_its_own_are() {
        let tenant = "acme".parse().unwrap();
        // Each in the form that the vendor's own ids have; what nothing can contain has none.
        for (vendor, device) in [
            (Vendor::Crowdstrike, Some("3f1c0a5b7d9e42a68c1b0d2e4f607182")),
            (Vendor::Sentinelone, Some("1715263548109234567")),
            (Vendor::Defender, Some("3f1c0a5b7d9e42a68c1b0d2e4f60718293a4b5c6")),
            (Vendor::Generic, None),
        ] {
            let body = sample(vendor, "7", "acme", ("WS-1", device), 1_700_000_000).to_string().into_bytes();
            let headers = [(SIGNATURE_HEADER, sign(b"s", &body))].into_iter().collect();
            let delivery = authenticate(RawDelivery { body, headers }, &Keyring::of_vyrox_hmac(b"s"), 0).unwrap();
            let reception = Reception { tenant_id: &tenant, received_at: 1_700_000_001 };
            let Ok(Normalised::Alerts(alerts)) = normalise(vendor, &delivery, &reception) else { panic!("{vendor}") };
            let alert = &alerts[0];
            assert_eq!((alerts.len(), alert.timestamp), (1, 1_700_000_000), "{vendor}");
            assert!(alert.raw_id.contains("vyrox-test"), "{vendor}: {}", alert.raw_id);
            assert_eq!(alert.hostname.as_deref(), Some("WS-1"), "{vendor}");
            assert_eq!(alert.device_id.as_ref().map(vyrox_contract::DeviceId::as_str), device, "{vendor}");
        }
    }
}
