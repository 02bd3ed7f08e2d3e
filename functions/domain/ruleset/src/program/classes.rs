//! Sets of bytes: what a place of a text may be.

use super::repeat;
use regex_syntax::hir::{Class, Hir, HirKind};

/// One bit for each of the 256 bytes.
pub(super) type Set = [u8; 32];

/// `None` if it is not of bytes.
pub(super) fn set(class: &Class) -> Option<Set> {
    let ascii;
    let bytes = match class {
        Class::Bytes(bytes) => bytes,
        Class::Unicode(characters) => {
            ascii = characters.to_byte_class()?;
            &ascii
        }
    };
    let mut set = [0; 32];
    for byte in bytes.ranges().iter().flat_map(|range| range.start()..=range.end()) {
        insert(&mut set, byte);
    }
    Some(set)
}

/// What ends a repetition of `set`: how many bytes are not in it, and which.
pub(super) fn ends_of(set: &Set) -> [u8; 4] {
    let others: Vec<u8> = (0..=u8::MAX).filter(|byte| !contains(set, *byte)).collect();
    match others.as_slice() {
        [] => [0; 4],
        [one] => [1, *one, 0, 0],
        [one, two] => [2, *one, *two, 0],
        [one, two, three] => [3, *one, *two, *three],
        b"\t\n\x0b\x0c\r " => [repeat::WHITE_SPACE, 0, 0, 0],
        _ => [repeat::MANY, 0, 0, 0],
    }
}

/// Whether to know that a byte is of `set` says much.
pub(super) fn few(set: &Set) -> bool {
    set.iter().map(|bits| bits.count_ones()).sum::<u32>() <= 16
}

pub(super) fn contains(set: &Set, byte: u8) -> bool {
    set[usize::from(byte / 8)] & (1 << (byte % 8)) != 0
}

fn insert(set: &mut Set, byte: u8) {
    set[usize::from(byte / 8)] |= 1 << (byte % 8);
}

pub(super) fn only(byte: u8) -> Set {
    let mut set = [0; 32];
    insert(&mut set, byte);
    set
}

/// The bytes of what is always exactly one byte.
pub(super) fn single(hir: &Hir) -> Option<Set> {
    match hir.kind() {
        HirKind::Class(class) => set(class),
        HirKind::Literal(literal) if literal.0.len() == 1 => Some(only(literal.0[0])),
        HirKind::Capture(capture) => single(&capture.sub),
        _ => None,
    }
}

/// The class with this number.
pub(super) fn class(classes: &[Set], number: u16) -> Option<&Set> {
    classes.get(usize::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_syntax::ParserBuilder;

    #[test]
    fn what_ends_a_repetition_is_known_where_that_is_little() {
        for (pattern, ends) in [
            ("[^|]", [1, b'|', 0, 0]),
            ("[^;|]", [2, b';', b'|', 0]),
            (r"\S", [repeat::WHITE_SPACE, 0, 0, 0]),
            (r"[^\s;]", [repeat::MANY, 0, 0, 0]),
            (r"\w", [repeat::MANY, 0, 0, 0]),
        ] {
            let hir = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
            assert_eq!(ends_of(&single(&hir).unwrap()), ends, "{pattern}");
        }
    }
}
