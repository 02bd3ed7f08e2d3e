//! Words in capitals where nobody puts them, as `pOweRshELl`: no interpreter minds, and no person writes so.

/// Words that are only interesting in a spelling that nobody would type, with the capitals that people do give them.
const SPELLINGS: &[&str] = &[
    "PowerShell",
    "Invoke",
    "Expression",
    "DownloadString",
    "DownloadFile",
    "DownloadData",
    "WebClient",
    "NewObject",
    "Object",
    "System",
    "Hidden",
    "Bypass",
    "NoProfile",
    "NonInteractive",
    "WindowStyle",
    "ExecutionPolicy",
    "EncodedCommand",
    "Command",
    "Convert",
    "Replace",
    "String",
    "Encoding",
    "Unicode",
    "RunDll32",
    "RegSvr32",
    "FromBase64String",
    "MsHta",
    "CertUtil",
    "BitsAdmin",
    "WScript",
    "CScript",
    "SchTasks",
    "WhoAmI",
    "VssAdmin",
    "Delete",
    "Process",
    "Start",
    "Reflection",
    "Assembly",
    "ComSpec",
    "Shell",
];

/// A word that has fewer changes between upper and lower case is written as people write.
const LEAST_CHANGES: usize = 3;
/// The bytes of which words and base64 are made.
const OF_WORDS: [bool; 256] = {
    let mut of_words = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        of_words[byte] = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_');
        byte += 1;
    }
    of_words
};

/// Whether a word of `tidy` has upper and lower case at random, as `pOweRshELl`. Names in camel case, and base64, do not.
pub(super) fn has_random_case(tidy: &str) -> bool {
    let bytes = tidy.as_bytes();
    if case_changes(bytes) < LEAST_CHANGES {
        return false;
    }
    bytes.split(|byte| !OF_WORDS[usize::from(*byte)]).any(is_random)
}

/// How often upper case comes after another character, or another after it.
fn case_changes(bytes: &[u8]) -> usize {
    /// Changes among so many are counted in one byte, so that the compiler can look at many at once.
    const PART: usize = 255;
    let capital = |byte: u8| u8::from(byte.is_ascii_uppercase());
    let after = bytes.get(1..).unwrap_or_default();
    let parts = bytes.chunks(PART).zip(after.chunks(PART));
    let of_part = |(bytes, after): (&[u8], &[u8])| {
        bytes.iter().zip(after).fold(0_u8, |sum, (one, next)| sum.wrapping_add(capital(*one) ^ capital(*next)))
    };
    parts.map(of_part).map(usize::from).sum()
}

/// Capitals where nobody puts them in a known word; or in any word of letters, a change of case at almost every letter.
fn is_random(word: &[u8]) -> bool {
    if !(6..=24).contains(&word.len()) {
        return false;
    }
    let changes = case_changes(word);
    if changes < LEAST_CHANGES {
        return false;
    }
    let capitals = word.iter().filter(|b| b.is_ascii_uppercase()).count();
    if capitals < 2 || capitals == word.len() {
        return false;
    }
    if changes >= 5 && changes * 5 >= (word.len() - 1) * 4 && word.iter().all(u8::is_ascii_alphabetic) {
        return true;
    }
    let same = |known: &[u8]| known.len() == word.len() && known.eq_ignore_ascii_case(word);
    SPELLINGS.iter().map(|known| known.as_bytes()).filter(|known| same(known)).any(|known| {
        let odd = known.iter().zip(word).filter(|(usual, b)| usual.is_ascii_lowercase() && b.is_ascii_uppercase());
        odd.count() >= 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_case_are_counted_however_long_the_text() {
        for (text, changes) in [("", 0), ("a", 0), ("aB", 1), ("aBc-D", 3), ("\u{c4}B", 1)] {
            assert_eq!(case_changes(text.as_bytes()), changes, "{text}");
        }
        assert_eq!(case_changes("aB".repeat(1_000).as_bytes()), 1_999);
    }
}
