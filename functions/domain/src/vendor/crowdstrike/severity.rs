//! Falcon's scales: a word; 0 to 100; the legacy event's 1 to 5. A number of an event type whose scale is not certain is
//! `UNKNOWN`.

use crate::alert::VendorSeverity;

/// Which scale an event type's numbers are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// `DetectionSummaryEvent`: 1 to 5, and 0 to 100 above.
    Legacy,
    /// Endpoint events and Alerts API v2: 0 to 100.
    Percent,
    /// Might be either up to 5, 0 to 100 above: mobile events and the published shape.
    PercentAboveFive,
    /// Not certain: identity and cross-domain events, and event types that are not known.
    Uncertain,
}

/// The word, where there is one; else the number on its scale.
pub(super) fn severity(scale: Scale, word: Option<&str>, number: Option<u64>) -> VendorSeverity {
    if let Some(word) = word {
        return VendorSeverity::from_word(word);
    }
    match (scale, number) {
        (_, None) | (Scale::Uncertain, _) | (Scale::PercentAboveFive, Some(0..=5)) => VendorSeverity::Unknown,
        (Scale::Legacy, Some(1)) => VendorSeverity::Informational,
        (Scale::Legacy, Some(2)) => VendorSeverity::Low,
        (Scale::Legacy, Some(3)) => VendorSeverity::Medium,
        (Scale::Legacy, Some(4)) => VendorSeverity::High,
        (Scale::Legacy, Some(5)) => VendorSeverity::Critical,
        (_, Some(number)) => percent(number),
    }
}

fn percent(number: u64) -> VendorSeverity {
    match number {
        0..20 => VendorSeverity::Informational,
        20..50 => VendorSeverity::Low,
        50..70 => VendorSeverity::Medium,
        70..90 => VendorSeverity::High,
        90..=100 => VendorSeverity::Critical,
        _ => VendorSeverity::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scale_has_its_own_reading_and_an_uncertain_number_has_none() {
        for (scale, word, number, wanted) in [
            (Scale::Legacy, None, Some(5), VendorSeverity::Critical),
            (Scale::Legacy, None, Some(4), VendorSeverity::High),
            (Scale::Legacy, None, Some(70), VendorSeverity::High),
            (Scale::Percent, None, Some(5), VendorSeverity::Informational),
            (Scale::Percent, None, Some(79), VendorSeverity::High),
            (Scale::Percent, None, Some(101), VendorSeverity::Unknown),
            (Scale::PercentAboveFive, None, Some(5), VendorSeverity::Unknown),
            (Scale::PercentAboveFive, None, Some(90), VendorSeverity::Critical),
            (Scale::Uncertain, None, Some(2), VendorSeverity::Unknown),
            (Scale::Uncertain, None, Some(90), VendorSeverity::Unknown),
            (Scale::Uncertain, Some("High"), Some(2), VendorSeverity::High),
            (Scale::Percent, Some("Catastrophic"), Some(90), VendorSeverity::Unknown),
            (Scale::Percent, None, None, VendorSeverity::Unknown),
        ] {
            assert_eq!(severity(scale, word, number), wanted, "{scale:?} {word:?} {number:?}");
        }
    }
}
