//! Tables of a field map: a number or a word becomes a word.

use super::{Fault, FieldMapError};
use crate::alert::VendorSeverity;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most entries that one table may have.
const MAX_ENTRIES: usize = 256;
/// The most tables.
const MAX_TABLES: usize = 16;

/// The tables by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tables(BTreeMap<String, Vec<(Entry, String)>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// From, to; both are in.
    Range(u64, u64),
    /// In any case.
    Word(String),
}

impl Tables {
    pub(super) fn read(tables: &Map<String, Value>) -> Result<Self, FieldMapError> {
        if tables.len() > MAX_TABLES {
            return Err(FieldMapError::key("tables", Fault::TooMuch { most: MAX_TABLES }));
        }
        let mut read = BTreeMap::new();
        for (name, table) in tables {
            let key = format!("tables.{name}");
            let Some(table) = table.as_object() else {
                return Err(FieldMapError::key(key, Fault::Kind { wanted: "a table of texts" }));
            };
            if table.len() > MAX_ENTRIES {
                return Err(FieldMapError::key(key, Fault::TooMuch { most: MAX_ENTRIES }));
            }
            let mut entries = Vec::with_capacity(table.len());
            for (from, to) in table {
                let Some(to) = to.as_str() else {
                    return Err(FieldMapError::key(format!("{key}.{from}"), Fault::Kind { wanted: "a text" }));
                };
                entries.push((Entry::read(from), to.to_owned()));
            }
            read.insert(name.clone(), entries);
        }
        Ok(Self(read))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What the table gives for the text; nothing for what it does not name.
    pub(super) fn find(&self, name: &str, text: &str) -> Option<&str> {
        let number = text.parse::<u64>().ok();
        let found = self.0.get(name)?.iter().find(|(entry, _)| match entry {
            Entry::Range(from, to) => number.is_some_and(|number| (*from..=*to).contains(&number)),
            Entry::Word(word) => word.eq_ignore_ascii_case(text),
        });
        found.map(|(_, to)| to.as_str())
    }

    /// The first word of the table that is no severity.
    pub(super) fn not_a_severity(&self, name: &str) -> Option<String> {
        let entries = self.0.get(name)?;
        entries
            .iter()
            .map(|(_, to)| to)
            .find(|to| VendorSeverity::from_word(to) == VendorSeverity::Unknown && !to.eq_ignore_ascii_case("unknown"))
            .cloned()
    }
}

impl Entry {
    fn read(text: &str) -> Self {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        if let Some(number) = number(text) {
            return Self::Range(number, number);
        }
        match text.split_once('-').map(|(from, to)| (number(from), number(to))) {
            Some((Some(from), Some(to))) => Self::Range(from, to),
            _ => Self::Word(text.to_owned()),
        }
    }
}
