//! What a command answers with: for people and for programs.

use serde_json::Value;
use std::io::Write as _;

/// An answer in both forms.
#[derive(Debug)]
pub(crate) struct Report {
    json: Value,
    text: String,
}

impl Report {
    pub(crate) fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into() }
    }

    /// Writes one of them to standard output.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn print(&self, as_json: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if as_json {
            return writeln!(out, "{}", self.json);
        }
        out.write_all(self.text.as_bytes())?;
        if self.text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") }
    }
}
