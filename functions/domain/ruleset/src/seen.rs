//! Which three bytes in a row are in the texts of which fields of an observation: by a hash, so that "no" is certain and "yes"
//! is "perhaps".
//!
//! Few literals make a rule worth a closer look, and those are found in all texts. The others, ten times as many with the
//! everyday words among them, are asked for by the few rules that got so far, and for most of them this is the answer.

use crate::finder::{GRAM, SHORT, grams};
use crate::pool::Numbers;
use crate::table::Span;
use crate::usual::Usual;

/// Bits of a hash of three bytes.
const BITS: u32 = 12;
pub(crate) const HASHES: usize = 1 << BITS;
/// Bits of one of the two hashes in a literal's key.
const HALF: u32 = u16::BITS;
/// Knuth's: the upper bits of the product depend on all bits of the factor.
pub(crate) const MULTIPLIER: u32 = 0x9e37_79b1;

/// By the hash of three bytes: the fields with a text that has them, a bit each. The forms of one field have nearly the same, so
/// a bit for each text would say little more, and four times as much memory would leave less of the nearest cache to others.
#[derive(Debug)]
pub struct Seen(Box<[u8; HASHES]>);

impl Default for Seen {
    fn default() -> Self {
        Self(Box::new([0; HASHES]))
    }
}

impl Seen {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Notes that a text of a field, of which this is the bit, has three bytes with this hash.
    #[inline]
    pub(crate) fn add(&mut self, hash: usize, field: u8) {
        self.0[hash % HASHES] |= field;
    }

    /// The fields that may have the literal that is asked for, as far as their texts' bytes have been added. It is in no other.
    #[inline]
    #[must_use]
    pub fn perhaps(&self, question: Question) -> u8 {
        let of = |hash: u32| self.0[hash as usize % HASHES];
        of(question.key & (u32::MAX >> HALF)) & of(question.key >> HALF)
    }
}

/// A literal that is asked for, and how to see that a text does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The literal's number.
    pub literal: u32,
    /// The hashes of the two rarest three bytes in it.
    key: u32,
}

/// The questions of all rules, each with its key beside it: most end there, in the memory that is read anyway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Questions<'a>(Numbers<'a>);

impl<'a> Questions<'a> {
    /// Numbers of literals and what [`key`] made of each, two and two.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Numbers::new(bytes))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len() / 2
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// A part of them.
    #[inline]
    pub fn of(self, span: Span) -> impl Iterator<Item = Question> + Clone + use<'a> {
        self.0.pairs_of(span).map(|[literal, key]| Question { literal, key })
    }
}

/// The hashes of the two rarest three bytes in a literal, which has at least three.
pub(crate) fn key(literal: &str, usual: &Usual) -> u32 {
    let bytes = literal.as_bytes();
    let mut shorts: Vec<u32> = (0..=bytes.len().saturating_sub(GRAM - 1)).map(|at| grams(bytes, at)[1]).collect();
    shorts.sort_by_key(|short| usual.how_often(*short));
    let hash = |place: usize| hash(shorts.get(place).copied().unwrap_or(shorts[0])) as u32;
    hash(0) | hash(1) << HALF
}

/// Of the first three bytes.
#[inline]
pub(crate) const fn hash(gram: u32) -> usize {
    (((gram & SHORT) << 8).wrapping_mul(MULTIPLIER) >> (u32::BITS - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_three_bytes_of_a_literal_does_not_have_it() {
        let usual = Usual::of(&["whoami /all".to_owned()]);
        let question = |literal: &str| Question { literal: 0, key: key(literal, &usual) };
        let mut seen = Seen::default();
        for (text, bit) in [("who am i", 0b01), ("whoami", 0b10)] {
            (0..text.len()).for_each(|at| seen.add(hash(grams(text.as_bytes(), at)[0]), bit));
        }
        assert_eq!((seen.perhaps(question("whoami")), seen.perhaps(question("abc"))), (0b10, 0));
        seen.clear();
        assert_eq!(seen.perhaps(question("whoami")), 0);
    }

    #[test]
    fn a_question_is_read_with_its_key() {
        let bytes = crate::pool::bytes_of([7, 8, 9, 10]);
        let part = Span { start: 1, len: 1 };
        assert_eq!(Questions::new(&bytes).of(part).collect::<Vec<_>>(), [Question { literal: 9, key: 10 }]);
    }

    #[test]
    fn a_key_is_of_the_rarest() {
        let usual = Usual::of(&["abcd ".to_owned(), "abce ".to_owned()]);
        let of = |bytes: &[u8]| hash(grams(bytes, 0)[1]) as u32;
        assert_eq!(key("abcdx", &usual), of(b"cdx") | of(b"bcd") << HALF);
        assert_eq!(key("abc", &usual), of(b"abc") | of(b"abc") << HALF);
    }
}
