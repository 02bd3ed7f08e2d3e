//! A text without the noise that no interpreter minds.
//!
//! Attackers write one command in many spellings. Every text is matched in its plain form (lower case, one space between
//! words) and, where that differs, in forms with disguises undone. A match in any of them counts, so undoing can only add
//! matches; it never hides what was written. What [`super::undo`] does needs to understand a little of each interpreter;
//! what is done here does not.

use super::note::{Note, Notes};
use crate::reading::{FIELD_LIMIT, bounded, latin};
use std::borrow::Cow;

/// So much white space in one place is there to hide what comes after it.
const PADDING: usize = 100;

/// `text` with look-alike dashes, quotes and spaces made plain, control characters and runs of white space made one space,
/// invisible characters dropped, and bounded to [`FIELD_LIMIT`]. Case is kept: base64 needs it.
pub(super) fn tidy<'t>(text: &'t str, notes: &mut Notes) -> Cow<'t, str> {
    if is_tidy(text) {
        return Cow::Borrowed(text);
    }
    let text = bounded(text);
    let text = if continues_a_word(&text) { Cow::Owned(text.replace("\\\n", "")) } else { text };
    Cow::Owned(if text.is_ascii() {
        tidy_ascii(&text, notes)
    } else {
        let text = without_look_alikes(&text, notes);
        tidy_unicode(&text, notes)
    })
}

/// Whether a line of a Unix shell ends in a backslash in the middle of a word, as nobody breaks a line. Not where folders of
/// Windows are, which may end in one.
fn continues_a_word(text: &str) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_lowercase);
    let bytes = text.as_bytes();
    memchr::memmem::find_iter(bytes, b"\\\n")
        .any(|at| letter(at.checked_sub(1).and_then(|before| bytes.get(before))) && letter(bytes.get(at + 2)))
        && !text.contains(r":\")
}

/// `text` with letters of other alphabets that look like Latin ones made Latin, in words that have Latin letters too, and no
/// letters that look like none: such a word is in no language.
fn without_look_alikes<'t>(text: &'t str, notes: &mut Notes) -> Cow<'t, str> {
    let is_disguised = |word: &str| {
        let foreign = |c: &char| !c.is_ascii() && c.is_alphabetic();
        word.bytes().any(|byte| byte.is_ascii_alphabetic())
            && word.chars().any(|c| foreign(&c))
            && word.chars().filter(foreign).all(|c| latin(c).is_ascii())
    };
    let words = || text.split_inclusive(|c: char| !c.is_alphanumeric());
    if !words().any(is_disguised) {
        return Cow::Borrowed(text);
    }
    notes.add(Note::Invisible);
    let mut plain = String::with_capacity(text.len());
    for word in words() {
        if is_disguised(word) {
            plain.extend(word.chars().map(|c| if c.is_alphabetic() { latin(c) } else { c }));
        } else {
            plain.push_str(word);
        }
    }
    Cow::Owned(plain)
}

/// Whether there is nothing to do, as for most texts.
fn is_tidy(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without a way out in the middle, so that the compiler can look at many bytes at once.
    let odd = bytes.iter().fold(0, |odd, byte| odd | u8::from(byte.wrapping_sub(b' ') > b'~' - b' '));
    let after = bytes.get(1..).unwrap_or_default();
    let space = |byte: &u8| u8::from(*byte == b' ');
    let gap = bytes.iter().zip(after).fold(0, |gap, (one, next)| gap | space(one) & space(next));
    odd | gap == 0 && bytes.len() <= FIELD_LIMIT && !text.starts_with(' ') && !text.ends_with(' ')
}

fn tidy_ascii(text: &str, notes: &mut Notes) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut words = text.split(|c: char| !matches!(c, '!'..='~'));
    let mut gap = 0;
    if let Some(first) = words.next() {
        tidy.push_str(first);
    }
    for word in words {
        gap += 1;
        if word.is_empty() {
            continue;
        }
        notes.add_if(gap >= PADDING, Note::Padding);
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.push_str(word);
        gap = 0;
    }
    tidy
}

fn tidy_unicode(text: &str, notes: &mut Notes) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut gap = 1;
    let mut characters = text.chars().peekable();
    while let Some(written) = characters.next() {
        let c = match written {
            '!'..='~' => written,
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => {
                let option = gap > 0 && characters.peek().is_some_and(char::is_ascii_alphabetic);
                notes.add_if(option, Note::Dash);
                '-'
            }
            '\u{2018}'..='\u{201b}' => '\'',
            '\u{201c}'..='\u{201f}' => '"',
            '\u{feff}' if tidy.is_empty() => continue,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => {
                notes.add(Note::Invisible);
                continue;
            }
            '\u{ff01}'..='\u{ff5e}' => {
                notes.add(Note::Invisible);
                char::from_u32(u32::from(written) - 0xfee0).unwrap_or(written)
            }
            _ if written.is_whitespace() || written.is_control() => ' ',
            _ => written,
        };
        if c == ' ' {
            gap += 1;
            notes.add_if(gap > PADDING, Note::Padding);
            continue;
        }
        if gap > 0 && !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.push(c);
        gap = 0;
    }
    tidy
}

/// Lower case, in place where the text is ASCII.
pub(super) fn lowered(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        text
    } else {
        text.to_lowercase()
    }
}

/// What a text has none of when it is [`stripped`].
pub(super) const TAKEN_AWAY: &[u8] = b"\"'^`";

/// What [`stripped`] looks at.
const NOISE: [bool; 256] = {
    let mut noise = [false; 256];
    noise[b'"' as usize] = true;
    noise[b'\'' as usize] = true;
    noise[b'^' as usize] = true;
    noise[b'`' as usize] = true;
    noise[b'\\' as usize] = true;
    noise
};

/// A tidied text without quotes, carets and backticks, with concatenated string literals joined and doubled backslashes
/// made one. `None` when there is nothing to strip. Case is kept.
pub(super) fn stripped(tidy: &str, notes: &mut Notes) -> Option<String> {
    // Without a way out in the middle, so that the compiler can look at many bytes at once.
    let is = |byte: u8, other: u8| u8::from(byte == other);
    let disguised = |b: u8| is(b, b'"') | is(b, b'\'') | is(b, b'^') | is(b, b'`');
    if tidy.bytes().fold(0, |found, byte| found | disguised(byte)) == 0 && !tidy.contains(r"\\") {
        return None;
    }
    let bytes = tidy.as_bytes();
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let mut inside = [0_u32; 3];
    let mut last_quote = None;
    let mut stripped = String::with_capacity(tidy.len());
    let (mut from, mut at) = (0, 0);
    while let Some(length) = bytes[at..].iter().position(|byte| NOISE[usize::from(*byte)]) {
        at += length;
        let byte = bytes[at];
        stripped.push_str(&tidy[from..at]);
        let between = letter(at.checked_sub(1)) && letter(Some(at + 1));
        let empty = letter(at.checked_sub(1)) && bytes.get(at + 1) == Some(&byte) && letter(Some(at + 2));
        at += 1;
        match byte {
            b'\\' => {
                if !stripped.ends_with('\\') {
                    stripped.push('\\');
                }
            }
            b'"' | b'\'' => {
                // Two in one word: an apostrophe comes alone.
                let same_word = last_quote.is_some_and(|last: usize| !tidy[last..at].contains(' '));
                inside[0] += 2 * u32::from(between && same_word) + 2 * u32::from(empty);
                last_quote = between.then_some(at);
                if let Some(rest) = after_concatenation(&tidy[at..]) {
                    notes.add(Note::Concat);
                    at = tidy.len() - rest.len();
                }
            }
            b'^' => inside[1] += u32::from(between),
            _ => inside[2] += u32::from(between),
        }
        from = at;
    }
    stripped.push_str(&tidy[from..]);
    for (count, note) in inside.into_iter().zip([Note::Quote, Note::Caret, Note::Backtick]) {
        notes.add_if(count >= 2, note);
    }
    Some(stripped)
}

/// After a closing quote: what follows `+ "` if the next string literal is concatenated.
fn after_concatenation(rest: &str) -> Option<&str> {
    rest.trim_start().strip_prefix('+')?.trim_start().strip_prefix(['"', '\''])
}

/// At most so many of the last bytes of `text`.
pub(super) fn end_of(text: &str, most: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(most))..]
}

#[cfg(test)]
mod tests {
    use super::super::random_case::has_random_case;
    use super::*;

    fn tidied(text: &str) -> String {
        tidy(text, &mut Notes::default()).into_owned()
    }

    fn noticed(text: &str) -> Notes {
        let mut notes = Notes::default();
        let tidy = tidy(text, &mut notes);
        stripped(&tidy, &mut notes);
        notes.add_if(has_random_case(&tidy), Note::Case);
        notes
    }

    #[test]
    fn noise_is_taken_away() {
        let mut notes = Notes::default();
        for (written, meant) in [
            ("c^m^d /c  w\"h\"oami", "cmd /c whoami"),
            ("i`eX ('Down'+ 'loadString')", "ieX (DownloadString)"),
            (r"type C:\\Windows\\\\win.ini", r"type C:\Windows\win.ini"),
            ("who\u{200b}ami\r\n\t/all ", "whoami /all"),
            ("\u{feff}powershell \u{2013}enc", "powershell -enc"),
            ("\u{ff57}hoami", "whoami"),
            // Cyrillic, a modifier letter, mathematical letters.
            ("vss\u{430}dmin d\u{435}l\u{435}te", "vssadmin delete"),
            ("\u{2b3}eg save IE\u{2e3}", "reg save IEx"),
            ("cu\\\nrl \\\n -s", "curl -s"),
        ] {
            let tidy = tidied(written);
            assert_eq!(stripped(&tidy, &mut notes).unwrap_or(tidy), meant);
        }
        assert!(stripped("ls -la /var/log", &mut notes).is_none());
    }

    #[test]
    fn ascii_and_unicode_texts_are_tidied_alike() {
        for text in ["", " ", " a  b\t\tc ", "\u{0}a\u{7f}b", "a", "  ", "a b", " a", "a ", "a  b"] {
            let (mut one, mut other) = (Notes::default(), Notes::default());
            let plain = tidy_ascii(text, &mut one);
            assert_eq!(plain, tidy_unicode(text, &mut other), "{text:?}");
            assert_eq!(is_tidy(text), plain == text, "{text:?}");
            assert_eq!(one, other);
        }
    }

    #[test]
    fn disguises_are_noticed() {
        for (text, note) in [
            ("p^o^w^ershell", Note::Caret),
            (r#"n""et us''er"#, Note::Quote),
            ("i`e`x", Note::Backtick),
            ("('down'+'load')", Note::Concat),
            ("powershell \u{2014}enc", Note::Dash),
            ("who\u{200b}ami", Note::Invisible),
            ("pOwErShElL -c x", Note::Case),
        ] {
            assert!(noticed(text).has(note), "{text}: {note:?}");
        }
        assert!(noticed(&format!("cmd /c{}whoami", " ".repeat(120))).has(Note::Padding));
    }

    #[test]
    fn ordinary_texts_are_not_conspicuous() {
        for text in [
            r#"powershell -c "Get-ChildItem 'C:\Program Files' | ForEach-Object { $_.FullName }""#,
            r#"git commit -m "don't panic, I can't either""#,
            "if ([string]::IsNullOrEmpty($x)) { throw 'no URL' }",
            "findstr /r ^abc$ file.txt",
            "curl -H 'Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9' https://example.test",
            "New-Object System.Net.WebClient; ConvertTo-SecureString; InvokeWebRequestXml",
            "echo — done",
            // Words of languages, and names.
            r"type C:\Users\Рота\сор.txt",
            "net user Müller /domain; cd Ångström, 1ª",
        ] {
            assert!(noticed(text).is_empty(), "{text}: {:?}", noticed(text));
        }
    }

    #[test]
    fn padding_cannot_push_a_command_out() {
        let text = format!("cmd /c {} & vssadmin delete shadows", "\u{e9}".repeat(FIELD_LIMIT));
        let tidy = tidied(&text);
        assert!(tidy.len() <= FIELD_LIMIT);
        assert!(tidy.starts_with("cmd /c") && tidy.ends_with("vssadmin delete shadows"));
    }
}
