//! The weights of rules: the Noisy-OR that makes the labels most likely, given what the authors thought.
//!
//! `P(malicious) = 1 - (1 - b) * product over families of (1 - the strongest matching rule's weight)`. Each weight has a
//! Beta prior around its author's, worth [`PRIOR_ROWS`] rows; so a rule that never fired keeps its author's weight, and one
//! that fired twice moves a little.

use super::dataset::{Dataset, Row};

/// As many rows as an author's opinion is worth.
const PRIOR_ROWS: f64 = 8.0;
/// `b`: malice that no rule sees.
const BASE: f64 = 0.02;
/// A weight never leaves this range. However often a rule was right, it is one reason, and CRITICAL takes two: with more, what
/// one administrator does all day and no other is CRITICAL alone, and the level has to be placed above it.
const RANGE: (f64, f64) = (0.01, 0.93);
/// A malicious line that means little alone counts so much.
const WEAK: f64 = 0.3;
const ITERATIONS: usize = 500;
const CLOSE_ENOUGH: f64 = 1e-5;

/// The weight of every rule of `data`, learned from the rows that `train` picks.
pub(crate) fn fit(data: &Dataset, train: impl Fn(usize, &Row) -> bool) -> Vec<f64> {
    let rows: Vec<(&Row, Vec<Vec<usize>>)> =
        data.learned_from(train).filter(|row| !row.hits.is_empty()).map(|row| (row, by_family(data, row))).collect();
    let priors: Vec<f64> = data.rules.iter().map(|rule| rule.prior.clamp(RANGE.0, RANGE.1)).collect();
    // In these units families add up: a = -ln(1 - weight).
    let strength = |weight: f64| -(1.0 - weight).ln();
    let mut strengths: Vec<f64> = priors.iter().map(|prior| strength(*prior)).collect();
    for _ in 0..ITERATIONS {
        let (mut slope, mut bend) = (vec![0.0; strengths.len()], vec![0.0; strengths.len()]);
        for (row, families) in &rows {
            let active = families.iter().map(|family| strongest(family, &strengths));
            let total = active.clone().map(|rule| strengths[rule]).sum::<f64>() - (1.0 - BASE).ln();
            let innocent = (-total).exp();
            let (first, second) = match (row.label.malicious(), row.label.strong()) {
                (true, strong) => {
                    let weight = if strong { 1.0 } else { WEAK };
                    (-weight * innocent / (1.0 - innocent), weight * innocent / (1.0 - innocent).powi(2))
                }
                (false, _) => (1.0, 0.0),
            };
            let families = active.clone().count();
            for rule in active {
                slope[rule] += first;
                bend[rule] += second * f64::from(u32::try_from(families).expect("few families match"));
            }
        }
        let mut largest: f64 = 0.0;
        for (rule, prior) in priors.iter().enumerate() {
            let innocent = (-strengths[rule]).exp();
            let slope = slope[rule] - PRIOR_ROWS * prior * innocent / (1.0 - innocent) + PRIOR_ROWS * (1.0 - prior);
            let bend = bend[rule] + PRIOR_ROWS * prior * innocent / (1.0 - innocent).powi(2);
            let step = (slope / bend.max(1e-6)).clamp(-0.3, 0.3) * 0.5;
            let next = (strengths[rule] - step).clamp(strength(RANGE.0), strength(RANGE.1));
            largest = largest.max((next - strengths[rule]).abs());
            strengths[rule] = next;
        }
        if largest < CLOSE_ENOUGH {
            break;
        }
    }
    // Four digits are written, so four digits are what is measured.
    strengths.iter().map(|a| ((1.0 - (-a).exp()) * 10_000.0).round() / 10_000.0).collect()
}

fn by_family(data: &Dataset, row: &Row) -> Vec<Vec<usize>> {
    let mut hits: Vec<(usize, usize)> = row.hits.iter().map(|rule| (data.rules[*rule].family, *rule)).collect();
    hits.sort_unstable();
    hits.dedup();
    hits.chunk_by(|a, b| a.0 == b.0).map(|family| family.iter().map(|(_, rule)| *rule).collect()).collect()
}

/// The first of the strongest.
fn strongest(family: &[usize], strengths: &[f64]) -> usize {
    family
        .iter()
        .copied()
        .reduce(|best, next| if strengths[next] > strengths[best] { next } else { best })
        .expect("a family is here because a rule of it matched")
}
