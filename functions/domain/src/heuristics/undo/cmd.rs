//! What cmd reads as spaces, and what its loops run.

use super::{find_word, last_word};
use crate::heuristics::normalise::end_of;
use crate::heuristics::note::{Note, Notes};
use memchr::memchr2_iter;

/// So long a name is no program's, and so many separators are no disguise.
const LONGEST: usize = 64;
/// At most so many loops inside each other.
const MOST_LOOPS: usize = 4;
/// What a loop goes over is no longer than this, if it is the name of a program.
const LONGEST_VALUE: usize = 128;

/// `,;vssadmin,delete,shadows` with spaces for commas and semicolons, in each command that begins with them or whose name ends
/// in a comma: only there is it plain that cmd reads them as spaces, and they are no part of an argument.
pub(super) fn with_spaces(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out: Option<Vec<u8>> = None;
    let mut done = 0;
    for at in memchr2_iter(b',', b';', bytes) {
        if at < done || !is_read_as_space(text, at) {
            continue;
        }
        let ends = |byte: &u8| matches!(byte, b'&' | b'|' | b'<' | b'>' | b'"');
        done = bytes[at..].iter().position(ends).map_or(bytes.len(), |length| at + length);
        let out = out.get_or_insert_with(|| bytes.to_vec());
        out[at..done].iter_mut().filter(|byte| matches!(byte, b',' | b';')).for_each(|byte| *byte = b' ');
    }
    // ASCII took the place of ASCII.
    out.and_then(|out| String::from_utf8(out).ok())
}

/// Whether the separator at `at` stands before a command, with a comma, or is a comma behind its name. A semicolon alone may
/// be one of PowerShell's.
fn is_read_as_space(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    if bytes[at] != b',' && bytes.get(at + 1) != Some(&b',') {
        return false;
    }
    let next = bytes[at..].iter().take(LONGEST).find(|byte| !matches!(byte, b',' | b';' | b' '));
    if !next.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-')) {
        return false;
    }
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let length = bytes[..at].iter().rev().take(LONGEST).take_while(|byte| name(byte)).count();
    match length {
        0 => begins_a_command(&text[..at]),
        _ => bytes[at] == b',' && length > 1 && begins_a_command(&text[..at - length]),
    }
}

/// Whether cmd reads a command behind `text`, which may end in what it passes over.
fn begins_a_command(text: &str) -> bool {
    let near = end_of(text, LONGEST).trim_end_matches([',', ';', '=', ' ', '@', '(', '"']);
    let switch = last_word(near, &[' ', '"']);
    match near {
        "" => text.len() <= LONGEST,
        _ => {
            near.ends_with(['&', '|'])
                || ["/c", "/k", "/r", "cmd", "cmd.exe"].iter().any(|known| switch.eq_ignore_ascii_case(known))
        }
    }
}

/// `for %a in (vssadmin) do %a delete shadows` with the name in place of the variable, where that becomes a command. Of several
/// values the first.
pub(super) fn unrolled(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out: Option<String> = None;
    let mut from = 0;
    for _ in 0..MOST_LOOPS {
        let here = out.as_deref().unwrap_or(text);
        let Some(found) = Loop::first(here, from) else { break };
        from = found.body;
        if let Some(body) = found.unrolled(&here[found.body..]) {
            notes.add(Note::Variable);
            out = Some(format!("{}{body}", &here[..found.body]));
        }
    }
    out
}

/// `for %a in (value) do`
struct Loop<'t> {
    /// With its percent signs.
    variable: &'t str,
    value: &'t str,
    /// Where what it runs begins.
    body: usize,
}

impl<'t> Loop<'t> {
    /// The first in `text` from `from` that goes over words.
    fn first(text: &'t str, mut from: usize) -> Option<Self> {
        loop {
            let at = find_word(text, "for %", from)?;
            from = at + "for %".len();
            if let Some(found) = Self::at(text, from - 1) {
                return Some(found);
            }
        }
    }

    /// The one whose variable is at `at`.
    fn at(text: &'t str, at: usize) -> Option<Self> {
        let signs = text[at..].bytes().take_while(|byte| *byte == b'%').count();
        let letter = text.as_bytes().get(at + signs).filter(|byte| byte.is_ascii_alphabetic());
        let variable = letter.and_then(|_| text.get(at..=at + signs)).filter(|_| signs <= 2)?;
        let rest = without_prefix(&text[at + variable.len()..], " in")?.trim_start_matches(' ').strip_prefix('(')?;
        let near = &rest[..rest.floor_char_boundary(LONGEST_VALUE)];
        let (values, _) = near.split_once(')')?;
        let run = without_prefix(rest[values.len() + 1..].trim_start_matches(' '), "do")?;
        let value = values.trim_start_matches(' ').split([' ', ',', ';']).next().filter(|value| !value.is_empty())?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'\\' | b':');
        value.bytes().all(plain).then_some(Self { variable, value, body: text.len() - run.len() })
    }

    /// `body` with the value in place of the variable, if that is a command or a part of its name somewhere.
    fn unrolled(&self, body: &str) -> Option<String> {
        let mut out = String::with_capacity(body.len() + self.value.len());
        let (mut from, mut becomes_a_command) = (0, false);
        for (at, _) in body.match_indices(self.variable) {
            let after = &body[at + self.variable.len()..];
            let name = after.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            // `%appdata%` is another variable.
            if at < from || after.as_bytes().get(name) == Some(&b'%') && name > 0 {
                continue;
            }
            out.push_str(&body[from..at]);
            let near = end_of(&out, LONGEST).trim_end_matches(|c: char| c.is_ascii_alphanumeric());
            let before = near.trim_end_matches([' ', '@', '(', '"']);
            becomes_a_command |= before.is_empty() && out.len() < LONGEST
                || before.ends_with(['&', '|'])
                || last_word(before, &[' ', ')']).eq_ignore_ascii_case("do");
            out.push_str(self.value);
            from = at + self.variable.len();
        }
        out.push_str(&body[from..]);
        becomes_a_command.then_some(out)
    }
}

/// What is behind `prefix` (lower case), whatever its case in `text`.
fn without_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
