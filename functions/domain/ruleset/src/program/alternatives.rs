//! Alternatives that begin with the same byte, put together: `cat|cut|dog` is `c(at|ut)|dog`, which a byte that is neither
//! `c` nor `d` rules out in two steps.
//!
//! The first alternative that matches is the one that counts. Two that begin with different bytes never both match in one
//! place, so their order does not matter; of those that begin with the same one, it is kept.

use regex_syntax::hir::{Hir, HirKind};

/// One alternative, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Branch {
    /// As it is written.
    Whole(Hir),
    /// This byte, and then one of these. They are no `Hir` of their own, because its makers put common beginnings of any kind
    /// together, also those after which another alternative would be preferred.
    After(u8, Vec<Hir>),
}

/// `parts` with those put together that begin with the same byte. It matches what they match, and prefers what they prefer.
pub(super) fn factored(parts: &[Hir]) -> Vec<Branch> {
    let mut found = Vec::new();
    let mut rest = parts;
    while let Some(part) = rest.first() {
        // Only among neighbours that begin with a literal is it known that they can be moved past each other.
        let movable = rest.iter().take_while(|part| first_byte(part).is_some()).count();
        if movable == 0 {
            found.push(Branch::Whole(part.clone()));
            rest = &rest[1..];
            continue;
        }
        let (run, after) = rest.split_at(movable);
        found.extend(by_first_byte(run));
        rest = after;
    }
    found
}

/// Alternatives which all begin with a literal, in the order in which their first bytes turn up.
fn by_first_byte(run: &[Hir]) -> Vec<Branch> {
    let mut groups: Vec<(u8, Vec<&Hir>)> = Vec::new();
    for part in run {
        let Some(byte) = first_byte(part) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == byte) {
            Some((_, parts)) => parts.push(part),
            None => groups.push((byte, vec![part])),
        }
    }
    let put_together = |(byte, parts): (u8, Vec<&Hir>)| match parts.as_slice() {
        [one] => Branch::Whole((*one).clone()),
        several => Branch::After(byte, several.iter().map(|part| without_first_byte(part)).collect()),
    };
    groups.into_iter().map(put_together).collect()
}

fn first_byte(hir: &Hir) -> Option<u8> {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.first().copied(),
        HirKind::Capture(capture) => first_byte(&capture.sub),
        HirKind::Concat(parts) => first_byte(parts.first()?),
        _ => None,
    }
}

fn without_first_byte(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Literal(literal) => Hir::literal(literal.0.get(1..).unwrap_or_default()),
        HirKind::Capture(capture) => without_first_byte(&capture.sub),
        HirKind::Concat(parts) => {
            let first = parts.first().map(without_first_byte);
            Hir::concat(first.into_iter().chain(parts.iter().skip(1).cloned()).collect())
        }
        _ => hir.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Branch, factored};
    use regex_syntax::hir::{Hir, HirKind};

    fn parsed(pattern: &str) -> Hir {
        regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap()
    }

    fn whole(pattern: &str) -> Branch {
        Branch::Whole(parsed(pattern))
    }

    fn after(byte: u8, patterns: &[&str]) -> Branch {
        Branch::After(byte, patterns.iter().map(|pattern| parsed(pattern)).collect())
    }

    #[test]
    fn what_begins_alike_is_put_together_and_the_order_is_kept() {
        for (written, put_together) in [
            (r"cat\d|dog\s|cut|c\w", vec![after(b'c', &[r"at\d", "ut", r"\w"]), whole(r"dog\s")]),
            (r"\d|x1\d|x2", vec![whole(r"\d"), after(b'x', &[r"1\d", "2"])]),
            (r"a\s.*b|a\s.*c\d|d\d", vec![after(b'a', &[r"\s.*b", r"\s.*c\d"]), whole(r"d\d")]),
        ] {
            let hir = parsed(written);
            let HirKind::Alternation(parts) = hir.kind() else { panic!("{written}: {hir:?}") };
            assert_eq!(factored(parts), put_together, "{written}");
        }
    }
}
