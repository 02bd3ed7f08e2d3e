//! The simulator's scenarios: the files of `events/`, made fresh (id, time) and signed as a vendor's webhook is.

use serde_json::{Value, json};
use vyrox_contract::Vendor;

/// A kind of alert that can be fired.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line and its file's name in `events/`.
    pub name: &'static str,
    /// What it shows.
    pub summary: &'static str,
    /// The vendor whose webhook it is.
    pub vendor: Vendor,
    body: &'static str,
}

macro_rules! scenarios {
    ($($vendor:ident in $folder:literal: { $($name:literal: $summary:literal),* $(,)? })*) => {
        &[$($(Scenario {
            name: $name,
            summary: $summary,
            vendor: Vendor::$vendor,
            body: include_str!(concat!("../../events/", $folder, "/", $name, ".json")),
        }),*),*]
    };
}

/// All of them, by vendor, from the worst to the harmless.
pub const SCENARIOS: &[Scenario] = scenarios! {
    Crowdstrike in "crowdstrike": {
        "credential-dump": "LSASS memory is dumped through comsvcs.dll (published shape)",
        "ransomware": "shadow copies and backups are deleted on a database server",
        "office-macro": "Word starts PowerShell, which downloads and runs code",
        "lateral-psexec": "psexec runs a script on a domain controller (legacy event)",
        "certutil-download": "certutil downloads an executable",
        "scheduled-task": "a scheduled task starts a program from a public folder",
        "linux-reverse-shell": "a web server's shell connects out",
        "linux-miner": "a downloaded script starts a miner",
        "macos-keychain": "the keychain is dumped after a fake password dialog",
        "macos-launch-agent": "a launch agent is downloaded and loaded",
        "no-device": "mimikatz, but the alert names no device: nothing can be contained",
        "discovery-burst": "several discovery commands in one line (ambiguous)",
        "admin-inventory": "an administrator lists services (harmless)",
        "software-update": "a package is installed (harmless)",
        "not-an-alert": "another event of the same stream: acknowledged and ignored",
    }
    Sentinelone in "sentinelone": {
        "threat-credential-dump": "SentinelOne: a threat that dumps LSASS memory through comsvcs.dll",
    }
    Defender in "defender": {
        "alert-credential-dump": "Defender: LSASS memory is dumped through comsvcs.dll",
    }
};

impl Scenario {
    /// The scenario of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// The scenario that shows a vendor at its clearest; `None` for a vendor without one.
    #[must_use]
    pub fn of_vendor(vendor: Vendor) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.vendor == vendor)
    }

    /// A body with its own id and time (unix seconds), as bytes to be signed. `account` names the tenant for the routes
    /// without one in the path.
    #[must_use]
    pub fn body(&self, unique: &str, account: &str, now: i64) -> Vec<u8> {
        let mut body: Value =
            serde_json::from_str(self.body).expect("the files of events/ are JSON; a test reads them all");
        match self.vendor {
            Vendor::Sentinelone => {
                for place in ["/id", "/threatInfo/threatId"] {
                    set(&mut body, place, json!(unique));
                }
                for place in ["/threatInfo/identifiedAt", "/threatInfo/createdAt"] {
                    set(&mut body, place, json!(rfc3339(now)));
                }
                for place in ["/agentRealtimeInfo/accountId", "/agentDetectionInfo/accountId"] {
                    set(&mut body, place, json!(account));
                }
            }
            Vendor::Defender => {
                set(&mut body, "/id", json!(unique));
                set(&mut body, "/alertCreationTime", json!(rfc3339(now)));
                set(&mut body, "/aadTenantId", json!(account));
            }
            Vendor::Crowdstrike | Vendor::Generic if body.get("detect_id").is_some() => {
                set(&mut body, "/detect_id", json!(format!("ldt:{unique}")));
                set(&mut body, "/timestamp", json!(now));
                body["customer_id"] = json!(account);
            }
            Vendor::Crowdstrike | Vendor::Generic => {
                set(&mut body, "/metadata/customerIDString", json!(account));
                set(&mut body, "/metadata/eventCreationTime", json!(now.saturating_mul(1_000)));
                for place in ["/event/CompositeId", "/event/DetectId"] {
                    set(&mut body, place, json!(format!("{account}:ind:{unique}")));
                }
            }
        }
        body.to_string().into_bytes()
    }
}

/// Sets what is there.
fn set(body: &mut Value, place: &str, value: Value) {
    if let Some(found) = body.pointer_mut(place) {
        *found = value;
    }
}

/// Unix seconds as these vendors write a time.
fn rfc3339(now: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(now).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!("{date}T{:02}:{:02}:{:02}.000001Z", clock.hour(), clock.minute(), clock.second())
}

/// The machines that the scenarios' alerts name, as the EDR knows them: name, agent id.
pub const HOSTS: [(&str, &str); 4] = [
    ("WS-042", "3f1c0a5b7d9e42a68c1b0d2e4f607182"),
    ("SRV-DB-01", "9b2d4c6e8f0a41b3a5c7d9e1f3052749"),
    ("MAC-017", "5e7a9c1b3d5f40628a4c6e80f2143657"),
    ("LNX-BUILD-03", "c0d2e4f6a8b04c1e93a5b7c9d1e3f506"),
];

/// The same for SentinelOne: name, agent id.
pub const AGENTS: [(&str, &str); 2] = [("WS-042", "1409000000000000001"), ("SRV-DB-01", "1409000000000000002")];

/// The same for Defender: name, machine id.
pub const MACHINES: [(&str, &str); 2] = [
    ("ws-042.corp.example", "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"),
    ("srv-db-01.corp.example", "1b2c3d4e5f60718293a4b5c6d7e8f90123456780"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use vyrox_domain::vendor::{Normalised, Reception, normalise};
    use vyrox_domain::webhook::{Keyring, RawDelivery, SIGNATURE_HEADER, authenticate, scan_tenant_reference, sign};

    #[test]
    fn every_scenario_is_a_fresh_alert_of_a_known_host_or_is_ignored() {
        let tenant = "demo".parse().unwrap();
        for scenario in SCENARIOS {
            let body = scenario.body("1001", "acct", 1_700_000_000);
            assert_eq!(scan_tenant_reference(scenario.vendor, &body), Some("acct"), "{}", scenario.name);
            let headers = [(SIGNATURE_HEADER, sign(b"s", &body))].into_iter().collect();
            let delivery = authenticate(RawDelivery { body, headers }, &Keyring::of_vyrox_hmac(b"s"), 0).unwrap();
            let reception = Reception { tenant_id: &tenant, received_at: 1_700_000_001 };
            match normalise(scenario.vendor, &delivery, &reception).unwrap() {
                Normalised::Alerts(alerts) => {
                    let alert = &alerts[0];
                    assert_eq!(alert.timestamp, 1_700_000_000, "{}", scenario.name);
                    let known: &[(&str, &str)] = match scenario.vendor {
                        Vendor::Sentinelone => &AGENTS,
                        Vendor::Defender => &MACHINES,
                        Vendor::Crowdstrike | Vendor::Generic => &HOSTS,
                    };
                    let id = known.iter().find(|(name, _)| Some(*name) == alert.hostname.as_deref()).unwrap().1;
                    let device = alert.device_id.as_ref().map(vyrox_contract::DeviceId::as_str);
                    assert!(device.is_none_or(|device| device == id), "{}", scenario.name);
                    assert!(alert.raw_id.ends_with("1"), "{}", scenario.name);
                }
                Normalised::Ignored { .. } => assert_eq!(scenario.name, "not-an-alert"),
            }
        }
    }
}
