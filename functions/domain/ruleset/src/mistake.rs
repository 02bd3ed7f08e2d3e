//! What is wrong with a rule, and where.

use serde::Serialize;
use std::fmt;

/// Whether the rules can be used in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// They cannot.
    Error,
    /// They can, but somebody should look.
    Warning,
}

/// One mistake. As text: `file: rule: key: why`, without the parts that are not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// Whether the rules can be used.
    pub severity: Severity,
    /// The file's name.
    pub file: String,
    /// The rule's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The key of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is wrong, on one line.
    pub why: String,
}

impl Mistake {
    /// An error about a rule's key.
    #[must_use]
    pub fn error(file: &str, rule: Option<&str>, key: Option<&str>, why: &str) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            rule: rule.map(str::to_owned),
            key: key.map(str::to_owned),
            why: why.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    /// The same, as a warning.
    #[must_use]
    pub fn warning(file: &str, rule: Option<&str>, key: Option<&str>, why: &str) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, rule, key, why) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        for part in [&self.rule, &self.key].into_iter().flatten() {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.why)
    }
}
