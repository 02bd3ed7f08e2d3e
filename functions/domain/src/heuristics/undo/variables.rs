//! Commands that are put together from variables which were set just before.
//!
//! Scripts are full of variables. Only those are worth a second look that become a command, or are written without
//! anything between them: nobody needs that for anything else.

use super::last_word;
use crate::heuristics::note::{Note, Notes};
use memchr::{memchr_iter, memchr3};
use std::borrow::Cow;

/// At most this many variables are remembered.
const MOST: usize = 24;
/// Longer values are data.
const LONGEST: usize = 512;
/// No text is made longer than this.
const LIMIT: usize = crate::reading::FIELD_LIMIT;

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
        let Some(Reference { name, change, length }) = reference(&text[place..]) else {
            at = place + 1;
            continue;
        };
        at = place + length;
        let known = set.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let assigned = text[at..].trim_start().starts_with('=') && !text[at..].trim_start().starts_with("==");
        let Some((_, value)) = known.filter(|_| !assigned) else { continue };
        let Some(value) = changed(value, change) else { continue };
        let becomes_a_command = last_end == place || is_command(&text[..place]) || text[at..].starts_with("+$");
        notes.add_if(becomes_a_command && !change.is_empty(), Note::Substring);
        conspicuous |= becomes_a_command;
        last_end = at;
        out.push_str(&text[from..place]);
        let quotes = text.as_bytes()[place] == b'$' && text[at..].trim_start().starts_with('+')
            || text[..place].trim_end().ends_with('+');
        if quotes {
            out.push('\'');
        }
        out.push_str(&value);
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

/// `$name`, `${name}`, `%name%`, `!name!`, and the last three with a change behind a colon.
struct Reference<'t> {
    name: &'t str,
    /// `~1,3` or `a=b` of a batch file, `1:3` of a Unix shell; mostly empty.
    change: &'t str,
    /// Of the whole reference.
    length: usize,
}

/// The reference that `text` begins with.
fn reference(text: &str) -> Option<Reference<'_>> {
    /// Longer changes are no disguise of a name.
    const LONGEST_CHANGE: usize = 64;
    let rest = &text[1..];
    // What is between the name and what closes it.
    let between = |rest: &'_ str, close: char| -> Option<usize> {
        match rest.strip_prefix(':') {
            Some(change) => {
                let change = &change[..change.floor_char_boundary(LONGEST_CHANGE)];
                change.find(close).map(|length| length + 1)
            }
            None => rest.starts_with(close).then_some(0),
        }
    };
    let of = |rest: &'_ str, name: usize, close: char, around: usize| {
        let length = between(&rest[name..], close)?;
        Some((name, length, name + length + around))
    };
    let name_length = |text: &str| text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    if text.starts_with('$') {
        if let Some(braced) = rest.strip_prefix('{') {
            let (name, change, length) = of(braced, name_length(braced), '}', 3)?;
            return Reference::new(braced, name, change, length);
        }
        let length = name_length(rest);
        return Reference::new(rest, length, 0, length + 1);
    }
    let (name, change, length) = of(rest, name_length(rest), char::from(text.as_bytes()[0]), 2)?;
    Reference::new(rest, name, change, length)
}

impl<'t> Reference<'t> {
    /// Of a name and a change with its colon at the beginning of `text`, by their lengths. Nothing has no name.
    fn new(text: &'t str, name: usize, change: usize, length: usize) -> Option<Self> {
        let change = text[name..name + change].trim_start_matches(':');
        (name > 0).then_some(Self { name: &text[..name], change, length })
    }
}

/// `value` as a reference with `change` says it; `None` if that is none of the changes that are known.
fn changed<'t>(value: &'t str, change: &str) -> Option<Cow<'t, str>> {
    if change.is_empty() {
        return Some(Cow::Borrowed(value));
    }
    let cut = change
        .strip_prefix('~')
        .map(|cut| (cut, ','))
        .or_else(|| change.starts_with(|c: char| c.is_ascii_digit() || c == ' ').then_some((change.trim_start(), ':')));
    let Some((cut, separator)) = cut else {
        let (old, new) = change.split_once('=')?;
        return (!old.is_empty()).then(|| Cow::Owned(value.replace(old, new)));
    };
    let (start, length) = cut.split_once(separator).map_or((cut, None), |(start, length)| (start, Some(length)));
    let from_either_end = |number: &str| {
        let number: isize = number.trim().parse().ok()?;
        let place =
            if number < 0 { value.len().checked_add_signed(number).unwrap_or(0) } else { number.unsigned_abs() };
        Some((place.min(value.len()), number < 0))
    };
    let (start, _) = from_either_end(start)?;
    let end = match length.map(from_either_end) {
        None => value.len(),
        Some(None) => return None,
        Some(Some((place, true))) => place,
        Some(Some((length, false))) => (start + length).min(value.len()),
    };
    value.get(start..end.max(start)).map(Cow::Borrowed)
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
