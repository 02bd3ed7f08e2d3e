//! A threat has no severity, only the engine's confidence. Reading one as the other is a choice, and documented as such:
//! malicious is HIGH, suspicious is MEDIUM, and each is one higher while nothing has been done about it.

use crate::alert::VendorSeverity;

pub(super) fn of_confidence(confidence: Option<&str>, mitigation: Option<&str>) -> VendorSeverity {
    let is = |text: Option<&str>, word: &str| text.is_some_and(|text| text.eq_ignore_ascii_case(word));
    let open = is(mitigation, "not_mitigated");
    if is(confidence, "malicious") {
        if open { VendorSeverity::Critical } else { VendorSeverity::High }
    } else if is(confidence, "suspicious") {
        if open { VendorSeverity::High } else { VendorSeverity::Medium }
    } else {
        VendorSeverity::Unknown
    }
}

/// A STAR rule's word: `E_CRITICAL`, or without the prefix.
pub(super) fn of_rule(word: &str) -> VendorSeverity {
    let word = word.trim();
    let bare = word.get(..2).filter(|prefix| prefix.eq_ignore_ascii_case("e_")).map_or(word, |_| &word[2..]);
    VendorSeverity::from_word(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_raised_only_while_the_threat_is_open() {
        for (confidence, mitigation, wanted) in [
            (Some("malicious"), Some("not_mitigated"), VendorSeverity::Critical),
            (Some("malicious"), Some("mitigated"), VendorSeverity::High),
            (Some("Malicious"), None, VendorSeverity::High),
            (Some("suspicious"), Some("not_mitigated"), VendorSeverity::High),
            (Some("suspicious"), Some("marked_as_benign"), VendorSeverity::Medium),
            (Some("n/a"), Some("not_mitigated"), VendorSeverity::Unknown),
            (None, Some("not_mitigated"), VendorSeverity::Unknown),
        ] {
            assert_eq!(of_confidence(confidence, mitigation), wanted, "{confidence:?} {mitigation:?}");
        }
    }

    #[test]
    fn a_rules_word_is_read_with_and_without_its_prefix() {
        for (word, wanted) in [
            ("E_CRITICAL", VendorSeverity::Critical),
            ("e_low", VendorSeverity::Low),
            ("High", VendorSeverity::High),
            ("é_low", VendorSeverity::Unknown),
            ("E", VendorSeverity::Unknown),
        ] {
            assert_eq!(of_rule(word), wanted, "{word}");
        }
    }
}
