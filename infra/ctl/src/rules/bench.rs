//! `vyroxctl rules bench`: the engine beside a plain loop of compiled regular expressions over the same rules.

use super::choice::RuleChoice;
use super::clock::Stopwatch;
use super::event::{Event, events};
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use regex::bytes::Regex;
use serde_json::json;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;
use vyrox_domain::heuristics::{Explanation, Observation, Ruleset};
use vyrox_ruleset::{Condition, Field, Question, Table, pattern};

/// How often the rules are loaded, for a time that can be measured.
const LOADS: u32 = 50;
/// The least that the engine is kept busy for.
const LEAST: Duration = Duration::from_millis(1_500);
/// The plain loop is slow; it gets at most this many events, spread over the file.
const PLAIN_EVENTS: usize = 500;

pub(super) fn bench(file: &Path, rules: &RuleChoice, as_json: bool) -> Result<(), CtlError> {
    let read: Vec<Event> = events(file)?.collect::<Result<_, _>>()?;
    if read.is_empty() {
        return Err(CtlError::NothingToMeasure(file.display().to_string()));
    }
    let events: Vec<Observation<'_>> = read.iter().map(Event::observation).collect();
    let bytes = rules.bytes()?;
    let (table, texts, finder) = bytes.parts();
    let heap_before = resident();
    let cold = Stopwatch::start();
    let ruleset = Ruleset::load(table, texts, finder)?;
    let first_load = cold.passed();
    let heap_loaded = resident();
    let first_pass = pass(&ruleset, &events);
    let heap_warm = resident();
    let warm = warm_pass(&ruleset, &events);
    black_box(ruleset.try_every_pattern(&ruleset.table().literals.iter().collect::<Vec<_>>().join(" ")));
    let heap_needed = resident();
    let load = repeated_load(table, texts, finder)?;
    let (plain, plain_events, plain_patterns) = plain_loop(&ruleset, &events);

    let per_event = |time: Duration, count: usize| time.as_secs_f64() * 1e6 / count as f64;
    let heap = |after: Option<u64>| Some(after?.saturating_sub(heap_before?));
    let (rules, regexes) = (ruleset.rules().len(), ruleset.table().patterns.len());
    let json = json!({
        "ruleset": ruleset.version(), "rules": rules, "regexes": regexes,
        "literals": ruleset.table().literals.len(), "conditions": ruleset.table().conditions.len(),
        "events": events.len(),
        "cpu_us_per_event": per_event(warm, events.len()),
        "cpu_us_per_event_first_pass": per_event(first_pass, events.len()),
        "init_ms": load.as_secs_f64() * 1e3, "init_ms_first": first_load.as_secs_f64() * 1e3,
        "heap_bytes_loaded": heap(heap_loaded), "heap_bytes": heap(heap_warm),
        "heap_bytes_every_pattern": heap(heap_needed),
        "table_bytes": table.len() + texts.len(), "finder_bytes": finder.len(),
        "plain_loop": {
            "cpu_us_per_event": per_event(plain, plain_events), "events": plain_events, "patterns": plain_patterns,
        },
    });
    let mebibytes = |bytes: Option<u64>| {
        bytes.map_or_else(|| "not known here".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / 1_048_576.0))
    };
    let text = table::fields(&[
        ("ruleset", format!("{}, {rules} rules, {regexes} regexes", ruleset.version())),
        ("events", events.len().to_string()),
        ("per event", format!("{:.2} us of CPU", per_event(warm, events.len()))),
        ("first pass", format!("{:.2} us of CPU per event", per_event(first_pass, events.len()))),
        (
            "start",
            format!(
                "{:.2} ms of CPU, {:.2} ms the first time",
                load.as_secs_f64() * 1e3,
                first_load.as_secs_f64() * 1e3
            ),
        ),
        (
            "heap",
            format!(
                "{} loaded, {} after all events, {} after every regex was needed",
                mebibytes(heap(heap_loaded)),
                mebibytes(heap(heap_warm)),
                mebibytes(heap(heap_needed))
            ),
        ),
        (
            "plain loop",
            format!(
                "{:.1} us of CPU per event, over {plain_events} events and {plain_patterns} compiled regexes",
                per_event(plain, plain_events)
            ),
        ),
        ("build", if cfg!(debug_assertions) { "debug: not the speed of a release" } else { "release" }.to_owned()),
    ]);
    Ok(Report::new(json, text).print(as_json).map(drop)?)
}

fn pass(ruleset: &Ruleset<'_>, events: &[Observation<'_>]) -> Duration {
    let watch = Stopwatch::start();
    for event in events {
        black_box(ruleset.evaluate(event));
    }
    watch.spent()
}

/// The mean of as many passes as are needed for a time that can be measured.
fn warm_pass(ruleset: &Ruleset<'_>, events: &[Observation<'_>]) -> Duration {
    let (mut spent, mut passes) = (Duration::ZERO, 0);
    while passes == 0 || (spent < LEAST && passes < 1_000) {
        spent += pass(ruleset, events);
        passes += 1;
    }
    spent / passes
}

fn repeated_load(table: &[u8], texts: &str, finder: &[u8]) -> Result<Duration, CtlError> {
    let (watch, mut loads) = (Stopwatch::start(), 0);
    // As long as the stopwatch needs to be precise.
    while watch.spent() < LEAST {
        for _ in 0..LOADS {
            black_box(Ruleset::load(table, texts, finder)?);
        }
        loads += LOADS;
    }
    Ok(watch.spent() / loads)
}

/// One compiled regex per pattern of each condition, one after the other, as a first version of a rule engine would have
/// it. It gets the texts ready made, and stops at a rule's first condition that does not hold.
fn plain_loop(ruleset: &Ruleset<'_>, events: &[Observation<'_>]) -> (Duration, usize, usize) {
    let table = ruleset.table();
    let conditions: Vec<PlainCondition> =
        table.conditions.iter().map(|condition| PlainCondition::new(&condition, table)).collect();
    let patterns = conditions.iter().map(|condition| condition.wanted.len() + condition.unwanted.len()).sum();
    let step = events.len().div_ceil(PLAIN_EVENTS);
    let explained: Vec<Explanation> = events.iter().step_by(step).map(|event| ruleset.explain(event)).collect();
    let evaluate = || {
        for event in &explained {
            for rule in table.rules.iter() {
                black_box(rule.conditions.of(&conditions).iter().all(|condition| condition.holds(event)));
            }
        }
    };
    evaluate();
    let watch = Stopwatch::start();
    evaluate();
    (watch.spent(), explained.len(), patterns)
}

/// A condition as regexes alone.
struct PlainCondition {
    fields: Vec<&'static str>,
    wanted: Vec<Regex>,
    unwanted: Vec<Regex>,
}

impl PlainCondition {
    fn new(condition: &Condition<'_>, table: &Table<'_>) -> Self {
        let literal =
            |question: Question| table.literals.get(question.literal as usize).map_or_else(String::new, regex::escape);
        let all = table.questions.of(condition.all).map(literal);
        let any = table
            .groups
            .of(condition.any)
            .map(|group| table.questions.of(group).map(literal).collect::<Vec<_>>().join("|"));
        let regex = condition.regex.and_then(|number| table.patterns.get(number as usize)).map(str::to_owned);
        let compiled = |texts: Vec<String>| texts.iter().filter_map(|text| pattern(text).ok()).collect();
        Self {
            fields: condition.fields.iter().filter_map(|byte| Field::of_byte(*byte)).map(Field::name).collect(),
            wanted: compiled(all.chain(any).chain(regex).collect()),
            unwanted: compiled(table.questions.of(condition.none).map(literal).collect()),
        }
    }

    fn holds(&self, event: &Explanation) -> bool {
        self.fields.iter().any(|field| {
            let found = |regex: &Regex| {
                event.forms.iter().any(|form| form.field == *field && regex.is_match(form.content.as_bytes()))
            };
            self.wanted.iter().all(found) && !self.unwanted.iter().any(found)
        })
    }
}

/// What this process has in memory that is no file, in bytes; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let account = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = account.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1_024)
}
