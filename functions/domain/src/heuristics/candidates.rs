//! The rules worth a closer look, as a set: each once, in order, without sorting.

/// Numbers of rules; reused from one observation to the next.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// A bit each.
    bits: Vec<u64>,
}

impl Candidates {
    /// Forgets everything; there are so many rules.
    pub(super) fn clear(&mut self, rules: usize) {
        self.bits.clear();
        self.bits.resize(rules.div_ceil(64), 0);
    }

    /// Adds the rule with this number.
    #[inline]
    pub(super) fn add(&mut self, rule: u32) {
        if let Some(bits) = self.bits.get_mut(rule as usize / 64) {
            *bits |= 1 << (rule % 64);
        }
    }

    /// Takes them out, in order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = usize> + '_ {
        let words = self.bits.iter_mut().enumerate();
        words.flat_map(|(place, word)| bits_of(std::mem::take(word)).map(move |bit| 64 * place + bit))
    }
}

/// The places of the bits that are set, the lowest first.
#[inline]
pub(super) fn bits_of(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = set.trailing_zeros() as usize;
        set &= set.checked_sub(1)?;
        Some(lowest)
    })
}

#[cfg(test)]
mod tests {
    use super::Candidates;

    #[test]
    fn each_is_taken_once_and_in_order() {
        let mut candidates = Candidates::default();
        candidates.clear(130);
        [129, 3, 64, 3, 0, 63, 500].into_iter().for_each(|rule| candidates.add(rule));
        assert_eq!(candidates.take().collect::<Vec<_>>(), [0, 3, 63, 64, 129]);
        assert_eq!(candidates.take().count(), 0);
        candidates.add(1);
        candidates.clear(130);
        assert_eq!(candidates.take().count(), 0);
    }
}
