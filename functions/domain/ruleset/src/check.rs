//! What makes a rule unusable, by key.

use crate::marker::{looks_like_a_marker, marker};
use crate::pattern::pattern;
use crate::table::Field;
use crate::written::{Example, WrittenCondition, WrittenRule};
use std::ops::RangeInclusive;

/// Shorter literals occur everywhere and make the finder useless.
const SHORTEST_LITERAL: usize = 3;
/// A rule never is certain, and one that is worth nothing need not be written.
const WEIGHTS: RangeInclusive<f64> = 0.01..=0.97;
const PLATFORMS: &[&str] = &["windows", "linux", "macos"];
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

/// A key and what is wrong with it.
type Wrong = (&'static str, String);

/// What is wrong with `rule`.
pub(crate) fn check(rule: &WrittenRule) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut require = |holds: bool, key, why: &str| {
        if !holds {
            wrong.push((key, why.to_owned()));
        }
    };
    require(is_slug(&rule.id), "id", "lower-case letters, digits and hyphens");
    require(is_slug(&rule.family), "family", "lower-case letters, digits and hyphens");
    require(!rule.title.trim().is_empty(), "title", "empty");
    require(!rule.false_positives.trim().is_empty(), "false_positives", "empty; write `none known` if so");
    require(!rule.platforms.is_empty(), "platforms", "empty");
    require(rule.platforms.iter().all(|p| PLATFORMS.contains(&p.as_str())), "platforms", "windows, linux or macos");
    require(TACTICS.contains(&rule.tactic.as_str()), "tactic", "not a tactic");
    require(WEIGHTS.contains(&rule.weight), "weight", "from 0.01 to 0.97");
    require(!rule.techniques.is_empty(), "techniques", "empty");
    require(rule.techniques.iter().all(|t| is_technique(t)), "techniques", "T1234 or T1234.567");
    require(
        rule.references.iter().all(|r| is_technique(r) || is_address(r)),
        "references",
        "a technique's id or an https address",
    );
    require(!rule.matches.is_empty(), "match", "at least one example");
    require(!rule.differs.is_empty(), "no_match", "at least one counter-example");
    for (key, examples) in [("match", &rule.matches), ("no_match", &rule.differs)] {
        for name in examples.iter().flat_map(unknown_fields) {
            require(false, key, &format!("an example names an unknown field, `{name}`"));
        }
    }
    wrong.extend(rule.conditions().iter().flat_map(check_condition));
    wrong
}

fn check_condition(condition: &WrittenCondition) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut require = |holds: bool, key, why: &str| {
        if !holds {
            wrong.push((key, why.to_owned()));
        }
    };
    for field in condition.fields.iter().filter(|field| Field::named(field).is_none()) {
        require(false, "fields", &format!("`{field}` is not a field"));
    }
    require(!condition.fields.is_empty(), "fields", "empty");
    let positive = !condition.all.is_empty() || !condition.any.is_empty();
    require(positive, "all", "a condition needs a literal in all or any");
    require(condition.groups().all(|group| !group.is_empty()), "any", "an empty group");
    for (key, literal) in keyed_literals(condition) {
        require(literal.len() >= SHORTEST_LITERAL, key, &format!("`{literal}` is shorter than 3 bytes"));
        require(*literal == literal.to_lowercase(), key, &format!("`{literal}` is not lower case; texts are"));
        require(!literal.chars().any(char::is_control), key, &format!("`{literal}` has a control character"));
        let is_marker = looks_like_a_marker(literal);
        require(!is_marker || marker(literal).is_some(), key, &format!("there is no marker `{literal}`"));
        require(!is_marker || key != "none", key, &format!("`{literal}` may not excuse anything"));
    }
    if let Some(written) = &condition.regex {
        if let Err(error) = pattern(written) {
            require(false, "regex", &error.to_string());
        }
        require(!has_upper_case(written), "regex", "an upper-case letter never matches lower-case text");
    }
    wrong
}

fn keyed_literals(condition: &WrittenCondition) -> impl Iterator<Item = (&'static str, &String)> {
    let all = condition.all.iter().map(|literal| ("all", literal));
    let any = condition.groups().flatten().map(|literal| ("any", literal));
    let none = condition.none.iter().map(|literal| ("none", literal));
    all.chain(any).chain(none)
}

fn unknown_fields(example: &Example) -> impl Iterator<Item = &String> {
    let fields = if let Example::Fields(fields) = example { Some(fields) } else { None };
    fields.into_iter().flat_map(|fields| fields.keys()).filter(|name| Field::named(name).is_none())
}

fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_technique(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('T').is_some_and(|rest| match rest.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(rest, 4),
    })
}

fn is_address(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '`'));
    plain && text.strip_prefix("https://").is_some_and(|rest| rest.contains('.') && !rest.starts_with('.'))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(changes: &str) -> WrittenRule {
        let mut rule: toml::Table = r#"
            id = "a-rule"
            title = "A rule"
            family = "a-family"
            platforms = ["windows"]
            techniques = ["T1003.001"]
            tactic = "execution"
            weight = 0.5
            all = ["whoami"]
            false_positives = "none known"
            match = ["whoami"]
            no_match = ["id"]
        "#
        .parse()
        .unwrap();
        rule.extend(changes.parse::<toml::Table>().unwrap());
        rule.try_into().unwrap()
    }

    fn keys(changes: &str) -> Vec<&'static str> {
        check(&rule(changes)).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_whole_rule_has_no_mistakes() {
        assert_eq!(check(&rule("")), []);
        assert_eq!(check(&rule(r#"references = ["T1059", "https://attack.mitre.org/techniques/T1059/"]"#)), []);
        assert_eq!(check(&rule(r#"all = ["obf:caret"]"#)), []);
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (changes, key) in [
            ("id = 'A_rule'", "id"),
            ("title = ' '", "title"),
            ("family = ''", "family"),
            ("platforms = ['dos']", "platforms"),
            ("platforms = []", "platforms"),
            ("techniques = ['T10']", "techniques"),
            ("techniques = []", "techniques"),
            ("tactic = 'defense-evasion'", "tactic"),
            ("weight = 0.99", "weight"),
            ("weight = 0.0", "weight"),
            ("all = ['ab']", "all"),
            ("all = ['Whoami']", "all"),
            ("all = []", "all"),
            ("all = ['obf:carat']", "all"),
            ("none = ['path:temp']", "none"),
            ("any = [[]]", "any"),
            ("fields = ['cmd']", "fields"),
            ("fields = []", "fields"),
            ("regex = '('", "regex"),
            ("regex = 'A'", "regex"),
            ("regex = '(\\w{1,500}){500}'", "regex"),
            ("references = ['http://example.test/']", "references"),
            ("references = ['a blog']", "references"),
            ("match = []", "match"),
            ("no_match = []", "no_match"),
            ("match = [{ cmd = 'x' }]", "match"),
            ("false_positives = ''", "false_positives"),
            ("and = [{ all = ['x'] }]", "all"),
        ] {
            assert_eq!(keys(changes), [key], "{changes}");
        }
        assert_eq!(keys(r"regex = '\S\W\D'"), [""; 0]);
    }
}
