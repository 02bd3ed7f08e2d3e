//! Process events as lines of JSON, from a file or from standard input.

use crate::error::CtlError;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use vyrox_domain::alert::{Platform, VendorSeverity};
use vyrox_domain::heuristics::Observation;

/// One event. Keys that are not listed are passed over; absent ones match nothing.
#[derive(Debug, Clone, Default, Deserialize, Args)]
#[serde(try_from = "Value")]
pub(crate) struct Event {
    /// Whatever the caller knows it by
    #[arg(skip)]
    pub(crate) id: Value,
    /// windows, linux or macos; otherwise it is inferred
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

impl TryFrom<Value> for Event {
    type Error = &'static str;

    /// Sensors write what they have: an argument vector, a number for a name, a key twice, of which the last counts.
    fn try_from(written: Value) -> Result<Self, Self::Error> {
        let Value::Object(mut written) = written else { return Err("it is no JSON object") };
        let mut take = |key: &str| written.remove(key).and_then(|value| text_of(&value));
        Ok(Self {
            os: take("os").or_else(|| take("platform")),
            process_name: take("process_name"),
            process_path: take("process_path"),
            process_cmdline: take("process_cmdline"),
            parent_process: take("parent_process"),
            parent_cmdline: take("parent_cmdline"),
            username: take("username"),
            vendor_severity: take("vendor_severity"),
            tactic: take("tactic"),
            technique: take("technique"),
            id: written.remove("id").unwrap_or_default(),
        })
    }
}

/// The text of a value: a list is an argument vector; an object is none.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(parts) => Some(parts.iter().filter_map(text_of).collect::<Vec<_>>().join(" ")),
        Value::Null | Value::Object(_) => None,
    }
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
    let mut bytes = Vec::new();
    let read = if name == "-" {
        io::stdin().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|source| CtlError::File { path: name.clone(), source })?;
    event(&bytes).map_err(|source| CtlError::Line { path: name, line: source.line(), source })
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
    let lines = reader.split(b'\n').enumerate();
    let lines =
        lines.filter(|(_, line)| line.as_ref().map_or(true, |line| !without_mark(line).trim_ascii().is_empty()));
    Ok(lines.map(move |(index, line)| {
        let line = line.map_err(|source| CtlError::File { path: name.clone(), source })?;
        event(&line).map_err(|source| CtlError::Line { path: name.clone(), line: index + 1, source })
    }))
}

/// An event as sensors and exports write it: perhaps after a byte order mark, with bytes that are no UTF-8, or with one half
/// of a UTF-16 pair, which JSON does not allow alone.
fn event(line: &[u8]) -> Result<Event, serde_json::Error> {
    let text = String::from_utf8_lossy(without_mark(line));
    serde_json::from_str(&text).or_else(|error| match without_half_pairs(&text) {
        Some(whole) => serde_json::from_str(&whole),
        None => Err(error),
    })
}

/// Without UTF-8's byte order mark.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// JSON with every escape of one half of a pair (`\ud83d` without what belongs to it) replaced; `None` if there is none.
fn without_half_pairs(json: &str) -> Option<String> {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(json.len());
    let (mut rest, mut found) = (json, false);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let whole = match unit(rest) {
            Some(0xd800..=0xdbff) if matches!(unit(&rest[6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => 0,
            Some(_) => 6,
            // Another escape: a backslash and a character.
            None => rest.ceil_char_boundary(2),
        };
        if whole == 0 {
            out.push_str("\\ufffd");
            rest = &rest[6..];
            found = true;
        } else {
            out.push_str(&rest[..whole]);
            rest = &rest[whole..];
        }
    }
    out.push_str(rest);
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::{Event, event, events};
    use vyrox_domain::alert::{Platform, VendorSeverity};

    #[test]
    fn an_event_needs_nothing_and_a_strange_system_is_none() {
        let event = |text: &str| serde_json::from_str::<Event>(text).unwrap();
        assert_eq!(event("{}").observation().platform, None);
        assert_eq!(event(r#"{"id":7,"os":"Windows","x":1}"#).observation().platform, Some(Platform::Windows));
        assert_eq!(event(r#"{"vendor_severity":"high"}"#).observation().vendor_severity, VendorSeverity::High);
        assert_eq!(event(r#"{"os":"plan9","process_cmdline":null}"#).observation().platform, None);
    }

    /// The command line that is read from a line of bytes.
    fn cmdline(line: &[u8]) -> Option<String> {
        event(line).unwrap().process_cmdline
    }

    #[test]
    fn what_sensors_and_exports_write_is_read() {
        for (line, expected) in [
            (r#"{"process_cmdline":42}"#.as_bytes(), Some("42")),
            (br#"{"process_cmdline":["net","user",7,null]}"#, Some("net user 7")),
            (br#"{"process_cmdline":{"a":1}}"#, None),
            (br#"{"process_cmdline":null,"os":7,"platform":"linux"}"#, None),
            (br#"{"process_cmdline":"first","process_cmdline":"last"}"#, Some("last")),
            (b"\xef\xbb\xbf{\"process_cmdline\":\"ls\"}\r", Some("ls")),
            (b"{\"process_cmdline\":\"a\xffb\"}", Some("a\u{fffd}b")),
            (
                br#"{"process_cmdline":"a\ud83d b\udc00 \ud83d\ude00 c:\\udir"}"#,
                Some("a\u{fffd} b\u{fffd} \u{1f600} c:\\udir"),
            ),
        ] {
            assert_eq!(cmdline(line).as_deref(), expected, "{}", String::from_utf8_lossy(line));
        }
        for line in ["[1]", "\"text\"", "7", "{", "{} {}"] {
            assert!(event(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn empty_lines_are_passed_over_and_a_bad_line_does_not_end_the_others() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\xef\xbb\xbf\r\n{\"id\":1}\r\n\r\n  \nnonsense\n{\"id\":2}").unwrap();
        let read: Vec<_> = events(file.path()).unwrap().map(|event| event.ok().map(|event| event.id)).collect();
        assert_eq!(read, [Some(1.into()), None, Some(2.into())]);
    }
}
