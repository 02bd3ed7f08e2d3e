//! Process events as lines of JSON, from a file or from standard input.

use crate::error::CtlError;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use vyrox_domain::alert::{Platform, VendorSeverity};
use vyrox_domain::heuristics::Observation;

/// One event. Keys that are not listed are passed over; absent ones match nothing.
#[derive(Debug, Clone, Default, Deserialize, Args)]
pub(crate) struct Event {
    /// Whatever the caller knows it by
    #[serde(default)]
    #[arg(skip)]
    pub(crate) id: Value,
    /// windows, linux or macos; otherwise it is inferred
    #[serde(alias = "platform")]
    #[arg(long, value_name = "SYSTEM")]
    os: Option<String>,
    /// The process's file name
    #[arg(long = "process", value_name = "NAME")]
    process_name: Option<String>,
    /// Its full path
    #[arg(long = "path", value_name = "PATH")]
    process_path: Option<String>,
    /// Its command line
    #[arg(long = "cmdline", value_name = "TEXT", allow_hyphen_values = true)]
    process_cmdline: Option<String>,
    /// The parent's file name or path
    #[arg(long = "parent", value_name = "NAME")]
    parent_process: Option<String>,
    /// The parent's command line
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    parent_cmdline: Option<String>,
    /// The account
    #[arg(long = "user", value_name = "NAME")]
    username: Option<String>,
    /// INFORMATIONAL, LOW, MEDIUM, HIGH or CRITICAL
    #[arg(long = "severity", value_name = "WORD")]
    vendor_severity: Option<String>,
    /// The tactic as the vendor spells it
    #[arg(long, value_name = "TEXT")]
    tactic: Option<String>,
    /// The technique as the vendor spells it
    #[arg(long, value_name = "TEXT")]
    technique: Option<String>,
}

impl Event {
    /// What the rules look at. A system that is not known is inferred, as for an alert that does not name one.
    pub(crate) fn observation(&self) -> Observation<'_> {
        let platform = self.os.as_deref().and_then(|os| {
            let known = [Platform::Windows, Platform::Linux, Platform::Macos];
            known.into_iter().find(|platform| platform.as_str().eq_ignore_ascii_case(os.trim()))
        });
        Observation {
            platform,
            process_name: self.process_name.as_deref(),
            process_path: self.process_path.as_deref(),
            process_cmdline: self.process_cmdline.as_deref(),
            parent_process: self.parent_process.as_deref(),
            parent_cmdline: self.parent_cmdline.as_deref(),
            username: self.username.as_deref(),
            vendor_severity: self.severity(),
            tactic: self.tactic.as_deref(),
            technique: self.technique.as_deref(),
        }
    }
}

impl Event {
    fn severity(&self) -> VendorSeverity {
        let written = self.vendor_severity.as_deref().unwrap_or_default().trim().to_uppercase();
        serde_json::from_value(Value::String(written)).unwrap_or(VendorSeverity::Unknown)
    }
}

/// The one event that `path` is, on one line or on several; `-` is standard input.
///
/// # Errors
/// [`CtlError::File`] if it cannot be read; [`CtlError::Line`] if it is no event.
pub(crate) fn one_event(path: &Path) -> Result<Event, CtlError> {
    let name = path.display().to_string();
    let text = if name == "-" { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(path) };
    let text = text.map_err(|source| CtlError::File { path: name.clone(), source })?;
    serde_json::from_str(&text).map_err(|source| CtlError::Line { path: name, line: source.line(), source })
}

/// The events of `path`, one a line, empty lines passed over; `-` is standard input.
///
/// # Errors
/// [`CtlError::File`] if it cannot be opened; per line, if it cannot be read or is no event.
pub(crate) fn events(path: &Path) -> Result<impl Iterator<Item = Result<Event, CtlError>>, CtlError> {
    let name = path.display().to_string();
    let reader: Box<dyn BufRead> = if name == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|source| CtlError::File { path: name.clone(), source })?;
        Box::new(BufReader::new(file))
    };
    let lines =
        reader.lines().enumerate().filter(|(_, line)| line.as_ref().map_or(true, |line| !line.trim().is_empty()));
    Ok(lines.map(move |(index, line)| {
        let line = line.map_err(|source| CtlError::File { path: name.clone(), source })?;
        serde_json::from_str(&line).map_err(|source| CtlError::Line { path: name.clone(), line: index + 1, source })
    }))
}

#[cfg(test)]
mod tests {
    use super::Event;
    use vyrox_domain::alert::{Platform, VendorSeverity};

    #[test]
    fn an_event_needs_nothing_and_a_strange_system_is_none() {
        let event = |text: &str| serde_json::from_str::<Event>(text).unwrap();
        assert_eq!(event("{}").observation().platform, None);
        assert_eq!(event(r#"{"id":7,"os":"Windows","x":1}"#).observation().platform, Some(Platform::Windows));
        assert_eq!(event(r#"{"vendor_severity":"high"}"#).observation().vendor_severity, VendorSeverity::High);
        assert_eq!(event(r#"{"os":"plan9","process_cmdline":null}"#).observation().platform, None);
    }
}
