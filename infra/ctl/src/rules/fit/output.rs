//! The files that fitting writes.

use super::calibration::Levels;
use super::dataset::Dataset;
use super::ngrams::NgramModel;
use crate::error::CtlError;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use vyrox_domain::heuristics::{BENIGN_AT_MOST, CRITICAL_FROM, Curve, HIGH_FROM, MEDIUM_FROM};

/// Writes `weights.toml`, `ngrams.bin` and `calibration.toml` into `folder`.
///
/// # Errors
/// What the operating system says.
pub(crate) fn write(
    folder: &Path,
    data: &Dataset,
    weights: &[f64],
    ngrams: &NgramModel,
    curves: (&Curve, &Levels),
    about: &str,
) -> Result<(), CtlError> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("weights.toml"), weights_file(data, weights))?;
    fs::write(
        folder.join("ngrams.bin"),
        ngrams.weights.iter().map(|weight| weight.cast_unsigned()).collect::<Vec<u8>>(),
    )?;
    fs::write(folder.join("calibration.toml"), calibration_file(data, ngrams, curves, about))?;
    Ok(())
}

fn weights_file(data: &Dataset, weights: &[f64]) -> String {
    let mut out = format!(
        "# Written by `vyroxctl rules fit`: the weight of every rule that counts, learned from data with digest\n# {}.\n\n[rules]\n",
        data.digest
    );
    for (rule, weight) in data.rules.iter().zip(weights) {
        writeln!(out, "{} = {weight:.4}", rule.id).expect("writing to a String cannot fail");
    }
    out
}

fn calibration_file(
    data: &Dataset,
    ngrams: &NgramModel,
    (resemblance, levels): (&Curve, &Levels),
    about: &str,
) -> String {
    let list = |numbers: Vec<String>| numbers.join(", ");
    let from = |curve: &Curve, map: &dyn Fn(f64) -> String| list(curve.points().map(|(x, _)| map(x)).collect());
    let to = |curve: &Curve| list(curve.points().map(|(_, y)| y.to_string()).collect());
    let engine = |log_odds: f64| format!("{:.3}", ngrams.engine_score(log_odds));
    let calibration: String = levels
        .iter()
        .map(|(system, curve)| {
            let from = from(curve, &|x| format!("{x:.6}"));
            format!("[calibration.{}]\nfrom = [{from}]\nto = [{}]\n\n", system.name(), to(curve))
        })
        .collect();
    let calibration = calibration.trim_end().to_owned() + "\n";
    let comment: String = about.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect();
    format!(
        "# Written by `vyroxctl rules fit`.\n#\n{comment}\n\
        data = \"{}\"\n\n\
        # Frozen: the code has the same, and a test compares them.\n\
        [thresholds]\nbenign_at_most = {:.2}\nmedium_from = {:.2}\nhigh_from = {:.2}\ncritical_from = {:.2}\n\n\
        # From the score of the n-grams to what a resemblance is worth, in ten-thousandths.\n\
        [resemblance]\nfrom = [{}]\nto = [{}]\n\n\
        # From the Noisy-OR of all evidence to the confidence, in ten-thousandths: the levels' thresholds are points of it.\n\
        {calibration}",
        data.digest,
        BENIGN_AT_MOST.ratio(),
        MEDIUM_FROM.ratio(),
        HIGH_FROM.ratio(),
        CRITICAL_FROM.ratio(),
        from(resemblance, &engine),
        to(resemblance),
    )
}
