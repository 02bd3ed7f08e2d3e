//! Which rules: those of this build, or a folder's.

use crate::error::CtlError;
use clap::Args;
use std::path::PathBuf;
use vyrox_domain::heuristics::Ruleset;

/// The flag that says which.
#[derive(Debug, Clone, Args)]
pub(crate) struct RuleChoice {
    /// A folder of rules instead of those of this build
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

impl RuleChoice {
    /// Does `work` with the rules.
    ///
    /// # Errors
    /// [`CtlError::RuleMistakes`] with every mistake if the folder's rules cannot be compiled, and whatever `work` says.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Ruleset<'_>) -> Result<T, CtlError>) -> Result<T, CtlError> {
        match self.rules {
            None => work(Ruleset::built_in()),
            Some(_) => self.with_bytes(|table, finder| work(&Ruleset::load(table, finder)?)),
        }
    }

    /// The same with what a ruleset is loaded from: table, finder.
    pub(crate) fn with_bytes<T>(&self, work: impl FnOnce(&[u8], &[u8]) -> Result<T, CtlError>) -> Result<T, CtlError> {
        let Some(folder) = &self.rules else {
            let (table, finder) = Ruleset::built_in_bytes();
            return work(table, finder);
        };
        let checked = vyrox_ruleset::read(folder)
            .map_err(|source| CtlError::File { path: folder.display().to_string(), source })?;
        let compiled = vyrox_ruleset::compile(&checked).map_err(|mistakes| CtlError::RuleMistakes {
            mistakes: mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        })?;
        work(&compiled.table, &compiled.finder)
    }
}
