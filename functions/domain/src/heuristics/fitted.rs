//! What was fitted to labelled data: read once from `rules/fitted/`, written by `vyroxctl rules fit`.
//!
//! Two curves turn scores into probabilities. Both are straight lines between points, so they need only arithmetic that
//! every machine does alike, and both rise: more suspicion never gives less confidence.

use super::ngram::GRAMS;
use super::{Observation, PlatformSet};
use crate::alert::Platform;
use crate::verdict::Confidence;
use serde::Deserialize;
use std::sync::OnceLock;

/// A weight per hashed n-gram, a signed byte each.
pub(super) const NGRAMS: &[u8; GRAMS] = include_bytes!("../../rules/fitted/ngrams.bin");
const CALIBRATION: &str = include_str!("../../rules/fitted/calibration.toml");

/// A rising line through points.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Points")]
pub struct Curve {
    from: Vec<f64>,
    to: Vec<u16>,
}

#[derive(Deserialize)]
struct Points {
    from: Vec<f64>,
    to: Vec<u16>,
}

/// Points that are no rising line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a curve has at least two points, rising, and confidences of at most 10000 ten-thousandths")]
pub struct NoCurve;

impl Curve {
    /// Through the points (`from`, `to` in ten-thousandths); before the first and after the last it is flat.
    ///
    /// # Errors
    /// [`NoCurve`] unless `from` rises strictly, `to` never falls, and both are as long as each other.
    pub fn new(from: Vec<f64>, to: Vec<u16>) -> Result<Self, NoCurve> {
        let rising = from.is_sorted_by(|a, b| a < b) && to.is_sorted();
        let bounded = from.iter().all(|x| x.is_finite()) && to.iter().all(|y| *y <= 10_000);
        if from.len() >= 2 && from.len() == to.len() && rising && bounded {
            Ok(Self { from, to })
        } else {
            Err(NoCurve)
        }
    }

    /// The points, (score, ten-thousandths).
    pub fn points(&self) -> impl Iterator<Item = (f64, u16)> + '_ {
        self.from.iter().copied().zip(self.to.iter().copied())
    }

    /// The confidence that `score` stands for.
    #[must_use]
    pub fn weight(&self, score: f64) -> Confidence {
        let after = self.from.partition_point(|x| *x <= score);
        let to = |at: usize| f64::from(self.to[at]);
        let value = if after == 0 {
            to(0)
        } else if after == self.from.len() {
            to(after - 1)
        } else {
            let (low, high) = (self.from[after - 1], self.from[after]);
            to(after - 1) + (to(after) - to(after - 1)) * ((score - low) / (high - low))
        };
        Confidence::from_ratio(value / 10_000.0)
    }
}

impl TryFrom<Points> for Curve {
    type Error = NoCurve;
    fn try_from(points: Points) -> Result<Self, NoCurve> {
        Self::new(points.from, points.to)
    }
}

/// The systems that are calibrated apart: harmless command lines of one look more like attacks than those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Nothing tells which.
    Unknown,
    /// Windows.
    Windows,
    /// Linux.
    Linux,
    /// macOS.
    Macos,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Windows, Self::Linux, Self::Macos];

    /// The name in `calibration.toml`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Windows => "windows",
            Self::Linux => "linux",
            Self::Macos => "macos",
        }
    }

    /// The system of an observation.
    #[must_use]
    pub fn of(observation: &Observation<'_>) -> Self {
        Self::of_set(PlatformSet::infer(observation))
    }

    pub(super) fn of_set(platforms: PlatformSet) -> Self {
        let only = |platform: Platform| platforms == PlatformSet::of([&platform]);
        match () {
            () if only(Platform::Windows) => Self::Windows,
            () if only(Platform::Linux) => Self::Linux,
            () if only(Platform::Macos) => Self::Macos,
            () => Self::Unknown,
        }
    }
}

#[derive(Deserialize)]
struct Calibration {
    unknown: Curve,
    windows: Curve,
    linux: Curve,
    macos: Curve,
}

#[derive(Deserialize)]
struct Fitted {
    resemblance: Curve,
    calibration: Calibration,
    #[cfg(test)]
    thresholds: Thresholds,
}

#[cfg(test)]
#[derive(Deserialize)]
struct Thresholds {
    benign_at_most: Confidence,
    medium_from: Confidence,
    high_from: Confidence,
    critical_from: Confidence,
}

fn fitted() -> &'static Fitted {
    static FITTED: OnceLock<Fitted> = OnceLock::new();
    FITTED.get_or_init(|| toml::from_str(CALIBRATION).expect("a test reads this very text"))
}

/// From an n-gram score to what it is worth.
pub(super) fn curve() -> &'static Curve {
    &fitted().resemblance
}

/// From the Noisy-OR of the evidence to the confidence.
pub(super) fn calibration(system: System) -> &'static Curve {
    let calibration = &fitted().calibration;
    match system {
        System::Unknown => &calibration.unknown,
        System::Windows => &calibration.windows,
        System::Linux => &calibration.linux,
        System::Macos => &calibration.macos,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BENIGN_AT_MOST, CRITICAL_FROM, HIGH_FROM, MEDIUM_FROM};
    use super::*;

    #[test]
    fn the_fitted_file_states_the_thresholds_that_the_code_has() {
        let stated = &fitted().thresholds;
        assert_eq!(stated.benign_at_most, BENIGN_AT_MOST);
        assert_eq!(stated.medium_from, MEDIUM_FROM);
        assert_eq!(stated.high_from, HIGH_FROM);
        assert_eq!(stated.critical_from, CRITICAL_FROM);
    }

    #[test]
    fn the_calibration_spans_everything() {
        for system in System::ALL {
            assert_eq!(calibration(system).weight(0.0), Confidence::ZERO);
            assert!(calibration(system).weight(1.0) >= CRITICAL_FROM);
        }
    }

    #[test]
    fn a_curve_is_straight_between_its_points_and_flat_outside() {
        let curve = Curve::new(vec![1.0, 2.0, 4.0], vec![0, 5_000, 6_000]).unwrap();
        let at = |score: f64| curve.weight(score).ten_thousandths();
        assert_eq!([0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 9.0].map(at), [0, 0, 2_500, 5_000, 5_500, 6_000, 6_000]);
    }

    #[test]
    fn what_does_not_rise_is_no_curve() {
        for (from, to) in [
            (vec![0.0], vec![0]),
            (vec![0.0, 0.0], vec![0, 1]),
            (vec![0.0, 1.0], vec![1, 0]),
            (vec![0.0, 1.0], vec![0]),
            (vec![0.0, f64::NAN], vec![0, 1]),
            (vec![0.0, 1.0], vec![0, 10_001]),
        ] {
            assert_eq!(Curve::new(from, to), Err(NoCurve));
        }
    }
}
