//! Where the literals of the rules are in the texts of an observation.

use memchr::memchr3_iter;

/// More places than this are not remembered: a text that has so many is looked through from its beginning.
const MOST: usize = 1 << 14;
/// No place.
const NONE: u32 = u32::MAX;

/// What one pass over the texts has found; reused from one observation to the next.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By literal.
    of: Vec<Occurrences>,
    /// The literals that occur.
    literals: Vec<u32>,
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Occurrences {
    /// The texts that it is in, a bit each.
    texts: u32,
    /// The last place where it is, by number.
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    text: u32,
    start: u32,
    /// The place before it of the same literal.
    before: u32,
}

impl Places {
    /// Forgets everything; there are so many literals.
    pub(super) fn clear(&mut self, literals: usize) {
        for literal in self.literals.drain(..) {
            self.of[literal as usize] = Occurrences::NONE;
        }
        self.of.resize(literals, Occurrences::NONE);
        self.places.clear();
    }

    /// Notes that `literal` is in the text with this number, from `start`. Whether it is the first time.
    #[inline]
    pub(super) fn add(&mut self, literal: u32, text: u32, start: usize) -> bool {
        let Some(of) = self.of.get_mut(literal as usize) else { return false };
        let first = of.texts == 0;
        if first {
            self.literals.push(literal);
        }
        of.texts |= bit_of(text);
        let number = self.places.len();
        if number < MOST {
            // Both fit: there are few places, and a text is short.
            self.places.push(Place { text, start: start as u32, before: of.last });
            of.last = number as u32;
        }
        first
    }

    /// The texts that a literal is in, a bit each, see [`bit_of`].
    #[inline]
    pub(super) fn texts(&self, literal: u32) -> u32 {
        self.of.get(literal as usize).map_or(0, |of| of.texts)
    }

    /// Adds to `beginnings` where something can begin in a text that has one of `literals` so many bytes `behind` its
    /// beginning, at least and at most: the first byte and the last of each place. Whether that is known.
    pub(super) fn beginnings(
        &self,
        literals: impl IntoIterator<Item = u32>,
        text: u32,
        behind: (u32, u32),
        beginnings: &mut Vec<(usize, usize)>,
    ) -> bool {
        let (least, most) = (behind.0 as usize, behind.1 as usize);
        let mut none = true;
        for literal in literals {
            none = false;
            let Some(of) = self.of.get(literal as usize).filter(|of| of.texts & bit_of(text) != 0) else { continue };
            let mut number = of.last;
            while let Some(place) = self.places.get(number as usize) {
                number = place.before;
                if place.text != text {
                    continue;
                }
                if let Some(last) = (place.start as usize).checked_sub(least) {
                    beginnings.push(((place.start as usize).saturating_sub(most), last));
                }
            }
        }
        !none && self.places.len() < MOST
    }
}

impl Occurrences {
    const NONE: Self = Self { texts: 0, last: NONE };
}

/// An observation has fewer texts than there are bits; should it have more, the last share one, which only costs time.
pub(super) const fn bit_of(text: u32) -> u32 {
    1 << if text < 31 { text } else { 31 }
}

/// Adds to `beginnings` where something can begin in `text` that has one of `marks` so many bytes `behind` its beginning, at
/// least and at most: the first byte and the last of each place. Whether that is known, which it is.
pub(super) fn add_marked(
    text: &str,
    [one, two, three]: [u8; 3],
    (least, most): (u32, u32),
    beginnings: &mut Vec<(usize, usize)>,
) -> bool {
    let (least, most) = (least as usize, most as usize);
    let places = memchr3_iter(one, two, three, text.as_bytes());
    beginnings.extend(places.filter_map(|at| Some((at.saturating_sub(most), at.checked_sub(least)?))));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_far_before_a_mark_is_known() {
        let mut found = Vec::new();
        assert!(add_marked(";a=b,c", *b";,,", (1, 2), &mut found));
        assert_eq!(found, [(2, 3)], "nothing begins a byte before the text");
    }

    #[test]
    fn what_begins_so_far_before_a_literal_is_known() {
        let mut places = Places::default();
        places.clear(3);
        assert!(places.add(1, 0, 10));
        assert!(!places.add(1, 2, 5));
        assert!(!places.add(1, 0, 1));
        assert!(places.add(2, 0, 7));
        let beginnings = |literals: &[u32], text, behind| {
            let mut found = Vec::new();
            let known = places.beginnings(literals.iter().copied(), text, behind, &mut found);
            found.sort_unstable();
            (known, found)
        };
        assert_eq!(places.texts(1), 0b101);
        assert_eq!(beginnings(&[1, 2], 0, (2, 3)), (true, vec![(4, 5), (7, 8)]));
        assert_eq!(beginnings(&[1], 2, (0, 9)), (true, vec![(0, 5)]));
        assert_eq!(beginnings(&[0], 0, (0, 0)), (true, vec![]));
        assert!(!beginnings(&[], 0, (0, 0)).0);
    }

    #[test]
    fn too_many_places_are_as_good_as_none() {
        let mut places = Places::default();
        for again in 0..2 {
            places.clear(1);
            for start in 0..2 * MOST {
                assert_eq!(places.add(0, 0, start), start == 0, "{again}");
            }
            assert!(!places.beginnings([0], 0, (0, 0), &mut Vec::new()));
            assert_eq!(places.places.len(), MOST);
        }
    }
}
