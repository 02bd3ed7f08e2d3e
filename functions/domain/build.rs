//! Checks `rules/*.toml` and compiles them: the rule table, the literal automaton, and the examples for the tests.
//!
//! A mistake in a rule file fails the build, named by file, rule id and key. All mistakes are reported together.

use daachorse::DoubleArrayAhoCorasick;
use regex::bytes::RegexBuilder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// Shorter literals occur everywhere and make the automaton useless.
const SHORTEST_LITERAL: usize = 3;
const WEIGHTS: RangeInclusive<f64> = 0.01..=0.97;
const PLATFORMS: &[&str] = &["windows", "linux", "macos"];
const FIELDS: &[&str] = &["cmdline", "process", "path", "parent", "parent_cmdline", "user"];
/// ATT&CK's, with `stealth` and `defense-impairment` for what used to be `defense-evasion`.
const TACTICS: &[&str] = &[
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// A rule as it is written; `rules/README.md` explains every key. What is not serialised cannot change a result and is not
/// part of the ruleset's version.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: String,
    title: String,
    family: String,
    platforms: Vec<String>,
    techniques: Vec<String>,
    tactic: String,
    weight: f64,
    #[serde(default)]
    stage: bool,
    #[serde(default)]
    process: Vec<String>,
    #[serde(default)]
    parent: Vec<String>,
    #[serde(default = "cmdline")]
    fields: Vec<String>,
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    any: Vec<OneOrMore>,
    #[serde(default)]
    none: Vec<String>,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    and: Vec<WrittenCondition>,
    #[serde(skip_serializing)]
    false_positives: String,
    #[serde(default, skip_serializing)]
    references: Vec<String>,
    #[serde(rename = "match", skip_serializing)]
    matches: Vec<Example>,
    #[serde(rename = "no_match", skip_serializing)]
    differs: Vec<Example>,
}

/// A further condition, in other fields or with its own regex.
#[derive(Deserialize, Serialize, Clone)]
#[serde(deny_unknown_fields)]
struct WrittenCondition {
    #[serde(default = "cmdline")]
    fields: Vec<String>,
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    any: Vec<OneOrMore>,
    #[serde(default)]
    none: Vec<String>,
    #[serde(default)]
    regex: Option<String>,
}

/// `any = ["a", "b"]` is one group; `any = [["a", "b"], ["c", "d"]]` wants one of each.
#[derive(Deserialize, Serialize, Clone)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// A command line, or several fields.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Example {
    Cmdline(String),
    Fields(BTreeMap<String, String>),
}

#[derive(Serialize)]
struct Table {
    version: String,
    literals: Vec<String>,
    candidates: Vec<BTreeSet<u32>>,
    rules: Vec<CompiledRule>,
}

#[derive(Serialize)]
struct CompiledRule {
    id: String,
    title: String,
    family: String,
    platforms: Vec<String>,
    techniques: Vec<String>,
    tactic: String,
    weight: f64,
    stage: bool,
    false_positives: String,
    conditions: Vec<CompiledCondition>,
}

#[derive(Serialize)]
struct CompiledCondition {
    fields: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any: Vec<Vec<u32>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    none: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<String>,
}

#[derive(Serialize)]
struct Examples<'a> {
    id: &'a str,
    matches: &'a [Example],
    differs: &'a [Example],
}

fn cmdline() -> Vec<String> {
    vec!["cmdline".to_owned()]
}

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(path_from_cargo("OUT_DIR"));
    let rules = Path::new(&path_from_cargo("CARGO_MANIFEST_DIR")).join("rules");
    let mut mistakes = Vec::new();
    let written = read(&rules, &mut mistakes);
    if mistakes.is_empty() {
        write(&out, &written);
        return ExitCode::SUCCESS;
    }
    for mistake in mistakes {
        println!("cargo::error={}", mistake.replace('\n', " "));
    }
    ExitCode::FAILURE
}

#[expect(clippy::disallowed_methods, reason = "cargo configures build scripts through the environment")]
fn path_from_cargo(name: &str) -> String {
    env::var(name).expect("cargo sets this for build scripts")
}

/// The rules of every file, by id.
fn read(folder: &Path, mistakes: &mut Vec<String>) -> BTreeMap<String, WrittenRule> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("rules/ is a folder beside build.rs")
        .map(|entry| entry.expect("rules/ can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut rules = BTreeMap::new();
    for path in files {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a rule file is readable UTF-8");
        let document: toml::Table = match text.parse() {
            Ok(document) => document,
            Err(error) => {
                mistakes.push(format!("{file}: {error}"));
                continue;
            }
        };
        for key in document.keys().filter(|key| *key != "rule") {
            mistakes.push(format!("{file}: unknown key `{key}`"));
        }
        for rule in document.get("rule").and_then(toml::Value::as_array).into_iter().flatten() {
            let id = rule.get("id").and_then(toml::Value::as_str).unwrap_or("(no id)").to_owned();
            match WrittenRule::deserialize(rule.clone()) {
                Ok(rule) => {
                    mistakes.extend(check(&rule).into_iter().map(|(key, why)| format!("{file}: {id}: {key}: {why}")));
                    if rules.insert(id.clone(), rule).is_some() {
                        mistakes.push(format!("{file}: {id}: id: another rule has it"));
                    }
                }
                Err(error) => mistakes.push(format!("{file}: {id}: {error}")),
            }
        }
    }
    rules
}

/// What is wrong with a rule, by key.
fn check(rule: &WrittenRule) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let slug = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let mut require = |holds: bool, key, why: &str| {
        if !holds {
            wrong.push((key, why.to_owned()));
        }
    };
    require(slug(&rule.id), "id", "lower-case letters, digits and hyphens");
    require(slug(&rule.family), "family", "lower-case letters, digits and hyphens");
    require(!rule.title.trim().is_empty(), "title", "empty");
    require(!rule.false_positives.trim().is_empty(), "false_positives", "empty; write `none known` if so");
    require(!rule.platforms.is_empty(), "platforms", "empty");
    require(rule.platforms.iter().all(|p| PLATFORMS.contains(&p.as_str())), "platforms", "windows, linux or macos");
    require(TACTICS.contains(&rule.tactic.as_str()), "tactic", "not a tactic");
    require(WEIGHTS.contains(&rule.weight), "weight", "from 0.01 to 0.97");
    require(!rule.techniques.is_empty(), "techniques", "empty");
    require(
        rule.techniques.iter().chain(&rule.references).all(|t| is_technique(t)),
        "techniques",
        "T1234 or T1234.567",
    );
    require(!rule.matches.is_empty(), "match", "at least one example");
    require(!rule.differs.is_empty(), "no_match", "at least one counter-example");
    for example in rule.matches.iter().chain(&rule.differs) {
        if let Example::Fields(fields) = example {
            require(
                fields.keys().all(|key| FIELDS.contains(&key.as_str())),
                "match",
                "an example names an unknown field",
            );
        }
    }
    for condition in conditions(rule) {
        let literals = || condition.all.iter().chain(&condition.none).chain(groups_of(&condition.any).flatten());
        require(condition.fields.iter().all(|f| FIELDS.contains(&f.as_str())), "fields", "not a field");
        require(!condition.fields.is_empty(), "fields", "empty");
        require(
            !condition.all.is_empty() || !condition.any.is_empty(),
            "all",
            "a condition needs a literal in all or any",
        );
        require(groups_of(&condition.any).all(|group| !group.is_empty()), "any", "an empty group");
        require(literals().all(|l| l.len() >= SHORTEST_LITERAL), "all", "a literal is shorter than 3 bytes");
        require(literals().all(|l| *l == l.to_lowercase()), "all", "a literal is not lower case; texts are");
        if let Some(pattern) = &condition.regex {
            let compiled = RegexBuilder::new(pattern).unicode(false).build();
            require(compiled.is_ok(), "regex", &compiled.err().map(|e| e.to_string()).unwrap_or_default());
            require(!has_upper_case(pattern), "regex", "an upper-case letter never matches lower-case text");
        }
    }
    wrong
}

fn is_technique(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('T').is_some_and(|rest| match rest.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(rest, 4),
    })
}

/// Escapes such as `\S` are not letters.
fn has_upper_case(pattern: &str) -> bool {
    let mut escaped = false;
    pattern.chars().any(|c| {
        let letter = c.is_ascii_uppercase() && !escaped;
        escaped = c == '\\' && !escaped;
        letter
    })
}

fn groups_of(any: &[OneOrMore]) -> impl Iterator<Item = Vec<&String>> {
    let single: Vec<&String> =
        any.iter().filter_map(|one| if let OneOrMore::One(literal) = one { Some(literal) } else { None }).collect();
    let more = any
        .iter()
        .filter_map(|more| if let OneOrMore::More(group) = more { Some(group.iter().collect()) } else { None });
    (!single.is_empty()).then_some(single).into_iter().chain(more)
}

/// The rule's own condition, then `and`, then its `process` and `parent` lists as conditions over names between bars.
fn conditions(rule: &WrittenRule) -> Vec<WrittenCondition> {
    let mut conditions = Vec::new();
    let main = WrittenCondition {
        fields: rule.fields.clone(),
        all: rule.all.clone(),
        any: rule.any.clone(),
        none: rule.none.clone(),
        regex: rule.regex.clone(),
    };
    let named = !rule.process.is_empty() || !rule.parent.is_empty();
    if !named || !main.all.is_empty() || !main.any.is_empty() {
        conditions.push(main);
    }
    conditions.extend(rule.and.iter().cloned());
    for (field, names) in [("process", &rule.process), ("parent", &rule.parent)] {
        if !names.is_empty() {
            conditions.push(WrittenCondition {
                fields: vec![field.to_owned()],
                all: Vec::new(),
                any: vec![OneOrMore::More(names.iter().map(|name| format!("|{name}|")).collect())],
                none: Vec::new(),
                regex: None,
            });
        }
    }
    conditions
}

fn write(out: &Path, written: &BTreeMap<String, WrittenRule>) {
    let canonical = serde_json::to_vec(written).expect("rules are JSON");
    let version = hex::encode(Sha256::digest(&canonical))[..12].to_owned();

    let mut literals: BTreeSet<String> = BTreeSet::new();
    for condition in written.values().flat_map(conditions) {
        literals.extend(condition.all.iter().chain(&condition.none).cloned());
        literals.extend(groups_of(&condition.any).flatten().cloned());
    }
    let literals: Vec<String> = literals.into_iter().collect();
    let number = |literal: &String| {
        let at = literals.binary_search(literal).expect("every literal was collected");
        u32::try_from(at).expect("rules have fewer than 2^32 literals")
    };

    let mut candidates = vec![BTreeSet::new(); literals.len()];
    let mut rules = Vec::new();
    for (place, rule) in (0_u32..).zip(written.values()) {
        let conditions = conditions(rule);
        for literal in rarest(&conditions) {
            candidates[number(literal) as usize].insert(place);
        }
        rules.push(CompiledRule {
            id: rule.id.clone(),
            title: rule.title.clone(),
            family: rule.family.clone(),
            platforms: rule.platforms.clone(),
            techniques: rule.techniques.clone(),
            tactic: rule.tactic.clone(),
            weight: rule.weight,
            stage: rule.stage,
            false_positives: rule.false_positives.clone(),
            conditions: conditions
                .iter()
                .map(|condition| CompiledCondition {
                    fields: condition.fields.clone(),
                    all: condition.all.iter().map(number).collect(),
                    any: groups_of(&condition.any).map(|group| group.into_iter().map(number).collect()).collect(),
                    none: condition.none.iter().map(number).collect(),
                    regex: condition.regex.clone(),
                })
                .collect(),
        });
    }
    let examples: Vec<Examples<'_>> = written
        .values()
        .map(|rule| Examples { id: &rule.id, matches: &rule.matches, differs: &rule.differs })
        .collect();
    let automaton = DoubleArrayAhoCorasick::<u32>::new(&literals).expect("literals are distinct and not empty");
    let table = Table { version, literals, candidates, rules };
    let put = |name: &str, bytes: Vec<u8>| fs::write(out.join(name), bytes).expect("OUT_DIR is writable");
    put("rules.json", serde_json::to_vec(&table).expect("the table is JSON"));
    put("literals.daachorse", automaton.serialize());
    put("examples.json", serde_json::to_vec(&examples).expect("examples are JSON"));
}

/// The literals that make a rule worth a closer look: the longest that must occur, or else the whole group whose shortest
/// member is longest. A rule without one of them cannot match.
fn rarest(conditions: &[WrittenCondition]) -> Vec<&String> {
    let required = conditions.iter().flat_map(|condition| &condition.all).max_by_key(|literal| literal.len());
    if let Some(literal) = required {
        return vec![literal];
    }
    conditions
        .iter()
        .flat_map(|condition| groups_of(&condition.any))
        .max_by_key(|group| group.iter().map(|literal| literal.len()).min())
        .expect("every condition has a literal")
}
