//! Pools of numbers and literals as bytes: borrowed whole, and read where they are needed. A table has a hundred thousand of
//! them and an event needs a few hundred, so nothing is done for each of them at the start.

use crate::table::Span;
use std::ops::Range;

/// Numbers of four bytes, the lowest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers<'a>(&'a [[u8; 4]]);

impl<'a> Numbers<'a> {
    /// What [`bytes_of`] wrote.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.as_chunks().0)
    }

    /// The number at this place.
    #[must_use]
    #[inline]
    pub fn get(self, place: usize) -> Option<u32> {
        self.0.get(place).map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// A part of them.
    #[inline]
    pub fn of(self, span: Span) -> impl Iterator<Item = u32> + Clone + use<'a> {
        span.of(self.0).iter().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// All of them, if there are `N`.
    #[inline]
    pub(crate) fn as_array<const N: usize>(self) -> Option<&'a [[u8; 4]; N]> {
        self.0.first_chunk()
    }

    /// The pair at this place, if they are taken two and two.
    #[inline]
    pub(crate) fn pair(self, place: usize) -> Option<[u32; 2]> {
        self.0.as_chunks().0.get(place).map(pair)
    }

    /// The pairs at these places, if they are taken two and two.
    #[inline]
    pub(crate) fn pairs(self, places: Range<usize>) -> Option<impl Iterator<Item = [u32; 2]> + use<'a>> {
        Some(self.0.as_chunks().0.get(places)?.iter().map(pair))
    }

    /// A part of them, if they are taken two and two.
    #[inline]
    pub(crate) fn pairs_of(self, span: Span) -> impl Iterator<Item = [u32; 2]> + Clone + use<'a> {
        span.of(self.0.as_chunks().0).iter().map(pair)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// Numbers as [`Numbers`] reads them.
pub(crate) fn bytes_of(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Spans: of each, where it begins and how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spans<'a>(Numbers<'a>);

impl<'a> Spans<'a> {
    /// What [`bytes_of_spans`] wrote.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Numbers::new(bytes))
    }

    /// The span at this place; an empty one, if there is none.
    #[must_use]
    #[inline]
    pub fn get(self, place: usize) -> Span {
        self.0.pair(place).map_or_else(Span::default, span)
    }

    /// A part of them.
    #[inline]
    pub fn of(self, part: Span) -> impl Iterator<Item = Span> + use<'a> {
        self.0.pairs_of(part).map(span)
    }
}

#[inline]
const fn pair([one, other]: &[[u8; 4]; 2]) -> [u32; 2] {
    [u32::from_le_bytes(*one), u32::from_le_bytes(*other)]
}

#[inline]
const fn span([start, len]: [u32; 2]) -> Span {
    Span { start, len }
}

/// Spans as [`Spans`] reads them.
pub(crate) fn bytes_of_spans(spans: &[Span]) -> Vec<u8> {
    bytes_of(spans.iter().flat_map(|span| [span.start, span.len]))
}

/// Literals, by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Literals<'a> {
    /// One behind the other.
    text: &'a str,
    /// Where each begins, and where the last ends.
    starts: Numbers<'a>,
}

impl<'a> Literals<'a> {
    /// What [`literal_bytes`] wrote.
    pub(crate) const fn new(text: &'a str, starts: &'a [u8]) -> Self {
        Self { text, starts: Numbers::new(starts) }
    }

    /// The literal with this number.
    #[must_use]
    pub fn get(self, number: usize) -> Option<&'a str> {
        self.text.get(self.starts.get(number)? as usize..self.starts.get(number + 1)? as usize)
    }

    /// Its bytes.
    #[inline]
    pub(crate) fn bytes(self, number: usize) -> Option<&'a [u8]> {
        let [start, end] = self.starts.0.get(number..)?.first_chunk()?;
        self.text.as_bytes().get(u32::from_le_bytes(*start) as usize..u32::from_le_bytes(*end) as usize)
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).filter_map(move |number| self.get(number))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Literals as [`Literals`] reads them: the text, and where they begin.
pub(crate) fn literal_bytes<T: AsRef<str>>(literals: &[T]) -> (String, Vec<u8>) {
    let text: String = literals.iter().map(AsRef::as_ref).collect();
    let ends = literals.iter().scan(0_u32, |end, literal| {
        *end += u32::try_from(literal.as_ref().len()).expect("literals are far below 4 GiB");
        Some(*end)
    });
    (text, bytes_of(std::iter::once(0).chain(ends)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let spans = [Span { start: 1, len: 2 }, Span { start: 0, len: 0 }, Span { start: u32::MAX, len: 7 }];
        let bytes = bytes_of_spans(&spans);
        let read = Spans::new(&bytes);
        assert_eq!([0, 1, 2].map(|place| read.get(place)), spans);
        assert_eq!(read.get(3), Span::default());
        assert_eq!(read.of(Span { start: 1, len: 2 }).collect::<Vec<_>>(), spans[1..]);
        assert_eq!(read.of(Span { start: 2, len: 2 }).count(), 0);
        let numbers = Numbers::new(&bytes);
        assert_eq!((numbers.len(), numbers.get(0), numbers.get(6)), (6, Some(1), None));
        assert_eq!(numbers.of(Span { start: 4, len: 2 }).collect::<Vec<_>>(), [u32::MAX, 7]);
    }

    #[test]
    fn literals_are_found_by_number() {
        let (text, starts) = literal_bytes(&["abc", "d\u{e9}f", "ghij"]);
        let read = Literals::new(&text, &starts);
        assert_eq!(read.iter().collect::<Vec<_>>(), ["abc", "d\u{e9}f", "ghij"]);
        assert_eq!((read.len(), read.get(2), read.get(3)), (3, Some("ghij"), None));
        assert_eq!(Literals::default().len(), 0);
    }
}
