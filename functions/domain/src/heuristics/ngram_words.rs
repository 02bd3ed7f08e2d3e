//! A command line as words: programs, options, numbers and operators, each as a hash.
//!
//! What says nothing about behaviour is made alike: numbers, addresses, names that machines made, and the folders where
//! programs are installed.

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
pub(super) struct Word {
    pub(super) hash: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it ends a command.
    pub(super) separates: bool,
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

/// Adds the words of a text in lower case.
pub(super) fn add_words(text: &str, words: &mut Vec<Word>) {
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

    fn words(text: &str) -> Vec<Word> {
        let mut words = Vec::new();
        add_words(text, &mut words);
        words
    }

    fn cut(text: &str) -> Vec<&str> {
        words(text).iter().map(|word| &text[word.start..word.end]).collect()
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
            for word in words(text) {
                assert_eq!(word.hash, hash(&text.as_bytes()[word.start..word.end]), "{text}");
            }
        }
    }

    #[test]
    fn numbers_addresses_and_long_words_are_alike() {
        let hashes = |text: &str| words(text).iter().map(|word| word.hash).collect::<Vec<_>>();
        assert_eq!(hashes("10.0.0.1 7"), hashes("203.0.113.250 80"));
        assert_eq!(hashes(&"a".repeat(40)), hashes(&"b".repeat(24)));
        assert_ne!(hashes(&"a".repeat(23)), hashes(&"b".repeat(23)));
    }
}
