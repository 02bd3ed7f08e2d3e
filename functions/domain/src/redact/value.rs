//! Where a secret's value begins and ends, once its name has been found.

use std::ops::Range;

/// The longest value that is read without an end in sight, in bytes.
const LONGEST: usize = 4_096;

/// A value, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) at: Range<usize>,
    pub(super) quoted: Quoted,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoted {
    No,
    Single,
    Double,
}

/// What ends a value without quotes, beside white space and a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Nothing: an argument of a command, which may hold any character.
    Argument,
    /// Whatever separates pairs: `;`, `&`, `|`, `,` before another pair, `<`.
    Pair,
}

/// The value that begins at `start`; empty if there is none.
pub(super) fn read(text: &str, start: usize, ends: Ends) -> Value {
    let rest = bounded(&text[start..]);
    let escapes = rest.bytes().take_while(|&byte| byte == b'\\').count();
    match rest.as_bytes().get(escapes) {
        Some(&quote @ (b'"' | b'\'')) => {
            let open = escapes + 1;
            let inner = &rest[open..];
            let opening = &rest[..open];
            // The closing one is escaped as the opening one is; without one, the text was cut off and the value with it.
            let line = inner.find(['\n', '\r']).unwrap_or(inner.len());
            // `"args": "--password="`: the quote closes what was opened long before.
            if closing(&inner[..line], opening, quote).is_none()
                && inner[..line].trim_end_matches([' ', '}', ']', ')']).is_empty()
            {
                return Value { at: start..start, quoted: Quoted::No };
            }
            let end = closing(&inner[..line], opening, quote).unwrap_or(line);
            let quoted = if quote == b'"' { Quoted::Double } else { Quoted::Single };
            Value { at: start + open..start + open + end, quoted }
        }
        _ => Value { at: start..start + bare(rest, ends), quoted: Quoted::No },
    }
}

/// Where the quote that was opened so is closed.
fn closing(inner: &str, opening: &str, quote: u8) -> Option<usize> {
    let escapes = opening.len() - 1;
    let mut from = 0;
    loop {
        let at = from + inner[from..].find(char::from(quote))?;
        let before = inner[..at].bytes().rev().take_while(|&byte| byte == b'\\').count();
        if before <= escapes {
            return Some(at - before);
        }
        from = at + 1;
    }
}

/// How long the value without quotes is that `rest` begins with.
fn bare(rest: &str, ends: Ends) -> usize {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let next = bytes.get(end + 1).copied().unwrap_or(b' ');
        match bytes[end] {
            b'"' | b'\'' | b'`' => break,
            byte if byte.is_ascii_whitespace() => break,
            b'&' | b'|' if next == bytes[end] => break,
            b';' | b'&' | b'|' | b'<' | b'>' if ends == Ends::Pair => break,
            b',' if ends == Ends::Pair && (next.is_ascii_whitespace() || is_pair(&rest[end + 1..])) => break,
            _ => end += 1,
        }
    }
    // Bytes of a longer character never equal an ASCII one, so `end` is a boundary.
    let mut value = &rest[..end];
    let is_before_quote = matches!(bytes.get(end), Some(b'"' | b'\''));
    loop {
        let shorter = match value.as_bytes().last() {
            Some(b'\\') if is_before_quote => &value[..value.len() - 1],
            Some(b';' | b',') => &value[..value.len() - 1],
            Some(b')') if closers(value, '(', ')') => &value[..value.len() - 1],
            Some(b'}') if closers(value, '{', '}') => &value[..value.len() - 1],
            Some(b']') if closers(value, '[', ']') => &value[..value.len() - 1],
            _ => return value.len(),
        };
        value = shorter;
    }
}

/// Whether the value closes more than it opens.
fn closers(value: &str, open: char, close: char) -> bool {
    value.matches(close).count() > value.matches(open).count()
}

/// Whether a text begins with `name=` or `name:`.
fn is_pair(text: &str) -> bool {
    let name =
        text.bytes().take(40).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let length = name.count();
    length > 0 && matches!(text.as_bytes().get(length), Some(b'=' | b':'))
}

/// At most [`LONGEST`] bytes of the text.
pub(super) fn bounded(text: &str) -> &str {
    if text.len() <= LONGEST {
        return text;
    }
    let end = (0..=LONGEST).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

/// Whether a value says nothing: a mask, a placeholder, a reference to a variable, a word for "none".
pub(super) fn says_nothing(value: &str, quoted: Quoted) -> bool {
    const NONE: [&str; 12] = [
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "empty",
        "redacted",
        "masked",
        "hidden",
        "prompt",
        "stdin",
    ];
    // One or two of these may be a password; more of them are a mask.
    let is_mask = value.bytes().all(|byte| byte == b'*')
        || (value.len() > 2
            && value.bytes().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'#' | b'-' | b'?')));
    let is_placeholder = value.starts_with('<') && value.ends_with('>');
    is_mask
        || is_placeholder
        || NONE.iter().any(|word| word.eq_ignore_ascii_case(value))
        || (quoted != Quoted::Single && is_reference(value))
}

/// Whether a value is a variable or a command whose output is meant: `$env:PASS`, `${PASS}`, `%PASS%`, `$(pass show x)`.
fn is_reference(value: &str) -> bool {
    let is_name = |name: &str| {
        name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.'))
    };
    if let Some(rest) = value.strip_prefix('$') {
        let braces = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        return rest.starts_with('(') || is_name(braces.unwrap_or(rest));
    }
    let percent = value.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    let mustache = value.strip_prefix("{{").map(|rest| rest.trim_end_matches('}'));
    percent.is_some_and(is_name) || mustache.is_some_and(|name| is_name(name.trim()))
}
