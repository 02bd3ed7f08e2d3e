//! Which rows are judged by a model that has not seen them.

use super::dataset::Row;
use std::collections::BTreeSet;

/// What is held together, so that a model is always judged on something it has not seen the like of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeldTogether {
    /// An attack test or a script.
    Group,
    /// All tests of an ATT&CK technique; harmless rows by group.
    Technique,
    /// All harmless rows of one source; attacks by group.
    Source,
}

impl HeldTogether {
    pub(crate) const ALL: [Self; 3] = [Self::Group, Self::Technique, Self::Source];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Technique => "technique",
            Self::Source => "source",
        }
    }
}

/// The fold of every row, below the number of folds, which comes second. Depends on nothing but the labels.
pub(crate) fn folds(rows: &[Row], held: HeldTogether, count: usize) -> (Vec<usize>, usize) {
    let sources: Vec<&str> = rows
        .iter()
        .filter(|row| row.label.benign())
        .map(|row| row.label.source.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let count = if held == HeldTogether::Source { sources.len().max(2) } else { count };
    let fold = |row: &Row| {
        let label = &row.label;
        match held {
            HeldTogether::Technique if label.malicious() => {
                spread(label.technique.split('.').next().unwrap_or_default(), count)
            }
            HeldTogether::Source if label.benign() => {
                sources.binary_search(&label.source.as_str()).expect("every harmless row's source was collected")
            }
            _ => spread(&label.group, count),
        }
    };
    (rows.iter().map(fold).collect(), count)
}

/// FNV-1a, then the remainder.
fn spread(text: &str, count: usize) -> usize {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    usize::try_from(mixed).expect("31 bits fit") % count
}
