//! Which rules: those of this build, or a folder's.

use crate::error::CtlError;
use clap::Args;
use std::path::PathBuf;
use vyrox_domain::heuristics::Ruleset;
use vyrox_ruleset::Compiled;

/// The flag that says which.
#[derive(Debug, Clone, Args)]
pub(crate) struct RuleChoice {
    /// A folder of rules instead of those of this build
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// What a ruleset is loaded from.
pub(crate) enum RuleBytes {
    /// The rules of this build.
    BuiltIn,
    /// A folder's.
    Compiled(Compiled),
}

impl RuleBytes {
    /// The table, its texts, and the literals' finder.
    pub(crate) fn parts(&self) -> (&[u8], &str, &[u8]) {
        match self {
            Self::BuiltIn => Ruleset::built_in_bytes(),
            Self::Compiled(compiled) => (&compiled.table, &compiled.texts, &compiled.finder),
        }
    }
}

impl RuleChoice {
    /// What the rules are loaded from.
    ///
    /// # Errors
    /// [`CtlError::RuleMistakes`] with every mistake if the folder's rules cannot be compiled.
    pub(crate) fn bytes(&self) -> Result<RuleBytes, CtlError> {
        let Some(folder) = &self.rules else { return Ok(RuleBytes::BuiltIn) };
        let checked = vyrox_ruleset::read(folder)
            .map_err(|source| CtlError::File { path: folder.display().to_string(), source })?;
        let compiled = vyrox_ruleset::compile(&checked).map_err(|mistakes| CtlError::RuleMistakes {
            mistakes: mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        })?;
        Ok(RuleBytes::Compiled(compiled))
    }

    /// Does `work` with the rules.
    ///
    /// # Errors
    /// As [`RuleChoice::bytes`], and whatever `work` says.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Ruleset<'_>) -> Result<T, CtlError>) -> Result<T, CtlError> {
        match self.bytes()? {
            RuleBytes::BuiltIn => work(Ruleset::built_in()),
            bytes @ RuleBytes::Compiled(_) => {
                let (table, texts, finder) = bytes.parts();
                work(&Ruleset::load(table, texts, finder)?)
            }
        }
    }
}
