//! What was measured, for people and for plots.

use super::calibration::{self, BENIGN_RATE, CRITICAL_RATE, HIGH_RATE, Levels, MEDIUM_RATE};
use super::dataset::{Dataset, Row};
use super::folds::HeldTogether;
use super::measure::{Rates, Share, TechniqueRow, by_technique, number, rates, threshold_at};
use super::opinion::{Channel, Opinion};
use crate::table;
use serde::Serialize;
use std::fmt::Write as _;
use vyrox_domain::heuristics::{BENIGN_AT_MOST, CRITICAL_FROM, Curve, HIGH_FROM, MEDIUM_FROM};
use vyrox_domain::verdict::Confidence;

/// Everything that cross-validation says. It depends on nothing but the data, the rules and the build.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FitReport {
    pub(crate) data: String,
    pub(crate) events: usize,
    pub(crate) learned_from: usize,
    pub(crate) rules: usize,
    pub(crate) rules_that_fired: usize,
    /// By what is held together: the rates at each level's threshold.
    pub(crate) validations: Vec<Validation>,
    /// At one false-positive rate, by channel, groups held together.
    pub(crate) channels: Vec<ChannelRow>,
    /// Recall against false positives, groups held together.
    pub(crate) curve: Vec<CurvePoint>,
    /// How often a confidence is right, groups held together.
    pub(crate) reliability: Vec<Reliability>,
    pub(crate) techniques: Vec<TechniqueRow>,
}

/// One cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Validation {
    pub(crate) held_together: String,
    pub(crate) rows: String,
    pub(crate) critical: Rates,
    pub(crate) high: Rates,
    pub(crate) medium: Rates,
    pub(crate) not_benign: Rates,
}

/// What a channel finds alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ChannelRow {
    pub(crate) channel: &'static str,
    pub(crate) held_together: &'static str,
    pub(crate) rates: Rates,
}

/// A point of recall against false positives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct CurvePoint {
    pub(crate) false_positives: f64,
    pub(crate) lines: f64,
    pub(crate) tests: f64,
    pub(crate) lines_by_rules: f64,
    pub(crate) lines_by_ngrams: f64,
}

/// Rows whose confidence is in a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Reliability {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) strong: Share,
}

/// The opinions of one cross-validation.
pub(crate) struct Judged {
    pub(crate) held: HeldTogether,
    pub(crate) opinions: Vec<Opinion>,
}

pub(crate) fn report(data: &Dataset, judged: &[Judged], curve: &Curve, levels: &Levels) -> FitReport {
    let by_group = &judged[0];
    let suspicion = |judged: &Judged, channel: Channel| -> Vec<f64> {
        judged.opinions.iter().map(|opinion| opinion.suspicion(data, curve, channel)).collect()
    };
    let confidences = |judged: &Judged| match judged.held {
        HeldTogether::Source => calibration::confidences_without_source(data, &judged.opinions, curve),
        HeldTogether::Group | HeldTogether::Technique => confidences(data, &judged.opinions, curve, levels),
    };
    let mut validations = Vec::new();
    for one in judged {
        let confidences = confidences(one);
        validations.push(validation(data, one.held.name(), "all", &confidences, |_| true));
        if one.held == HeldTogether::Group && data.rows.iter().any(|row| !row.seen) {
            validations.push(validation(data, "group", "authors saw", &confidences, |row| row.seen));
            validations.push(validation(data, "group", "authors did not see", &confidences, |row| !row.seen));
        }
    }
    let mut channels = Vec::new();
    for one in judged {
        for (name, channel) in [("rules", Channel::Rules), ("n-grams", Channel::Ngrams), ("both", Channel::Both)] {
            let scores = suspicion(one, channel);
            let threshold = threshold_at(&harmless(data, &scores), 0.01);
            let caught = data.rows.iter().zip(&scores).map(|(row, score)| (row, *score >= threshold));
            channels.push(ChannelRow { channel: name, held_together: one.held.name(), rates: rates(caught) });
        }
    }
    let confidences = confidences(by_group);
    let fired: std::collections::BTreeSet<usize> = data.rows.iter().flat_map(|row| row.hits.iter().copied()).collect();
    FitReport {
        data: data.digest.clone(),
        events: data.rows.len(),
        learned_from: data.rows.iter().filter(|row| row.train).count(),
        rules: data.rules.len(),
        rules_that_fired: fired.len(),
        validations,
        channels,
        curve: recall_curve(data, [Channel::Both, Channel::Rules, Channel::Ngrams].map(|c| suspicion(by_group, c))),
        reliability: reliability(data, &confidences),
        techniques: by_technique(
            data.rows.iter().zip(confidences.iter().map(|confidence| confidence.ten_thousandths())),
            (BENIGN_AT_MOST.ten_thousandths(), HIGH_FROM.ten_thousandths(), CRITICAL_FROM.ten_thousandths()),
        ),
    }
}

/// The confidence in every row.
pub(crate) fn confidences(data: &Dataset, opinions: &[Opinion], curve: &Curve, levels: &Levels) -> Vec<Confidence> {
    let confidence =
        |(row, opinion): (&Row, &Opinion)| levels.of(row.system).weight(opinion.suspicion(data, curve, Channel::Both));
    data.rows.iter().zip(opinions).map(confidence).collect()
}

fn validation(
    data: &Dataset,
    held: &str,
    rows: &str,
    confidences: &[Confidence],
    picked: impl Fn(&Row) -> bool,
) -> Validation {
    let at = |caught: &dyn Fn(Confidence) -> bool| {
        rates(data.rows.iter().zip(confidences).filter(|(row, _)| picked(row)).map(|(row, c)| (row, caught(*c))))
    };
    Validation {
        held_together: held.to_owned(),
        rows: rows.to_owned(),
        critical: at(&|confidence| confidence >= CRITICAL_FROM),
        high: at(&|confidence| confidence >= HIGH_FROM),
        medium: at(&|confidence| confidence >= MEDIUM_FROM),
        not_benign: at(&|confidence| confidence > BENIGN_AT_MOST),
    }
}

fn harmless(data: &Dataset, scores: &[f64]) -> Vec<f64> {
    data.rows.iter().zip(scores).filter(|(row, _)| row.label.benign()).map(|(_, score)| *score).collect()
}

fn recall_curve(data: &Dataset, [both, rules, ngrams]: [Vec<f64>; 3]) -> Vec<CurvePoint> {
    let at = |scores: &[f64], rate: f64| {
        let threshold = threshold_at(&harmless(data, scores), rate);
        rates(data.rows.iter().zip(scores).map(|(row, score)| (row, *score >= threshold)))
    };
    (0..=24)
        .map(|step| 0.0005 * 10_f64.powf(f64::from(step) / 24.0 * 2.4))
        .map(|rate| {
            let all = at(&both, rate);
            CurvePoint {
                false_positives: rate,
                lines: all.strong_lines.ratio(),
                tests: all.strong_tests.ratio(),
                lines_by_rules: at(&rules, rate).strong_lines.ratio(),
                lines_by_ngrams: at(&ngrams, rate).strong_lines.ratio(),
            }
        })
        .collect()
}

fn reliability(data: &Dataset, confidences: &[Confidence]) -> Vec<Reliability> {
    let edges = [0, 500, 1_000, 2_500, 4_500, 6_000, 7_500, 8_500, 9_200, 10_001];
    let within = |low: u16, high: u16| {
        let mut strong = Share::default();
        for (row, confidence) in data.rows.iter().zip(confidences) {
            let value = confidence.ten_thousandths();
            if (low..high).contains(&value) && (row.label.strong() || row.label.benign()) {
                strong.add(row.label.strong());
            }
        }
        Reliability { from: f64::from(low) / 10_000.0, to: f64::from(high.min(10_000)) / 10_000.0, strong }
    };
    edges.windows(2).map(|pair| within(pair[0], pair[1])).collect()
}

impl FitReport {
    /// Tables.
    pub(crate) fn text(&self) -> String {
        let mut out = format!(
            "{} events, learned from {}; {} rules count, {} of them fired\n\
            levels are placed at these shares of harmless events, sources held together: CRITICAL {:.2} %, HIGH {:.2} %, \
            MEDIUM {:.1} %, not BENIGN {:.1} %\n",
            self.events,
            self.learned_from,
            self.rules,
            self.rules_that_fired,
            CRITICAL_RATE * 100.0,
            HIGH_RATE * 100.0,
            MEDIUM_RATE * 100.0,
            BENIGN_RATE * 100.0
        );
        for validation in &self.validations {
            let count = validation.high.benign.of + validation.high.strong_lines.of + validation.high.weak.of;
            writeln!(
                out,
                "\nCROSS-VALIDATION, every {} held together{}, events: {} ({count})",
                validation.held_together,
                if validation.held_together == HeldTogether::Source.name() { ", levels placed without it" } else { "" },
                validation.rows
            )
            .expect("writing to a String cannot fail");
            out.push_str(&validation.text());
        }
        out.push_str("\nAT 1 % FALSE POSITIVES, by source of evidence\n");
        let rows: Vec<[String; 5]> = self
            .channels
            .iter()
            .map(|row| {
                let rates = &row.rates;
                [
                    format!("{}, every {} held together", row.channel, row.held_together),
                    rates.strong_lines.percent(),
                    rates.strong_tests.percent(),
                    rates.benign.percent(),
                    rates.hard.percent(),
                ]
            })
            .collect();
        out.push_str(&table::columns(["", "STRONG LINES", "STRONG TESTS", "FALSE POSITIVES", "HARD"], &rows));
        out
    }

    /// Per technique, with at least `least` lines.
    pub(crate) fn technique_table(&self, least: usize) -> String {
        let count = |value: usize| value.to_string();
        let rows: Vec<[String; 7]> = self
            .techniques
            .iter()
            .filter(|row| row.lines >= least)
            .map(|row| {
                [
                    row.technique.clone(),
                    row.systems.iter().cloned().collect::<Vec<_>>().join(" "),
                    count(row.critical),
                    count(row.high),
                    count(row.ambiguous),
                    count(row.dismissed),
                    row.tests.percent(),
                ]
            })
            .collect();
        let header = ["TECHNIQUE", "SYSTEMS", "CRITICAL", "HIGH", "AMBIGUOUS", "BENIGN", "TESTS AT HIGH"];
        table::columns(header, &rows)
    }
}

impl Validation {
    fn text(&self) -> String {
        let rows = [
            ("CRITICAL", &self.critical),
            ("HIGH and above", &self.high),
            ("MEDIUM and above", &self.medium),
            ("not BENIGN", &self.not_benign),
        ]
        .map(|(name, rates)| {
            [
                name.to_owned(),
                rates.strong_lines.percent(),
                rates.strong_tests.percent(),
                rates.weak.percent(),
                rates.benign.percent(),
                rates.routine.percent(),
                rates.hard.percent(),
            ]
        });
        let header = ["", "STRONG LINES", "STRONG TESTS", "WEAK", "FALSE POSITIVES", "ROUTINE", "HARD"];
        let mut out = table::columns(header, &rows);
        for (system, (strong, harmless)) in &self.high.systems {
            writeln!(
                out,
                "  {system} at HIGH: strong lines {}, false positives {}",
                strong.percent(),
                harmless.percent()
            )
            .expect("writing to a String cannot fail");
        }
        out
    }
}

/// The middle of a range.
pub(crate) fn middle(point: &Reliability) -> f64 {
    f64::midpoint(point.from, point.to)
}

/// Lines per line.
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}
