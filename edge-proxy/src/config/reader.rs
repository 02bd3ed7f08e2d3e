//! Reads settings by name from the variables first, then from the file, and collects what is wrong.

use super::Environment;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// What is wrong with one setting. It never holds the setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as in the file (`policy.max_isolations_per_hour`).
    pub name: String,
    /// In words.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }
}

/// Every problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s)", self.0.len())?;
        for problem in &self.0 {
            write!(f, "\n  {} ({}): {}", problem.name, variable(&problem.name), problem.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The variable of a setting: `policy.kill_switch_file` is `VYROX_POLICY_KILL_SWITCH_FILE`.
fn variable(name: &str) -> String {
    format!("VYROX_{}", name.replace('.', "_").to_ascii_uppercase())
}

pub(super) struct Reader<'a> {
    environment: &'a Environment,
    file: BTreeMap<String, Vec<String>>,
    asked: BTreeSet<String>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: Option<&Path>, environment: &'a Environment) -> Self {
        let (file_settings, asked) = (BTreeMap::new(), BTreeSet::new());
        let mut reader = Self { environment, file: file_settings, asked, problems: Vec::new(), warnings: Vec::new() };
        if let Some(path) = file {
            match std::fs::read_to_string(path).map(|text| toml::from_str::<toml::Table>(&text)) {
                Ok(Ok(table)) => reader.flatten("", &table),
                // The parser's text quotes the line that it stopped at, which may be a secret.
                Ok(Err(error)) => {
                    let at = error.span().map_or(0, |span| span.start);
                    reader.problem("file", &format!("is not valid TOML (near byte {at})"));
                }
                Err(error) => reader.problem("file", &format!("cannot be read: {error}")),
            }
        }
        reader
    }

    fn flatten(&mut self, prefix: &str, table: &toml::Table) {
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            match value {
                toml::Value::Table(inner) => self.flatten(&format!("{name}."), inner),
                toml::Value::Array(items) => {
                    let texts = items.iter().map(scalar).collect();
                    self.file.insert(name, texts);
                }
                other => {
                    self.file.insert(name, vec![scalar(other)]);
                }
            }
        }
    }

    pub(super) fn problem(&mut self, name: &str, text: &str) {
        self.problems.push(Problem::new(name, text));
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// A list: an array in the file, separated by commas in the variable.
    pub(super) fn list(&mut self, name: &str) -> Option<Vec<String>> {
        self.asked.insert(name.to_owned());
        match self.environment.get(&variable(name)) {
            Some(text) => Some(text.split(',').map(|item| item.trim().to_owned()).filter(|i| !i.is_empty()).collect()),
            None => self.file.get(name).cloned(),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.asked.insert(name.to_owned());
        if let Some(text) = self.environment.get(&variable(name)) {
            return Some(text.clone());
        }
        match self.file.get(name).map(Vec::as_slice) {
            Some([one]) => Some(one.clone()),
            Some(_) => {
                self.problem(name, "is a list where one value is wanted");
                None
            }
            None => None,
        }
    }

    /// A value that has a default.
    pub(super) fn set<T>(&mut self, name: &str, target: &mut T, parse: impl Fn(&str) -> Option<T>, wanted: &str) {
        if let Some(text) = self.text(name) {
            match parse(text.trim()) {
                Some(value) => *target = value,
                None => self.problem(name, &format!("is not {wanted}")),
            }
        }
    }

    /// A value without which there is no configuration.
    pub(super) fn require<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, wanted: &str) -> Option<T> {
        let Some(text) = self.text(name) else {
            self.problem(name, "is missing");
            return None;
        };
        let value = parse(text.trim());
        if value.is_none() {
            self.problem(name, &format!("is not {wanted}"));
        }
        value
    }

    /// A secret: in the variable `<name>`, or in the file that `<name>_file` names. Never in `proxy.toml` itself.
    pub(super) fn secret(&mut self, name: &str) -> Option<String> {
        let file = format!("{name}_file");
        if self.file.contains_key(name) {
            self.problem(name, "a secret does not belong in this file; use the variable or the _file setting");
        }
        self.asked.insert(name.to_owned());
        let from_file = self.text(&file);
        if let Some(text) = self.environment.get(&variable(name)) {
            return Some(text.clone());
        }
        let path = from_file?;
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                self.problem(&file, &format!("cannot be read: {}", error.kind()));
                None
            }
        }
    }

    /// All problems, settings that nobody asked for included; and variables that nobody asked for, which may belong to
    /// the container platform and are only worth a warning.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Vec<String>) {
        let unknown: Vec<String> = self.file.keys().filter(|name| !self.asked.contains(*name)).cloned().collect();
        for name in unknown {
            self.problem(&name, "is not a setting of this version");
        }
        let known: BTreeSet<String> = self.asked.iter().map(|name| variable(name)).collect();
        let stray = self.environment.keys().filter(|name| *name != super::FILE_VARIABLE && !known.contains(*name));
        self.warnings.extend(stray.map(|name| format!("{name} is set but is not a setting of this version")));
        (self.problems, self.warnings)
    }
}

fn scalar(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
