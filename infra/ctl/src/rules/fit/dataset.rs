//! Labelled events: what is fitted to, and what each says to rules and n-grams.

use crate::error::CtlError;
use crate::rules::event::{Event, events};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use vyrox_domain::heuristics::{RESEMBLANCE, Ruleset, System, gram_sets};
use vyrox_ruleset::CheckedRules;

/// One event with its label.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) label: Label,
    /// As the engine infers it.
    pub(crate) system: System,
    /// Rules that matched, as numbers into [`Dataset::rules`]; those on trial are not among them.
    pub(crate) hits: Vec<usize>,
    /// The n-grams of each window, the whole text's first.
    pub(crate) windows: Vec<Vec<u16>>,
    /// Whether the authors of rules looked at it.
    pub(crate) seen: bool,
    /// Whether it may be learned from.
    pub(crate) train: bool,
    /// Whether it is measured with.
    pub(crate) measured: bool,
}

/// What is known about an event. Nothing of it is a feature.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Label {
    pub(crate) id: String,
    pub(crate) set: Set,
    pub(crate) cls: Class,
    /// One attack test or one script: never on both sides of a split.
    pub(crate) group: String,
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) technique: String,
    #[serde(default)]
    pub(crate) source: String,
}

/// Whether it was an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Set {
    Malicious,
    Benign,
}

/// How much it says, or what kind of harmless event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// Malicious, and it shows.
    Strong,
    /// Part of an attack that means little alone.
    Weak,
    Routine,
    Admin,
    /// Harmless, and looks like an attack.
    Hard,
}

/// A rule whose weight is fitted.
#[derive(Debug, Clone)]
pub(crate) struct RuleInfo {
    pub(crate) id: String,
    pub(crate) family: usize,
    /// Its author's weight.
    pub(crate) prior: f64,
}

/// Everything that fitting needs.
#[derive(Debug, Clone)]
pub(crate) struct Dataset {
    pub(crate) rows: Vec<Row>,
    /// Learned from in every split, and never measured with.
    pub(crate) also: Vec<Row>,
    pub(crate) rules: Vec<RuleInfo>,
    pub(crate) families: Vec<String>,
    /// SHA-256 of the bytes of all files.
    pub(crate) digest: String,
}

impl Dataset {
    /// The rows that are learned from: those that `train` picks, and all that are only there for learning.
    pub(crate) fn learned_from(&self, train: impl Fn(usize, &Row) -> bool) -> impl Iterator<Item = &Row> {
        self.rows.iter().enumerate().filter(move |(at, row)| train(*at, row)).map(|(_, row)| row).chain(&self.also)
    }
}

impl Label {
    pub(crate) fn malicious(&self) -> bool {
        self.set == Set::Malicious
    }

    pub(crate) fn strong(&self) -> bool {
        self.malicious() && self.cls == Class::Strong
    }

    pub(crate) fn benign(&self) -> bool {
        self.set == Set::Benign
    }
}

/// Where labelled events are.
pub(crate) struct Files<'a> {
    pub(crate) inputs: &'a Path,
    pub(crate) labels: &'a Path,
    /// The ids of events that rule authors looked at; without it, all.
    pub(crate) seen: Option<&'a Path>,
    /// Events that carry their label, which are learned from and not measured with.
    pub(crate) also: &'a [PathBuf],
}

/// Reads and joins events and labels, and lets the rules look at every event. Nothing is learned from `excluded` sources.
///
/// # Errors
/// If a file cannot be read, a line is not what it should be, or an event has no label.
pub(crate) fn load(
    files: &Files<'_>,
    excluded: &[String],
    checked: &CheckedRules,
    ruleset: &Ruleset<'_>,
) -> Result<Dataset, CtlError> {
    let (label_bytes, labels_read) = lines::<Label>(files.labels)?;
    let mut by_id: BTreeMap<String, Label> =
        labels_read.into_iter().map(|label: Label| (label.id.clone(), label)).collect();
    let seen: Option<BTreeSet<String>> = match files.seen {
        Some(path) => Some(lines::<Id>(path)?.1.into_iter().map(|id| id.id).collect()),
        None => None,
    };
    let (rules, families) = rules(checked);
    let places: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(at, rule)| (rule.id.as_str(), at)).collect();
    let row = |event: &Event, label: Label, measured: bool| {
        let observation = event.observation();
        let matched = ruleset.explain(&observation).matched;
        let rules = matched.iter().filter(|evidence| evidence.rule_id != RESEMBLANCE);
        Row {
            hits: rules.filter_map(|evidence| places.get(evidence.rule_id.as_str()).copied()).collect(),
            windows: gram_sets(&observation),
            system: System::of(&observation),
            seen: seen.as_ref().is_none_or(|seen| seen.contains(&label.id)),
            train: !excluded.contains(&label.source),
            measured,
            label,
        }
    };
    let mut rows = Vec::new();
    for event in events(files.inputs)? {
        let event = event?;
        let id = event.id.as_str().unwrap_or_default();
        let label = by_id.remove(id).ok_or_else(|| CtlError::NoLabel(event.id.to_string()))?;
        rows.push(row(&event, label, true));
    }
    let mut digest = Sha256::new();
    digest.update(fs::read(files.inputs).map_err(|source| unreadable(files.inputs, source))?);
    digest.update(label_bytes);
    let mut also = Vec::new();
    for path in files.also {
        let (bytes, labelled) = lines::<Labelled>(path)?;
        digest.update(bytes);
        also.extend(labelled.into_iter().map(|Labelled { event, label }| row(&event, label, false)));
    }
    Ok(Dataset { rows, also, rules, families, digest: hex::encode(digest.finalize()) })
}

/// An event and its label on one line.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Labelled {
    event: Event,
    label: Label,
}

impl TryFrom<Value> for Labelled {
    type Error = serde_json::Error;

    fn try_from(line: Value) -> Result<Self, Self::Error> {
        Ok(Self { event: serde_json::from_value(line.clone())?, label: serde_json::from_value(line)? })
    }
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

fn rules(checked: &CheckedRules) -> (Vec<RuleInfo>, Vec<String>) {
    let counted = || checked.rules().filter(|rule| !rule.stage);
    let families: Vec<String> =
        counted().map(|rule| rule.family.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let rules = counted()
        .map(|rule| RuleInfo {
            id: rule.id.clone(),
            family: families.binary_search(&rule.family).expect("every family was collected"),
            prior: rule.weight,
        })
        .collect();
    (rules, families)
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<(Vec<u8>, Vec<T>), CtlError> {
    let bytes = fs::read(path).map_err(|source| unreadable(path, source))?;
    let read = bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|source| CtlError::Line {
                path: path.display().to_string(),
                line: index + 1,
                source,
            })
        })
        .collect::<Result<Vec<T>, CtlError>>()?;
    Ok((bytes, read))
}

fn unreadable(path: &Path, source: std::io::Error) -> CtlError {
    CtlError::File { path: path.display().to_string(), source }
}
