//! Operators on string literals: -f, replace, -join, and what turns a text round.

use super::{before, find_word, first_literal, last_literal, quoted};
use crate::heuristics::note::{Note, Notes};

/// No string is made longer than this.
const LONGEST: usize = 4 * 1024;
/// No operator takes more arguments than this.
const MOST_ARGUMENTS: usize = 128;

/// What an operator does to the text before it: how much of the text after its name belongs to it; `None` if it is no
/// operator after all.
type Operator = fn(out: &mut String, after: &str) -> Option<usize>;

const OPERATORS: &[(&str, Operator, Note)] = &[
    ("-f", format, Note::Format),
    (".replace(", replace, Note::Replace),
    ("-replace", replace, Note::Replace),
    ("-creplace", replace, Note::Replace),
    ("-ireplace", replace, Note::Replace),
    ("-join", join, Note::Concat),
    ("[-1..", reverse_literal, Note::Reverse),
    ("rev", reverse_line, Note::Reverse),
];

/// `text` with every operator on literals applied, from left to right.
pub(super) fn applied(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut at, mut found) = (0, false);
    let mut next: Vec<Option<usize>> = OPERATORS.iter().map(|(name, ..)| find_word(text, name, 0)).collect();
    loop {
        let nearest = next.iter().enumerate().filter_map(|(index, place)| Some(((*place)?, index))).min();
        let Some((place, index)) = nearest else { break };
        let (name, operator, note) = OPERATORS[index];
        if place >= at {
            out.push_str(&text[at..place]);
            at = place + name.len();
            match operator(&mut out, &text[at..]) {
                Some(length) => {
                    at += length;
                    notes.add(note);
                    found = true;
                }
                None => out.push_str(&text[place..at]),
            }
        }
        next[index] = find_word(text, name, at.max(place + 1));
    }
    out.push_str(&text[at..]);
    found.then_some(out)
}

/// `'{1}{0}' -f 'b','a'`
fn format(out: &mut String, after: &str) -> Option<usize> {
    let (start, pattern) = last_literal(before(out))?;
    let digit = pattern.as_bytes().windows(2).any(|pair| pair[0] == b'{' && pair[1].is_ascii_digit());
    let (arguments, length) = literals(after)?;
    // Strings with something that is computed are nobody's disguise.
    if !digit || after[length..].trim_start().starts_with(',') {
        return None;
    }
    let mut made = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        made.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((inside, beyond)) = rest.split_once('}') else { break };
        let number = inside.split([',', ':']).next().unwrap_or_default();
        if let Some(argument) = number.trim().parse::<usize>().ok().and_then(|number| arguments.get(number)) {
            made.push_str(argument);
        }
        rest = beyond;
        if made.len() > LONGEST {
            return None;
        }
    }
    made.push_str(rest);
    replace_tail(out, start, &made);
    Some(length)
}

/// `'text'.replace('a','b')` and `'text' -replace 'a','b'`, which here takes the pattern literally.
fn replace(out: &mut String, after: &str) -> Option<usize> {
    let (start, text) = last_literal(before(out))?;
    let (arguments, length) = literals(after)?;
    let pattern = arguments.first().filter(|pattern| !pattern.is_empty())?;
    let with = arguments.get(1).copied().unwrap_or_default();
    // A pattern that is not there, or a string that is computed: ordinary work, not a disguise.
    if !text.contains(pattern) || text.contains('$') {
        return None;
    }
    if text.len() + text.matches(pattern).count() * with.len() > LONGEST {
        return None;
    }
    let made = text.replace(pattern, with);
    let called = out.len() == before(out).len();
    replace_tail(out, start, &made);
    let closed = usize::from(called && after[length..].starts_with(')'));
    Some(length + closed)
}

/// `-join('a','b')`, `'a','b' -join ''`
fn join(out: &mut String, after: &str) -> Option<usize> {
    let listed = before(out);
    let (mut start, mut parts) = (listed.len(), Vec::new());
    while let Some((place, part)) = last_literal(&listed[..start]) {
        parts.push(part.to_owned());
        start = place;
        match listed[..start].trim_end().strip_suffix(',').map(str::trim_end) {
            Some(rest) if parts.len() < MOST_ARGUMENTS => start = rest.len(),
            _ => break,
        }
    }
    if parts.len() >= 2 {
        parts.reverse();
        let (separator, length) = literals(after)?;
        let made = parts.join(separator.first().copied().unwrap_or_default());
        replace_tail(out, start, &made);
        return Some(length);
    }
    let (parts, length) = literals(after).filter(|(parts, _)| parts.len() >= 2)?;
    out.push_str(&quoted(&parts.concat()));
    Some(length)
}

/// `'cba'[-1..-3]`
fn reverse_literal(out: &mut String, after: &str) -> Option<usize> {
    let (start, text) = last_literal(before(out))?;
    let made: String = text.chars().rev().collect();
    let length = after.find(']').filter(|length| *length < 64)? + 1;
    replace_tail(out, start, &made);
    Some(length)
}

/// `echo 'cba' | rev` and `rev <<< 'cba'`
fn reverse_line(out: &mut String, after: &str) -> Option<usize> {
    if let Some(here) = after.trim_start().strip_prefix("<<<") {
        let word = |text: &str| text.trim_start().split(['|', ';', '&', ')', ' ']).next().map(str::len);
        let (text, length) = match first_literal(here) {
            Some((text, rest)) => (text, after.len() - rest.len()),
            None => {
                let inside = here.trim_start();
                let length = word(inside)?;
                (&inside[..length], after.len() - inside.len() + length)
            }
        };
        out.extend(text.chars().rev());
        return Some(length);
    }
    let ends = after.is_empty() || after.starts_with([' ', '|', ')', '`', ';', '"', '\'']);
    let piped = out.trim_end().strip_suffix('|').filter(|_| ends)?.trim_end();
    let commands = ["echo ", "printf ", "cat "];
    let (at, command) = commands.iter().filter_map(|name| Some((find_last(piped, name)?, *name))).max()?;
    let argument = piped[at + command.len()..].trim_start_matches("-n ").trim_start_matches("%s ");
    if argument.contains('$') {
        return None;
    }
    let turned: String = argument.trim_matches(['\'', '"']).chars().rev().collect();
    out.truncate(at);
    out.push_str(&turned);
    Some(0)
}

fn find_last(text: &str, word: &str) -> Option<usize> {
    text.rfind(word)
}

/// One literal or several with commas between them, and how much of `text` that is.
fn literals(text: &str) -> Option<(Vec<&str>, usize)> {
    let (first, mut rest) = first_literal(text)?;
    let mut found = vec![first];
    while found.len() < MOST_ARGUMENTS {
        let more = rest.trim_start().strip_prefix(',').and_then(first_literal);
        let Some((next, beyond)) = more else { break };
        found.push(next);
        rest = beyond;
    }
    Some((found, text.len() - rest.len()))
}

/// Puts a literal in place of what begins at `start`, closing brackets aside.
fn replace_tail(out: &mut String, start: usize, made: &str) {
    out.truncate(start);
    // An opening bracket may be left over; brackets do not matter to what is matched.
    out.push_str(&quoted(made));
}
