//! `vyroxctl rules lint`.

use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use vyrox_domain::heuristics::{Ruleset, failing_examples};
use vyrox_ruleset::{CheckedRules, Mistake, Severity};

/// Where the rules are in a checkout.
pub(super) const FOLDER: &str = "functions/domain/rules";

/// How much there is of something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
struct Count {
    rules: usize,
    staged: usize,
    fitted: usize,
    conditions: usize,
    regexes: usize,
    literals: usize,
    examples: usize,
}

pub(super) fn lint(folder: &Path, as_json: bool) -> Result<(), CtlError> {
    let checked =
        vyrox_ruleset::read(folder).map_err(|source| CtlError::File { path: folder.display().to_string(), source })?;
    let mut mistakes = checked.mistakes().to_vec();
    let mut version = None;
    if let Ok(compiled) = vyrox_ruleset::compile(&checked) {
        let ruleset = Ruleset::load(&compiled.table, &compiled.texts, &compiled.finder)?;
        mistakes.extend(failing_examples(&ruleset, &checked));
        version = Some(ruleset.version().to_owned());
    }
    let errors = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error).count();
    report(&checked, &mistakes, version.as_deref()).print(as_json).map(drop)?;
    if errors == 0 { Ok(()) } else { Err(CtlError::Lint { errors }) }
}

fn report(checked: &CheckedRules, mistakes: &[Mistake], version: Option<&str>) -> Report {
    let (mut total, mut platforms, mut tactics) = (Count::default(), BTreeMap::new(), BTreeMap::new());
    for rule in checked.rules() {
        let (conditions, regexes, literals) = rule.patterns();
        let one = Count {
            rules: 1,
            staged: usize::from(rule.stage),
            fitted: usize::from(checked.is_fitted(&rule.id)),
            conditions,
            regexes,
            literals,
            examples: rule.matches.len() + rule.differs.len(),
        };
        total.add(one);
        platforms.entry(rule.platforms.join("+")).or_insert_with(Count::default).add(one);
        tactics.entry(rule.tactic.clone()).or_insert_with(Count::default).add(one);
    }
    let mut text: String = mistakes
        .iter()
        .map(|mistake| match mistake.severity {
            Severity::Error => format!("{mistake}\n"),
            Severity::Warning => format!("warning: {mistake}\n"),
        })
        .collect();
    let rows: Vec<[String; 8]> = [("all".to_owned(), total)]
        .into_iter()
        .chain(platforms.clone())
        .chain(tactics.clone())
        .map(|(name, count)| count.row(name))
        .collect();
    let header = ["", "RULES", "ON TRIAL", "FITTED", "CONDITIONS", "REGEXES", "LITERALS", "EXAMPLES"];
    text.push_str(&table::columns(header, &rows));
    match version {
        Some(version) => text.push_str(&format!("ruleset {version}, every example tried\n")),
        None => text.push_str("not compiled, so no example was tried\n"),
    }
    let json: Value = json!({
        "ruleset": version, "mistakes": mistakes, "total": total, "platforms": platforms, "tactics": tactics,
    });
    Report::new(json, text)
}

impl Count {
    fn add(&mut self, other: Self) {
        self.rules += other.rules;
        self.staged += other.staged;
        self.fitted += other.fitted;
        self.conditions += other.conditions;
        self.regexes += other.regexes;
        self.literals += other.literals;
        self.examples += other.examples;
    }

    fn row(self, name: String) -> [String; 8] {
        let numbers =
            [self.rules, self.staged, self.fitted, self.conditions, self.regexes, self.literals, self.examples];
        let [a, b, c, d, e, f, g] = numbers.map(|number| number.to_string());
        [name, a, b, c, d, e, f, g]
    }
}
