//! A folder of rules, read and checked.

use crate::check::check;
use crate::mistake::{Mistake, Severity};
use crate::written::WrittenRule;
use serde::Deserialize as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The fitted weights, in the folder of the rules: `[rules]` with `id = 0.1234` lines.
pub const WEIGHTS_FILE: &str = "fitted/weights.toml";
/// What else was fitted and changes results: the engine's build reads these, here they only count for the version.
const FITTED_FILES: [&str; 2] = ["fitted/calibration.toml", "fitted/ngrams.bin"];

/// Events that the fit learned from, an object a line: the compiler learns from them what is usual, see `usual.rs`.
const KNOWN_FILE: &str = "fitted/known.jsonl";

/// The rules of a folder and what is wrong with them.
#[derive(Debug, Clone)]
pub struct CheckedRules {
    rules: BTreeMap<String, WrittenRule>,
    files: BTreeMap<String, String>,
    weights: BTreeMap<String, f64>,
    fitted: Vec<Vec<u8>>,
    known: Vec<serde_json::Value>,
    mistakes: Vec<Mistake>,
}

/// Reads every `*.toml` directly in `folder`, and the fitted weights if there are any. Mistakes in them are collected,
/// not errors, so that all can be shared at once.
///
/// # Errors
/// If the folder or a file in it cannot be read.
pub fn read(folder: &Path) -> io::Result<CheckedRules> {
    let mut checked = CheckedRules {
        rules: BTreeMap::new(),
        files: BTreeMap::new(),
        weights: BTreeMap::new(),
        fitted: Vec::new(),
        known: Vec::new(),
        mistakes: Vec::new(),
    };
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    let mut paths: Vec<PathBuf> =
        entries.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    paths.sort();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        checked.add_file(&file, &fs::read_to_string(&path)?);
    }
    if checked.rules.is_empty() {
        checked.mistakes.push(Mistake::error(&folder.display().to_string(), None, None, "there are no rules here"));
    }
    for file in FITTED_FILES {
        match fs::read(folder.join(file)) {
            Ok(bytes) => checked.fitted.push(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => checked.fitted.push(Vec::new()),
            Err(error) => return Err(error),
        }
    }
    match fs::read_to_string(folder.join(WEIGHTS_FILE)) {
        Ok(text) => checked.add_weights(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match fs::read_to_string(folder.join(KNOWN_FILE)) {
        // The fit says what is wrong with a line; here one less makes no difference.
        Ok(text) => checked.known.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    checked.look_for_repetition();
    Ok(checked)
}

impl CheckedRules {
    /// The rules, by id. Of two with one id the first; that is a mistake too.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &WrittenRule> {
        self.rules.values()
    }

    /// The name of the file that has the rule.
    #[must_use]
    pub fn file_of(&self, id: &str) -> Option<&str> {
        self.files.get(id).map(String::as_str)
    }

    /// The weight that `rule` is compiled with: the fitted one, or else its author's.
    #[must_use]
    pub fn weight_of(&self, rule: &WrittenRule) -> f64 {
        self.weights.get(&rule.id).copied().unwrap_or(rule.weight)
    }

    /// Whether that weight was fitted.
    #[must_use]
    pub fn is_fitted(&self, id: &str) -> bool {
        self.weights.contains_key(id)
    }

    /// The other fitted files' bytes, empty where there is none.
    pub(crate) fn fitted(&self) -> &[Vec<u8>] {
        &self.fitted
    }

    /// What most machines do all day, and what some attacks did, if the folder has such events.
    pub(crate) fn known(&self) -> &[serde_json::Value] {
        &self.known
    }

    /// Everything that is wrong, in the order of files.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// What is so wrong that the rules cannot be compiled.
    pub fn errors(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().filter(|mistake| mistake.severity == Severity::Error)
    }

    fn add_file(&mut self, file: &str, text: &str) {
        let document: toml::Table = match text.parse() {
            Ok(document) => document,
            Err(error) => return self.mistakes.push(Mistake::error(file, None, None, &error.to_string())),
        };
        for key in document.keys().filter(|key| *key != "rule") {
            self.mistakes.push(Mistake::error(file, None, Some(key), "unknown key; rules are [[rule]] tables"));
        }
        let Some(rules) = document.get("rule") else { return };
        let Some(rules) = rules.as_array() else {
            return self.mistakes.push(Mistake::error(file, None, Some("rule"), "rules are [[rule]] tables"));
        };
        for rule in rules {
            self.add_rule(file, rule);
        }
    }

    fn add_rule(&mut self, file: &str, rule: &toml::Value) {
        let id = rule.get("id").and_then(toml::Value::as_str).unwrap_or("(no id)").to_owned();
        match WrittenRule::deserialize(rule.clone()) {
            Ok(rule) => {
                let wrong = check(&rule);
                self.mistakes.extend(wrong.iter().map(|(key, why)| Mistake::error(file, Some(&id), Some(key), why)));
                if let Some(other) = self.files.get(&id) {
                    let why = format!("another rule has it, in {other}");
                    self.mistakes.push(Mistake::error(file, Some(&id), Some("id"), &why));
                } else {
                    self.files.insert(id.clone(), file.to_owned());
                    self.rules.insert(id, rule);
                }
            }
            Err(error) => {
                let why = error.to_string();
                let key = rule.as_table().and_then(|rule| key_at_fault(&why, rule));
                self.mistakes.push(Mistake::error(file, Some(&id), key.as_deref(), &why));
            }
        }
    }

    /// Other tables of the file belong to whoever fitted the weights.
    fn add_weights(&mut self, text: &str) {
        let document: toml::Table = match text.parse() {
            Ok(document) => document,
            Err(error) => return self.mistakes.push(Mistake::error(WEIGHTS_FILE, None, None, &error.to_string())),
        };
        let weights = document.get("rules").and_then(toml::Value::as_table).into_iter().flatten();
        for (id, weight) in weights {
            let number = weight.as_float().filter(|weight| (0.0..=0.99).contains(weight));
            match number {
                Some(weight) if self.rules.contains_key(id) => {
                    self.weights.insert(id.clone(), weight);
                }
                Some(_) => {
                    let why = "there is no such rule; fit the weights again";
                    self.mistakes.push(Mistake::warning(WEIGHTS_FILE, Some(id), None, why));
                }
                None => {
                    let why = "a fitted weight is a number from 0.0 to 0.99";
                    self.mistakes.push(Mistake::error(WEIGHTS_FILE, Some(id), None, why));
                }
            }
        }
    }

    /// Two rules that look for the same thing on the same system, or bear the same title, are one rule written twice.
    fn look_for_repetition(&mut self) {
        let (mut titles, mut meanings) = (BTreeMap::new(), BTreeMap::new());
        let mut found = Vec::new();
        for rule in self.rules.values() {
            let file = self.files.get(&rule.id).map_or("", String::as_str);
            let title = (rule.title.to_lowercase(), rule.platforms.clone());
            if let Some(other) = titles.insert(title, &rule.id) {
                found.push(Mistake::warning(file, Some(&rule.id), Some("title"), &format!("{other} has the same")));
            }
            let meaning = serde_json::to_string(&(&rule.platforms, rule.conditions())).unwrap_or_default();
            if let Some(other) = meanings.insert(meaning, &rule.id) {
                let why = format!("{other} looks for the same");
                found.push(Mistake::warning(file, Some(&rule.id), Some("all"), &why));
            }
        }
        self.mistakes.extend(found);
    }
}

/// The key that a parser's message is about: the one it quotes, or else the only one whose value does not fit alone.
fn key_at_fault(why: &str, rule: &toml::Table) -> Option<String> {
    let quoted = why.split('`').nth(1).map(str::to_owned);
    if why.contains("unknown field") || why.contains("missing field") {
        return quoted;
    }
    let strings = ["id", "title", "family", "tactic", "regex", "false_positives"];
    let fits = |key: &str, value: &toml::Value| match value {
        toml::Value::String(_) => strings.contains(&key),
        toml::Value::Float(_) => key == "weight",
        toml::Value::Boolean(_) => key == "stage",
        toml::Value::Array(_) => !strings.contains(&key) && !["weight", "stage"].contains(&key),
        _ => false,
    };
    rule.iter().find(|(key, value)| !fits(key, value)).map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"
        [[rule]]
        id = "a-rule"
        title = "A rule"
        family = "a-family"
        platforms = ["windows"]
        techniques = ["T1003.001"]
        tactic = "execution"
        weight = 0.5
        all = ["whoami"]
        false_positives = "none known"
        match = ["whoami"]
        no_match = ["id"]
    "#;

    fn checked(files: &[(&str, &str)]) -> CheckedRules {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        read(folder.path()).unwrap()
    }

    fn said(checked: &CheckedRules) -> Vec<String> {
        checked.mistakes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_mistakes_are_named_by_file_rule_and_key_at_once() {
        let other = RULE.replace("0.5", "'a lot'").replace("a-rule", "b-rule");
        let third = RULE.replace("title", "titel").replace("a-rule", "c-rule");
        let fourth = RULE.replace("0.5", "5.0").replace("a-rule", "d-rule");
        let checked = checked(&[("a.toml", RULE), ("b.toml", &format!("{other}{third}{fourth}")), ("c.toml", "x = [")]);
        let said = said(&checked);
        for beginning in [
            "b.toml: b-rule: weight: ",
            "b.toml: c-rule: titel: unknown field",
            "b.toml: d-rule: weight: from 0.01 to 0.97",
            "c.toml: TOML parse error",
        ] {
            assert!(said.iter().any(|mistake| mistake.starts_with(beginning)), "{beginning} is not in {said:#?}");
        }
        assert_eq!(checked.errors().count(), 4, "{said:#?}");
    }

    #[test]
    fn an_id_is_used_once_and_a_meaning_too() {
        let twice = checked(&[("a.toml", RULE), ("b.toml", RULE)]);
        assert_eq!(said(&twice), ["b.toml: a-rule: id: another rule has it, in a.toml"]);
        let renamed = RULE.replace("a-rule", "b-rule");
        let same = checked(&[("a.toml", RULE), ("b.toml", &renamed)]);
        assert_eq!(same.errors().count(), 0);
        assert_eq!(
            said(&same),
            ["b.toml: b-rule: title: a-rule has the same", "b.toml: b-rule: all: a-rule looks for the same"]
        );
    }

    #[test]
    fn a_fitted_weight_goes_before_the_authors() {
        let weights = "[rules]\na-rule = 0.1234\ngone = 0.5\n[notes]\nwhen = 'then'\n";
        let fitted = checked(&[("a.toml", RULE), (WEIGHTS_FILE, weights)]);
        let rule = fitted.rules().next().unwrap();
        assert!((fitted.weight_of(rule) - 0.1234).abs() < 1e-9 && fitted.is_fitted("a-rule"));
        assert_eq!(said(&fitted), ["fitted/weights.toml: gone: there is no such rule; fit the weights again"]);
        assert_eq!(fitted.errors().count(), 0, "an unknown id is a warning");
        let wrong = checked(&[("a.toml", RULE), (WEIGHTS_FILE, "[rules]\na-rule = 1.5\n")]);
        assert_eq!(wrong.errors().count(), 1);
    }

    #[test]
    fn a_folder_without_rules_is_a_mistake() {
        assert_eq!(checked(&[("README.md", "")]).errors().count(), 1);
    }
}
