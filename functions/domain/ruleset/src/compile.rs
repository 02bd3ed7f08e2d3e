//! From written rules to the table and the finder of their literals.

use crate::finder;
use crate::marker::{marker, marker_text};
use crate::pool::{Literals, bytes_of, bytes_of_spans, literal_bytes};
use crate::program::Encoder;
use crate::record::{Condition, TEXTS, Way, write_rule};
use crate::required::{Required, required};
use crate::seen::key;
use crate::source::CheckedRules;
use crate::table::{Field, LINUX, MACOS, Span, Unread, WINDOWS, candidate};
use crate::usual::{Usual, frequencies, usual_texts};
use crate::written::{OneOrMore, WrittenCondition, WrittenRule};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Part of every version. Raise it when the same rules come to mean something else: another normalisation, another way
/// from evidence to confidence.
const MEANING: u32 = 7;

/// What the engine reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// What [`crate::Table::read`] reads.
    pub table: Vec<u8>,
    /// The table's texts.
    pub texts: String,
    /// A [`crate::Finder`] of the table's literals.
    pub finder: Vec<u8>,
}

/// A rule with the weight that counts.
#[derive(Serialize)]
struct Meaning<'a> {
    rule: &'a WrittenRule,
    weight: u16,
}

/// Compiles `checked`, whatever its warnings.
///
/// # Errors
/// Every mistake that stands in the way.
pub fn compile(checked: &CheckedRules) -> Result<Compiled, Vec<crate::Mistake>> {
    let errors: Vec<crate::Mistake> = checked.errors().cloned().collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let version = version(checked);
    let rules: Vec<(&WrittenRule, Vec<Matched>)> =
        checked.rules().map(|rule| (rule, rule.conditions().iter().map(Matched::new).collect())).collect();
    let literals: Vec<String> = rules
        .iter()
        .flat_map(|(_, conditions)| conditions.iter().flat_map(Matched::literals).cloned())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let patterns: Vec<&str> = rules
        .iter()
        .flat_map(|(_, conditions)| conditions.iter().filter_map(|matched| matched.condition.regex.as_deref()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let techniques: Vec<String> = rules.iter().map(|(rule, _)| rule.techniques.join(" ")).collect();
    let fields: BTreeMap<&[String], Vec<u8>> = rules
        .iter()
        .flat_map(|(_, conditions)| conditions.iter().map(|matched| matched.condition.fields.as_slice()))
        .map(|names| (names, names.iter().filter_map(|name| Field::named(name)).map(|field| field as u8).collect()))
        .collect();

    let number = |literal: &String| {
        let at = literals.binary_search(literal).expect("every literal was collected");
        small(at)
    };
    let mut programs = Encoder::default();
    patterns.iter().for_each(|pattern| programs.add(pattern));
    let texts = usual_texts(checked);
    let usual = Usual::of(texts.iter().map(|(_, text)| text));
    let question = |literal: &String| [number(literal), key(literal, &usual)];
    let mut systems = vec![0; literals.len()];
    for (rule, conditions) in &rules {
        for literal in conditions.iter().flat_map(Matched::literals) {
            systems[number(literal) as usize] |= platforms(rule);
        }
    }
    let (literal_text, literal_starts) = literal_bytes(&literals);
    let finder = finder::encoded(&literals, &systems, &usual);
    let frequencies = frequencies(&finder, Literals::new(&literal_text, &literal_starts), &texts);
    let mut worth = vec![BTreeSet::new(); literals.len()];
    let (mut questions, mut groups, mut candidates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut all_ways, mut many_conditions) = (Vec::new(), 0);
    let mut rule_texts: Vec<[&str; TEXTS]> = Vec::new();
    let mut table = Unread { programs: programs.sections(), ..Unread::default() };
    for (place, ((rule, conditions), techniques)) in rules.iter().zip(&techniques).enumerate() {
        let often = |literal: &String, fields: &[u8]| {
            let of_fields = frequencies[number(literal) as usize];
            fields.iter().map(|field| of_fields[usize::from(*field)]).sum::<usize>()
        };
        let (condition, literals) =
            rarest(conditions, |condition, literal| often(literal, &fields[condition.fields.as_slice()]));
        let looked_at = fields[condition.fields.as_slice()].iter().fold(0, |set, field| set | 1 << field);
        for literal in literals {
            worth[number(literal) as usize].insert(candidate(small(place), looked_at));
        }
        let start = many_conditions;
        for Matched { condition, needs } in conditions {
            let all = pooled(&mut questions, condition.all.iter().map(question));
            let any: Vec<Span> =
                condition.groups().map(|group| pooled(&mut questions, group.into_iter().map(question))).collect();
            let ways: Vec<Way> = needs
                .iter()
                .map(|way| {
                    // The smallest is the quickest to be missed.
                    let mut needed: Vec<&Vec<String>> = way.groups.iter().collect();
                    needed.sort_by_key(|group| group.len());
                    let needed: Vec<Span> =
                        needed.into_iter().map(|group| pooled(&mut questions, group.iter().map(question))).collect();
                    let anchor = way.anchor.clone().unwrap_or_default();
                    let behind = way.mark.map_or((anchor.least, anchor.most), |mark| (mark.least, mark.most));
                    Way {
                        groups: pooled(&mut groups, needed),
                        characters: way.characters,
                        anchors: pooled(&mut questions, anchor.literals.iter().map(question)),
                        marks: way.mark.map(|mark| mark.bytes),
                        behind: (small(behind.0), small(behind.1)),
                        at_start: way.at_start,
                    }
                })
                .collect();
            let compiled = Condition {
                fields: &fields[condition.fields.as_slice()],
                all,
                any: pooled(&mut groups, any),
                none: pooled(&mut questions, condition.none.iter().map(question)),
                ways: pooled(&mut all_ways, ways),
                regex: condition
                    .regex
                    .as_deref()
                    .map(|regex| small(patterns.binary_search(&regex).expect("every pattern was collected"))),
            };
            compiled.write(&mut table.conditions);
            many_conditions += 1;
        }
        let weight = ten_thousandths(checked.weight_of(rule));
        let conditions = Span { start, len: small(conditions.len()) };
        write_rule(platforms(rule), rule.stage, weight, conditions, &mut table.rules);
        rule_texts.push([&rule.id, &rule.family, techniques, &rule.title, &rule.tactic, &rule.false_positives]);
    }
    // Only what makes a rule worth a closer look has to be found; the others are asked for.
    for (systems, _) in systems.iter_mut().zip(&worth).filter(|(_, rules)| rules.is_empty()) {
        *systems = 0;
    }
    let finder = finder::encoded(&literals, &systems, &usual);
    let worth: Vec<Span> = worth.into_iter().map(|rules| pooled(&mut candidates, rules)).collect();
    all_ways.iter().for_each(|way: &Way| way.write(&mut table.ways));
    (table.questions, table.candidates) = (bytes_of(questions.into_iter().flatten()), bytes_of(candidates));
    (table.groups, table.worth) = (bytes_of_spans(&groups), bytes_of_spans(&worth));
    let (pattern_text, pattern_starts) = literal_bytes(&patterns);
    let (rule_text, rule_text_starts) = literal_bytes(rule_texts.as_flattened());
    (table.literal_starts, table.pattern_starts, table.rule_text_starts) =
        (literal_starts, pattern_starts, rule_text_starts);
    table.texts = [version, literal_text, pattern_text, rule_text];
    let (table, texts) = table.write();
    Ok(Compiled { table, texts, finder })
}

/// 12 hexadecimal digits over everything that can change a result.
fn version(checked: &CheckedRules) -> String {
    let meanings: Vec<Meaning<'_>> =
        checked.rules().map(|rule| Meaning { rule, weight: ten_thousandths(checked.weight_of(rule)) }).collect();
    let fitted: Vec<String> = checked.fitted().iter().map(|bytes| hex::encode(Sha256::digest(bytes))).collect();
    let canonical = serde_json::to_vec(&(MEANING, meanings, fitted)).expect("rules are JSON");
    hex::encode(Sha256::digest(&canonical))[..12].to_owned()
}

/// A condition with its markers replaced by what stands in a text for them, and what its regex cannot do without.
struct Matched {
    condition: WrittenCondition,
    needs: Vec<Required>,
}

impl Matched {
    fn new(condition: &WrittenCondition) -> Self {
        let in_text = |literal: &String| -> Vec<String> {
            match marker(literal) {
                None => vec![literal.clone()],
                Some(marker) if marker.literals.is_empty() => vec![marker_text(marker.name)],
                Some(marker) => marker.literals.iter().map(|text| (*text).to_owned()).collect(),
            }
        };
        let mut all = Vec::new();
        let mut groups: Vec<OneOrMore> = Vec::new();
        for literal in &condition.all {
            match in_text(literal).as_slice() {
                [one] => all.push(one.clone()),
                several => groups.push(OneOrMore::More(several.to_vec())),
            }
        }
        groups.extend(condition.groups().map(|group| OneOrMore::More(group.into_iter().flat_map(in_text).collect())));
        let needs = condition.regex.as_deref().map(required).unwrap_or_default();
        Self { condition: WrittenCondition { all, any: groups, ..condition.clone() }, needs }
    }

    /// Of each group, one literal must occur in the field.
    fn groups(&self, often: impl Fn(&Vec<String>) -> usize) -> impl Iterator<Item = Vec<&String>> {
        // The rarest of each way; none, if there is a way without one.
        let rarest = |way: &'_ Required| (0..way.groups.len()).min_by_key(|place| often(&way.groups[*place]));
        let of_ways: Option<Vec<&Vec<String>>> =
            self.needs.iter().map(|way| rarest(way).and_then(|place| way.groups.get(place))).collect();
        let of_ways = of_ways.filter(|groups| !groups.is_empty());
        self.condition.groups().chain(of_ways.map(|groups| groups.into_iter().flatten().collect()))
    }

    /// Every literal.
    fn literals(&self) -> impl Iterator<Item = &String> {
        let anchors = self.needs.iter().flat_map(|way| &way.anchor).flat_map(|anchor| &anchor.literals);
        self.condition.literals().chain(self.needs.iter().flat_map(|way| way.groups.iter().flatten())).chain(anchors)
    }
}

/// Adds `items` to a pool.
fn pooled<T>(pool: &mut Vec<T>, items: impl IntoIterator<Item = T>) -> Span {
    let start = pool.len();
    pool.extend(items);
    Span { start: small(start), len: small(pool.len() - start) }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("there are fewer than 2^32 of anything in a folder of rules")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be from 0 to 0.99")]
fn ten_thousandths(weight: f64) -> u16 {
    (weight * 10_000.0).round() as u16
}

fn platforms(rule: &WrittenRule) -> u8 {
    rule.platforms.iter().fold(0, |set, platform| set | platform_bit(platform))
}

fn platform_bit(name: &str) -> u8 {
    match name {
        "windows" => WINDOWS,
        "linux" => LINUX,
        _ => MACOS,
    }
}

/// The literals that make a rule worth a closer look, and the condition that asks for them: one that must occur, or a whole
/// group, whichever is rarest in usual texts and, of these, the longest. A rule without one of them cannot match.
fn rarest(
    conditions: &[Matched],
    frequency: impl Fn(&WrittenCondition, &String) -> usize,
) -> (&WrittenCondition, Vec<&String>) {
    let groups = conditions.iter().flat_map(|matched| {
        let single = matched.condition.all.iter().map(|literal| vec![literal]);
        let often = |group: &Vec<String>| group.iter().map(|literal| frequency(&matched.condition, literal)).sum();
        single.chain(matched.groups(often)).map(move |group| (&matched.condition, group))
    });
    let key = |(condition, group): &(&WrittenCondition, Vec<&String>)| {
        let shortest = group.iter().map(|literal| literal.len()).min();
        let often = group.iter().map(|literal| frequency(condition, literal)).sum::<usize>();
        (often, std::cmp::Reverse(shortest), group.len())
    };
    groups.min_by_key(key).expect("every condition has a literal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{WEIGHTS_FILE, read};
    use crate::table::Table;
    use std::fs;

    const RULES: &str = r#"
        [[rule]]
        id = "a-rule"
        title = "A rule"
        family = "a-family"
        platforms = ["windows", "macos"]
        techniques = ["T1003.001", "T1059"]
        tactic = "execution"
        weight = 0.5
        all = ["whoami", "obf:caret", "path:downloads"]
        any = [["/all", "/priv"], ["/fo"]]
        none = ["/groups"]
        regex = 'whoami\s'
        process = ["cmd"]
        false_positives = "none known"
        match = ["whoami"]
        no_match = ["id"]

        [[rule]]
        id = "b-rule"
        title = "Another"
        family = "a-family"
        platforms = ["linux"]
        techniques = ["T1059"]
        tactic = "execution"
        weight = 0.25
        stage = true
        fields = ["path", "parent_cmdline"]
        any = ["whoami", "longer-one"]
        regex = 'whoami\s'
        false_positives = "none known"
        match = ["whoami"]
        no_match = ["id"]
    "#;

    fn compiled(text: &str, weights: Option<&str>) -> Compiled {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.toml"), text).unwrap();
        if let Some(weights) = weights {
            fs::create_dir(folder.path().join("fitted")).unwrap();
            fs::write(folder.path().join(WEIGHTS_FILE), weights).unwrap();
        }
        compile(&read(folder.path()).unwrap()).unwrap()
    }

    fn version(compiled: &Compiled) -> String {
        Table::read(&compiled.table, &compiled.texts).unwrap().version.to_owned()
    }

    #[test]
    fn the_table_says_what_was_written() {
        let compiled = compiled(RULES, None);
        let table = Table::read(&compiled.table, &compiled.texts).unwrap();
        let text = |part: Span| {
            let questions = table.questions.of(part);
            let literals = questions.map(|question| table.literals.get(question.literal as usize).unwrap());
            literals.collect::<Vec<_>>()
        };
        assert_eq!(table.rules.iter().map(|rule| rule.id()).collect::<Vec<_>>(), ["a-rule", "b-rule"]);
        let (first, second) = (table.rules.get(0).unwrap(), table.rules.get(1).unwrap());
        assert_eq!((first.platforms, first.weight, first.stage), (WINDOWS | MACOS, 5_000, false));
        assert_eq!(first.techniques().collect::<Vec<_>>(), ["T1003.001", "T1059"]);
        assert_eq!((second.platforms, second.weight, second.stage), (LINUX, 2_500, true));
        let conditions: Vec<_> = table.conditions.of(first.conditions).collect();
        let [main, process] = conditions.as_slice() else { panic!("{table:#?}") };
        assert_eq!(text(main.all), ["whoami", "\u{1}obf:caret\u{1}"]);
        let groups: Vec<_> = table.groups.of(main.any).map(text).collect();
        assert_eq!(groups, [vec![r"\downloads\", "/downloads/"], vec!["/all", "/priv"], vec!["/fo"]]);
        let ways: Vec<_> = table.ways.of(main.ways).collect();
        let [way] = ways.as_slice() else { panic!("{table:#?}") };
        assert_eq!(text(table.groups.get(way.groups.start as usize)), ["whoami "], "what the regex needs");
        assert_eq!(text(main.none), ["/groups"]);
        assert_eq!(process.fields, [Field::Process as u8]);
        assert_eq!(text(table.groups.get(process.any.start as usize)), ["|cmd|"]);
        let other = table.conditions.of(second.conditions).next().unwrap();
        assert_eq!(other.fields, [Field::Path as u8, Field::ParentCmdline as u8]);
        assert_eq!(table.patterns.iter().collect::<Vec<_>>(), [r"whoami\s"]);
        assert_eq!((main.regex, other.regex), (Some(0), Some(0)));
        let worth = |literal: &str| {
            let at = table.literals.iter().position(|other| other == literal).unwrap();
            table.worth_a_look(small(at)).collect::<Vec<_>>()
        };
        assert_eq!(
            (worth("\u{1}obf:caret\u{1}"), worth("whoami "), worth("longer-one")),
            (vec![(0, Field::Cmdline.bit())], vec![(1, Field::Path.bit() | Field::ParentCmdline.bit())], vec![]),
            "what the regex needs is enough, in the fields of its condition"
        );
    }

    #[test]
    fn the_version_follows_what_can_change_a_result_and_nothing_else() {
        let before = version(&compiled(RULES, None));
        assert_eq!(before.len(), 12);
        assert_eq!(version(&compiled(RULES, None)), before);
        assert_eq!(version(&compiled(&RULES.replace("none known", "backup agents"), None)), before);
        assert_eq!(version(&compiled(&RULES.replace("[\"id\"]", "[\"ls\"]"), None)), before);
        assert_ne!(version(&compiled(&RULES.replace("/groups", "/other"), None)), before);
        assert_ne!(version(&compiled(RULES, Some("[rules]\nb-rule = 0.26"))), before);
        assert_eq!(version(&compiled(RULES, Some("[rules]\nzzz = 0.26"))), before);
    }

    #[test]
    fn the_same_rules_are_the_same_bytes() {
        assert_eq!(compiled(RULES, None), compiled(RULES, None));
    }

    #[test]
    fn rules_with_mistakes_are_not_compiled() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.toml"), RULES.replace("0.25", "2.5")).unwrap();
        let mistakes = compile(&read(folder.path()).unwrap()).unwrap_err();
        assert_eq!(mistakes.len(), 1);
        assert_eq!(mistakes[0].to_string(), "a.toml: b-rule: weight: from 0.01 to 0.97");
    }
}
