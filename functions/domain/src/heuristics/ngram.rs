//! A command line as hashed n-grams of words, seen through windows.
//!
//! ```text
//! text -> words -> windows (whole, every command of it, every 16 words) -> the set of n-grams in each
//! ```
//!
//! A window is a part of the text that is judged alone, and the most suspicious one counts. So another command before or
//! after the one that matters, or a long script around it, does not dilute it.

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
/// Longer words are names made by machines, keys or payloads: what they say in particular is chance.
const LONGEST_WORD: usize = 23;

/// Folders of programs, the longest first: whether a sensor writes them is style, not behaviour, so they are passed over.
const PROGRAM_FOLDERS: &[&str] = &[
    r"\windows\system32\windowspowershell\v1.0\",
    r"\windows\syswow64\windowspowershell\v1.0\",
    r"\windows\system32\",
    r"\windows\syswow64\",
    r"\program files (x86)\",
    r"\program files\",
    "/usr/local/sbin/",
    "/usr/local/bin/",
    "/usr/sbin/",
    "/usr/bin/",
    "/sbin/",
    "/bin/",
];

/// A word, an option, a number or punctuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    hash: u64,
    start: usize,
    end: usize,
    separates: bool,
}

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

/// FNV-1a.
const fn hash(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (NO_BYTES, 0);
    while at < bytes.len() {
        hash = with(hash, bytes[at]);
        at += 1;
    }
    hash
}

/// The hash of no bytes.
const NO_BYTES: u64 = 0xcbf2_9ce4_8422_2325;
const NUMBER: u64 = hash(b"#");
const ADDRESS: u64 = hash(b"@address");
const LONG: u64 = hash(b"@long");

/// The hash of what `hash` is of, and one byte more.
#[inline]
const fn with(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
}

/// What a word that begins with a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Letter,
    Space,
    /// A word of its own.
    Single,
    /// The same, if no folder begins there.
    Backslash,
    /// See [`word_end`].
    Other,
}

const FIRST: [First; 256] = {
    let mut first = [First::Other; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        first[byte] = match b {
            b'a'..=b'z' => First::Letter,
            b'\\' => First::Backslash,
            1 | b'-' | b'/' | b'_' | b'0'..=b'9' => First::Other,
            b if is_operator(b) => First::Other,
            b if b.is_ascii_whitespace() => First::Space,
            _ => First::Single,
        };
        byte += 1;
    }
    first
};

/// The bytes that a word goes on with.
const OF_WORDS: [bool; 256] = {
    let mut of_words = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        of_words[byte] = b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        byte += 1;
    }
    of_words
};

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

fn add_words(text: &str, words: &mut Vec<Word>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let first = FIRST[usize::from(*byte)];
        if first == First::Letter && bytes.get(at + 1) != Some(&b':') {
            // Most words: the hash and the end in one go.
            let (mut hash, mut end) = (NO_BYTES, at);
            for byte in &bytes[at..] {
                if !OF_WORDS[usize::from(*byte)] {
                    break;
                }
                hash = with(hash, *byte);
                end += 1;
            }
            let hash = if end - at > LONGEST_WORD { LONG } else { hash };
            words.push(Word { hash, start: at, end, separates: false });
            at = end;
            continue;
        }
        if first == First::Space {
            at += 1;
            continue;
        }
        if first != First::Single
            && let Some(length) = program_folder(&bytes[at..])
        {
            at += length;
            continue;
        }
        if matches!(first, First::Single | First::Backslash) {
            words.push(Word { hash: with(NO_BYTES, *byte), start: at, end: at + 1, separates: false });
            at += 1;
            continue;
        }
        let (end, kind) = word_end(text, at);
        let hash = match kind {
            Kind::Number => NUMBER,
            Kind::Address => ADDRESS,
            Kind::Plain | Kind::Separator if end - at > LONGEST_WORD => LONG,
            Kind::Plain | Kind::Separator => hash(&bytes[at..end]),
        };
        words.push(Word { hash, start: at, end, separates: kind == Kind::Separator });
        at = end;
    }
}

/// The length of the folder that `bytes` begin with, with or without its drive.
fn program_folder(bytes: &[u8]) -> Option<usize> {
    let drive = match bytes {
        [b'a'..=b'z', b':', b'\\', ..] => 2,
        [b'\\' | b'/', ..] => 0,
        _ => return None,
    };
    // They begin with one of these behind the slash: most paths end here.
    if !matches!(bytes.get(drive + 1), Some(b'w' | b'p' | b'u' | b's' | b'b')) {
        return None;
    }
    let folder = PROGRAM_FOLDERS.iter().find(|folder| bytes[drive..].starts_with(folder.as_bytes()))?;
    Some(drive + folder.len())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Number,
    Address,
    Separator,
}

/// Where the word that begins at `at` ends, and what it is.
fn word_end(text: &str, at: usize) -> (usize, Kind) {
    let bytes = text.as_bytes();
    let run = |from: usize, belongs: fn(u8) -> bool| {
        bytes[from..].iter().position(|byte| !belongs(*byte)).map_or(bytes.len(), |length| from + length)
    };
    let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
    match bytes[at] {
        // What the engine noticed about the text, see the markers of rules.
        1 => (run(at + 1, |b| b != 1).saturating_add(1).min(bytes.len()), Kind::Plain),
        b'-' if is_letter(at + 1) => (run(at + 1, is_option), Kind::Plain),
        b'-' if bytes.get(at + 1) == Some(&b'-') && is_letter(at + 2) => (run(at + 2, is_option), Kind::Plain),
        b'/' => {
            let end = run(at + 1, |b| b.is_ascii_lowercase() || b == b'?');
            let path = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
            let option = !path && end > at + 1 && bytes.get(end).is_none_or(|b| matches!(b, b' ' | b':' | b'='));
            (if option { end } else { at + 1 }, Kind::Plain)
        }
        b'a'..=b'z' | b'_' => (run(at, |b| OF_WORDS[usize::from(b)]), Kind::Plain),
        b'0'..=b'9' => {
            let dotted = run(at, |b| b.is_ascii_digit() || b == b'.');
            let parts = bytes[at..dotted].split(|b| *b == b'.');
            if parts.clone().count() == 4 && parts.clone().all(|part| !part.is_empty()) {
                (dotted, Kind::Address)
            } else {
                (run(at, |b| b.is_ascii_digit()), Kind::Number)
            }
        }
        b if is_operator(b) => {
            let end = run(at, is_operator);
            let separates = bytes[at..end].iter().all(|b| matches!(b, b'|' | b'&' | b';' | b'{' | b'}'));
            (end, if separates { Kind::Separator } else { Kind::Plain })
        }
        _ => (text.ceil_char_boundary(at + 1), Kind::Plain),
    }
}

fn is_option(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
}

const fn is_operator(byte: u8) -> bool {
    matches!(byte, b'|' | b'<' | b'>' | b'&' | b';' | b'$' | b'(' | b')' | b'{' | b'}' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn cut(text: &str) -> Vec<&str> {
        Windows::of(text).words.iter().map(|word| &text[word.start..word.end]).collect()
    }

    #[test]
    fn words_are_programs_options_numbers_and_operators() {
        assert_eq!(
            cut(r"c:\a\net.exe user /add bob_1 --x-y -p 10.0.0.1:8080 2>&1 | é"),
            [
                "c", ":", "\\", "a", "\\", "net", ".", "exe", "user", "/add", "bob_1", "--x-y", "-p", "10.0.0.1", ":",
                "8080", "2", ">&", "1", "|", "é"
            ]
        );
        assert_eq!(
            cut("/etc/passwd get-item \u{1}obf:caret\u{1}x"),
            ["/", "etc", "/", "passwd", "get", "-item", "\u{1}obf:caret\u{1}", "x"]
        );
    }

    #[test]
    fn where_programs_are_installed_is_passed_over() {
        assert_eq!(cut(r"c:\windows\system32\net.exe user"), cut("net.exe user"));
        assert_eq!(cut("/usr/bin/curl | /bin/sh"), cut("curl | sh"));
        assert_ne!(cut(r"c:\windows\temp\net.exe"), cut("net.exe"));
    }

    #[test]
    fn every_program_folder_is_passed_over() {
        for folder in PROGRAM_FOLDERS {
            assert_eq!(cut(&format!("{folder}net user")), ["net", "user"], "{folder}");
        }
    }

    #[test]
    fn a_words_hash_is_that_of_its_bytes() {
        for text in ["net", "x_1", "_a", "a:", "c:x", "net.exe", "a\u{e9}"] {
            for word in Windows::of(text).words {
                assert_eq!(word.hash, hash(&text.as_bytes()[word.start..word.end]), "{text}");
            }
        }
    }

    #[test]
    fn numbers_addresses_and_long_words_are_alike() {
        let hashes = |text: &str| Windows::of(text).words.iter().map(|word| word.hash).collect::<Vec<_>>();
        assert_eq!(hashes("10.0.0.1 7"), hashes("203.0.113.250 80"));
        assert_eq!(hashes(&"a".repeat(40)), hashes(&"b".repeat(24)));
        assert_ne!(hashes(&"a".repeat(23)), hashes(&"b".repeat(23)));
    }

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
