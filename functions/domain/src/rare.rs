//! Regular expressions for what few texts have: compiled for the first text that may have it. Compiling all of them takes ten
//! milliseconds and two MiB, which the first alert after a start would wait for.

use memchr::memmem;
use regex::Regex;
use std::sync::OnceLock;

/// A regular expression, and whether a text may have a match.
pub(crate) struct Rare {
    pattern: &'static str,
    may_match: fn(&Folded<'_>) -> bool,
    compiled: OnceLock<Regex>,
}

/// A text, and itself in lower case.
pub(crate) struct Folded<'t> {
    pub(crate) text: &'t str,
    lower: String,
    pairs: Pairs,
}

/// How many pairs of bytes are told apart.
const PAIRS: usize = 4_096;

/// Which bytes stand beside each other in a text in lower case. Nearly every word that a text does not have has a pair that the
/// text does not have either, so that few are searched for.
struct Pairs([u64; PAIRS / 64]);

impl Rare {
    /// `may_match` says yes to every text with a match.
    pub(crate) const fn new(may_match: fn(&Folded<'_>) -> bool, pattern: &'static str) -> Self {
        Self { pattern, may_match, compiled: OnceLock::new() }
    }

    /// The regular expression, if the text may have a match.
    pub(crate) fn on(&self, text: &Folded<'_>) -> Option<&Regex> {
        (self.may_match)(text).then(|| {
            self.compiled.get_or_init(|| Regex::new(self.pattern).expect("the pattern is known at compile time"))
        })
    }
}

impl<'t> Folded<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let mut lower = text.to_ascii_lowercase();
        // The two characters beyond ASCII that `(?i)` takes for letters of it.
        if !lower.is_ascii() && lower.contains(['ſ', '\u{212A}']) {
            lower = lower.replace('ſ', "s").replace('\u{212A}', "k");
        }
        let pairs = Pairs::of(lower.as_bytes());
        Self { text, lower, pairs }
    }

    /// Whether it has one of these, in whatever case; they are written in lower case.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        let lower = self.lower.as_bytes();
        words.iter().any(|word| self.pairs.may_have(word) && memmem::find(lower, word.as_bytes()).is_some())
    }

    /// Whether it has one of these as they are written.
    pub(crate) fn has_exactly(&self, words: &[&str]) -> bool {
        let text = self.text.as_bytes();
        words.iter().any(|word| self.pairs.may_have(word) && memmem::find(text, word.as_bytes()).is_some())
    }

    /// Whether one of `words`, in whatever case, has one of `next` behind it, with nothing but `between` in between.
    pub(crate) fn has_before(&self, words: &[&str], between: fn(char) -> bool, next: &[&str]) -> bool {
        words.iter().filter(|word| self.pairs.may_have(word)).any(|word| {
            memmem::find_iter(self.lower.as_bytes(), word.as_bytes()).any(|at| {
                let rest = self.lower[at + word.len()..].trim_start_matches(between);
                next.iter().any(|next| rest.starts_with(next))
            })
        })
    }

    /// Whether it has one of `starts` as they are written, and after it at least so many bytes that `is_part` takes.
    pub(crate) fn has_long(&self, starts: &[&str], least: usize, is_part: fn(u8) -> bool) -> bool {
        let bytes = self.text.as_bytes();
        starts.iter().filter(|start| self.pairs.may_have(start)).any(|start| {
            memmem::find_iter(bytes, start.as_bytes()).any(|at| {
                bytes[at + start.len()..].get(..least).is_some_and(|rest| rest.iter().all(|byte| is_part(*byte)))
            })
        })
    }
}

impl Pairs {
    fn of(lower: &[u8]) -> Self {
        let mut pairs = [0; PAIRS / 64];
        for pair in lower.windows(2) {
            let at = Self::at(pair[0], pair[1]);
            pairs[at / 64] |= 1 << (at % 64);
        }
        Self(pairs)
    }

    const fn at(first: u8, second: u8) -> usize {
        ((first as usize) << 5 ^ second as usize) % PAIRS
    }

    /// Whether a word, in whatever case, may be in the text: it is not, if not.
    fn may_have(&self, word: &str) -> bool {
        word.as_bytes().windows(2).all(|pair| {
            let at = Self::at(pair[0].to_ascii_lowercase(), pair[1].to_ascii_lowercase());
            self.0[at / 64] & 1 << (at % 64) != 0
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;

    /// Every text that is made from a pattern, with something around it, must be let through to it.
    pub(crate) fn lets_every_match_through(rare: &Rare) {
        // What a word's end is, the maker of texts does not know.
        let made = string_regex(&rare.pattern.replace(r"(?-u:\b)", "").replace("^|", "")).unwrap();
        let regex = Regex::new(rare.pattern).unwrap();
        let (mut runner, mut matches) = (TestRunner::deterministic(), 0);
        for _ in 0..500 {
            let inner = made.new_tree(&mut runner).unwrap().current();
            for text in [inner.clone(), format!("x {inner} y"), format!("\u{e9}=\"{inner}\"")] {
                if regex.is_match(&text) {
                    matches += 1;
                    assert!(rare.on(&Folded::of(&text)).is_some(), "{}\n{text:?}", rare.pattern);
                }
            }
        }
        assert!(matches > 500, "{matches} of {}", rare.pattern);
        assert!(rare.on(&Folded::of(r"C:\Windows\System32\cmd.exe /c whoami > C:\Users\Public\out.txt")).is_none());
    }

    proptest! {
        #[test]
        fn a_word_is_found_where_it_stands(
            text in "[aAbBsSkK_ſ\u{212A}é|-]{0,12}", word in "[aAbBsSkK_|-]{1,4}"
        ) {
            let folded = Folded::of(&text);
            let plain = text.to_lowercase().replace('ſ', "s");
            let lower = word.to_ascii_lowercase();
            prop_assert_eq!(folded.has_exactly(&[&word]), text.contains(&word));
            prop_assert_eq!(folded.has(&[&lower]), plain.contains(&lower));
            prop_assert_eq!(folded.has_long(&[&word], 0, |_| false), text.contains(&word));
            prop_assert_eq!(folded.has_before(&[&lower], |_| false, &[""]), plain.contains(&lower));
        }
    }
}
