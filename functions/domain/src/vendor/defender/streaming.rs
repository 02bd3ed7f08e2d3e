//! Defender XDR's streaming API: one record for the alert (`AlertInfo`) and one for each piece of its evidence
//! (`AlertEvidence`). Records of one body that have the same `AlertId` are one alert.

use super::super::draft::{Draft, Required};
use super::super::fields::{account, at, first_text, first_valid, path_in_folder, platform_of_path, text};
use super::super::{NormaliseError, Normalised, Reception};
use super::linked::Linked;
use crate::alert::{NormalizedAlert, VendorSeverity};
use crate::timestamp;
use serde_json::Value;
use vyrox_contract::Vendor;

const PREFIX: &str = "AdvancedHunting-";

pub(super) fn recognises(record: &Value) -> bool {
    text(record, &["category"]).is_some_and(|category| category.starts_with(PREFIX))
}

pub(super) fn normalise(records: &[&Value], reception: &Reception<'_>) -> Result<Normalised, NormaliseError> {
    let mut alerts: Vec<(String, Vec<&Value>)> = Vec::new();
    for record in records {
        let category = text(record, &["category"]).unwrap_or_default();
        if !matches!(&category[PREFIX.len().min(category.len())..], "AlertInfo" | "AlertEvidence") {
            continue;
        }
        let properties = record.get("properties").unwrap_or(&Value::Null);
        let id = text(properties, &["AlertId"]).ok_or(NormaliseError::Field { field: "properties.AlertId" })?;
        match alerts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, parts)) => parts.push(properties),
            None => alerts.push((id, vec![properties])),
        }
    }
    if alerts.is_empty() {
        return Ok(Normalised::Ignored { reason: "the hunting table has no alerts".to_owned() });
    }
    let alerts = alerts.into_iter().map(|(id, parts)| alert(id, &parts, reception));
    Ok(Normalised::Alerts(alerts.collect::<Result<_, _>>()?))
}

/// One alert from its records. A process's record says most; what it leaves out, the others say.
fn alert(id: String, parts: &[&Value], reception: &Reception<'_>) -> Result<NormalizedAlert, NormaliseError> {
    let of = |kind: &str| parts.iter().copied().find(|part| text(part, &["EntityType"]).as_deref() == Some(kind));
    let process = of("Process");
    let file = process.or_else(|| of("File")).unwrap_or(&Value::Null);
    let process = process.unwrap_or(&Value::Null);
    let any = |paths: &[&[&str]]| parts.iter().find_map(|part| first_text(part, paths));
    let listed = |key: &str| {
        parts.iter().find_map(|part| {
            let value = part.get(key)?;
            Linked::parse(Some(value)).first()
        })
    };
    let (machine_id, hostname) = machine(parts);
    let process_name = text(file, &["FileName"]);
    let process_path = path_in_folder(text(file, &["FolderPath"]), process_name.as_deref());
    let user = of("User");
    let draft = Draft {
        raw_id: Some(id),
        timestamp: parts.iter().find_map(|part| at(part, &["Timestamp"]).and_then(timestamp::parse)),
        hostname,
        username: [process, user.unwrap_or(&Value::Null), file].into_iter().find_map(|part| {
            account(text(part, &["AccountDomain"]), text(part, &["AccountName"]))
                .or_else(|| text(part, &["AccountUpn"]))
        }),
        process_name,
        process_cmdline: text(process, &["ProcessCommandLine"]),
        sha256: first_valid(file, &[&["SHA256"]]),
        sha1: first_valid(file, &[&["SHA1"]]),
        tactic: listed("Categories").or_else(|| any(&[&["Category"]])),
        technique: listed("AttackTechniques"),
        severity: any(&[&["Severity"]]).map(|word| VendorSeverity::from_word(&word)),
        device_id: machine_id.and_then(|id| id.parse().ok()),
        platform: process_path.as_deref().and_then(platform_of_path),
        process_path,
        title: any(&[&["Title"]]),
        partial: true,
        ..Draft::default()
    };
    let required = Required { raw_id: "properties.AlertId", timestamp: "properties.Timestamp" };
    draft.finish(Vendor::Defender, required, reception)
}

/// A machine as one record names it.
#[derive(Debug, Default)]
struct Machine {
    id: Option<String>,
    /// `DeviceName`, which is the full name.
    name: Option<String>,
    /// The name inside `AdditionalFields`.
    short_name: Option<String>,
}

impl Machine {
    /// For a process, `DeviceId` is null and the machine stands in `AdditionalFields`.
    fn of(part: &Value) -> Self {
        let more = Linked::parse(part.get("AdditionalFields"));
        let inside = |key: &str| {
            more.text(&["ImageFile", "Host", key]).or_else(|| more.text(&["Host", key])).or_else(|| more.text(&[key]))
        };
        Self {
            id: text(part, &["DeviceId"]).or_else(|| inside("MachineId")),
            name: text(part, &["DeviceName"]),
            short_name: inside("HostName"),
        }
    }
}

/// The id and the name of one machine: the process's; else the only one that the records name. Of several it is none.
fn machine(parts: &[&Value]) -> (Option<String>, Option<String>) {
    let machines: Vec<Machine> = parts.iter().map(|part| Machine::of(part)).collect();
    let process = parts.iter().position(|part| text(part, &["EntityType"]).as_deref() == Some("Process"));
    let id = process
        .and_then(|at| machines[at].id.clone())
        .or_else(|| only(machines.iter().filter_map(|machine| machine.id.clone())));
    if id.is_none() && machines.iter().any(|machine| machine.id.is_some()) {
        return (None, None);
    }
    let same = || machines.iter().filter(|machine| machine.id == id);
    let name = only(same().filter_map(|machine| machine.name.clone()));
    let name = name.or_else(|| only(same().filter_map(|machine| machine.short_name.clone())));
    (id, name)
}

/// What all of them say.
fn only(mut texts: impl Iterator<Item = String>) -> Option<String> {
    let first = texts.next()?;
    texts.all(|text| text == first).then_some(first)
}
