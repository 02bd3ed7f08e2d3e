//! `vyroxctl rules fit`: learns what rules and n-grams are worth from labelled events, and says how good that is.
//!
//! ```text
//! events + labels + rules --dataset--> rows
//!   rows --opinion (cross-validation: by group, technique, source)--> opinions --calibration--> curves --report--> tables, plots
//!   rows --weights, ngrams (all rows)--> weights.toml, ngrams.bin, calibration.toml
//! ```
//!
//! No clock, no randomness but a fixed generator, no order that depends on threads: the same files give the same bytes.

mod calibration;
mod dataset;
mod folds;
mod measure;
mod ngrams;
mod opinion;
mod output;
mod plot;
mod report;
#[cfg(test)]
mod tests;
mod weights;

use crate::error::CtlError;
use crate::report::Report;
use calibration::Levels;
use clap::Args;
use dataset::Dataset;
use folds::HeldTogether;
use report::{FitReport, Judged};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use vyrox_domain::heuristics::{Curve, Ruleset};
use vyrox_domain::verdict::Confidence;

pub(super) const AFTER_HELP: &str = "\
Examples:
  vyroxctl rules fit --inputs inputs.jsonl --labels labels.jsonl --exclude-source TellinaTool/nl2bash \\
    --also functions/domain/rules/fitted/known.jsonl --out functions/domain/rules/fitted --plots docs/images

Every group stays on one side of a split. The levels' thresholds come from the cross-validation, not from the fit. \
The same files give the same bytes. Build again afterwards: what was written is compiled in. \
Takes a minute or two in a release build (cargo run --release -p vyroxctl -- rules fit ...).";

/// What `vyroxctl rules fit` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct FitArgs {
    /// JSON lines: one event each, as for `rules score`, with an id
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// JSON lines: id, set (malicious, benign), cls (strong, weak; routine, admin, hard), group, os, technique, source
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// The folder with *.toml
    #[arg(long, value_name = "DIR", default_value = super::lint::FOLDER)]
    rules: PathBuf,
    /// Where weights.toml, ngrams.bin, calibration.toml, report.json and report.txt go: the rules' `fitted` folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// In how many parts groups and techniques are split
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(2..=50))]
    folds: u8,
    /// Learn nothing from this source; it is only measured with. Repeatable
    #[arg(long, value_name = "SOURCE")]
    exclude_source: Vec<String>,
    /// JSON lines: events that carry their label's keys too. They are learned from in every split and never measured with.
    /// Repeatable
    #[arg(long, value_name = "FILE")]
    also: Vec<PathBuf>,
    /// JSON lines with the ids of events that rule authors looked at; the others are reported separately
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
    /// Where the cross-validated score of every event goes, one `{"id","score"}` a line
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Where plots go
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

/// What was learned.
struct Fitted {
    weights: Vec<f64>,
    ngrams: ngrams::NgramModel,
    resemblance: Curve,
    levels: Levels,
    /// Confidences of events that the model had not seen, in the order of events.
    unseen: Vec<Confidence>,
    report: FitReport,
}

pub(super) fn fit(arguments: &FitArgs, as_json: bool) -> Result<(), CtlError> {
    let progress = |what: &str| {
        // With standard error closed there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{what}");
    };
    let data = read(arguments)?;
    progress(&format!("{} events, {} rules", data.rows.len(), data.rules.len()));
    let fitted = learn(&data, usize::from(arguments.folds), &progress);
    write(arguments, &data, &fitted)?;
    let json = serde_json::to_value(&fitted.report).map_err(std::io::Error::from)?;
    Report::new(json, fitted.report.text()).print(as_json)?;
    Ok(())
}

fn read(arguments: &FitArgs) -> Result<Dataset, CtlError> {
    let checked = vyrox_ruleset::read(&arguments.rules)
        .map_err(|source| CtlError::File { path: arguments.rules.display().to_string(), source })?;
    let compiled = vyrox_ruleset::compile(&checked).map_err(|mistakes| CtlError::RuleMistakes {
        mistakes: mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    })?;
    let ruleset = Ruleset::load(&compiled.table, &compiled.texts, &compiled.finder)?;
    let files = dataset::Files {
        inputs: &arguments.inputs,
        labels: &arguments.labels,
        seen: arguments.seen.as_deref(),
        also: &arguments.also,
    };
    dataset::load(&files, &arguments.exclude_source, &checked, &ruleset)
}

fn learn(data: &Dataset, folds: usize, progress: &(dyn Fn(&str) + Sync)) -> Fitted {
    let judged =
        HeldTogether::ALL.map(|held| Judged { held, opinions: opinion::cross_validated(data, held, folds, progress) });
    let opinions = |held| {
        let found = judged.iter().find(|one| one.held == held);
        &found.expect("all ways of holding together were judged").opinions
    };
    let by_group = opinions(HeldTogether::Group);
    let resemblance = calibration::resemblance(&data.rows, by_group);
    let levels = calibration::levels(data, opinions(HeldTogether::Source), &resemblance);
    let report = report::report(data, &judged, &resemblance, &levels);
    let unseen = report::confidences(data, by_group, &resemblance, &levels);
    progress("all events");
    let train = |_: usize, row: &dataset::Row| row.train;
    Fitted { weights: weights::fit(data, train), ngrams: ngrams::fit(data, train), resemblance, levels, unseen, report }
}

fn write(arguments: &FitArgs, data: &Dataset, fitted: &Fitted) -> Result<(), CtlError> {
    let out: &Path = &arguments.out;
    let text = fitted.report.text();
    let curves = (&fitted.resemblance, &fitted.levels);
    output::write(out, data, &fitted.weights, &fitted.ngrams, curves, &text)?;
    let json = serde_json::to_string_pretty(&fitted.report).map_err(std::io::Error::from)?;
    std::fs::write(out.join("report.json"), json + "\n")?;
    let techniques = fitted.report.technique_table(plot::LEAST_LINES);
    std::fs::write(out.join("report.txt"), format!("{text}\nSTRONG LINES BY TECHNIQUE\n{techniques}"))?;
    if let Some(path) = &arguments.predictions {
        let line =
            |(row, score): (&dataset::Row, &Confidence)| format!("{}\n", json!({"id": row.label.id, "score": score}));
        std::fs::write(path, data.rows.iter().zip(&fitted.unseen).map(line).collect::<String>())?;
    }
    match &arguments.plots {
        Some(folder) => plot::write(folder, &fitted.report),
        None => Ok(()),
    }
}
