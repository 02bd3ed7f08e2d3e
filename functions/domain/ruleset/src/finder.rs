//! Finds all literals in a text in one pass: a hash of every four bytes, looked up in a set of bits that stays in the
//! processor's nearest cache, and only where that says "perhaps", the literals themselves.
//!
//! An automaton takes a step that depends on the one before it, and with eleven thousand literals, a megabyte, each step is
//! likely to miss the cache. The four bytes by which a literal is looked up are its rarest in the rules' own examples, so an
//! everyday text seldom says "perhaps".

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bits of a hash.
const BITS: u32 = 17;
/// So many bytes of a literal are hashed; literals with three have a hash of their own kind.
const GRAM: usize = 4;
const SHORT_GRAM: u32 = 0x00ff_ffff;
const SHORT_KIND: u32 = 0xa500_0000;
/// A literal's hashed bytes lie within its first so many.
const REACH: usize = 64;

/// Where literals may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finder {
    /// One for each hash that a literal has.
    bits: Vec<u64>,
    /// How many bits are set in the words before each.
    ranks: Vec<u32>,
    /// By rank: where its entries begin. One more than there are ranks.
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

/// One literal under its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The bytes that were hashed.
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
        for (number, literal) in literals.iter().enumerate() {
            let bytes = &literal.as_bytes()[..literal.len().min(REACH)];
            let (kind, length) = if bytes.len() < GRAM { (1, GRAM - 1) } else { (0, GRAM) };
            let rarest = (0..=bytes.len().saturating_sub(length))
                .map(|at| (grams(bytes, at)[kind], at))
                .min_by_key(|(gram, at)| (frequent.get(gram).copied().unwrap_or_default(), *at));
            let (gram, offset) = rarest.expect("the range has at least one number");
            let literal = u32::try_from(number).expect("there are fewer than 2^32 literals");
            let offset = u8::try_from(offset).expect("it is within reach");
            by_hash.entry(hash(gram)).or_default().push(Entry { gram, literal, offset });
        }
        let mut finder =
            Self { bits: vec![0; (1 << BITS) / 64], ranks: Vec::new(), starts: vec![0], entries: Vec::new() };
        for (hash, entries) in by_hash {
            finder.bits[hash / 64] |= 1 << (hash % 64);
            finder.entries.extend(entries);
            finder.starts.push(u32::try_from(finder.entries.len()).expect("one per literal"));
        }
        let mut before = 0;
        for word in &finder.bits {
            finder.ranks.push(before);
            before += word.count_ones();
        }
        finder
    }

    /// Calls `found` with the number of each of `literals` that is in `text`, once for each place where it is.
    pub fn find(&self, literals: &[&str], text: &[u8], mut found: impl FnMut(u32)) {
        for at in 0..text.len() {
            for gram in grams(text, at) {
                let hash = hash(gram);
                let Some(word) = self.bits.get(hash / 64) else { return };
                if word & (1 << (hash % 64)) == 0 {
                    continue;
                }
                for entry in self.entries(*word, hash) {
                    let starts = at.checked_sub(usize::from(entry.offset)).filter(|_| entry.gram == gram);
                    let rest = starts.and_then(|starts| text.get(starts..));
                    let literal = literals.get(entry.literal as usize);
                    if rest.zip(literal).is_some_and(|(rest, literal)| rest.starts_with(literal.as_bytes())) {
                        found(entry.literal);
                    }
                }
            }
        }
    }

    /// The entries of a hash whose bit is set in `word`.
    fn entries(&self, word: u64, hash: usize) -> &[Entry] {
        let below = word & ((1_u64 << (hash % 64)) - 1);
        let rank = (self.ranks.get(hash / 64).copied().unwrap_or_default() + below.count_ones()) as usize;
        match self.starts.get(rank..rank + 2) {
            Some([start, end]) => self.entries.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// The four bytes at `at`, and the first three of them as something else. What lies behind the end is zero, as no literal is.
fn grams(text: &[u8], at: usize) -> [u32; 2] {
    let bytes = match text.get(at..at + GRAM) {
        Some(&[a, b, c, d]) => [a, b, c, d],
        _ => std::array::from_fn(|next| text.get(at + next).copied().unwrap_or_default()),
    };
    let long = u32::from_le_bytes(bytes);
    [long, (long & SHORT_GRAM) | SHORT_KIND]
}

fn hash(gram: u32) -> usize {
    (gram.wrapping_mul(0x9e37_79b1) >> (u32::BITS - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(literals: &[&str], text: &str) -> Vec<u32> {
        let owned: Vec<String> = literals.iter().map(|literal| (*literal).to_owned()).collect();
        let finder = Finder::new(&owned, &["an everyday abcd".to_owned()]);
        let mut found = Vec::new();
        finder.find(literals, text.as_bytes(), |literal| found.push(literal));
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
