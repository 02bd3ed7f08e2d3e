//! Characters that are written as numbers.

use super::{find_word, quoted};
use crate::heuristics::note::{Note, Notes};

/// So few escapes are somebody's ordinary separator or colour.
const FEWEST_ESCAPES: usize = 3;
/// So few numbers are just numbers.
const FEWEST_NUMBERS: usize = 3;

/// `\x41`, `\u0041`, `\101` and `\0101` as what they stand for.
pub(super) fn escapes(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut count) = (text, 0);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match escape(&rest[1..]) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[1 + length..];
                count += 1;
            }
            None => {
                out.push('\\');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    notes.add_if(count >= FEWEST_ESCAPES, Note::Escape);
    (count >= FEWEST_ESCAPES || count > 0 && text.contains("$'")).then_some(out)
}

/// The printable character that an escape stands for, and the escape's length without its backslash.
fn escape(text: &str) -> Option<(char, usize)> {
    let number = |start: usize, digits: usize, radix: u32| {
        let digits = text.get(start..start + digits)?;
        let all = digits.chars().all(|c| c.is_digit(radix));
        all.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
    };
    let first = text.as_bytes().first()?;
    let (value, length) = match first {
        b'x' => (number(1, 2, 16)?, 3),
        b'u' => (number(1, 4, 16)?, 5),
        b'0' => number(1, 3, 8).map(|value| (value, 4)).or_else(|| Some((number(1, 2, 8)?, 3)))?,
        b'1' => (number(0, 3, 8)?, 3),
        b'4'..=b'7' => (number(0, 2, 8)?, 2),
        _ => return None,
    };
    printable(value).map(|c| (c, length))
}

fn printable(value: u32) -> Option<char> {
    match value {
        9 | 10 | 13 => Some(' '),
        32..=126 => char::from_u32(value),
        _ => None,
    }
}

/// `[char]65`, `chr(65)` and lists of numbers as the strings that they stand for.
pub(super) fn numbered(text: &str, notes: &mut Notes) -> Option<String> {
    let single = single_characters(text);
    let list = number_lists(single.as_deref().unwrap_or(text));
    let found = list.or(single)?;
    notes.add(Note::Chars);
    Some(found)
}

fn single_characters(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut from, mut at) = (0, 0);
    while let Some(found) = find_word(text, "ch", at) {
        let rest = &text[found..];
        let lower = |length: usize| rest.get(..length).map(str::to_ascii_lowercase).unwrap_or_default();
        let before = text[..found].ends_with('[');
        let (start, prefix) = match () {
            () if before && lower(5) == "char]" => (found - 1, 5),
            () if lower(4) == "chr(" => (found, 3),
            () if lower(5) == "chrw(" || lower(5) == "chr$(" => (found, 4),
            () => {
                at = found + 2;
                continue;
            }
        };
        match number(&rest[prefix..]) {
            Some((value, length)) if start >= from => {
                out.push_str(&text[from..start]);
                out.push_str(&quoted(&value.to_string()));
                at = found + prefix + length;
                from = at;
            }
            _ => at = found + prefix,
        }
    }
    out.push_str(&text[from..]);
    (from > 0).then_some(out)
}

/// A number, perhaps in brackets: the character and how much of `text` it is.
fn number(text: &str) -> Option<(char, usize)> {
    let inside = text.trim_start_matches([' ', '(', '\'']);
    let (digits, radix) = match inside.strip_prefix("0x").or_else(|| inside.strip_prefix("0X")) {
        Some(rest) => (rest, 16),
        None => (inside, 10),
    };
    let length = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
    let value = digits.get(..length).filter(|digits| (1..=4).contains(&digits.len()))?;
    let c = printable(u32::from_str_radix(value, radix).ok()?)?;
    let opened = text.len() - inside.len() - text[..text.len() - inside.len()].matches(' ').count();
    let after = &digits[length..];
    let closed = after.bytes().take_while(|b| matches!(b, b')' | b'\'')).count().min(opened);
    Some((c, text.len() - after.len() + closed))
}

/// Each run of numbers with one kind of separator that all stand for characters, as a string.
fn number_lists(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut found) = (text, false);
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let in_word = out.ends_with(|c: char| c.is_alphanumeric());
        match list(rest).filter(|_| !in_word) {
            Some((said, length)) => {
                out.push_str(&quoted(&said));
                rest = &rest[length..];
                found = true;
            }
            None => {
                let digits = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
                out.push_str(&rest[..digits]);
                rest = &rest[digits..];
            }
        }
    }
    out.push_str(rest);
    found.then_some(out)
}

fn list(text: &str) -> Option<(String, usize)> {
    let mut said = String::new();
    let (mut length, mut separator) = (0, None);
    loop {
        let rest = &text[length..];
        let (digits, radix) = match rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            Some(rest) => (rest, 16),
            None => (rest, 10),
        };
        let count = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
        let value = digits.get(..count).filter(|digits| (1..=4).contains(&digits.len()))?;
        said.push(printable(u32::from_str_radix(value, radix).ok()?)?);
        length = text.len() - digits.len() + count;
        let after = text[length..].trim_start();
        let next = after.chars().next().filter(|c| matches!(c, ',' | ';' | '~' | '!' | '&' | '@' | '_' | '-'));
        let more = next.filter(|c| separator.is_none_or(|known| known == *c));
        let beyond = after.get(1..).map(str::trim_start).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        match (more, beyond) {
            (Some(c), Some(beyond)) => {
                separator = Some(c);
                length = text.len() - beyond.len();
            }
            _ => break,
        }
    }
    (said.len() >= FEWEST_NUMBERS).then_some((said, length))
}
