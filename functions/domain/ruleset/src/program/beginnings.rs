//! The first two bytes of a pattern's matches: most places of a text are passed over by them.

use super::{Set, set};
use regex_syntax::hir::{Hir, HirKind};

/// One bit for each remainder that two bytes can have.
pub(super) const LENGTH: usize = 64;
/// What matches anywhere.
pub(super) const ANY: [u8; LENGTH] = [0xff; LENGTH];

/// A pattern's first two bytes, hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginnings<'a>(&'a [u8; LENGTH]);

impl<'a> Beginnings<'a> {
    #[cfg(test)]
    pub(super) const ANY: Beginnings<'static> = Beginnings(&ANY);

    /// Those with this number.
    pub(super) fn of(all: &'a [u8], number: usize) -> Option<Self> {
        all.get(number * LENGTH..)?.first_chunk().map(Self)
    }

    /// The first place in `text` from `start`, up to and with `last`, at which a match may begin. Behind the end there are
    /// zeros.
    #[inline]
    pub(super) fn first_in(self, text: &[u8], start: usize, last: usize) -> Option<usize> {
        let inside = text.get(start..text.len().min(last.saturating_add(2))).unwrap_or_default();
        let found = inside.array_windows().position(|pair| self.has(*pair)).map(|place| start + place);
        found.or_else(|| {
            let byte = |at: usize| text.get(at).copied().unwrap_or_default();
            let rest = start.max(text.len().saturating_sub(1))..=last.min(text.len());
            rest.into_iter().find(|at| self.has([byte(*at), byte(at + 1)]))
        })
    }

    /// The last place in `text` from `start`, up to and with `last`, at which what begins so may begin. Behind the end there is
    /// a zero.
    #[inline]
    pub(super) fn last_in(self, text: &[u8], start: usize, last: usize) -> Option<usize> {
        let end = text.len().checked_sub(1)?;
        if start <= end && end <= last && self.has([text[end], 0]) {
            return Some(end);
        }
        let inside = text.get(start..text.len().min(last.saturating_add(2))).unwrap_or_default();
        inside.array_windows().rposition(|pair| self.has(*pair)).map(|place| start + place)
    }

    #[inline]
    fn has(self, pair: [u8; 2]) -> bool {
        let number = number(pair);
        let (words, _) = self.0.as_chunks();
        u64::from_le_bytes(words[number / 64]) >> (number % 64) & 1 == 1
    }
}

/// Knuth's multiplicative hash, of which the upper nine bits are kept.
#[inline]
fn number(pair: [u8; 2]) -> usize {
    (u32::from(u16::from_le_bytes(pair)).wrapping_mul(0x9e37_79b1) >> 23) as usize
}

/// The beginnings of `hir`.
pub(super) fn of(hir: &Hir) -> [u8; LENGTH] {
    let Some(starts) = starts(hir) else { return ANY };
    let mut bits = [0; LENGTH];
    for (first, second) in starts {
        for first in bytes(&first) {
            for second in bytes(&second) {
                let number = number([first, second]);
                bits[number / 8] |= 1 << (number % 8);
            }
        }
    }
    bits
}

/// Whether to know that two bytes are of `beginnings` says much.
pub(super) fn are_few(beginnings: &[u8; LENGTH]) -> bool {
    beginnings.iter().map(|bits| bits.count_ones()).sum::<u32>() <= 128
}

/// Two bytes, each one of a set. Behind a match of one byte there may be anything, also the end.
type Pair = ([u8; 32], [u8; 32]);
const EVERYTHING: [u8; 32] = [0xff; 32];
/// More pairs of sets are not worth the time of the build.
const MOST: usize = 512;

/// Up to two sets of bytes that something can begin with; shorter if it can be shorter.
type Start = Vec<[u8; 32]>;

/// `None` if it can match nothing, or begins in too many ways.
fn starts(hir: &Hir) -> Option<Vec<Pair>> {
    let starts = all_starts(hir)?;
    starts
        .into_iter()
        .map(|start| match start.as_slice() {
            [] => None,
            [one] => Some((*one, EVERYTHING)),
            [one, two, ..] => Some((*one, *two)),
        })
        .collect()
}

/// The bytes that `hir` can begin with; `None` if it can match nothing.
pub(super) fn first(hir: &Hir) -> Option<Set> {
    let mut first = [0; 32];
    for (start, _) in starts(hir)? {
        first.iter_mut().zip(start).for_each(|(all, bits)| *all |= bits);
    }
    Some(first)
}

fn all_starts(hir: &Hir) -> Option<Vec<Start>> {
    let found = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Start::new()],
        HirKind::Literal(literal) => {
            vec![literal.0.iter().take(2).map(|byte| super::only(*byte)).collect()]
        }
        HirKind::Class(class) => vec![vec![set(class)?]],
        HirKind::Capture(capture) => all_starts(&capture.sub)?,
        HirKind::Repetition(repetition) => {
            let once = all_starts(&repetition.sub)?;
            let mut found = Vec::new();
            if repetition.min == 0 {
                found.push(Start::new());
            }
            if repetition.min <= 1 {
                found.extend(once.iter().cloned());
            }
            if repetition.max.is_none_or(|most| most > 1) {
                found.extend(followed_by(&once, &once));
            }
            found
        }
        HirKind::Concat(parts) => {
            let mut found = vec![Start::new()];
            for part in parts {
                if found.iter().all(|start| start.len() >= 2) {
                    break;
                }
                found = followed_by(&found, &all_starts(part)?);
                if found.len() > MOST {
                    return None;
                }
            }
            found
        }
        HirKind::Alternation(parts) => {
            let mut found = Vec::new();
            for part in parts {
                found.extend(all_starts(part)?);
            }
            found
        }
    };
    (found.len() <= MOST).then_some(found)
}

fn followed_by(starts: &[Start], ends: &[Start]) -> Vec<Start> {
    let mut found: Vec<Start> = Vec::new();
    for start in starts {
        let ends = if start.len() >= 2 { &[Start::new()][..] } else { ends };
        for end in ends {
            let both: Start = start.iter().chain(end).take(2).copied().collect();
            if !found.contains(&both) {
                found.push(both);
            }
        }
    }
    found
}

fn bytes(set: &[u8; 32]) -> impl Iterator<Item = u8> + '_ {
    (0..=u8::MAX).filter(|byte| set[usize::from(byte / 8)] & (1 << (byte % 8)) != 0)
}
