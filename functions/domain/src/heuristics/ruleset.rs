//! The rules, and how an observation is held against them.

use super::Observation;
use super::assessment::{Assessment, combine, sort};
use super::candidates::{Candidates, bits_of};
use super::fitted::System;
use super::ngram_model::{Scorer, resemblance};
use super::patterns::Patterns;
use super::places::{Places, Searched, add_marked};
use super::platform::PlatformSet;
use super::text::{Text, texts};
use super::vendor_context::vendor_evidence;
use crate::verdict::{Confidence, Evidence};
use memchr::memchr;
use std::sync::{Mutex, OnceLock, PoisonError};
use vyrox_ruleset::{Condition, Field, Finder, Machine, Malformed, Rule, Rules, Span, Table, Way};

/// What `build.rs` wrote.
const TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.table"));
const TEXTS: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.txt"));
const FINDER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/literals.finder"));

/// At most this many characters of a match are shown.
const SHOWN: usize = 200;

/// A set of rules, ready to evaluate. It borrows its strings from the bytes that it was loaded from.
pub struct Ruleset<'a> {
    table: Table<'a>,
    finder: Finder<'a>,
    patterns: Patterns,
    /// What evaluations remember things in, as many as have run at the same time.
    memories: Mutex<Vec<Memory>>,
}

/// Why bytes are no ruleset.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The table cannot be read.
    #[error("the table of rules cannot be read")]
    Table(#[source] Malformed),
    /// The finder cannot be read.
    #[error("the literals' finder cannot be read")]
    Finder(#[source] Malformed),
}

/// What one evaluation remembers: cleared, not freed, before the next.
#[derive(Default)]
struct Memory {
    places: Places,
    candidates: Candidates,
    search: Search,
    scorer: Scorer,
}

/// What looking for a pattern needs.
#[derive(Default)]
struct Search {
    machine: Machine,
    /// Where the pattern may begin: the first byte of each place, and the last.
    beginnings: Vec<(usize, usize)>,
    /// By way to match it: the texts that have all that the way needs, a bit each.
    of_ways: Vec<u32>,
}

/// Every match of an observation, unbounded and unsorted.
pub(super) struct Matches {
    pub(super) counted: Vec<Evidence>,
    pub(super) staged: Vec<Evidence>,
    pub(super) techniques: Vec<String>,
}

/// The texts of an observation and what is in them.
struct Scanned<'t> {
    searched: Searched<'t>,
    /// By field: its texts, a bit each.
    of_field: [u32; Field::ALL.len()],
    /// By literal, the same, and where in them.
    places: &'t mut Places,
}

impl Ruleset<'static> {
    /// The rules in this build. Nothing of them is read before they are asked.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: OnceLock<Ruleset<'static>> = OnceLock::new();
        BUILT_IN.get_or_init(|| Self::load(TABLE, TEXTS, FINDER).expect("build.rs wrote them"))
    }
}

impl<'a> Ruleset<'a> {
    /// What [`vyrox_ruleset::compile`] wrote.
    ///
    /// # Errors
    /// [`LoadError`] if the bytes are something else.
    pub fn load(table: &'a [u8], texts: &'a str, finder: &'a [u8]) -> Result<Self, LoadError> {
        Ok(Self {
            table: Table::read(table, texts).map_err(LoadError::Table)?,
            finder: Finder::read(finder).map_err(LoadError::Finder)?,
            patterns: Patterns::default(),
            memories: Mutex::default(),
        })
    }

    /// The bytes that [`Ruleset::built_in`] loads: table, texts, finder.
    #[must_use]
    pub const fn built_in_bytes() -> (&'static [u8], &'static str, &'static [u8]) {
        (TABLE, TEXTS, FINDER)
    }

    /// Everything that was compiled.
    #[must_use]
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    #[cfg(test)]
    pub(super) const fn finder(&self) -> &Finder<'a> {
        &self.finder
    }

    /// 12 hexadecimal digits over everything in the rules that can change a result.
    #[must_use]
    pub fn version(&self) -> &str {
        self.table.version
    }

    /// The rules, by id.
    #[must_use]
    pub const fn rules(&self) -> Rules<'a> {
        self.table.rules
    }

    /// What the rules say about `observation`. The same observation and ruleset give the same assessment, byte for byte.
    #[must_use]
    pub fn evaluate(&self, observation: &Observation<'_>) -> Assessment {
        let systems = PlatformSet::infer(observation);
        let Matches { mut counted, mut staged, mut techniques } =
            self.matches(observation, systems, &texts(observation, systems));
        techniques.sort();
        techniques.dedup();
        let confidence = combine(&counted, System::of_set(systems));
        sort(&mut counted);
        sort(&mut staged);
        Assessment { confidence, evidence: counted, techniques, staged }
    }

    /// Looks for every pattern in `text`, whatever literals it needs, and says how many match: for measuring what it takes
    /// when all of them have been needed.
    #[must_use]
    pub fn try_every_pattern(&self, text: &str) -> usize {
        let mut machine = Machine::default();
        let patterns = (0..).zip(self.table.patterns.iter());
        let anywhere = [(0, text.len())];
        let mut found = |number: u32| self.patterns.find(&self.table, number, text, &anywhere, &mut machine).is_some();
        patterns.map(|(number, _)| number).filter(|number| found(*number)).count()
    }

    /// Every rule that matches `observation` on one of `systems`, where its texts are `texts`, and what its vendor says.
    pub(super) fn matches(&self, observation: &Observation<'_>, systems: PlatformSet, texts: &[Text]) -> Matches {
        let memories = || self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = memories().pop().unwrap_or_default();
        let mut matches =
            Matches { counted: vendor_evidence(observation).collect(), staged: Vec::new(), techniques: Vec::new() };
        matches.counted.extend(resemblance(texts, &mut memory.scorer));
        self.scan(texts, systems, &mut memory);
        let Memory { places, candidates, search, .. } = &mut memory;
        let searched = Searched { texts, table: &self.table };
        let mut scanned = Scanned { searched, of_field: of_field(texts), places };
        for rule in candidates.take().filter_map(|number| self.table.rules.get(number)) {
            if !systems.overlaps(PlatformSet::of_bits(rule.platforms)) {
                continue;
            }
            let Some(evidence) = self.matched(&rule, &mut scanned, search) else { continue };
            if rule.stage {
                matches.staged.push(evidence);
            } else {
                matches.counted.push(evidence);
                matches.techniques.extend(rule.techniques().map(str::to_owned));
            }
        }
        memories().push(memory);
        matches
    }

    /// Notes what the texts consist of, and the rules of `systems` worth a closer look, in order.
    fn scan(&self, texts: &[Text], systems: PlatformSet, memory: &mut Memory) {
        let Memory { places, candidates, .. } = memory;
        places.clear(self.table.literals.len());
        candidates.clear(self.table.rules.len());
        let mut before = [0; Field::ALL.len()];
        for (number, text) in texts.iter().enumerate() {
            let (before, field) = (&mut before[text.field as usize], text.field.bit());
            let place = (number, text, *before);
            places.scan(&self.finder, place, &self.table, systems.bits(), |literal| {
                let looking = self.table.worth_a_look(literal).filter(|(_, fields)| fields & field != 0);
                looking.for_each(|(rule, _)| candidates.add(rule));
            });
            *before |= 1 << number;
        }
    }

    /// The evidence if every condition of `rule` holds; it shows the first condition's match.
    fn matched(&self, rule: &Rule<'a>, scanned: &mut Scanned<'_>, search: &mut Search) -> Option<Evidence> {
        let conditions = self.table.conditions.of(rule.conditions);
        // Literals of all conditions before the first regex: most candidates end here. The last, about names, have the fewest.
        // Those of the first are looked at where its regex is.
        let mut possible = |condition: Condition<'_>| {
            fields(&condition).any(|field| {
                self.texts_worth_a_regex(&condition, field, scanned, search) != 0
                    && self.literals_hold(&condition, field, scanned)
            })
        };
        if !conditions.clone().skip(1).rev().all(&mut possible) {
            return None;
        }
        let mut shown = None;
        for condition in conditions {
            let place = self.holds(&condition, scanned, search)?;
            shown.get_or_insert(place);
        }
        let (text, start, end) = shown?;
        Some(Evidence {
            rule_id: rule.id().to_owned(),
            title: rule.title().to_owned(),
            family: rule.family().to_owned(),
            weight: Confidence::from_ten_thousandths(rule.weight),
            field: text.label.to_owned(),
            matched: excerpt(&text.content, start, end),
        })
    }

    /// Whether the literals of `condition` hold in `field`, in any of its texts.
    fn literals_hold(&self, condition: &Condition<'_>, field: Field, scanned: &mut Scanned<'_>) -> bool {
        let texts = scanned.of_field[field as usize];
        let mut is_in = |question| scanned.places.is_in(question, (field, texts), scanned.searched);
        let questions = self.table.questions;
        texts != 0
            && questions.of(condition.all).all(&mut is_in)
            && self.table.groups.of(condition.any).all(|group| questions.of(group).any(&mut is_in))
            && !questions.of(condition.none).any(is_in)
    }

    /// The texts of `field` that have all that one way to match the regex needs; notes which way's they are.
    fn texts_worth_a_regex(
        &self,
        condition: &Condition<'_>,
        field: Field,
        scanned: &mut Scanned<'_>,
        search: &mut Search,
    ) -> u32 {
        let of_field = scanned.of_field[field as usize];
        if condition.regex.is_none() {
            return of_field;
        }
        search.of_ways.clear();
        let ways = self.table.ways.of(condition.ways);
        search.of_ways.extend(ways.map(|way| self.texts_for(&way, (field, of_field), scanned)));
        search.of_ways.iter().fold(0, |worth, of_way| worth | of_way)
    }

    /// Those of `texts`, which are of one field, that have all that `way` needs.
    fn texts_for(&self, way: &Way, (field, texts): (Field, u32), scanned: &mut Scanned<'_>) -> u32 {
        let texts = scanned.with_characters(texts, way.characters);
        if texts == 0 {
            return 0;
        }
        let mut with_one_of = |texts: u32, group: Span| {
            let mut with = 0;
            for question in self.table.questions.of(group) {
                with |= scanned.places.texts(question, (field, texts), scanned.searched);
                if with == texts {
                    break;
                }
            }
            with
        };
        let mut groups = self.table.groups.of(way.groups);
        let texts = groups.try_fold(texts, |texts, group| Some(with_one_of(texts, group)).filter(|texts| *texts != 0));
        texts.unwrap_or(0)
    }

    /// Where `condition` holds: the text and the bytes of it that matched.
    fn holds<'t>(
        &self,
        condition: &Condition<'_>,
        scanned: &mut Scanned<'t>,
        search: &mut Search,
    ) -> Option<(&'t Text, usize, usize)> {
        for field in fields(condition) {
            let worth = self.texts_worth_a_regex(condition, field, scanned, search);
            if worth == 0 || !self.literals_hold(condition, field, scanned) {
                continue;
            }
            for number in bits_of(worth.into()) {
                let text = scanned.searched.texts.get(number)?;
                let place = match condition.regex {
                    Some(regex) => self.find(regex, condition, (number, text), scanned, search),
                    None => self
                        .shown(condition)
                        .find_map(|literal| text.content.find(literal).map(|at| (at, at + literal.len()))),
                };
                if let Some((start, end)) = place {
                    return Some((text, start, end));
                }
            }
        }
        None
    }

    /// Where the regex of `condition` matches in a text, which is looked for only where one of the ways to match it can begin;
    /// which ways those are has been noted.
    fn find(
        &self,
        regex: u32,
        condition: &Condition<'_>,
        (number, text): (usize, &Text),
        scanned: &mut Scanned<'_>,
        search: &mut Search,
    ) -> Option<(usize, usize)> {
        let Search { machine, beginnings, of_ways } = search;
        beginnings.clear();
        for (way, of_way) in self.table.ways.of(condition.ways).zip(of_ways) {
            if *of_way >> number & 1 == 0 {
                continue;
            }
            if way.at_start {
                beginnings.push((0, 0));
                continue;
            }
            let known = match way.marks {
                Some(marks) => add_marked(&text.content, marks, way.behind, beginnings),
                None => {
                    let anchors = self.table.questions.of(way.anchors);
                    scanned.places.beginnings(anchors, number, way.behind, scanned.searched, beginnings)
                }
            };
            if !known {
                beginnings.clear();
                beginnings.push((0, text.content.len()));
                break;
            }
        }
        beginnings.sort_unstable();
        self.patterns.find(&self.table, regex, &text.content, beginnings, machine)
    }

    /// The literals whose place in the text is worth showing.
    fn shown(&self, condition: &Condition<'_>) -> impl Iterator<Item = &'a str> {
        let questions = self.table.questions;
        let groups = self.table.groups.of(condition.any).flat_map(move |group| questions.of(group));
        let asked = questions.of(condition.all).chain(groups);
        asked.filter_map(|question| self.table.literals.get(question.literal as usize))
    }
}

impl Scanned<'_> {
    /// Those of `texts` that have all of `characters`.
    fn with_characters(&self, texts: u32, characters: u128) -> u32 {
        if characters == 0 {
            return texts;
        }
        let missing =
            |number: &usize| self.searched.texts.get(*number).is_none_or(|text| characters & !text.characters() != 0);
        bits_of(texts.into()).filter(missing).fold(texts, |texts, number| texts & !(1 << number))
    }
}

/// The fields that a condition looks at, in order.
fn fields(condition: &Condition<'_>) -> impl Iterator<Item = Field> {
    condition.fields.iter().filter_map(|byte| Field::of_byte(*byte))
}

fn of_field(texts: &[Text]) -> [u32; Field::ALL.len()] {
    let mut of_field = [0; Field::ALL.len()];
    for (number, text) in texts.iter().enumerate() {
        of_field[text.field as usize] |= 1 << number;
    }
    of_field
}

/// The match with some of what follows it, at most [`SHOWN`] characters.
fn excerpt(text: &str, start: usize, end: usize) -> String {
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.ceil_char_boundary((end + 40).min(text.len()));
    let shown = text[start..end].trim_matches(['|', '\u{1}']);
    if shown.len() <= SHOWN && memchr(1, shown.as_bytes()).is_none() {
        return shown.to_owned();
    }
    shown.chars().filter(|c| *c != '\u{1}').take(SHOWN).collect()
}

#[cfg(test)]
mod tests;
