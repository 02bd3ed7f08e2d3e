//! Finds all literals in a text in one pass: of every four bytes, a hash of the first three and the fourth are looked up in a
//! set of bits that stays in the processor's nearest cache, and only where that says "perhaps", the literals themselves.
//!
//! An automaton takes a step that depends on the one before it, and with so many literals, a megabyte, each step is likely to
//! miss the cache. The four bytes by which a literal is looked up are its rarest in the rules' own examples, so an everyday
//! text seldom says "perhaps".

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bits of a hash of three bytes.
const BITS: u32 = 13;
const HASHES: usize = 1 << BITS;
/// Bits of a hash of four bytes.
const INDEX_BITS: u32 = 14;
/// So many bytes of a literal are looked up; of literals with three, those, whatever comes after them.
const GRAM: usize = 4;
const SHORT: u32 = 0x00ff_ffff;
/// A literal's bytes that are looked up lie within its first so many.
const REACH: usize = 64;

/// Where literals may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finder {
    /// By the hash of three bytes: a bit for each fourth byte that a literal has there, by its lower five bits. All of them
    /// for a literal of three.
    fourths: Vec<u32>,
    /// By the hash of four bytes, of which the last is zero for a literal of three: where its entries begin. One more than
    /// there are hashes.
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

/// One literal under its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The bytes that are looked up.
    gram: u32,
    literal: u32,
    /// Where they are in the literal.
    offset: u8,
}

impl Finder {
    /// For `literals`, each at least 3 bytes long; `usual` are texts as they usually are.
    pub(crate) fn new(literals: &[String], usual: &[String]) -> Self {
        let mut frequent: BTreeMap<u32, usize> = BTreeMap::new();
        for text in usual {
            let text = text.to_lowercase();
            for at in 0..text.len() {
                let [long, short] = grams(text.as_bytes(), at);
                *frequent.entry(long).or_default() += 1;
                *frequent.entry(short).or_default() += 1;
            }
        }
        let mut by_hash: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
        let mut fourths = vec![0; HASHES];
        for (number, literal) in literals.iter().enumerate() {
            let bytes = &literal.as_bytes()[..literal.len().min(REACH)];
            let (kind, length) = if bytes.len() < GRAM { (1, GRAM - 1) } else { (0, GRAM) };
            let rarest = (0..=bytes.len().saturating_sub(length))
                .map(|at| (grams(bytes, at)[kind], at))
                .min_by_key(|(gram, at)| (frequent.get(gram).copied().unwrap_or_default(), *at));
            let (gram, offset) = rarest.expect("the range has at least one number");
            let literal = u32::try_from(number).expect("there are fewer than 2^32 literals");
            let offset = u8::try_from(offset).expect("it is within reach");
            fourths[hash(gram)] |= if kind == 0 { fourth(gram) } else { u32::MAX };
            by_hash.entry(index(gram)).or_default().push(Entry { gram, literal, offset });
        }
        let mut finder = Self { fourths, starts: vec![0], entries: Vec::new() };
        for hash in 0..1 << INDEX_BITS {
            finder.entries.extend(by_hash.remove(&hash).unwrap_or_default());
            finder.starts.push(u32::try_from(finder.entries.len()).expect("one per literal"));
        }
        finder
    }

    /// Calls `found` with the number of each of `literals` that is in `text` and where it begins, for each place where it is.
    pub fn find(&self, literals: &[&str], text: &[u8], mut found: impl FnMut(u32, usize)) {
        let Some(fourths) = self.fourths.first_chunk::<HASHES>() else { return };
        let mut look = |at: usize, gram: u32| {
            let known = fourths[hash(gram)];
            if known & fourth(gram) != 0 {
                self.look(literals, text, at, gram, &mut found);
                if known == u32::MAX && gram & SHORT != gram {
                    self.look(literals, text, at, gram & SHORT, &mut found);
                }
            }
        };
        for (at, bytes) in text.array_windows::<GRAM>().enumerate() {
            look(at, u32::from_le_bytes(*bytes));
        }
        for at in text.len().saturating_sub(GRAM - 1)..text.len() {
            look(at, grams(text, at)[0]);
        }
    }

    /// The same for those that are looked up by `gram`, which is at `at`.
    #[inline]
    fn look(&self, literals: &[&str], text: &[u8], at: usize, gram: u32, found: &mut impl FnMut(u32, usize)) {
        let hash = index(gram);
        let Some([start, end]) = self.starts.get(hash..hash + 2) else { return };
        for entry in self.entries.get(*start as usize..*end as usize).unwrap_or_default() {
            if entry.gram != gram {
                continue;
            }
            let Some(start) = at.checked_sub(usize::from(entry.offset)) else { continue };
            let Some(literal) = literals.get(entry.literal as usize) else { continue };
            // One of so many bytes has been compared already.
            let is_there = literal.len() <= GRAM || text[start..].starts_with(literal.as_bytes());
            if is_there {
                found(entry.literal, start);
            }
        }
    }
}

/// The four bytes at `at`, and the first three of them. What lies behind the end is zero, as no literal is.
fn grams(text: &[u8], at: usize) -> [u32; 2] {
    let bytes: [u8; GRAM] = std::array::from_fn(|next| text.get(at + next).copied().unwrap_or_default());
    let long = u32::from_le_bytes(bytes);
    [long, long & SHORT]
}

/// Of the first three bytes.
fn hash(gram: u32) -> usize {
    ((gram << 8).wrapping_mul(MULTIPLIER) >> (u32::BITS - BITS)) as usize
}

/// Of all four.
fn index(gram: u32) -> usize {
    (gram.wrapping_mul(MULTIPLIER) >> (u32::BITS - INDEX_BITS)) as usize
}

/// Knuth's: the upper bits of the product depend on all bits of the factor.
const MULTIPLIER: u32 = 0x9e37_79b1;

/// The bit of the fourth byte.
const fn fourth(gram: u32) -> u32 {
    1 << ((gram >> 24) & 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(literals: &[&str], text: &str) -> Vec<u32> {
        let owned: Vec<String> = literals.iter().map(|literal| (*literal).to_owned()).collect();
        let finder = Finder::new(&owned, &["an everyday abcd".to_owned()]);
        let mut found = Vec::new();
        finder.find(literals, text.as_bytes(), |literal, start| {
            assert!(text[start..].starts_with(literals[literal as usize]));
            found.push(literal);
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn every_literal_is_found_wherever_it_is() {
        let literals = ["abc", "abcd", "bcd", "whoami", "\u{1}obf:caret\u{1}", "ami"];
        assert_eq!(found(&literals, "xabcd"), [0, 1, 2]);
        assert_eq!(found(&literals, "whoami"), [3, 5]);
        assert_eq!(found(&literals, "ab"), [0; 0]);
        assert_eq!(found(&literals, "abc abc"), [0, 0]);
        assert_eq!(found(&literals, "\u{1}obf:caret\u{1}"), [4]);
    }

    proptest! {
        #[test]
        fn what_contains_says_is_found(
            literals in proptest::collection::btree_set("[ab|]{3,7}", 1..40),
            text in "[ab|]{0,60}",
        ) {
            let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
            let mut found = found(&literals, &text);
            found.dedup();
            let contained: Vec<u32> = (0..).zip(&literals).filter(|(_, literal)| text.contains(**literal)).map(|(number, _)| number).collect();
            prop_assert_eq!(found, contained);
        }
    }
}
