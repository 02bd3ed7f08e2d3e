//! A table's regular expressions: programs where they can be, `regex` where they cannot.

use std::sync::{Arc, Mutex, PoisonError};

use regex::bytes::Regex;
use vyrox_ruleset::{Machine, Table, pattern};

/// So many patterns of `regex` are kept; the one that was not needed for longest goes first. One takes about 40 KiB, and no more
/// than `vyrox_ruleset::pattern` lets it.
const KEPT: usize = 64;

/// The patterns that had to be compiled, most recently needed last.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    kept: Mutex<Vec<(u32, Arc<Regex>)>>,
}

impl Patterns {
    /// The bytes of `text` that the pattern with this number matches, from and up to: the first match. It begins in one of
    /// `places`, of each of which the first and the last byte are given, in order.
    pub(super) fn find(
        &self,
        table: &Table<'_>,
        number: u32,
        text: &str,
        places: &[(usize, usize)],
        machine: &mut Machine,
    ) -> Option<(usize, usize)> {
        if let Some(program) = table.programs.of(number)
            && let Ok(found) = machine.find_among(program, text.as_bytes(), places)
        {
            return found;
        }
        self.compiled(table, number)?.find(text.as_bytes()).map(|hit| (hit.start(), hit.end()))
    }

    /// The pattern, if it is kept; it becomes the last to go.
    fn known(&self, number: u32) -> Option<Arc<Regex>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(other, _)| *other == number)?;
        let found = kept.remove(place);
        let regex = Arc::clone(&found.1);
        kept.push(found);
        Some(regex)
    }

    fn compiled(&self, table: &Table<'_>, number: u32) -> Option<Arc<Regex>> {
        if let Some(regex) = self.known(number) {
            return Some(regex);
        }
        // Compiled without the lock: others need not wait.
        let regex = Arc::new(pattern(table.patterns.get(number as usize)?).ok()?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().all(|(other, _)| *other != number) {
            kept.push((number, Arc::clone(&regex)));
        }
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
        Some(regex)
    }

    #[cfg(test)]
    pub(super) fn how_many(&self) -> usize {
        self.kept.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heuristics::Ruleset;
    use crate::heuristics::rule_tests::BENIGN;

    /// A pattern is left to `regex` as an exception.
    #[test]
    fn most_patterns_are_programs() {
        let table = Ruleset::built_in().table();
        let left = (0..).zip(table.patterns.iter()).filter(|(number, _)| table.programs.of(*number).is_none());
        let left: Vec<&str> = left.map(|(_, written)| written).collect();
        assert!(left.len() * 10 <= table.patterns.len(), "{left:#?}");
    }

    /// The examples of a rule are what its pattern is about; the everyday lines are what it mostly sees.
    #[test]
    fn programs_find_what_regex_finds() {
        let table = Ruleset::built_in().table();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let checked = vyrox_ruleset::read(&folder).unwrap();
        let mut machine = Machine::default();
        for rule in checked.rules() {
            let examples = rule.matches.iter().chain(&rule.differs).filter_map(|example| match example {
                vyrox_ruleset::Example::Cmdline(text) => Some(text.as_str()),
                vyrox_ruleset::Example::Fields(fields) => fields.get("cmdline").map(String::as_str),
            });
            let texts: Vec<String> = examples.chain(BENIGN.iter().copied().step_by(9)).map(str::to_lowercase).collect();
            for condition in rule.conditions() {
                let Some(written) = condition.regex else { continue };
                let number = table.patterns.iter().position(|other| other == written).unwrap();
                let Some(program) = table.programs.of(u32::try_from(number).unwrap()) else { continue };
                let regex = pattern(&written).unwrap();
                for text in &texts {
                    let expected = regex.find(text.as_bytes()).map(|hit| (hit.start(), hit.end()));
                    if let Ok(found) = machine.find(program, text.as_bytes()) {
                        assert_eq!(found, expected, "{written}\n{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let (table, patterns) = (Ruleset::built_in().table(), Patterns::default());
        for number in (0..).take(2 * KEPT) {
            assert!(patterns.compiled(table, number).is_some());
            assert!(patterns.compiled(table, number).is_some());
        }
        assert_eq!(patterns.how_many(), KEPT);
        assert!(patterns.compiled(table, u32::MAX).is_none());
    }
}
