//! From a confidence to what happens next.

use crate::verdict::{Confidence, VerdictLevel};

/// At or below this the rules alone say BENIGN (published contract).
pub const BENIGN_AT_MOST: Confidence = Confidence::from_ten_thousandths(2_500);
/// From here the rules alone decide, and say HIGH (published contract).
pub const HIGH_FROM: Confidence = Confidence::from_ten_thousandths(7_500);
/// From here they say CRITICAL: two independent strong behaviours, or one that has no innocent reading.
pub const CRITICAL_FROM: Confidence = Confidence::from_ten_thousandths(9_200);
/// Inside the ambiguous band, from here the deterministic level is MEDIUM, below it LOW.
pub const MEDIUM_FROM: Confidence = Confidence::from_ten_thousandths(4_500);

/// What a confidence means for the way of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// The rules are sure enough: this level, without asking anyone.
    Accept(VerdictLevel),
    /// A model may be asked; it may not go below [`deterministic_level`].
    Ambiguous,
    /// Nothing to see.
    Benign,
}

/// The band that `confidence` lies in.
#[must_use]
pub fn band(confidence: Confidence) -> Band {
    if confidence >= CRITICAL_FROM {
        Band::Accept(VerdictLevel::Critical)
    } else if confidence >= HIGH_FROM {
        Band::Accept(VerdictLevel::High)
    } else if confidence > BENIGN_AT_MOST {
        Band::Ambiguous
    } else {
        Band::Benign
    }
}

/// The level that the rules alone give: in the ambiguous band the floor under any model's answer.
#[must_use]
pub fn deterministic_level(confidence: Confidence) -> VerdictLevel {
    match band(confidence) {
        Band::Accept(level) => level,
        Band::Ambiguous if confidence >= MEDIUM_FROM => VerdictLevel::Medium,
        Band::Ambiguous => VerdictLevel::Low,
        Band::Benign => VerdictLevel::Benign,
    }
}

/// `confidence`, moved to where [`deterministic_level`] says `level`.
#[must_use]
pub fn within_level(level: VerdictLevel, confidence: Confidence) -> Confidence {
    let at = Confidence::from_ten_thousandths;
    let below = |next: Confidence| at(next.ten_thousandths() - 1);
    let (least, most) = match level {
        VerdictLevel::Benign => (Confidence::ZERO, BENIGN_AT_MOST),
        VerdictLevel::Low => (at(BENIGN_AT_MOST.ten_thousandths() + 1), below(MEDIUM_FROM)),
        VerdictLevel::Medium => (MEDIUM_FROM, below(HIGH_FROM)),
        VerdictLevel::High => (HIGH_FROM, below(CRITICAL_FROM)),
        VerdictLevel::Critical => (CRITICAL_FROM, at(10_000)),
    };
    confidence.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_meet_without_a_gap() {
        let at = Confidence::from_ten_thousandths;
        for (confidence, expected, level) in [
            (0, Band::Benign, VerdictLevel::Benign),
            (2_500, Band::Benign, VerdictLevel::Benign),
            (2_501, Band::Ambiguous, VerdictLevel::Low),
            (4_499, Band::Ambiguous, VerdictLevel::Low),
            (4_500, Band::Ambiguous, VerdictLevel::Medium),
            (7_499, Band::Ambiguous, VerdictLevel::Medium),
            (7_500, Band::Accept(VerdictLevel::High), VerdictLevel::High),
            (9_199, Band::Accept(VerdictLevel::High), VerdictLevel::High),
            (9_200, Band::Accept(VerdictLevel::Critical), VerdictLevel::Critical),
            (10_000, Band::Accept(VerdictLevel::Critical), VerdictLevel::Critical),
        ] {
            assert_eq!(band(at(confidence)), expected, "{confidence}");
            assert_eq!(deterministic_level(at(confidence)), level, "{confidence}");
        }
    }
}
