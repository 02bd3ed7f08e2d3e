//! A command line as hashed n-grams of words, seen through windows.
//!
//! ```text
//! text -> words -> windows (whole, every command of it, every 16 words) -> the set of n-grams in each
//! ```
//!
//! A window is a part of the text that is judged alone, and the most suspicious one counts. So another command before or
//! after the one that matters, or a long script around it, does not dilute it.

use super::ngram_words::{Word, add_words};
use std::ops::Range;

/// The number of a hashed n-gram is below this.
pub const GRAMS: usize = 1 << 16;
/// The whole text is judged by at most this many words.
const WHOLE: usize = 400;
/// Words in a sliding window, and how far apart two of them begin.
const WINDOW: usize = 16;
const STRIDE: usize = 8;
/// Texts with at most this many words need no sliding windows.
const SHORT: usize = 24;
/// One command of several is judged alone if it has this many words; longer ones by their first.
const COMMAND: std::ops::RangeInclusive<usize> = 3..=64;

/// A part of the text, by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    start: usize,
    end: usize,
}

/// An n-gram and the bytes of the text it spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gram {
    pub(super) number: u16,
    pub(super) first: (usize, usize),
    pub(super) second: Option<(usize, usize)>,
}

/// A text, cut into words and windows.
#[derive(Default)]
pub(super) struct Windows {
    words: Vec<Word>,
    windows: Vec<Window>,
}

impl Windows {
    /// The windows of a text in lower case.
    pub(super) fn of(text: &str) -> Self {
        let mut windows = Self::default();
        windows.cut(text);
        windows
    }

    /// Those of another text, in the same memory.
    pub(super) fn cut(&mut self, text: &str) {
        self.words.clear();
        add_words(text, &mut self.words);
        self.windows.clear();
        add_windows(&self.words, &mut self.windows);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Window> + '_ {
        self.windows.iter().copied()
    }

    /// How many words there are.
    pub(super) const fn words(&self) -> usize {
        self.words.len()
    }

    /// Of each word: the number of its own n-gram, of that with the next word, and of that with the next but one. At the
    /// end of the text, where there is no such word, a number that no window counts.
    #[inline]
    pub(super) fn numbers(&self) -> impl Iterator<Item = [u16; 3]> + '_ {
        (1..).zip(&self.words).map(|(next, word)| {
            let pair = |at: usize, apart| self.words.get(at).map_or(0, |other| pair_number(word, other, apart));
            [number(word.hash), pair(next, 1), pair(next + 1, 2)]
        })
    }

    /// Every word of the window, every two neighbours, every two with one between them. With repetition.
    pub(super) fn grams(&self, window: Window) -> impl Iterator<Item = Gram> + '_ {
        let places = 3 * window.start..3 * window.end;
        places.filter(move |place| place / 3 + place % 3 < window.end).filter_map(|place| self.gram(place))
    }

    /// The n-gram at a place in the order of [`Windows::numbers`], if the text has its second word.
    pub(super) fn gram(&self, place: usize) -> Option<Gram> {
        let (word, apart) = (self.words.get(place / 3)?, place % 3);
        let first = (word.start, word.end);
        if apart == 0 {
            return Some(Gram { number: number(word.hash), first, second: None });
        }
        let second = self.words.get(place / 3 + apart)?;
        let number = pair_number(word, second, apart);
        Some(Gram { number, first, second: Some((second.start, second.end)) })
    }
}

impl Window {
    /// By words.
    pub(super) const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// The number of two words, side by side or with one between them.
#[inline]
fn pair_number(first: &Word, second: &Word, apart: usize) -> u16 {
    number(first.hash.rotate_left(if apart == 1 { 17 } else { 34 }) ^ second.hash)
}

/// The upper bits of a product depend on all bits of the factor.
#[inline]
fn number(hash: u64) -> u16 {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16
}

fn add_windows(words: &[Word], windows: &mut Vec<Window>) {
    let count = words.len();
    windows.push(Window { start: 0, end: count.min(WHOLE) });
    if count > SHORT {
        windows.extend(
            (0..count - STRIDE).step_by(STRIDE).map(|start| Window { start, end: (start + WINDOW).min(count) }),
        );
    }
    let mut start = 0;
    for end in (0..=count).filter(|at| words.get(*at).is_none_or(|word| word.separates)) {
        if COMMAND.contains(&(end - start).min(*COMMAND.end())) && end - start < count {
            windows.push(Window { start, end: end.min(start + COMMAND.end()) });
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_of_a_line_is_a_window_of_its_own() {
        let alone = "net user bob /add";
        let numbers = |text: &str, window| {
            let windows = Windows::of(text);
            windows.grams(window).map(|gram| gram.number).collect::<BTreeSet<_>>()
        };
        let whole = numbers(alone, Windows::of(alone).windows[0]);
        let padded = format!("echo this is fine ; {alone} && copy one.txt two.txt");
        assert!(Windows::of(&padded).iter().any(|window| numbers(&padded, window) == whole));
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_windows_inside_it(text in "\\PC{0,300}") {
            let windows = Windows::of(&text);
            for window in windows.iter() {
                for gram in windows.grams(window) {
                    let (start, end) = gram.second.unwrap_or(gram.first);
                    proptest::prop_assert!(text.get(start..end).is_some());
                }
            }
        }
    }
}
