//! From matched rules to one probability.

use crate::verdict::{Confidence, Evidence};
use std::collections::BTreeMap;

/// The most evidence that a verdict carries.
pub const MAX_EVIDENCE: usize = 20;
/// Rules never are certain.
const MAX_CONFIDENCE: f64 = 0.99;
/// Families whose strongest rule is below this are context: circumstances, not behaviour.
const CONTEXT_BELOW: f64 = 0.25;
/// All context together is worth at most this, so circumstances alone are never accepted as malice.
const CONTEXT_CEILING: f64 = 0.40;

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

/// Noisy-OR over families, the maximum within a family, context bounded.
///
/// Families are independent reasons to believe in malice; rules of one family are the same reason seen twice. Adding
/// evidence never lowers the result.
pub(super) fn combine<'a>(evidence: impl IntoIterator<Item = &'a Evidence>) -> Confidence {
    let mut families: BTreeMap<&str, Confidence> = BTreeMap::new();
    for item in evidence {
        let strongest = families.entry(&item.family).or_insert(Confidence::ZERO);
        *strongest = item.weight.max(*strongest);
    }
    let (mut innocent, mut innocent_context) = (1.0_f64, 1.0_f64);
    for weight in families.values().map(|weight| weight.ratio()) {
        if weight < CONTEXT_BELOW {
            innocent_context *= 1.0 - weight;
        } else {
            innocent *= 1.0 - weight;
        }
    }
    let innocent = innocent * innocent_context.max(1.0 - CONTEXT_CEILING);
    Confidence::from_ratio((1.0 - innocent).min(MAX_CONFIDENCE))
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
        let items: Vec<Evidence> = items.iter().map(|(family, weight)| evidence(family, *weight)).collect();
        combine(&items).ten_thousandths()
    }

    #[test]
    fn families_add_up_and_rules_of_one_family_do_not() {
        assert_eq!(combined(&[]), 0);
        assert_eq!(combined(&[("a", 5_000), ("a", 4_000)]), 5_000);
        assert_eq!(combined(&[("a", 5_000), ("b", 5_000)]), 7_500);
        assert_eq!(combined(&[("a", 9_700), ("b", 9_700)]), 9_900);
    }

    #[test]
    fn circumstances_alone_are_bounded() {
        let many: Vec<(String, u16)> = (0..30).map(|n| (format!("context-{n}"), 2_000)).collect();
        let items: Vec<(&str, u16)> = many.iter().map(|(family, weight)| (family.as_str(), *weight)).collect();
        assert_eq!(combined(&items), 4_000);
    }

    proptest::proptest! {
        #[test]
        fn more_evidence_never_lowers_the_confidence(
            items in proptest::collection::vec(("[a-f]", 100_u16..9_700), 0..12),
            more in ("[a-f]", 100_u16..9_700),
        ) {
            let before: Vec<Evidence> = items.iter().map(|(family, weight)| evidence(family, *weight)).collect();
            let mut after = before.clone();
            after.push(evidence(&more.0, more.1));
            proptest::prop_assert!(combine(&after) >= combine(&before));
        }
    }
}
