//! What a command answers with: for people and for programs.

use serde_json::Value;
use std::io::Write as _;
use std::process::ExitCode;

/// An answer in both forms.
#[derive(Debug)]
pub(crate) struct Report {
    json: Value,
    text: String,
    code: u8,
}

impl Report {
    pub(crate) fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), code: 0 }
    }

    /// The same, ending with another exit code than 0: the answer is what was asked for, and what it says is not good.
    pub(crate) fn ending_with(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// What programs get.
    #[cfg(test)]
    pub(crate) const fn json(&self) -> &Value {
        &self.json
    }

    /// Writes one of them to standard output, and says how to end.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn print(&self, as_json: bool) -> std::io::Result<ExitCode> {
        let mut out = std::io::stdout().lock();
        if as_json {
            writeln!(out, "{}", self.json)?;
        } else {
            out.write_all(self.text.as_bytes())?;
            if !self.text.ends_with('\n') {
                out.write_all(b"\n")?;
            }
        }
        Ok(ExitCode::from(self.code))
    }
}
