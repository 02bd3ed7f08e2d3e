//! Reading variables: everything that is wrong is collected, by name.

use super::{BadConfiguration, Lookup};
use std::fmt;
use std::ops::RangeInclusive;

/// Reads names and collects what is wrong.
pub(super) struct Reader<'a> {
    lookup: Lookup<'a>,
    pub(super) problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    pub(super) fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    pub(super) fn parsed<T>(&mut self, name: &str, what: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.required(name);
        if text.is_empty() {
            return None;
        }
        let value = parse(&text);
        if value.is_none() {
            self.problems.push(format!("{name} is not {what}"));
        }
        value
    }

    pub(super) fn url(&mut self, name: &str) -> String {
        self.parsed(name, "an http or https URL", |text| {
            (text.starts_with("https://") || text.starts_with("http://")).then(|| text.trim_end_matches('/').to_owned())
        })
        .unwrap_or_default()
    }

    /// A whole number in a range, or `default` where the variable is not set.
    pub(super) fn number<N>(&mut self, name: &str, default: N, range: RangeInclusive<N>) -> N
    where
        N: Copy + PartialOrd + std::str::FromStr + fmt::Display,
    {
        let Some(text) = self.optional(name) else { return default };
        match text.parse().ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.problems.push(format!("{name} is not a number from {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    pub(super) fn done<T>(self, value: T) -> Result<T, BadConfiguration> {
        if self.problems.is_empty() { Ok(value) } else { Err(BadConfiguration(self.problems)) }
    }
}
