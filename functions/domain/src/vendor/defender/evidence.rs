//! Which of an alert's evidence is the device, so that the id that is contained and the name that is approved are one
//! machine's.

use super::super::fields::{elements, text, text_of};
use serde_json::Value;

/// The evidence of one type. Serialisers rename `@odata.type`, and namespaces change: the last part counts.
pub(super) fn of_type<'a>(alert: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    elements(alert, &["evidence"]).iter().filter(move |evidence| {
        ["@odata.type", "at_sign_odata_type", "odata_type", "odataType"]
            .iter()
            .find_map(|key| text(evidence, &[*key]))
            .is_some_and(|name| name.rsplit('.').next() == Some(kind))
    })
}

/// A machine: its id where it has one, its name where that is the same evidence's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) id: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) os: Option<String>,
}

/// The device that the alert is about: the process's own; else the one that Defender calls the main device; else the only
/// one. Of several with nothing to tell them apart it is none.
pub(super) fn device(alert: &Value) -> Device {
    let devices = || of_type(alert, "deviceEvidence");
    if let Some(id) = of_type(alert, "processEvidence").find_map(|process| text(process, &["mdeDeviceId"])) {
        let known = devices().map(described).find(|device| device.id.as_ref() == Some(&id));
        // Another machine's name must not stand beside this machine's id.
        return known.unwrap_or(Device { id: Some(id), ..Device::default() });
    }
    let is_main = |device: &&Value| {
        let mut roles = elements(device, &["detailedRoles"]).iter().filter_map(text_of);
        roles.any(|role| role.eq_ignore_ascii_case("main device"))
    };
    if let Some(main) = devices().find(is_main) {
        return described(main);
    }
    let mut machines: Vec<Device> = devices().map(described).collect();
    machines.dedup();
    if machines.len() == 1 { machines.remove(0) } else { Device::default() }
}

fn described(device: &Value) -> Device {
    Device {
        id: text(device, &["mdeDeviceId"]),
        hostname: text(device, &["deviceDnsName"]).or_else(|| text(device, &["hostName"])),
        os: text(device, &["osPlatform"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn machine(id: &str, name: &str, roles: &[&str]) -> Value {
        json!({"@odata.type": "#microsoft.graph.security.deviceEvidence", "mdeDeviceId": id, "deviceDnsName": name, "detailedRoles": roles})
    }

    fn chosen(evidence: &[Value]) -> (Option<String>, Option<String>) {
        let device = device(&json!({"evidence": evidence}));
        (device.id, device.hostname)
    }

    fn named(id: &str, name: &str) -> (Option<String>, Option<String>) {
        (Some(id.to_owned()), Some(name.to_owned()))
    }

    #[test]
    fn the_only_or_the_main_or_the_processs_machine_is_the_device_and_of_two_strangers_it_is_none() {
        let (one, two) = (machine("a", "WS-042", &[]), machine("b", "WS-043", &[]));
        assert_eq!(chosen(std::slice::from_ref(&one)), named("a", "WS-042"));
        assert_eq!(chosen(&[one.clone(), two.clone()]), (None, None));
        assert_eq!(chosen(&[one.clone(), machine("c", "WS-044", &["Main device"])]), named("c", "WS-044"));
        let process = json!({"at_sign_odata_type": "#microsoft.graph.security.processEvidence", "mdeDeviceId": "b"});
        assert_eq!(chosen(&[one.clone(), two, process.clone()]), named("b", "WS-043"));
        assert_eq!(chosen(&[one, process]), (Some("b".to_owned()), None), "no other machine's name beside it");
    }

    #[test]
    fn the_type_is_the_last_part_of_its_name() {
        let alert = json!({"evidence": [
            {"@odata.type": "#a.new.namespace.userEvidence", "n": 1}, {"odataType": "userEvidence", "n": 2},
            {"@odata.type": "#microsoft.graph.security.notUserEvidence", "n": 3}, {"n": 4}, 5
        ]});
        assert_eq!(of_type(&alert, "userEvidence").count(), 2);
    }
}
