//! A rule's regular expression, with the same settings wherever it is compiled.

use regex::bytes::{Regex, RegexBuilder};

/// A compiled pattern may take this many bytes; a rule that needs more is written too broadly.
const LARGEST_PROGRAM: usize = 512 * 1024;
/// And so many for the states that it remembers while it runs.
const LARGEST_MEMORY: usize = 64 * 1024;

/// Why a pattern cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(#[from] regex::Error);

/// Compiles `written`, which is matched over bytes: texts are lower case, and `\w`, `\s`, `\b` mean ASCII.
///
/// # Errors
/// [`PatternError`] if it is no regular expression, or too large a one.
pub fn pattern(written: &str) -> Result<Regex, PatternError> {
    Ok(RegexBuilder::new(written).unicode(false).size_limit(LARGEST_PROGRAM).dfa_size_limit(LARGEST_MEMORY).build()?)
}
