//! How far a repetition of single bytes goes, and where it may end.

use super::{Beginnings, Program, Set, class, contains, number, repeat, single};
use memchr::{memchr, memchr2, memchr3, memrchr, memrchr_iter};
use regex_syntax::hir::{Hir, HirKind, Repetition};

/// Whether `\S*` before `.*` is nothing to look for apart: whatever `before` takes, any number of bytes and as many as it
/// can, `next` takes as well, and the last place where what follows them matches is the same.
pub(super) fn takes_all_of(next: &Hir, before: &Hir) -> bool {
    let (Some((wide, _)), Some((narrow, 0))) = (unlimited(next), unlimited(before)) else { return false };
    narrow.iter().zip(wide).all(|(narrow, wide)| narrow & !wide == 0)
}

/// The bytes of a repetition without a limit that takes as many as it can, and the least.
fn unlimited(hir: &Hir) -> Option<(Set, u32)> {
    match hir.kind() {
        HirKind::Repetition(Repetition { min, max: None, greedy: true, sub }) => Some((single(sub)?, *min)),
        _ => None,
    }
}

/// How far from `place`, at most to `most`, all bytes of `text` are of the class of a `REPEAT`.
pub(super) fn reached(instruction: &[u8], classes: &[Set], text: &[u8], place: usize, most: usize) -> usize {
    let inside = text.get(place..most).unwrap_or_default();
    let end = match instruction.get(repeat::ENDS..repeat::NEXT) {
        Some([0, ..]) => None,
        Some([1, one, ..]) => memchr(*one, inside),
        Some([2, one, two, _]) => memchr2(*one, *two, inside),
        Some([3, one, two, three]) => memchr3(*one, *two, *three, inside),
        Some([repeat::WHITE_SPACE, ..]) => white_space(inside),
        _ => {
            let known = class(classes, number(instruction, repeat::CLASS)).unwrap_or(&[0; 32]);
            inside.iter().position(|byte| !contains(known, *byte))
        }
    };
    end.map_or(most.max(place), |length| place + length)
}

/// Where the first white space is. Nearly all of it are spaces.
fn white_space(text: &[u8]) -> Option<usize> {
    let space = memchr(b' ', text);
    let before = &text[..space.unwrap_or(text.len())];
    // Without a way out in the middle, so that the compiler can look at many bytes at once.
    let other = |byte: &u8| matches!(byte, b'\t'..=b'\r');
    if before.iter().fold(false, |found, byte| found | other(byte)) { before.iter().position(other) } else { space }
}

/// The last place from `least` to `most` where, as far as a `REPEAT` tells, what follows it may match.
pub(super) fn last_with_next(
    instruction: &[u8],
    program: Program<'_>,
    text: &[u8],
    least: usize,
    most: usize,
) -> Option<usize> {
    let distance = instruction.get(repeat::DISTANCE).copied().map_or(0, usize::from);
    let inside = text.get(least + distance..text.len().min(most + distance + 1)).unwrap_or_default();
    let found = match instruction.get(repeat::NEXT) {
        Some(&repeat::ONE_BYTE) => memrchr(*instruction.get(repeat::NEXT_BYTES)?, inside),
        Some(&repeat::TWO_BYTES) => {
            let [one, two] = number(instruction, repeat::NEXT_BYTES).to_le_bytes();
            let is_pair = |at: &usize| text.get(least + distance + at + 1) == Some(&two);
            memrchr_iter(one, inside).find(is_pair)
        }
        Some(&repeat::ONE_OF_PAIRS) => {
            let known = Beginnings::of(program.pairs, number(instruction, repeat::NEXT_BYTES).into())?;
            return known.last_in(text, least + distance, most + distance).map(|place| place - distance);
        }
        Some(&repeat::ONE_OF_CLASS) => {
            let next = class(program.classes, number(instruction, repeat::NEXT_BYTES))?;
            inside.iter().rposition(|byte| contains(next, *byte))
        }
        _ => return Some(most),
    };
    found.map(|place| least + place)
}

#[cfg(test)]
mod tests {
    use super::{takes_all_of, white_space};
    use regex_syntax::ParserBuilder;

    #[test]
    fn what_the_next_repetition_takes_as_well_is_told() {
        let hir = |pattern: &str| ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
        for (before, next, all) in [
            (r"\S*", ".*", true),
            (r"\S*", ".+", true),
            ("a*", "[ab]{2,}", true),
            (r"\S+", ".*", false),
            (r"\S*?", ".*", false),
            (r"\S*", ".*?", false),
            (r"\S*", ".{0,9}", false),
            (".*", r"\S*", false),
            ("(ab)*", ".*", false),
        ] {
            assert_eq!(takes_all_of(&hir(next), &hir(before)), all, "{before}{next}");
        }
    }

    #[test]
    fn white_space_is_found_whatever_it_is() {
        for (text, place) in [
            ("", None),
            ("abc", None),
            ("a b", Some(1)),
            ("a\tb ", Some(1)),
            ("a \t", Some(1)),
            ("\x0e\x08\r", Some(2)),
        ] {
            assert_eq!(white_space(text.as_bytes()), place, "{text:?}");
        }
    }
}
