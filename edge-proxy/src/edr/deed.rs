//! What an action comes to at its vendor: the whole list of what this program can change. What is not here is answered with
//! 501, never with something similar.

use super::device::{self, digits};
use crate::policy::Refusal;
use vyrox_contract::{ActionType, Measure, Operation, ProcessId, Sha1, Target, Vendor};

/// One change at a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Cut a host off the network: `contain`, `disconnect`, `isolate` (Full).
    Isolate,
    /// Cut a host off except for what Defender's selective isolation leaves: `isolate` (Selective).
    IsolateSelectively,
    /// Let it back: `lift_containment`, `connect`, `unisolate`.
    Release,
    /// Falcon: end the process of this number in a real-time response session.
    KillProcess(ProcessId),
    /// SentinelOne: kill what belongs to this threat.
    KillThreat(String),
    /// SentinelOne: quarantine the files of this threat.
    QuarantineThreat(String),
    /// SentinelOne: give the files of this threat back.
    RestoreThreat(String),
    /// Defender: stop every process of this file and quarantine it.
    StopFile(Sha1),
    /// Defender: only code that Microsoft signed may run.
    RestrictCode,
    /// Defender: any code may run again.
    UnrestrictCode,
}

impl Deed {
    /// What an action comes to.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`] if the vendor has no call that does exactly this, [`Refusal::DeviceForm`] if the target lacks
    /// an id that the vendor needs or has one of another form.
    pub(super) fn of(operation: Operation, kind: ActionType, target: &Target) -> Result<Self, Refusal> {
        use ActionType::{HostIsolation, NetworkQuarantine, ProcessKill};
        use Operation::{Execute, Rollback};
        use Vendor::{Crowdstrike, Defender, Sentinelone};
        let threat = || target.threat_id.as_ref().and_then(|id| digits(id.as_str())).ok_or(Refusal::DeviceForm);
        let deed = match (target.vendor, kind, target.measure, operation) {
            (Crowdstrike | Sentinelone | Defender, HostIsolation, None, Execute) => Self::Isolate,
            (Crowdstrike | Sentinelone | Defender, HostIsolation, None, Rollback) => Self::Release,
            (Defender, NetworkQuarantine, None, Execute) => Self::IsolateSelectively,
            (Defender, NetworkQuarantine, None, Rollback) => Self::Release,
            (Crowdstrike, ProcessKill, None, Execute) => {
                Self::KillProcess(target.process_id.ok_or(Refusal::DeviceForm)?)
            }
            (Sentinelone, ProcessKill, None, Execute) => Self::KillThreat(threat()?),
            (Sentinelone, ProcessKill, Some(Measure::Quarantine), Execute) => Self::QuarantineThreat(threat()?),
            (Sentinelone, ProcessKill, Some(Measure::Quarantine), Rollback) => Self::RestoreThreat(threat()?),
            // Its one call does both, and it says so in its name.
            (Defender, ProcessKill, None | Some(Measure::Quarantine), Execute) => {
                Self::StopFile(target.sha1.clone().ok_or(Refusal::DeviceForm)?)
            }
            (Defender, ProcessKill, Some(Measure::RestrictCode), Execute) => Self::RestrictCode,
            (Defender, ProcessKill, Some(Measure::RestrictCode), Rollback) => Self::UnrestrictCode,
            _ => return Err(Refusal::Unsupported),
        };
        match &target.device_id {
            Some(id) if device::id(target.vendor, id.as_str()).is_none() => Err(Refusal::DeviceForm),
            _ => Ok(deed),
        }
    }

    /// Whether asking for it twice is the same as asking once: it sets a state. A kill is not: by the second time the
    /// process number, or the file, may be another's.
    pub(super) const fn is_repeatable(&self) -> bool {
        !matches!(self, Self::KillProcess(_) | Self::KillThreat(_) | Self::StopFile(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Every combination that is possible, and nothing else.
    #[test]
    fn the_list_of_what_can_be_done_is_this_and_no_longer() {
        let mut possible = Vec::new();
        for (vendor, device) in [
            ("crowdstrike", "0123456789abcdef0123456789abcdef"),
            ("sentinelone", "1409000000000000001"),
            ("defender", "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"),
            ("generic", "1"),
        ] {
            for kind in [ActionType::HostIsolation, ActionType::ProcessKill, ActionType::NetworkQuarantine] {
                for measure in [None, Some(Measure::Quarantine), Some(Measure::RestrictCode)] {
                    for operation in [Operation::Execute, Operation::Rollback] {
                        let target: Target = serde_json::from_value(json!({
                            "vendor": vendor, "device_id": device, "hostname": "ws-01", "process_id": 7, "threat_id": "8",
                            "sha1": "5a".repeat(20), "measure": measure,
                        }))
                        .unwrap();
                        let deed = Deed::of(operation, kind, &target);
                        if deed != Err(Refusal::Unsupported) {
                            let measure = measure.map_or("", Measure::as_str);
                            let deed = format!("{:?}", deed.unwrap());
                            let word = deed.split('(').next().unwrap();
                            possible.push(format!("{vendor} {kind} {measure} {} {word}", operation.as_str()));
                        }
                    }
                }
            }
        }
        let expected = [
            "crowdstrike HOST_ISOLATION  execute Isolate",
            "crowdstrike HOST_ISOLATION  rollback Release",
            "crowdstrike PROCESS_KILL  execute KillProcess",
            "sentinelone HOST_ISOLATION  execute Isolate",
            "sentinelone HOST_ISOLATION  rollback Release",
            "sentinelone PROCESS_KILL  execute KillThreat",
            "sentinelone PROCESS_KILL quarantine execute QuarantineThreat",
            "sentinelone PROCESS_KILL quarantine rollback RestoreThreat",
            "defender HOST_ISOLATION  execute Isolate",
            "defender HOST_ISOLATION  rollback Release",
            "defender PROCESS_KILL  execute StopFile",
            "defender PROCESS_KILL quarantine execute StopFile",
            "defender PROCESS_KILL restrict_code execute RestrictCode",
            "defender PROCESS_KILL restrict_code rollback UnrestrictCode",
            "defender NETWORK_QUARANTINE  execute IsolateSelectively",
            "defender NETWORK_QUARANTINE  rollback Release",
        ];
        assert_eq!(possible, expected);
    }

    #[test]
    fn an_id_that_is_missing_or_of_another_vendor_is_found_out_before_anything_is_asked() {
        for (kind, target) in [
            ("HOST_ISOLATION", json!({"vendor": "sentinelone", "device_id": "0123456789abcdef0123456789abcdef"})),
            ("HOST_ISOLATION", json!({"vendor": "defender", "device_id": "1409000000000000001"})),
            ("PROCESS_KILL", json!({"vendor": "crowdstrike"})),
            ("PROCESS_KILL", json!({"vendor": "sentinelone", "process_id": 7})),
            ("PROCESS_KILL", json!({"vendor": "sentinelone", "threat_id": "abc"})),
            ("PROCESS_KILL", json!({"vendor": "defender"})),
        ] {
            let mut target = target;
            target["hostname"] = json!("ws-01");
            let target: Target = serde_json::from_value(target).unwrap();
            let deed = Deed::of(Operation::Execute, kind.parse().unwrap(), &target);
            assert_eq!(deed, Err(Refusal::DeviceForm), "{kind} {target:?}");
        }
    }
}
