//! Which n-grams of a text repeat others.

/// Of each number, where it was last: open addressing, in a table that is at most half full.
#[derive(Default)]
pub(super) struct LastOf {
    slots: Vec<Slot>,
    mask: usize,
    /// What was noted under another number than this is forgotten.
    round: u16,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    place: u32,
    number: u16,
    round: u16,
}

impl LastOf {
    /// Forgets everything, and makes room for so many.
    pub(super) fn clear(&mut self, many: usize) {
        let length = (2 * many).next_power_of_two();
        self.mask = length - 1;
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.slots.clear();
            self.round = 1;
        }
        if self.slots.len() < length {
            self.slots.resize(length, Slot::default());
        }
    }

    /// Notes that `number` is at `place`, which is not zero. Where it was before: zero, if it was nowhere.
    #[inline]
    pub(super) fn replace(&mut self, number: u16, place: u32) -> u32 {
        let mut at = usize::from(number) & self.mask;
        let noted = Slot { place, number, round: self.round };
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.round != self.round {
                *slot = noted;
                return 0;
            }
            if slot.number == number {
                return std::mem::replace(&mut slot.place, place);
            }
            at = (at + 1) & self.mask;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_forgotten_however_often() {
        let mut last = LastOf::default();
        for round in 0..3 * usize::from(u16::MAX) {
            last.clear(2 + round % 3);
            assert_eq!((last.replace(7, 1), last.replace(7, 2), last.replace(3, 3)), (0, 1, 0), "{round}");
        }
    }
}
