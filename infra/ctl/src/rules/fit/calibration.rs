//! From scores to confidences: how much a resemblance is worth, and where the levels begin.

use super::dataset::{Dataset, Row};
use super::measure::threshold_at;
use super::opinion::{Channel, Opinion};
use std::collections::{BTreeMap, BTreeSet};
use vyrox_domain::heuristics::{
    BENIGN_AT_MOST, CRITICAL_FROM, Curve, HIGH_FROM, LINUX_RESEMBLANCE_ALONE, MEDIUM_FROM, System,
};
use vyrox_domain::verdict::Confidence;

/// A resemblance is worth at most this: less than CRITICAL needs.
const CEILING: f64 = 0.80;
/// Attacks are more frequent among alerts than among these rows.
const SHIFT: f64 = 0.7;
/// Log-odds around even that the curve follows.
const REACH: i32 = 6;
/// Shares of harmless rows that may reach a level in cross-validation with whole sources held together: an environment that
/// nobody has fitted for is one more source. Below what is allowed, because the next one may be less like these than they
/// are like each other.
pub(crate) const BENIGN_RATE: f64 = 0.09;
pub(crate) const MEDIUM_RATE: f64 = 0.04;
pub(crate) const HIGH_RATE: f64 = 0.009;
pub(crate) const CRITICAL_RATE: f64 = 0.0007;
/// The same per system, for not BENIGN and for HIGH: more where one more harmless row brings more attacks, less where attacks
/// stand out by themselves.
const RATES: [(System, f64, f64); 4] = [
    (System::Unknown, BENIGN_RATE, HIGH_RATE),
    (System::Windows, 0.10, 0.008),
    (System::Linux, 0.085, 0.0075),
    (System::Macos, 0.07, 0.011),
];
/// The highest confidence.
const CERTAIN: u16 = 9_900;

/// From n-gram log-odds to what they are worth: logistic, scaled to the ceiling, as straight lines between whole numbers.
pub(crate) fn resemblance(rows: &[Row], opinions: &[Opinion]) -> Curve {
    let (slope, offset) = logistic(rows, opinions);
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for even in (-2 * REACH..=2 * REACH).map(|half| f64::from(half) / 2.0) {
        from.push((even - offset - SHIFT) / slope);
        to.push(ten_thousandths(CEILING / (1.0 + (-even).exp())));
    }
    to[0] = 0;
    Curve::new(from, to).expect("a logistic function rises")
}

/// Log-odds of being a strong malicious line as a line through the scores: (slope, offset).
fn logistic(rows: &[Row], opinions: &[Opinion]) -> (f64, f64) {
    let points: Vec<(f64, f64)> = rows
        .iter()
        .zip(opinions)
        .filter(|(row, opinion)| (row.label.strong() || row.label.benign()) && opinion.log_odds.is_finite())
        .map(|(row, opinion)| (opinion.log_odds, f64::from(u8::from(row.label.strong()))))
        .collect();
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..50 {
        // Newton's step; a little is added to the bend, so that there is one whatever the points are.
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-3, 0.0, 1e-3);
        for (x, y) in &points {
            let p = 1.0 / (1.0 + (-(slope * x + offset)).exp());
            let (error, bend) = (p - y, p * (1.0 - p));
            ga += error * x;
            gb += error;
            haa += bend * x * x;
            hab += bend * x;
            hbb += bend;
        }
        let determinant = haa * hbb - hab * hab;
        let (da, db) = ((ga * hbb - gb * hab) / determinant, (gb * haa - ga * hab) / determinant);
        slope = (slope - da.clamp(-1.0, 1.0)).clamp(0.1, 10.0);
        offset = (offset - db.clamp(-1.0, 1.0)).clamp(-10.0, 10.0);
    }
    (slope, offset)
}

/// From suspicion to confidence, per system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Levels(Vec<(System, Curve)>);

impl Levels {
    /// The curve of `system`.
    pub(crate) fn of(&self, system: System) -> &Curve {
        let found = self.0.iter().find(|(other, _)| *other == system);
        &found.expect("every system has a curve").1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (System, &Curve)> {
        self.0.iter().map(|(system, curve)| (*system, curve))
    }
}

/// The levels of the published contract, placed where harmless rows thin out. CRITICAL is the same everywhere: it takes
/// all harmless rows to see where so few are left. `opinions` are those of models that had not seen the row's source.
pub(crate) fn levels(data: &Dataset, opinions: &[Opinion], curve: &Curve) -> Levels {
    placed(data, opinions, curve, |_| true)
}

/// The confidence in every row, with levels that were placed without the harmless rows of its source: neither the model nor
/// the thresholds have seen where it comes from.
pub(crate) fn confidences_without_source(data: &Dataset, opinions: &[Opinion], curve: &Curve) -> Vec<Confidence> {
    let sources = data.rows.iter().filter(|row| row.label.benign()).map(|row| row.label.source.as_str());
    let levels: BTreeMap<&str, Levels> = sources
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|source| (source, placed(data, opinions, curve, |row| row.label.source != source)))
        .collect();
    let all = placed(data, opinions, curve, |_| true);
    let confidence = |(row, opinion): (&Row, &Opinion)| {
        let own = Some(row).filter(|row| row.label.benign()).and_then(|row| levels.get(row.label.source.as_str()));
        own.unwrap_or(&all).of(row.system).weight(opinion.suspicion(data, curve, Channel::Both))
    };
    data.rows.iter().zip(opinions).map(confidence).collect()
}

fn placed(data: &Dataset, opinions: &[Opinion], curve: &Curve, counts: impl Fn(&Row) -> bool) -> Levels {
    let harmless: Vec<(System, f64)> = data
        .rows
        .iter()
        .zip(opinions)
        .filter(|(row, _)| row.label.benign() && counts(row))
        .map(|(row, opinion)| (row.system, opinion.suspicion(data, curve, Channel::Both)))
        .collect();
    let all: Vec<f64> = harmless.iter().map(|(_, score)| *score).collect();
    let one = |system: System, benign: f64, high: f64| {
        let own: Vec<f64> = harmless.iter().filter(|(other, _)| *other == system).map(|(_, score)| *score).collect();
        let own = if system == System::Unknown || own.is_empty() { &all } else { &own };
        let above_alone = if system == System::Linux { LINUX_RESEMBLANCE_ALONE.ratio() + 0.001 } else { 0.03 };
        let (mut from, mut to) = (vec![0.0], vec![0]);
        for (scores, rate, confidence, least) in [
            (own, benign, BENIGN_AT_MOST, 0.01),
            (own, MEDIUM_RATE, MEDIUM_FROM, 0.02),
            (own, high, HIGH_FROM, above_alone),
            (&all, CRITICAL_RATE, CRITICAL_FROM, CEILING + 0.01),
        ] {
            let last = from.last().copied().unwrap_or_default();
            let threshold = threshold_at(scores, rate).clamp(least, 0.9999).max(last + 1e-4);
            from.push((threshold * 1e6).ceil() / 1e6);
            to.push(confidence.ten_thousandths());
        }
        from.push(1.0);
        to.push(CERTAIN);
        Curve::new(from, to).expect("each threshold is above the last")
    };
    Levels(RATES.map(|(system, benign, high)| (system, one(system, benign, high))).into())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 0.8 before it is scaled")]
fn ten_thousandths(ratio: f64) -> u16 {
    (ratio * 10_000.0).round() as u16
}
