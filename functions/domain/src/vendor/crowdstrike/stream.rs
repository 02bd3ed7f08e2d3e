//! The event stream: detections of endpoints, identities, mobile devices and across domains, among audit events that are
//! none.
//!
//! `event.ProcessId` is Falcon's graph id, not an operating system's process id, so these events never yield one.

use super::super::draft::{Draft, Required};
use super::super::fields::{
    account, at, basename, elements, first_text, first_valid, platform_of_name, platform_of_path, text,
};
use super::super::{NormaliseError, Normalised, Reception};
use super::severity::{Scale, severity};
use crate::alert::NormalizedAlert;
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

/// Where the events have their id.
const IDS: [&[&str]; 4] = [&["CompositeId"], &["DetectId"], &["MobileDetectionId"], &["IdentityProtectionIncidentId"]];

/// One event of type `kind`. Every `...DetectionSummaryEvent` is a detection, also one of a kind that is not known here:
/// an alert must not be lost because Falcon names a new product. If that has its id elsewhere, a refusal would make the
/// forwarder retry it for ever.
pub(super) fn normalise(
    kind: &str,
    payload: &Value,
    event: &Value,
    reception: &Reception<'_>,
) -> Result<Normalised, NormaliseError> {
    let lowered = kind.to_ascii_lowercase();
    let scale = match lowered.as_str() {
        "detectionsummaryevent" => Scale::Legacy,
        "eppdetectionsummaryevent" => Scale::Percent,
        "mobiledetectionsummaryevent" => Scale::PercentAboveFive,
        "identityprotectionevent" | "idpdetectionsummaryevent" | "xdrdetectionsummaryevent" => Scale::Uncertain,
        // A closed list of words may go back to the sender; free text of theirs may not.
        other if !other.ends_with("detectionsummaryevent") => {
            return Ok(Normalised::Ignored { reason: "event type is not a detection".to_owned() });
        }
        _ if first_text(event, &IDS).is_none() => {
            return Ok(Normalised::Ignored { reason: "detection of an unknown type without an id".to_owned() });
        }
        _ => Scale::Uncertain,
    };
    detection(scale, payload, event, reception).map(|alert| Normalised::Alerts(vec![alert]))
}

fn detection(
    scale: Scale,
    payload: &Value,
    event: &Value,
    reception: &Reception<'_>,
) -> Result<NormalizedAlert, NormaliseError> {
    let process_name = text(event, &["FileName"]);
    let process_path = joined(text(event, &["FilePath"]), process_name.as_deref());
    let number = text(event, &["Severity"]).and_then(|digits| digits.parse::<u64>().ok());
    let draft = Draft {
        raw_id: first_text(event, &IDS),
        timestamp: time(payload, event),
        hostname: said(event, &[&["Hostname"], &["ComputerName"], &["SourceEndpointHostName"], &["EndpointName"]])
            .or_else(|| only_one(text(event, &["HostNames"]))),
        username: username(event),
        process_name: process_name.or_else(|| process_path.as_deref().and_then(basename)),
        process_cmdline: text(event, &["CommandLine"]),
        sha256: first_valid(event, &[&["SHA256String"]]),
        tactic: said(event, &[&["Tactic"], &["Tactics"]]),
        technique: technique(event),
        severity: Some(severity(scale, text(event, &["SeverityName"]).as_deref(), number)),
        device_id: first_valid(event, &[&["AgentId"], &["SensorId"], &["AgentIdString"], &["SourceEndpointSensorId"]]),
        sha1: first_valid(event, &[&["SHA1String"]]),
        platform: first_text(event, &[&["PlatformName"], &["Platform"]])
            .and_then(|name| platform_of_name(&name))
            .or_else(|| process_path.as_deref().and_then(platform_of_path)),
        process_path,
        parent_process: first_text(event, &[&["ParentImageFileName"], &["ParentImageFilePath"]]),
        parent_cmdline: text(event, &["ParentCommandLine"]),
        title: first_text(
            event,
            &[
                &["DetectName"],
                &["Name"],
                &["Description"],
                &["DetectDescription"],
                &["IncidentDescription"],
                &["IncidentType"],
            ],
        ),
        ..Draft::default()
    };
    let required = Required { raw_id: "event.CompositeId or event.DetectId", timestamp: "metadata.eventCreationTime" };
    draft.finish(Vendor::Crowdstrike, required, reception)
}

/// The stream's own time; else the event's: `ContextTimeStamp` (FILETIME) of identities, `UTCTimestamp` of the replicator.
fn time(payload: &Value, event: &Value) -> Option<i64> {
    at(payload, &["metadata", "eventCreationTime"]).and_then(timestamp::parse).or_else(|| {
        ["ContextTimeStamp", "UTCTimestamp", "timestamp", "StartTime"]
            .iter()
            .find_map(|key| event.get(key).and_then(timestamp::parse))
    })
}

fn username(event: &Value) -> Option<String> {
    account(first_text(event, &[&["LogonDomain"], &["MachineDomain"]]), said(event, &[&["UserName"]]))
        .or_else(|| account(text(event, &["SourceAccountDomain"]), said(event, &[&["SourceAccountName"]])))
        .or_else(|| text(event, &["SourceAccountUpn"]))
        .or_else(|| only_one(text(event, &["Users"])))
}

fn technique(event: &Value) -> Option<String> {
    let attacks = elements(event, &["MitreAttack"]).iter().filter_map(|attack| text(attack, &["TechniqueID"]));
    let ids = attacks.chain(text(event, &["TechniqueId"])).chain(text(event, &["TechniqueIds"]));
    preferred(ids.collect(), said(event, &[&["Technique"], &["Techniques"]]))
}

/// ATT&CK's id where there is one; else the vendor's words, which say more than the vendor's own ids (`CST0007`).
pub(super) fn preferred(ids: Vec<String>, words: Option<String>) -> Option<String> {
    let is_attack =
        |id: &String| id.strip_prefix('T').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    ids.iter().find(|id| is_attack(id)).cloned().or(words).or_else(|| ids.into_iter().next())
}

/// The first of the texts that says something: Falcon writes `N/A` where it has nothing.
pub(super) fn said(event: &Value, paths: &[&[&str]]) -> Option<String> {
    paths.iter().filter_map(|path| text(event, path)).find(|text| !text.eq_ignore_ascii_case("n/a"))
}

/// A list in one text names its only element; which of several is meant, it does not say.
fn only_one(list: Option<String>) -> Option<String> {
    list.filter(|list| !list.contains(','))
}

/// A path that ends in a separator is the folder only.
pub(super) fn joined(path: Option<String>, name: Option<&str>) -> Option<String> {
    match (path, name) {
        (Some(path), Some(name)) if path.ends_with(['/', '\\']) => Some(format!("{path}{name}")),
        (path, _) => path,
    }
}
