//! From matched rules to one probability.

use super::fitted::{System, calibration};
use super::ngram_model::RESEMBLANCE;
use super::vendor_context::is_vendors_word;
use crate::verdict::{Confidence, Evidence};
use std::collections::BTreeMap;

/// The most evidence that a verdict carries.
pub const MAX_EVIDENCE: usize = 20;
/// Rules never are certain.
const MAX_CONFIDENCE: f64 = 0.99;
/// Families whose strongest rule is below this are context: circumstances, not behaviour.
const CONTEXT_BELOW: Confidence = Confidence::from_ten_thousandths(2_500);
/// All context together is worth at most this, so circumstances alone are never accepted as malice.
const CONTEXT_CEILING: f64 = 0.40;
/// A resemblance on Linux that no rule's behaviour bears out is worth at most this, which is below HIGH there. Attacks and
/// housekeeping are written in the same few words (`cat`, `chmod`, `/tmp`), and a short line has nothing else.
pub const LINUX_RESEMBLANCE_ALONE: Confidence = Confidence::from_ten_thousandths(6_000);

/// What the rules say about an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The probability of malice.
    pub confidence: Confidence,
    /// The rules that matched, strongest first, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<Evidence>,
    /// Their ATT&CK techniques, sorted, without repetition.
    pub techniques: Vec<String>,
    /// Rules on trial that matched: recorded, not counted.
    pub staged: Vec<Evidence>,
}

/// From evidence to a confidence: [`suspicion`] over what was observed, calibrated, then Noisy-OR with what the vendor says.
///
/// Adding evidence never lowers the result. The vendor's words come after the calibration, because that was fitted without
/// them; alone they stay below HIGH.
pub(super) fn combine<'a>(evidence: impl IntoIterator<Item = &'a Evidence>, system: System) -> Confidence {
    let (said, observed): (Vec<&Evidence>, Vec<&Evidence>) =
        evidence.into_iter().partition(|item| is_vendors_word(&item.family));
    let of_families = |items: Vec<&'a Evidence>| items.into_iter().map(|item| (item.family.as_str(), item.weight));
    let calibrated = calibration(system).weight(suspicion(of_families(observed), system)).ratio();
    let innocent = (1.0 - calibrated) * (1.0 - noisy_or(strongest(of_families(said)).into_values()));
    Confidence::from_ratio((1.0 - innocent).min(MAX_CONFIDENCE))
}

/// Noisy-OR over families, the maximum within a family, context and a resemblance that stands alone bounded; 0 to 1, not yet
/// calibrated.
///
/// Families are independent reasons to believe in malice; rules of one family are the same reason seen twice.
pub fn suspicion<'a>(evidence: impl IntoIterator<Item = (&'a str, Confidence)>, system: System) -> f64 {
    let mut families = strongest(evidence);
    if system == System::Linux {
        bound_what_stands_alone(&mut families);
    }
    let (context, behaviour): (Vec<Confidence>, Vec<Confidence>) =
        families.into_values().partition(|weight| *weight < CONTEXT_BELOW);
    let context = noisy_or(context).min(CONTEXT_CEILING);
    1.0 - (1.0 - noisy_or(behaviour)) * (1.0 - context)
}

fn bound_what_stands_alone(families: &mut BTreeMap<&str, Confidence>) {
    let borne_out = families.iter().any(|(family, weight)| *family != RESEMBLANCE && *weight >= CONTEXT_BELOW);
    if let Some(resemblance) = families.get_mut(RESEMBLANCE).filter(|_| !borne_out) {
        *resemblance = LINUX_RESEMBLANCE_ALONE.min(*resemblance);
    }
}

/// The strongest of each family.
fn strongest<'a>(evidence: impl IntoIterator<Item = (&'a str, Confidence)>) -> BTreeMap<&'a str, Confidence> {
    let mut families = BTreeMap::new();
    for (family, weight) in evidence {
        let strongest = families.entry(family).or_insert(Confidence::ZERO);
        *strongest = weight.max(*strongest);
    }
    families
}

fn noisy_or(weights: impl IntoIterator<Item = Confidence>) -> f64 {
    1.0 - weights.into_iter().fold(1.0, |innocent, weight| innocent * (1.0 - weight.ratio()))
}

/// Strongest first; equal weights by rule id, so that equal input gives equal bytes.
pub(super) fn sort(evidence: &mut Vec<Evidence>) {
    evidence.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.rule_id.cmp(&b.rule_id)));
    evidence.truncate(MAX_EVIDENCE);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(family: &str, weight: u16) -> Evidence {
        Evidence {
            rule_id: format!("{family}-{weight}"),
            title: String::new(),
            family: family.to_owned(),
            weight: Confidence::from_ten_thousandths(weight),
            field: String::new(),
            matched: String::new(),
        }
    }

    fn combined(items: &[(&str, u16)]) -> u16 {
        let weights = items.iter().map(|(family, weight)| (*family, Confidence::from_ten_thousandths(*weight)));
        Confidence::from_ratio(suspicion(weights, System::Unknown)).ten_thousandths()
    }

    #[test]
    fn families_add_up_and_rules_of_one_family_do_not() {
        assert_eq!(combined(&[]), 0);
        assert_eq!(combined(&[("a", 5_000), ("a", 4_000)]), 5_000);
        assert_eq!(combined(&[("a", 5_000), ("b", 5_000)]), 7_500);
        assert_eq!(combined(&[("a", 9_700), ("b", 9_700)]), 9_991);
    }

    #[test]
    fn circumstances_alone_are_bounded() {
        let many: Vec<(String, u16)> = (0..30).map(|n| (format!("context-{n}"), 2_000)).collect();
        let items: Vec<(&str, u16)> = many.iter().map(|(family, weight)| (family.as_str(), *weight)).collect();
        assert_eq!(combined(&items), 4_000);
    }

    #[test]
    fn a_vendors_word_comes_on_top_of_what_was_observed() {
        let observed = [evidence("a", 5_000)];
        let with_word = [evidence("a", 5_000), evidence("vendor-severity", 5_500)];
        let (alone, both) = (combine(&observed, System::Unknown).ratio(), combine(&with_word, System::Unknown).ratio());
        assert!((both - (1.0 - (1.0 - alone) * 0.45)).abs() < 2e-4, "{alone} {both}");
        assert_eq!(combine(&[evidence("vendor-severity", 5_500)], System::Unknown).ten_thousandths(), 5_500);
    }

    #[test]
    fn on_linux_a_resemblance_needs_a_rule_to_be_high() {
        use super::super::{HIGH_FROM, MEDIUM_FROM};
        let alone = [evidence(RESEMBLANCE, 8_000)];
        let borne_out = [evidence(RESEMBLANCE, 8_000), evidence("shell", 4_000)];
        let at = |items: &[Evidence], system| combine(items, system);
        assert!((MEDIUM_FROM..HIGH_FROM).contains(&at(&alone, System::Linux)));
        assert!(at(&borne_out, System::Linux) >= HIGH_FROM);
        let of = |items: &[(&'static str, u16)]| {
            suspicion(items.iter().map(|(f, w)| (*f, Confidence::from_ten_thousandths(*w))), System::Linux)
        };
        assert!((of(&[(RESEMBLANCE, 8_000)]) - 0.6).abs() < 1e-9);
        assert!((of(&[(RESEMBLANCE, 8_000), ("shell", 2_500)]) - 0.85).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_certain() {
        let everything: Vec<Evidence> = ["a", "b", "c", "vendor-severity"].map(|family| evidence(family, 9_700)).into();
        assert_eq!(combine(&everything, System::Unknown).ten_thousandths(), 9_900);
    }

    proptest::proptest! {
        #[test]
        fn more_evidence_never_lowers_the_confidence(
            items in proptest::collection::vec(("[a-f]|vendor-severity|learned-resemblance", 100_u16..9_700), 0..12),
            more in ("[a-f]", 100_u16..9_700),
        ) {
            let before: Vec<Evidence> = items.iter().map(|(family, weight)| evidence(family, *weight)).collect();
            let mut after = before.clone();
            after.push(evidence(&more.0, more.1));
            proptest::prop_assert!(combine(&after, System::Linux) >= combine(&before, System::Linux));
        }
    }
}
