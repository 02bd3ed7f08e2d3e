//! The weights of n-grams: logistic regression over the windows of command lines.
//!
//! A line is as malicious as its most suspicious window. Which window that is depends on the weights, so they are fitted a few
//! times: first on whole lines, then on whole lines and on the window that looked worst so far.
//!
//! The regression is L2-regularised and solved in the dual by coordinate descent (Yu, Huang and Lin, Machine Learning 85,
//! 2011), in an order that a fixed generator gives.

use super::dataset::{Dataset, Row};
use vyrox_domain::heuristics::GRAMS;

/// How much an error costs, against large weights. Small is cautious.
const COST: f64 = 5.0;
/// What kinds of rows count, times [`COST`].
const STRONG: f64 = 3.0;
const WEAK: f64 = 0.2;
const BENIGN: f64 = 1.0;
/// The same of rows that are only learned from. Harmless ones stand for what machines do all day, which is rare elsewhere.
const KNOWN_STRONG: f64 = 1.0;
const KNOWN_BENIGN: f64 = 2.0;
/// How often the worst windows are chosen anew.
const ROUNDS: usize = 3;
const PASSES: usize = 60;
const CLOSE_ENOUGH: f64 = 0.02;
const SEED: u64 = 0x5679_726f_7821;

/// Fitted weights as they ship: a signed byte per n-gram.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NgramModel {
    pub(crate) weights: Vec<i8>,
    /// A byte's unit: the regression's weight is this times the byte.
    pub(crate) unit: f64,
    /// What the regression says of no n-gram at all.
    pub(crate) bias: f64,
}

impl NgramModel {
    /// Of a row: the log-odds of its worst window.
    pub(crate) fn score(&self, row: &Row) -> f64 {
        row.windows.iter().map(|window| self.of_window(window)).fold(f64::NEG_INFINITY, f64::max)
    }

    fn of_window(&self, window: &[u16]) -> f64 {
        if window.is_empty() {
            return self.bias;
        }
        let sum: i32 = window.iter().map(|gram| i32::from(self.weights[usize::from(*gram)])).sum();
        f64::from(sum) / length(window) * self.unit + self.bias
    }

    /// The engine's score for these log-odds: it knows neither unit nor bias.
    pub(crate) fn engine_score(&self, log_odds: f64) -> f64 {
        (log_odds - self.bias) / self.unit
    }
}

/// Learned from the rows that `train` picks.
pub(crate) fn fit(data: &Dataset, train: impl Fn(usize, &Row) -> bool) -> NgramModel {
    let rows: Vec<&Row> =
        data.learned_from(train).filter(|row| row.windows.first().is_some_and(|whole| !whole.is_empty())).collect();
    let mut weights = vec![0.0; GRAMS + 1];
    for round in 0..ROUNDS {
        let mut examples: Vec<Example<'_>> = Vec::with_capacity(rows.len() * 2);
        for row in &rows {
            let worst = if round == 0 { 0 } else { worst_window(row, &weights) };
            examples.push(Example::new(row, 0));
            if worst > 0 {
                examples.push(Example::new(row, worst));
            }
        }
        weights = regression(&examples);
    }
    quantised(&weights)
}

struct Example<'a> {
    grams: &'a [u16],
    /// The value of each n-gram, so that the example has length 1.
    value: f64,
    sign: f64,
    cost: f64,
}

impl<'a> Example<'a> {
    fn new(row: &'a Row, window: usize) -> Self {
        let grams = row.windows[window].as_slice();
        let (sign, kind) = match (row.label.malicious(), row.label.strong(), row.measured) {
            (true, true, true) => (1.0, STRONG),
            (true, true, false) => (1.0, KNOWN_STRONG),
            (true, false, _) => (1.0, WEAK),
            (false, _, true) => (-1.0, BENIGN),
            (false, _, false) => (-1.0, KNOWN_BENIGN),
        };
        Self { grams, value: 1.0 / length(grams), sign, cost: COST * kind }
    }

    fn dot(&self, weights: &[f64]) -> f64 {
        self.grams.iter().map(|gram| weights[usize::from(*gram)]).sum::<f64>() * self.value + weights[GRAMS]
    }

    fn add_to(&self, weights: &mut [f64], amount: f64) {
        for gram in self.grams {
            weights[usize::from(*gram)] += amount * self.value;
        }
        weights[GRAMS] += amount;
    }
}

fn length(grams: &[u16]) -> f64 {
    f64::from(u32::try_from(grams.len()).expect("a window has few n-grams")).sqrt()
}

fn worst_window(row: &Row, weights: &[f64]) -> usize {
    let score = |grams: &[u16]| grams.iter().map(|gram| weights[usize::from(*gram)]).sum::<f64>() / length(grams);
    let scores = row.windows.iter().map(|window| if window.is_empty() { f64::NEG_INFINITY } else { score(window) });
    scores.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best }).map_or(0, |(at, _)| at)
}

/// Weights, and the bias as the last of them.
fn regression(examples: &[Example<'_>]) -> Vec<f64> {
    // 1 for the n-grams, 1 for the bias.
    let norm = 2.0;
    let mut weights = vec![0.0; GRAMS + 1];
    let mut duals: Vec<[f64; 2]> = examples
        .iter()
        .map(|example| {
            let small = (0.001 * example.cost).min(1e-8);
            [small, example.cost - small]
        })
        .collect();
    for (example, dual) in examples.iter().zip(&duals) {
        example.add_to(&mut weights, example.sign * dual[0]);
    }
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = SEED;
    let mut inner_accuracy = 1e-2;
    for _ in 0..PASSES {
        shuffle(&mut order, &mut random);
        let (mut newton_steps, mut largest) = (0, 0.0_f64);
        for at in &order {
            let (example, dual) = (&examples[*at], &mut duals[*at]);
            let cost = example.cost;
            let margin = example.sign * example.dot(&weights);
            let (this, other, sign) =
                if 0.5 * norm * (dual[1] - dual[0]) + margin < 0.0 { (1, 0, -1.0) } else { (0, 1, 1.0) };
            let old = dual[this];
            let mut z = if cost - old < 0.5 * cost { 0.1 * old } else { old };
            let slope = |z: f64| norm * (z - old) + sign * margin + (z / (cost - z)).ln();
            let mut gradient = slope(z);
            largest = largest.max(gradient.abs());
            let mut steps = 0;
            while gradient.abs() >= inner_accuracy && steps < 100 {
                let next = z - gradient / (norm + cost / (cost - z) / z);
                z = if next <= 0.0 { z * 0.1 } else { next };
                gradient = slope(z);
                steps += 1;
            }
            if steps > 0 {
                dual[this] = z;
                dual[other] = cost - z;
                example.add_to(&mut weights, sign * (z - old) * example.sign);
            }
            newton_steps += steps;
        }
        if largest < CLOSE_ENOUGH {
            break;
        }
        if newton_steps <= examples.len() / 10 {
            inner_accuracy = (0.1 * inner_accuracy).max(1e-8);
        }
    }
    weights
}

/// Fisher and Yates, with SplitMix64.
fn shuffle(order: &mut [usize], random: &mut u64) {
    for last in (1..order.len()).rev() {
        *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let pick = usize::try_from((z ^ (z >> 31)) >> 33).expect("31 bits fit") % (last + 1);
        order.swap(last, pick);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to a byte before the cast")]
fn quantised(weights: &[f64]) -> NgramModel {
    let largest = weights[..GRAMS].iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
    let unit = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let bytes = weights[..GRAMS].iter().map(|weight| (weight / unit).round().clamp(-127.0, 127.0) as i8).collect();
    NgramModel { weights: bytes, unit, bias: weights[GRAMS] }
}
