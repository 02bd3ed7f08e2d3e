//! A rule as it is written.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A rule; `rules/README.md` explains every key. What is not serialised cannot change a result and is not part of the
/// ruleset's version.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "rules/README.md explains every key")]
pub struct WrittenRule {
    pub id: String,
    pub title: String,
    pub family: String,
    pub platforms: Vec<String>,
    pub techniques: Vec<String>,
    pub tactic: String,
    /// The author's prior; a fitted weight goes before it.
    pub weight: f64,
    #[serde(default)]
    pub stage: bool,
    #[serde(default)]
    pub process: Vec<String>,
    #[serde(default)]
    pub parent: Vec<String>,
    /// The rule's own condition, whose keys stand beside the others.
    #[serde(flatten)]
    pub condition: WrittenCondition,
    /// Further ones.
    #[serde(default)]
    pub and: Vec<WrittenCondition>,
    #[serde(skip_serializing)]
    pub false_positives: String,
    #[serde(default, skip_serializing)]
    pub references: Vec<String>,
    #[serde(rename = "match", skip_serializing)]
    pub matches: Vec<Example>,
    #[serde(rename = "no_match", skip_serializing)]
    pub differs: Vec<Example>,
}

/// What must hold in one field.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "rules/README.md explains every key")]
pub struct WrittenCondition {
    #[serde(default = "cmdline")]
    pub fields: Vec<String>,
    #[serde(default)]
    pub all: Vec<String>,
    #[serde(default)]
    pub any: Vec<OneOrMore>,
    #[serde(default)]
    pub none: Vec<String>,
    #[serde(default)]
    pub regex: Option<String>,
}

/// `any = ["a", "b"]` is one group; `any = [["a", "b"], ["c", "d"]]` wants one of each.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// A member of the one group.
    One(String),
    /// A group.
    More(Vec<String>),
}

/// An event that a rule must match, or must not.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Example {
    /// A command line.
    Cmdline(String),
    /// Several fields.
    Fields(BTreeMap<String, String>),
}

fn cmdline() -> Vec<String> {
    vec!["cmdline".to_owned()]
}

impl WrittenCondition {
    /// The groups of `any`.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Vec<&String>> {
        let single: Vec<&String> = self
            .any
            .iter()
            .filter_map(|one| if let OneOrMore::One(literal) = one { Some(literal) } else { None })
            .collect();
        let more = self
            .any
            .iter()
            .filter_map(|more| if let OneOrMore::More(group) = more { Some(group.iter().collect()) } else { None });
        (!single.is_empty()).then_some(single).into_iter().chain(more)
    }

    /// Every literal.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &String> {
        self.all.iter().chain(&self.none).chain(self.groups().flatten())
    }
}

impl WrittenRule {
    /// The rule's own condition, then `and`, then its `process` and `parent` lists as conditions over names between bars.
    #[must_use]
    pub fn conditions(&self) -> Vec<WrittenCondition> {
        let mut conditions = Vec::new();
        let named = !self.process.is_empty() || !self.parent.is_empty();
        if !named || !self.condition.all.is_empty() || !self.condition.any.is_empty() {
            conditions.push(self.condition.clone());
        }
        conditions.extend(self.and.iter().cloned());
        for (field, names) in [("process", &self.process), ("parent", &self.parent)] {
            if !names.is_empty() {
                conditions.push(WrittenCondition {
                    fields: vec![field.to_owned()],
                    all: Vec::new(),
                    any: vec![OneOrMore::More(names.iter().map(|name| format!("|{name}|")).collect())],
                    none: Vec::new(),
                    regex: None,
                });
            }
        }
        conditions
    }

    /// How many things it looks for: (conditions, regular expressions, literals).
    #[must_use]
    pub fn patterns(&self) -> (usize, usize, usize) {
        let conditions = self.conditions();
        let regexes = conditions.iter().filter(|condition| condition.regex.is_some()).count();
        let literals = conditions.iter().map(|condition| condition.literals().count()).sum();
        (conditions.len(), regexes, literals)
    }
}
