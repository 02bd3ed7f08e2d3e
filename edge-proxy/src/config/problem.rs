//! What is wrong with a configuration: by name, never by value, because a value may be a secret in the wrong place.

use std::fmt;

/// What is wrong with one setting. It never holds the setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as in the file (`policy.max_isolations_per_hour`).
    pub name: String,
    /// In words.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into() }
    }

    /// Of checks with the name that each is about and what to say if it does not hold: those that do not.
    pub(super) fn among<'a>(checks: impl IntoIterator<Item = (bool, &'a str, &'a str)>) -> impl Iterator<Item = Self> {
        checks.into_iter().filter(|(holds, ..)| !holds).map(|(_, name, text)| Self::new(name, text))
    }
}

/// Every problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s)", self.0.len())?;
        for Problem { name, text } in &self.0 {
            let variable = name.replace('.', "_").to_ascii_uppercase();
            write!(f, "\n  {name} (VYROX_{variable}): {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
