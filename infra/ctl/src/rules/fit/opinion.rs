//! What a model says about rows, and how its two channels come together.

use super::dataset::{Dataset, Row};
use super::folds::{HeldTogether, folds};
use super::{ngrams, weights};
use std::thread;
use vyrox_domain::heuristics::{Curve, RESEMBLANCE, System, suspicion};
use vyrox_domain::verdict::Confidence;

/// What a model says about one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opinion {
    /// The rules that matched, by family.
    rules: Vec<(usize, Confidence)>,
    /// What the n-grams say.
    pub(crate) log_odds: f64,
    system: System,
}

/// Which evidence counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Rules,
    Ngrams,
    Both,
}

/// A resemblance below this is no evidence, as in the engine.
const LEAST: Confidence = Confidence::from_ten_thousandths(100);

impl Opinion {
    pub(crate) fn new(data: &Dataset, row: &Row, weights: &[f64], ngrams: &ngrams::NgramModel) -> Self {
        let weight = |rule: &usize| (data.rules[*rule].family, Confidence::from_ratio(weights[*rule]));
        Self { rules: row.hits.iter().map(weight).collect(), log_odds: ngrams.score(row), system: row.system }
    }

    /// Not yet calibrated, 0 to 1. `curve` is from log-odds.
    pub(crate) fn suspicion(&self, data: &Dataset, curve: &Curve, channel: Channel) -> f64 {
        let rules = self.rules.iter().map(|(family, weight)| (data.families[*family].as_str(), *weight));
        let resemblance = Some((RESEMBLANCE, curve.weight(self.log_odds))).filter(|(_, weight)| *weight >= LEAST);
        match channel {
            Channel::Rules => suspicion(rules, self.system),
            // What this channel could do alone, not what it may.
            Channel::Ngrams => suspicion(resemblance, System::Unknown),
            Channel::Both => suspicion(rules.chain(resemblance), self.system),
        }
    }
}

/// An opinion on every row by a model that has not seen its group, technique or source. `progress` is told about each fold.
pub(crate) fn cross_validated(
    data: &Dataset,
    held: HeldTogether,
    count: usize,
    progress: &(dyn Fn(&str) + Sync),
) -> Vec<Opinion> {
    let (fold_of, count) = folds(&data.rows, held, count);
    let one_fold = |fold: usize| {
        let train = |at: usize, row: &Row| row.train && fold_of[at] != fold;
        let (weights, ngrams) = (weights::fit(data, train), ngrams::fit(data, train));
        progress(&format!("{} held together: fold {} of {count}", held.name(), fold + 1));
        data.rows
            .iter()
            .enumerate()
            .filter(|(at, _)| fold_of[*at] == fold)
            .map(|(at, row)| (at, Opinion::new(data, row, &weights, &ngrams)))
            .collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let mut opinions: Vec<(usize, Opinion)> = thread::scope(|scope| {
        let one_fold = &one_fold;
        let workers: Vec<_> = (0..threads)
            .map(|worker| scope.spawn(move || (worker..count).step_by(threads).flat_map(one_fold).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("fitting does not panic")).collect()
    });
    opinions.sort_by_key(|(at, _)| *at);
    opinions.into_iter().map(|(_, opinion)| opinion).collect()
}
