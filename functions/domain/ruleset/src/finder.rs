//! Finds all literals in a text in one pass: of every four bytes, a hash of the first three and the fourth are looked up in a
//! set of bits that stays in the processor's nearest cache, and only where that says "perhaps", the literals themselves.
//!
//! An automaton takes a step that depends on the one before it, and with so many literals, a megabyte, each step is likely to
//! miss the cache. The four bytes by which a literal is looked up are its rarest in the rules' own examples, so an everyday
//! text seldom says "perhaps". On the way it notes which three bytes there are, see [`Seen`].
//!
//! Most observations are of a known system, and most literals are in rules of one: so there is a finder for Windows' literals,
//! one for those of Linux and macOS, and one for all.

use crate::pool::{Literals, Numbers, bytes_of};
use crate::sections::{self, Malformed};
use crate::seen::{HASHES, MULTIPLIER, Seen, hash};
use crate::table::WINDOWS;
use crate::usual::Usual;
use std::collections::BTreeMap;

/// Bits of a hash of four bytes.
const INDEX_BITS: u32 = 13;
const INDICES: usize = 1 << INDEX_BITS;
/// So many bytes of a literal are looked up; of literals with three, those, whatever comes after them.
pub(crate) const GRAM: usize = 4;
pub(crate) const SHORT: u32 = 0x00ff_ffff;
/// A literal's bytes that are looked up lie within its first so many, which is what `OFFSET_BITS` can say.
const REACH: usize = 1 << OFFSET_BITS;
const OFFSET_BITS: u32 = 6;
/// So many places of a text are looked up before the literals at them are.
const BLOCK: usize = 128;

/// Where literals may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finder<'a> {
    all: Part<'a>,
    windows: Part<'a>,
    unix: Part<'a>,
}

/// Where some of them may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part<'a> {
    /// By the hash of three bytes: a bit for each fourth byte that a literal has there, by its lower five bits. All of them
    /// for a literal of three.
    fourths: Numbers<'a>,
    /// By the hash of four bytes, of which the last is zero for a literal of three: a bit for each [`tag`] that a literal has
    /// there.
    tags: &'a [u8],
    /// By the same: where its entries begin. One more than there are hashes.
    starts: Numbers<'a>,
    /// Of each literal under its hash: the bytes that are looked up, and then its number and, in the lower `OFFSET_BITS`,
    /// where they are in it.
    entries: Numbers<'a>,
}

/// The bytes of a part, as they are made.
#[derive(Debug, Default)]
struct Bytes {
    fourths: Vec<u8>,
    tags: Vec<u8>,
    starts: Vec<u8>,
    entries: Vec<u8>,
}

/// The first bytes of a finder. Another layout has another.
const KIND: [u8; 4] = *b"VRF1";

/// What [`Finder::read`] reads, for `literals`, each at least 3 bytes long; of each, the systems for which it is looked for.
pub(crate) fn encoded(literals: &[String], systems: &[u8], usual: &Usual) -> Vec<u8> {
    let part =
        |wanted: u8| Bytes::new(literals, |number| systems.get(number).is_some_and(|of| of & wanted != 0), usual);
    let (all, windows, unix) = (part(u8::MAX), part(WINDOWS), part(!WINDOWS));
    let [[a, b, c, d], [e, f, g, h], [i, j, k, l]] = [all.sections(), windows.sections(), unix.sections()];
    sections::write(KIND, [a, b, c, d, e, f, g, h, i, j, k, l])
}

impl Bytes {
    fn new(literals: &[String], wanted: impl Fn(usize) -> bool, usual: &Usual) -> Self {
        let mut by_hash: BTreeMap<usize, Vec<[u32; 2]>> = BTreeMap::new();
        let (mut fourths, mut tags) = (vec![0; HASHES], vec![0; INDICES]);
        for (number, literal) in literals.iter().enumerate().filter(|(number, _)| wanted(*number)) {
            let bytes = &literal.as_bytes()[..literal.len().min(REACH)];
            let (kind, length) = if bytes.len() < GRAM { (1, GRAM - 1) } else { (0, GRAM) };
            let rarest = (0..=bytes.len().saturating_sub(length))
                .map(|at| (grams(bytes, at)[kind], at))
                .min_by_key(|(gram, at)| (usual.how_often(*gram), *at));
            let (gram, offset) = rarest.expect("the range has at least one number");
            let packed = number << OFFSET_BITS | offset;
            fourths[hash(gram)] |= if kind == 0 { fourth(gram) } else { u32::MAX };
            tags[index(gram)] |= tag(gram);
            let packed = u32::try_from(packed).expect("there are fewer than 2^26 literals");
            by_hash.entry(index(gram)).or_default().push([gram, packed]);
        }
        let (mut starts, mut entries) = (vec![0], Vec::new());
        for hash in 0..INDICES {
            entries.extend(by_hash.remove(&hash).unwrap_or_default());
            starts.push(u32::try_from(entries.len()).expect("one per literal"));
        }
        let entries = bytes_of(entries.into_iter().flatten());
        Self { fourths: bytes_of(fourths), tags, starts: bytes_of(starts), entries }
    }

    fn sections(&self) -> [&[u8]; 4] {
        [&self.fourths, &self.tags, &self.starts, &self.entries]
    }
}

impl<'a> Finder<'a> {
    /// What the compiler wrote. Nothing of it is read before something is looked for.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are something else.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = sections::read(KIND, bytes)?;
        let part = |[fourths, tags, starts, entries]: [&'a [u8]; 4]| Part {
            fourths: Numbers::new(fourths),
            tags,
            starts: Numbers::new(starts),
            entries: Numbers::new(entries),
        };
        Ok(Self { all: part([a, b, c, d]), windows: part([e, f, g, h]), unix: part([i, j, k, l]) })
    }

    /// Calls `found` with the number of each of `literals` that is in `text`, for each place where it is, as far as it is
    /// looked for on one of `systems`, in bits; it may be called with others too. Notes in `seen` what the text consists of:
    /// its field has one bit there.
    pub fn find(
        &self,
        literals: Literals<'_>,
        (text, field): (&[u8], u8),
        systems: u8,
        seen: &mut Seen,
        found: impl FnMut(u32),
    ) {
        let part = match systems {
            _ if systems & !WINDOWS == 0 => self.windows,
            _ if systems & WINDOWS == 0 => self.unix,
            _ => self.all,
        };
        part.find(literals, (text, field), seen, found);
    }
}

impl Part<'_> {
    #[inline(never)]
    fn find(&self, literals: Literals<'_>, (text, field): (&[u8], u8), seen: &mut Seen, mut found: impl FnMut(u32)) {
        let (Some(fourths), Some(tags)) = (self.fourths.as_array::<HASHES>(), self.tags.first_chunk::<INDICES>())
        else {
            return;
        };
        let known = |gram: u32| u32::from_le_bytes(fourths[hash(gram)]);
        let is_tagged = |gram: u32| tags[index(gram)] & tag(gram) != 0;
        // First all places of a block where something may be, then those of them that another hash does not rule out, and then
        // what is there: so that the first two take no turns.
        let mut places = [0_u32; BLOCK];
        let (mut at, windows) = (0, text.len().saturating_sub(GRAM - 1));
        while at < windows {
            let block = &text[at..text.len().min(at + BLOCK + GRAM - 1)];
            // The bytes before the last of the first four; from one place to the next, one byte is new.
            let [mut gram, _] = grams(&block[..GRAM - 1], 0);
            gram <<= 8;
            let mut many = 0;
            for (place, last) in (0..).zip(&block[GRAM - 1..]) {
                gram = gram >> 8 | u32::from(*last) << 24;
                let hash = hash(gram);
                seen.add(hash, field);
                places[many % BLOCK] = place;
                many += usize::from(u32::from_le_bytes(fourths[hash]) & fourth(gram) != 0);
            }
            let mut few = 0;
            for number in 0..many.min(BLOCK) {
                let place = places[number];
                let [gram, short] = grams(block, place as usize);
                let tagged = is_tagged(gram) | (known(gram) == u32::MAX) & is_tagged(short);
                places[few % BLOCK] = place;
                few += usize::from(tagged);
            }
            for place in &places[..few] {
                let at = at + *place as usize;
                let [gram, _] = grams(text, at);
                self.look(literals, text, at, gram, &mut found);
                if known(gram) == u32::MAX && gram & SHORT != gram {
                    self.look(literals, text, at, gram & SHORT, &mut found);
                }
            }
            at += BLOCK;
        }
        // The last three bytes, which have none behind them.
        if let Some(at) = text.len().checked_sub(GRAM - 1) {
            let [gram, _] = grams(text, at);
            seen.add(hash(gram), field);
            if is_tagged(gram) {
                self.look(literals, text, at, gram, &mut found);
            }
        }
    }

    /// The same for those that are looked up by `gram`, which is at `at`.
    #[inline(always)]
    fn look(&self, literals: Literals<'_>, text: &[u8], at: usize, gram: u32, found: &mut impl FnMut(u32)) {
        let hash = index(gram);
        let Some(starts) = self.starts.as_array::<{ INDICES + 1 }>() else { return };
        let (start, end) = (u32::from_le_bytes(starts[hash]), u32::from_le_bytes(starts[hash + 1]));
        let Some(entries) = self.entries.pairs(start as usize..end as usize) else { return };
        for [known, packed] in entries {
            if known != gram {
                continue;
            }
            let (literal, offset) = (packed >> OFFSET_BITS, packed as usize % REACH);
            let Some(start) = at.checked_sub(offset) else { continue };
            let Some(bytes) = literals.bytes(literal as usize) else { continue };
            // One of so many bytes has been compared already.
            if bytes.len() <= GRAM || is_at(text, start, bytes) {
                found(literal);
            }
        }
    }
}

/// Whether `literal` is in `text` at `start`. Most are short, so that to call something that compares any number of bytes
/// would take longer than to compare.
#[inline]
fn is_at(text: &[u8], start: usize, literal: &[u8]) -> bool {
    const HALF: usize = 8;
    let Some(bytes) = text.get(start..start + literal.len()) else { return false };
    match (bytes.first_chunk::<HALF>(), literal.first_chunk(), bytes.last_chunk::<HALF>(), literal.last_chunk()) {
        (Some(first), Some(known), Some(last), Some(end)) => {
            u64::from_le_bytes(*first) == u64::from_le_bytes(*known)
                && u64::from_le_bytes(*last) == u64::from_le_bytes(*end)
                && (bytes.len() <= 2 * HALF || bytes == literal)
        }
        _ => {
            match (bytes.first_chunk::<GRAM>(), literal.first_chunk(), bytes.last_chunk::<GRAM>(), literal.last_chunk())
            {
                (Some(first), Some(known), Some(last), Some(end)) => {
                    u32::from_le_bytes(*first) == u32::from_le_bytes(*known)
                        && u32::from_le_bytes(*last) == u32::from_le_bytes(*end)
                }
                _ => bytes == literal,
            }
        }
    }
}

/// The four bytes at `at`, and the first three of them. What lies behind the end is zero, as no literal is.
#[inline]
pub(crate) fn grams(text: &[u8], at: usize) -> [u32; 2] {
    let long = match text.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) => u32::from_le_bytes(*bytes),
        None => {
            let bytes: [u8; GRAM] = std::array::from_fn(|next| text.get(at + next).copied().unwrap_or_default());
            u32::from_le_bytes(bytes)
        }
    };
    [long, long & SHORT]
}

/// Of all four.
#[inline]
const fn index(gram: u32) -> usize {
    (gram.wrapping_mul(MULTIPLIER) >> (u32::BITS - INDEX_BITS)) as usize
}

/// One of eight bits, by other parts of the same hash.
#[inline]
const fn tag(gram: u32) -> u8 {
    1 << (gram.wrapping_mul(MULTIPLIER) >> (u32::BITS - INDEX_BITS - 3) & 7)
}

/// The bit of the fourth byte.
#[inline]
const fn fourth(gram: u32) -> u32 {
    1 << ((gram >> 24) & 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::literal_bytes;
    use crate::seen::{Questions, key};
    use crate::table::{LINUX, MACOS, Span};
    use proptest::prelude::*;

    fn found_on(system: u8, literals: &[(&str, u8)], text: &str) -> Vec<u32> {
        let owned: Vec<String> = literals.iter().map(|(literal, _)| (*literal).to_owned()).collect();
        let systems: Vec<u8> = literals.iter().map(|(_, systems)| *systems).collect();
        let usual = Usual::of(&["an everyday abcd".to_owned()]);
        let bytes = encoded(&owned, &systems, &usual);
        let finder = Finder::read(&bytes).unwrap();
        let (all, starts) = literal_bytes(&owned);
        let mut found = Vec::new();
        let mut seen = Seen::default();
        finder
            .find(Literals::new(&all, &starts), (text.as_bytes(), 1), system, &mut seen, |literal| found.push(literal));
        let questions = bytes_of((0..).zip(&owned).flat_map(|(number, literal)| [number, key(literal, &usual)]));
        let all = Span { start: 0, len: owned.len().try_into().unwrap() };
        for (question, literal) in Questions::new(&questions).of(all).zip(&owned) {
            assert!(seen.perhaps(question) == 1 || !text.contains(literal), "{literal}");
        }
        found.sort_unstable();
        found
    }

    fn found(literals: &[&str], text: &str) -> Vec<u32> {
        let literals: Vec<(&str, u8)> = literals.iter().map(|literal| (*literal, LINUX)).collect();
        let found = found_on(LINUX, &literals, text);
        assert_eq!(found, found_on(LINUX | WINDOWS, &literals, text));
        found
    }

    #[test]
    fn every_literal_is_found_wherever_it_is() {
        let literals = ["abc", "abcd", "bcd", "whoami", "\u{1}obf:caret\u{1}", "ami"];
        assert_eq!(found(&literals, "xabcd"), [0, 1, 2]);
        assert_eq!(found(&literals, "whoami"), [3, 5]);
        assert_eq!(found(&literals, "ab"), [0; 0]);
        assert_eq!(found(&literals, ""), [0; 0]);
        assert_eq!(found(&literals, "abc abc"), [0, 0]);
        assert_eq!(found(&literals, "\u{1}obf:caret\u{1}"), [4]);
    }

    #[test]
    fn literals_of_another_system_need_not_be_found() {
        let literals = [("abc", WINDOWS), ("abcd", LINUX), ("bcd", MACOS | WINDOWS)];
        for (system, numbers) in [
            (WINDOWS, &[0, 2][..]),
            (LINUX, &[1, 2]),
            (MACOS, &[1, 2]),
            (LINUX | MACOS, &[1, 2]),
            (WINDOWS | LINUX, &[0, 1, 2]),
            (WINDOWS | LINUX | MACOS, &[0, 1, 2]),
        ] {
            assert_eq!(found_on(system, &literals, "abcd"), numbers, "{system:b}");
        }
    }

    proptest! {
        #[test]
        fn what_contains_says_is_found(
            literals in proptest::collection::btree_set("[ab|]{3,7}", 1..40),
            text in "[ab|]{0,60}",
            before in prop_oneof![Just(0), 100_usize..140, 240_usize..270],
        ) {
            let text = format!("{}{text}", "-".repeat(before));
            let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
            let mut found = found(&literals, &text);
            found.dedup();
            let contained: Vec<u32> = (0..).zip(&literals).filter(|(_, literal)| text.contains(**literal)).map(|(number, _)| number).collect();
            prop_assert_eq!(found, contained);
        }
    }
}
