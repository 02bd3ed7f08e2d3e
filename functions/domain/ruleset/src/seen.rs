//! Which three bytes in a row are in which texts of an observation: by a hash, so that "no" is certain and "yes" is "perhaps".
//!
//! Few literals make a rule worth a closer look, and those are found in all texts. The others, ten times as many with the
//! everyday words among them, are asked for by the few rules that got so far, and for most of them this is the answer.

use crate::finder::{GRAM, SHORT, Usual, grams};
use crate::pool::Numbers;

/// Bits of a hash of three bytes.
const BITS: u32 = 12;
pub(crate) const HASHES: usize = 1 << BITS;
/// Bits of one of the two hashes in a literal's key.
const HALF: u32 = u16::BITS;
/// Knuth's: the upper bits of the product depend on all bits of the factor.
pub(crate) const MULTIPLIER: u32 = 0x9e37_79b1;

/// By the hash of three bytes: the texts that have them, a bit each.
#[derive(Debug)]
pub struct Seen(Box<[u32; HASHES]>);

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

    /// Notes that a text has three bytes with this hash.
    #[inline]
    pub(crate) fn add(&mut self, hash: usize, text: u32) {
        self.0[hash % HASHES] |= text;
    }

    /// The texts that may have the literal with this number, as far as their bytes have been added. It is in no other.
    #[inline]
    #[must_use]
    pub fn perhaps(&self, keys: Keys<'_>, literal: u32) -> u32 {
        let key = keys.0.get(literal as usize).unwrap_or_default();
        let of = |hash: u32| self.0[hash as usize % HASHES];
        of(key & (u32::MAX >> HALF)) & of(key >> HALF)
    }
}

/// By literal: the hashes of the two rarest three bytes in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Keys<'a>(#[serde(borrow)] Numbers<'a>);

impl<'a> Keys<'a> {
    /// What [`key`] made of each literal.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Numbers::new(bytes))
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
    use crate::pool::bytes_of;

    #[test]
    fn what_lacks_three_bytes_of_a_literal_does_not_have_it() {
        let usual = Usual::of(&["whoami /all".to_owned()]);
        let keys = bytes_of(["whoami", "abc"].map(|literal| key(literal, &usual)));
        let keys = Keys::new(&keys);
        let mut seen = Seen::default();
        for (text, bit) in [("who am i", 0b01), ("whoami", 0b10)] {
            (0..text.len()).for_each(|at| seen.add(hash(grams(text.as_bytes(), at)[0]), bit));
        }
        assert_eq!((seen.perhaps(keys, 0), seen.perhaps(keys, 1)), (0b10, 0));
        seen.clear();
        assert_eq!(seen.perhaps(keys, 0), 0);
    }

    #[test]
    fn a_key_is_of_the_rarest() {
        let usual = Usual::of(&["abcd ".to_owned(), "abce ".to_owned()]);
        let of = |bytes: &[u8]| hash(grams(bytes, 0)[1]) as u32;
        assert_eq!(key("abcdx", &usual), of(b"cdx") | of(b"bcd") << HALF);
        assert_eq!(key("abc", &usual), of(b"abc") | of(b"abc") << HALF);
    }
}
