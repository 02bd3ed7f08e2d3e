//! What texts are usually like, by which literals are told apart that are rare from those that are in everything.
//!
//! It changes no result: only for which of its literals a rule is looked at, and by which bytes a literal is found.

use crate::finder::{Finder, grams};
use crate::pool::Literals;
use crate::seen::Seen;
use crate::source::CheckedRules;
use crate::table::Field;
use crate::written::Example;
use std::collections::BTreeMap;

/// How often each four and three bytes are in texts as they usually are.
pub(crate) struct Usual(BTreeMap<u32, usize>);

impl Usual {
    /// Of texts in lower case.
    pub(crate) fn of<'t>(texts: impl IntoIterator<Item = &'t String>) -> Self {
        let mut frequent: BTreeMap<u32, usize> = BTreeMap::new();
        for text in texts {
            for at in 0..text.len() {
                let [long, short] = grams(text.as_bytes(), at);
                *frequent.entry(long).or_default() += 1;
                *frequent.entry(short).or_default() += 1;
            }
        }
        Self(frequent)
    }

    /// Of four bytes, or of three.
    pub(crate) fn how_often(&self, gram: u32) -> usize {
        self.0.get(&gram).copied().unwrap_or_default()
    }
}

/// The texts of the known events and of all examples, as the engine sees them, by field. The examples are attacks for the most
/// part, and what most machines do all day is among the known events.
pub(crate) fn usual_texts(checked: &CheckedRules) -> Vec<(Field, String)> {
    let examples = checked.rules().flat_map(|rule| rule.matches.iter().chain(&rule.differs));
    let texts = examples.flat_map(|example| match example {
        Example::Cmdline(text) => vec![(Field::Process, between_bars(text)), (Field::Cmdline, text.clone())],
        Example::Fields(fields) => {
            fields.iter().filter_map(|(name, text)| Some((Field::named(name)?, text.clone()))).collect()
        }
    });
    let known = checked.known().iter().flat_map(|event| {
        Field::ALL.into_iter().filter_map(|field| {
            let text = event.get(field.label())?.as_str()?;
            let name = matches!(field, Field::Process | Field::Parent);
            Some((field, if name { between_bars(text) } else { text.to_owned() }))
        })
    });
    texts.chain(known).map(|(field, text)| (field, text.to_lowercase())).collect()
}

/// The name of a command line's program, as rules' lists of names look for it.
fn between_bars(cmdline: &str) -> String {
    let program = cmdline.trim_start_matches('"').split(['"', ' ']).next().unwrap_or_default();
    let name = program.rsplit(['\\', '/']).next().unwrap_or_default();
    format!("|{name}|{}|", name.strip_suffix(".exe").unwrap_or(name))
}

/// A field with fewer texts than this says little about what is usual there; rules that look at it are about what is not.
const ENOUGH: usize = 500;

/// Of each literal, in how many of a million texts of a field it is, as they usually are, by field: one that is in half of the
/// few paths is no rarer than one that is in half of the many command lines.
pub(crate) fn frequencies(
    finder: &[u8],
    literals: Literals<'_>,
    usual: &[(Field, String)],
) -> Vec<[usize; Field::ALL.len()]> {
    let finder = Finder::read(finder).expect("it has just been encoded");
    let mut frequencies = vec![[0; Field::ALL.len()]; literals.len()];
    let mut texts = [0; Field::ALL.len()];
    let mut seen = Seen::default();
    for (field, text) in usual {
        texts[*field as usize] += 1;
        finder.find(literals, (text.as_bytes(), 1), u8::MAX, &mut seen, |literal| {
            frequencies[literal as usize][*field as usize] += 1;
        });
    }
    for of_literal in &mut frequencies {
        of_literal.iter_mut().zip(texts).for_each(|(often, texts)| *often = *often * 1_000_000 / (texts + ENOUGH));
    }
    frequencies
}
