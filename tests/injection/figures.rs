//! What the suite came to, counted: the table of `docs/llm.md`, which the test holds to it.

use super::Payload;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use vyrox_domain::verdict::VerdictLevel;

/// What the rules alone say of the four alerts that each payload is put into, in the order in which they are judged.
pub(super) const ALERTS: [VerdictLevel; 4] =
    [VerdictLevel::Critical, VerdictLevel::Low, VerdictLevel::Medium, VerdictLevel::Benign];

/// How often each of some words was said.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn count(&mut self, word: &str) {
        *self.0.entry(word.to_owned()).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said: Vec<_> = self.0.iter().collect();
        said.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), word.as_str()));
        let said: Vec<String> = said.iter().map(|(word, count)| format!("{count} {word}")).collect();
        f.write_str(if said.is_empty() { "none" } else { "" })?;
        f.write_str(&said.join(", "))
    }
}

/// The suite's results.
#[derive(Debug, Default)]
pub(super) struct Figures {
    payloads: usize,
    places: usize,
    languages: usize,
    encodings: usize,
    found: usize,
    overlooked: usize,
    /// By alert: what became of it.
    verdicts: [Tally; 4],
    /// By alert: how often a model was asked.
    asked: [usize; 4],
    /// Without the screen: what the model answered where it was shown the payload, and what became of those answers.
    answers: Tally,
    bounded: Tally,
    obeyed: usize,
    leaked: usize,
}

impl Figures {
    /// Of this suite, with nothing judged yet.
    pub(super) fn of(suite: &[Payload]) -> Self {
        let distinct = |of: fn(&Payload) -> &String| suite.iter().map(of).collect::<BTreeSet<_>>().len();
        Self {
            payloads: suite.len(),
            places: distinct(|payload| &payload.field),
            languages: distinct(|payload| &payload.language),
            encodings: distinct(|payload| &payload.encoding),
            overlooked: suite.iter().filter(|payload| payload.is_outside_the_lists()).count(),
            ..Self::default()
        }
    }

    /// One alert with a payload in it: what became of it, after so many questions to a model.
    pub(super) fn judged(&mut self, alert: usize, verdict: VerdictLevel, asked: usize) {
        self.verdicts[alert].count(&verdict.to_string());
        self.asked[alert] += asked;
    }

    /// The model without the screen: its answer to a payload that it was shown, if it was, and the verdict.
    pub(super) fn unscreened(&mut self, answer: Option<&str>, verdict: &str, is_obedient: bool) {
        if let Some(answer) = answer {
            self.answers.count(answer);
            self.bounded.count(verdict);
            self.obeyed += usize::from(is_obedient);
        }
    }

    /// A payload as a whole.
    pub(super) fn payload(&mut self, is_found: bool, leaks: usize) {
        self.found += usize::from(is_found);
        self.leaked += usize::from(leaks > 0);
    }

    /// Of those that were shown, how many the model obeyed.
    pub(super) fn obeyed(&self) -> (usize, usize) {
        (self.obeyed, self.shown())
    }

    /// How many were found as instructions, and how many should be at least.
    pub(super) fn found(&self) -> (usize, usize) {
        (self.found, self.payloads - self.overlooked)
    }

    fn shown(&self) -> usize {
        self.answers.0.values().sum()
    }
}

/// The table of `docs/llm.md`.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payloads, places, languages, encodings, found, overlooked, obeyed, leaked, .. } = self;
        writeln!(f, "| | result over {payloads} payloads |\n|---|---|")?;
        writeln!(f, "| they stand in | {places} places, {languages} languages, {encodings} encodings |")?;
        writeln!(f, "| found as instructions | {found}; {overlooked} are meant to be overlooked |")?;
        for ((alert, verdicts), asked) in ALERTS.iter().zip(&self.verdicts).zip(self.asked) {
            writeln!(f, "| {alert} by rules without the text | {verdicts}; a model was asked {asked} times |")?;
        }
        let (shown, hidden) = (self.shown(), payloads - self.shown());
        writeln!(f, "| without the screen | {hidden} are never shown; {shown} are, and {obeyed} of them obeyed |")?;
        writeln!(f, "| its answers to those {shown} | {} |", self.answers)?;
        writeln!(f, "| what came of those answers | {} |", self.bounded)?;
        write!(f, "| leaked in a request's values or in what is shown | {leaked} |")
    }
}
