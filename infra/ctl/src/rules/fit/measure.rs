//! How good scores are.

use super::dataset::{Class, Row};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Share {
    pub(crate) caught: usize,
    pub(crate) of: usize,
}

/// What reaches a threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rates {
    pub(crate) strong_lines: Share,
    /// A test is caught if one of its lines is.
    pub(crate) strong_tests: Share,
    pub(crate) weak: Share,
    pub(crate) benign: Share,
    pub(crate) routine: Share,
    pub(crate) admin: Share,
    pub(crate) hard: Share,
    /// By system: strong lines and harmless rows.
    pub(crate) systems: BTreeMap<String, (Share, Share)>,
}

/// What became of the lines of one technique.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TechniqueRow {
    pub(crate) technique: String,
    pub(crate) lines: usize,
    pub(crate) critical: usize,
    pub(crate) high: usize,
    pub(crate) ambiguous: usize,
    pub(crate) dismissed: usize,
    pub(crate) tests: Share,
    pub(crate) systems: BTreeSet<String>,
}

impl Share {
    pub(crate) fn add(&mut self, caught: bool) {
        self.caught += usize::from(caught);
        self.of += 1;
    }

    /// 0 to 1; 0 of none.
    pub(crate) fn ratio(self) -> f64 {
        if self.of == 0 { 0.0 } else { number(self.caught) / number(self.of) }
    }

    /// For people.
    pub(crate) fn percent(self) -> String {
        if self.of == 0 {
            "-".to_owned()
        } else {
            format!("{:.1} % ({}/{})", self.ratio() * 100.0, self.caught, self.of)
        }
    }
}

/// What reaches the threshold, that is, what `caught` says so of.
pub(crate) fn rates<'a>(rows: impl Iterator<Item = (&'a Row, bool)>) -> Rates {
    let mut tests: BTreeMap<&str, bool> = BTreeMap::new();
    let mut rates = Rates {
        strong_lines: Share::default(),
        strong_tests: Share::default(),
        weak: Share::default(),
        benign: Share::default(),
        routine: Share::default(),
        admin: Share::default(),
        hard: Share::default(),
        systems: BTreeMap::new(),
    };
    for (row, caught) in rows {
        let label = &row.label;
        let system = rates.systems.entry(label.os.clone()).or_default();
        if label.benign() {
            system.1.add(caught);
            rates.benign.add(caught);
            match label.cls {
                Class::Routine => rates.routine.add(caught),
                Class::Hard => rates.hard.add(caught),
                _ => rates.admin.add(caught),
            }
        } else if label.strong() {
            system.0.add(caught);
            rates.strong_lines.add(caught);
            *tests.entry(&label.group).or_default() |= caught;
        } else {
            rates.weak.add(caught);
        }
    }
    for caught in tests.into_values() {
        rates.strong_tests.add(caught);
    }
    rates
}

/// The lowest threshold that at most `rate` of `scores` reach; it lies between two scores.
pub(crate) fn threshold_at(scores: &[f64], rate: f64) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let allowed = floor(rate * number(sorted.len()));
    let Some(first_refused) = sorted.get(allowed) else { return 0.0 };
    let last_allowed = sorted[..allowed].iter().rev().find(|score| *score > first_refused);
    last_allowed.map_or(first_refused + 1e-6, |score| f64::midpoint(*score, *first_refused))
}

/// By technique, most lines first: `confidence` in ten-thousandths per row, and the levels' thresholds.
pub(crate) fn by_technique<'a>(
    rows: impl Iterator<Item = (&'a Row, u16)>,
    (benign, high, critical): (u16, u16, u16),
) -> Vec<TechniqueRow> {
    let mut techniques: BTreeMap<&str, TechniqueRow> = BTreeMap::new();
    let mut tests: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for (row, confidence) in rows.filter(|(row, _)| row.label.strong()) {
        let label = &row.label;
        let technique = techniques.entry(&label.technique).or_default();
        technique.technique.clone_from(&label.technique);
        technique.lines += 1;
        technique.critical += usize::from(confidence >= critical);
        technique.high += usize::from(confidence >= high && confidence < critical);
        technique.ambiguous += usize::from(confidence > benign && confidence < high);
        technique.dismissed += usize::from(confidence <= benign);
        technique.systems.insert(label.os.clone());
        *tests.entry((&label.technique, &label.group)).or_default() |= confidence >= high;
    }
    for ((technique, _), caught) in tests {
        if let Some(row) = techniques.get_mut(technique) {
            row.tests.add(caught);
        }
    }
    let mut table: Vec<TechniqueRow> = techniques.into_values().collect();
    table.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.technique.cmp(&b.technique)));
    table
}

pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("there are fewer than 2^32 rows"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn floor(value: f64) -> usize {
    value.max(0.0).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_lets_no_more_through_than_its_rate() {
        let scores: Vec<f64> = (0..100).map(f64::from).collect();
        for (rate, expected) in [(0.0, 0), (0.01, 1), (0.055, 5), (1.0, 100)] {
            let threshold = threshold_at(&scores, rate);
            assert_eq!(scores.iter().filter(|score| **score >= threshold).count(), expected, "{rate}");
        }
        assert!(threshold_at(&[0.5; 10], 0.3) > 0.5);
    }
}
