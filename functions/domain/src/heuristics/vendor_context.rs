//! What the vendor's own words are worth: two bounded families, which together stay below HIGH.
//!
//! Alerts carry tactics and techniques as ids, as names or as the vendor's own terms, so both spellings are looked up and an
//! unknown one is worth nothing.

use super::Observation;
use crate::alert::VendorSeverity;
use crate::verdict::{Confidence, Evidence};

/// The most that [`VendorSeverity`] contributes. With [`WORDS_CEILING`]: 1 - 0.45 * 0.60 = 0.73, below HIGH's 0.75.
const SEVERITY_CEILING: u16 = 5_500;
/// The most that a tactic or technique contributes.
const WORDS_CEILING: u16 = 4_000;

/// (words, weight in ten-thousandths); the strongest that occurs counts.
const WORDS: &[(&[&str], u16)] = &[
    (&["ransomware", "data encrypted for impact", "t1486"], WORDS_CEILING),
    (&["inhibit system recovery", "t1490"], WORDS_CEILING),
    (&["credential dumping", "t1003", "dcsync", "lsass", "mimikatz"], WORDS_CEILING),
    (&["pass the hash", "pass-the-hash", "t1550", "kerberoast", "t1558"], WORDS_CEILING),
    (&["process injection", "t1055", "web shell", "webshell", "t1505.003"], 3_500),
    (&["command and control", "commandandcontrol", "ta0011", "cobalt strike"], 3_000),
    (&["lateral movement", "lateralmovement", "ta0008", "exfiltration", "ta0010"], 3_000),
    (&["credential access", "credentialaccess", "ta0006", "impact", "ta0040"], 3_000),
    (&["defense impairment", "defense-impairment", "impair defenses", "t1562", "t1685"], 3_000),
    (&["privilege escalation", "privilegeescalation", "ta0004"], 2_000),
    (&["defense evasion", "defenseevasion", "ta0005", "stealth", "persistence", "ta0003"], 1_500),
    (&["execution", "ta0002", "initial access", "initialaccess", "ta0001"], 1_000),
    (&["discovery", "ta0007", "collection", "ta0009"], 500),
];

/// The families of this evidence.
const SEVERITY: &str = "vendor-severity";
const TECHNIQUE: &str = "vendor-technique";

/// Whether `family` is something that the vendor said, not something that was observed.
pub(super) fn is_vendors_word(family: &str) -> bool {
    matches!(family, SEVERITY | TECHNIQUE)
}

/// What the vendor said, as evidence.
pub(super) fn vendor_evidence(observation: &Observation<'_>) -> impl Iterator<Item = Evidence> {
    severity(observation.vendor_severity).into_iter().chain(words(observation))
}

fn severity(severity: VendorSeverity) -> Option<Evidence> {
    let weight = match severity {
        VendorSeverity::Critical => SEVERITY_CEILING,
        VendorSeverity::High => 4_000,
        VendorSeverity::Medium => 2_000,
        VendorSeverity::Low | VendorSeverity::Informational | VendorSeverity::Unknown => return None,
    };
    Some(Evidence {
        rule_id: SEVERITY.to_owned(),
        title: "The vendor's own severity".to_owned(),
        family: SEVERITY.to_owned(),
        weight: Confidence::from_ten_thousandths(weight),
        field: "vendor_severity".to_owned(),
        matched: severity.as_str().to_owned(),
    })
}

fn words(observation: &Observation<'_>) -> Option<Evidence> {
    let said = [("technique", observation.technique), ("tactic", observation.tactic)];
    let (field, word, weight) = said
        .into_iter()
        .filter_map(|(field, text)| Some((field, text?.to_lowercase())))
        .filter_map(|(field, text)| {
            WORDS.iter().find_map(|(words, weight)| {
                words.iter().find(|word| text.contains(**word)).map(|word| (field, *word, *weight))
            })
        })
        .reduce(|best, next| if next.2 > best.2 { next } else { best })?;
    Some(Evidence {
        rule_id: TECHNIQUE.to_owned(),
        title: "The tactic or technique that the vendor names".to_owned(),
        family: TECHNIQUE.to_owned(),
        weight: Confidence::from_ten_thousandths(weight),
        field: field.to_owned(),
        matched: word.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_word_counts_whichever_field_says_it() {
        let observation =
            Observation { tactic: Some("Execution"), technique: Some("OS Credential Dumping"), ..Observation::EMPTY };
        let evidence = words(&observation).unwrap();
        assert_eq!((evidence.field.as_str(), evidence.matched.as_str()), ("technique", "credential dumping"));
        assert!(words(&Observation { technique: Some("Machine Learning"), ..Observation::EMPTY }).is_none());
    }

    #[test]
    fn low_and_unknown_severities_are_worth_nothing() {
        for low in [VendorSeverity::Unknown, VendorSeverity::Informational, VendorSeverity::Low] {
            assert!(severity(low).is_none());
        }
    }
}
