//! Two layers of settings, the file and the variables that win over it, read into one typed struct by serde.
//!
//! serde stops at the first problem; all are wanted. So what it stumbles over is noted by its path, taken out, and the rest
//! is read again. Its texts may quote the value, so only what was expected is taken from them.

use super::problem::Problem;
use super::{Environment, FILE_VARIABLE};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use std::collections::BTreeMap;
use toml::{Table, Value};
use vyrox_contract::strict::Strict;

/// The tables of the file: `VYROX_POLICY_QUORUM` is `quorum` in `[policy]`.
const SECTIONS: [&str; 6] = ["poll", "policy", "limits", "crowdstrike", "sentinelone", "defender"];

/// Settings that are secrets. They do not belong in the file.
const SECRETS: [&str; 4] =
    ["hmac_secret", "crowdstrike.client_secret", "sentinelone.api_token", "defender.client_secret"];

pub(super) struct Layers<T> {
    pub(super) settings: T,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

/// Reads both layers. What has a problem is left at its default.
///
/// # Errors
/// If the file is no TOML; then nothing in it can be looked at, and all would be reported as missing.
pub(super) fn read<T: DeserializeOwned + Default>(file: &str, environment: &Environment) -> Result<Layers<T>, Problem> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let mut table = toml::from_str::<Table>(file).map_err(|error| {
        // The parser's text quotes the line that it stopped at.
        let before = &file.as_bytes()[..error.span().map_or(0, |span| span.start)];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Problem::new("config", format!("is not valid TOML (line {line})"))
    })?;
    for name in SECRETS {
        if take(&mut table, name).is_some() {
            problems.push(Problem::new(
                name,
                "a secret does not belong in this file; use the variable or the _file setting",
            ));
        }
    }
    // A variable is a text. Where that does not fit, it is read as a TOML value, and then as a list with commas.
    let mut readings: BTreeMap<String, (&str, Vec<Value>)> = BTreeMap::new();
    for (variable, text) in environment.iter().filter(|(variable, _)| *variable != FILE_VARIABLE) {
        let name = setting(variable);
        if !SECTIONS.contains(&name.as_str()) {
            put(&mut table, &name, Value::String(text.clone()));
            readings.insert(name, (variable, other_readings(text)));
        }
    }
    let settings = loop {
        let error = match serde_path_to_error::deserialize(Strict(Value::Table(table.clone()))) {
            Ok(settings) => break settings,
            Err(error) => error,
        };
        let name = name_of(error.path());
        let text = error.inner().message().to_owned();
        if take(&mut table, &name).is_none() {
            // It is about no single setting, so there is nothing that could be taken out.
            problems.push(Problem::new("config", expected(&text)));
            break T::default();
        }
        let unknown = text.starts_with("unknown field");
        // Of a rule in a list: without it there would be one rule less, whoever set it.
        let inside = error.path().iter().count() > 2;
        match readings.get_mut(&name) {
            // It may belong to the container platform.
            Some((variable, _)) if unknown && !inside => {
                warnings.push(format!("{variable} is set but is not a setting of this version"));
            }
            Some((_, others)) if !others.is_empty() => put(&mut table, &name, others.remove(0)),
            _ if unknown && inside => problems.push(Problem::new(&name, "holds what is not a setting of this version")),
            _ if unknown => problems.push(Problem::new(&name, "is not a setting of this version")),
            _ => problems.push(Problem::new(&name, expected(&text))),
        }
    };
    Ok(Layers { settings, problems, warnings })
}

/// `VYROX_POLICY_KILL_SWITCH_FILE` is `policy.kill_switch_file`.
fn setting(variable: &str) -> String {
    let name = variable.trim_start_matches("VYROX_").to_ascii_lowercase();
    let section = SECTIONS.iter().find_map(|section| Some((section, name.strip_prefix(section)?.strip_prefix('_')?)));
    section.map_or_else(|| name.clone(), |(section, key)| format!("{section}.{key}"))
}

fn other_readings(text: &str) -> Vec<Value> {
    let value = toml::from_str::<Table>(&format!("v = {text}")).ok().and_then(|mut table| table.remove("v"));
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let list = Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
    value.into_iter().chain([list]).collect()
}

fn put(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value);
        }
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Some(section) = section.as_table_mut() {
                section.insert(key.to_owned(), value);
            }
        }
    }
}

fn take(table: &mut Table, name: &str) -> Option<Value> {
    match name.split_once('.') {
        None => table.remove(name),
        Some((section, key)) => table.get_mut(section)?.as_table_mut()?.remove(key),
    }
}

/// The setting that a path leads into: its first two names, without what stands inside a list.
fn name_of(path: &serde_path_to_error::Path) -> String {
    let keys = path.iter().map_while(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        _ => None,
    });
    keys.take(2).collect::<Vec<_>>().join(".")
}

/// What serde would have liked. The part before may quote the value.
fn expected(text: &str) -> String {
    match text.rsplit_once(", expected ") {
        Some((_, wanted)) => format!("is not {wanted}"),
        None => text.to_owned(),
    }
}
