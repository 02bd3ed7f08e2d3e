//! Commands that are put together from variables which were set just before.
//!
//! Scripts are full of variables. Only those are worth a second look that become a command, or are written without
//! anything between them: nobody needs that for anything else.

use super::last_word;
use crate::heuristics::note::{Note, Notes};
use memchr::{memchr_iter, memchr3};

/// At most this many variables are remembered.
const MOST: usize = 24;
/// Longer values are data.
const LONGEST: usize = 512;
/// No text is made longer than this.
const LIMIT: usize = crate::heuristics::normalise::FIELD_LIMIT;

/// A variable and its value, as parts of the text.
type Variable<'t> = (&'t str, &'t str);

/// `text` with the variables that it sets replaced, if one of them becomes a command.
pub(super) fn substituted(text: &str, notes: &mut Notes) -> Option<String> {
    let set = assignments(text);
    if set.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let (mut at, mut from, mut last_end) = (0, 0, usize::MAX);
    let mut conspicuous = false;
    while let Some(next) = memchr3(b'$', b'%', b'!', &text.as_bytes()[at..]) {
        let place = at + next;
        let Some((name, length)) = reference(&text[place..]) else {
            at = place + 1;
            continue;
        };
        at = place + length;
        let known = set.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let assigned = text[at..].trim_start().starts_with('=') && !text[at..].trim_start().starts_with("==");
        let Some((_, value)) = known.filter(|_| !assigned) else { continue };
        conspicuous |= last_end == place || is_command(&text[..place]) || text[at..].starts_with("+$");
        last_end = at;
        out.push_str(&text[from..place]);
        let quotes = text.as_bytes()[place] == b'$' && text[at..].trim_start().starts_with('+')
            || text[..place].trim_end().ends_with('+');
        if quotes {
            out.push('\'');
        }
        out.push_str(value);
        if quotes {
            out.push('\'');
        }
        from = at;
        if out.len() > LIMIT {
            return None;
        }
    }
    out.push_str(&text[from..]);
    notes.add_if(conspicuous, Note::Variable);
    conspicuous.then_some(out)
}

/// Whether what follows `text` is run as a command.
fn is_command(text: &str) -> bool {
    let text = text.trim_end_matches([' ', '"', '\'', '(']);
    let ends_command = text.ends_with(['&', '|', ';', '`']) && !text.ends_with("$;");
    let word = last_word(text, &[' ', ';', '&', '|', '(']);
    let runs = ["iex", "invoke-expression", "call", "eval", "exec"];
    (ends_command && !text.is_empty()) || runs.iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// The name in `$name`, `${name}`, `%name%`, `!name!`, and the reference's length.
fn reference(text: &str) -> Option<(&str, usize)> {
    let rest = &text[1..];
    let name_length = |text: &str| text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    if text.starts_with('$') {
        if let Some(braced) = rest.strip_prefix('{') {
            let length = name_length(braced);
            return (length > 0 && braced[length..].starts_with('}')).then(|| (&braced[..length], length + 3));
        }
        let length = name_length(rest);
        return (length > 0).then(|| (&rest[..length], length + 1));
    }
    let length = name_length(rest);
    (length > 0 && rest[length..].starts_with(&text[..1])).then(|| (&rest[..length], length + 2))
}

/// Every `name=value`, `$name = 'value'` and `set name=value` at the beginning of a command.
fn assignments(text: &str) -> Vec<Variable<'_>> {
    let mut found = Vec::new();
    for place in memchr_iter(b'=', text.as_bytes()) {
        if let Some(variable) = assignment(text, place) {
            found.push(variable);
            if found.len() == MOST {
                break;
            }
        }
    }
    found
}

/// The assignment whose equals sign is at `place`.
fn assignment(text: &str, place: usize) -> Option<Variable<'_>> {
    let head = text[..place].trim_end_matches(' ');
    let spaced = head.len() < place;
    let named = head.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let start = head.len() - named;
    let (name, earlier) = (&head[start..], &head[..start]);
    let powershell = earlier.ends_with('$');
    if name.is_empty() || name.len() > 32 || (spaced && !powershell) {
        return None;
    }
    let earlier = earlier.trim_end_matches('$').trim_end_matches([' ', '"', '\'', '(', '{']);
    let word = last_word(earlier, &[' ', ';', '&', '|', '"', '(']);
    let begins = earlier.is_empty()
        || earlier.ends_with([';', '&', '|'])
        || ["set", "export", "-c", "-command", "/c", "/k", "local"].iter().any(|name| word.eq_ignore_ascii_case(name))
        || (word.contains('=') && !word.starts_with('-') && !powershell);
    if !begins {
        return None;
    }
    let value = text[place + 1..].trim_start_matches(' ');
    let spaced_value = value.len() < text.len() - place - 1;
    // As much as shows that it is too long.
    let value = &value[..value.ceil_char_boundary(LONGEST + 2)];
    let value = match value.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        Some(quote) => value[1..].split(quote).next()?,
        None if powershell => return None,
        None if spaced_value => return None,
        None => {
            let batch = word.eq_ignore_ascii_case("set");
            value.split(|c| matches!(c, ';' | '&' | '|' | '"' | ')') || (c == ' ' && !batch)).next()?.trim_end()
        }
    };
    // A value that is made from others would have to be computed.
    let plain = !value.is_empty() && value.len() <= LONGEST && !value.contains(['$', '%', '`']);
    plain.then_some((name, value))
}
