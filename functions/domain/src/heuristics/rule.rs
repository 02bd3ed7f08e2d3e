//! A rule as it runs. How rules are written is in `rules/README.md`; `build.rs` checks and compiles them.

use super::platform::PlatformSet;
use crate::alert::Platform;
use crate::verdict::Confidence;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use std::sync::OnceLock;

/// A field that rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The process's command line, in every form.
    Cmdline,
    /// The process's base name.
    Process,
    /// The process's full path.
    Path,
    /// The parent's base name.
    Parent,
    /// The parent's command line, in every form.
    ParentCmdline,
    /// The account.
    User,
}

impl Field {
    /// The name in evidence: the field of the alert.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cmdline => "process_cmdline",
            Self::Process => "process_name",
            Self::Path => "process_path",
            Self::Parent => "parent_process",
            Self::ParentCmdline => "parent_cmdline",
            Self::User => "username",
        }
    }

    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// One behaviour and what it is worth.
#[derive(Debug, Deserialize)]
pub struct Rule {
    /// Stable, for example `win-lsass-dump-comsvcs`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Rules of one family count once, with their strongest.
    pub family: String,
    /// The operating systems it is about.
    pub platforms: Vec<Platform>,
    /// ATT&CK techniques.
    pub techniques: Vec<String>,
    /// The ATT&CK tactic.
    pub tactic: String,
    /// The probability of malice that it stands for alone.
    pub weight: Confidence,
    /// Evaluated and recorded, but does not count yet.
    pub stage: bool,
    /// Who does this innocently.
    pub false_positives: String,
    pub(super) conditions: Vec<Condition>,
}

impl Rule {
    pub(super) fn platform_set(&self) -> PlatformSet {
        PlatformSet::of(&self.platforms)
    }
}

/// What must hold in one field. Literals are numbers into the ruleset's list.
#[derive(Debug, Deserialize)]
pub(super) struct Condition {
    /// The fields to try, first match wins.
    pub(super) fields: Vec<Field>,
    /// Every one of these.
    #[serde(default)]
    pub(super) all: Vec<u32>,
    /// One of each group.
    #[serde(default)]
    pub(super) any: Vec<Vec<u32>>,
    /// None of these.
    #[serde(default)]
    pub(super) none: Vec<u32>,
    /// And this, over the lower-case text.
    #[serde(default)]
    regex: Option<String>,
    #[serde(skip)]
    compiled: OnceLock<Regex>,
}

impl Condition {
    /// The regex, compiled on first need.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let pattern = self.regex.as_deref()?;
        Some(self.compiled.get_or_init(|| {
            RegexBuilder::new(pattern)
                .unicode(false)
                .build()
                .expect("build.rs compiled this pattern with the same settings")
        }))
    }

    /// Whether the literals hold in `field`, given which fields each literal was found in.
    pub(super) fn literals_hold(&self, field: Field, found: &[u8]) -> bool {
        let is_in = |literal: &u32| found.get(*literal as usize).is_some_and(|fields| fields & field.bit() != 0);
        self.all.iter().all(is_in)
            && self.any.iter().all(|group| group.iter().any(is_in))
            && !self.none.iter().any(is_in)
    }

    /// The literals whose place in the text is worth showing.
    pub(super) fn shown(&self) -> impl Iterator<Item = u32> {
        self.all.iter().chain(self.any.iter().flatten()).copied()
    }
}
