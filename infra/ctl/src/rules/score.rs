//! `vyroxctl rules score`.

use super::choice::RuleChoice;
use super::event::{Event, events};
use crate::error::CtlError;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use vyrox_domain::heuristics::{Ruleset, deterministic_level};
use vyrox_domain::verdict::{Confidence, Evidence, VerdictLevel};

/// One line of the answer.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a Value,
    score: Confidence,
    verdict: VerdictLevel,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<Vec<Evidence>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    staged: Option<Vec<Evidence>>,
}

pub(super) fn score(file: &Path, explain: bool, rules: &RuleChoice) -> Result<(), CtlError> {
    rules.with(|ruleset| {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut first_mistake = None;
        for event in events(file)? {
            let event = match event {
                Ok(event) => event,
                // The others are scored all the same.
                Err(mistake @ CtlError::Line { .. }) => {
                    first_mistake.get_or_insert(mistake);
                    continue;
                }
                Err(other) => return Err(other),
            };
            serde_json::to_writer(&mut out, &line(ruleset, &event, explain)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        first_mistake.map_or(Ok(()), Err)
    })
}

fn line<'a>(ruleset: &Ruleset<'_>, event: &'a Event, explain: bool) -> Line<'a> {
    let observation = event.observation();
    let (score, matched, staged) = if explain {
        let explanation = ruleset.explain(&observation);
        (explanation.confidence, Some(explanation.matched), Some(explanation.staged))
    } else {
        (ruleset.evaluate(&observation).confidence, None, None)
    };
    Line { id: &event.id, score, verdict: deterministic_level(score), matched, staged }
}
