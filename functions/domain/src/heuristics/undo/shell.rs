//! What a Unix shell does with braces and backslashes.

use crate::heuristics::note::{Note, Notes};

/// `{curl,-s,url}` in place of a command, as words.
pub(super) fn without_braces(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut found) = (text, false);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // Up to the next brace: one inside another is none of these.
        let inside = rest[1..].split(['{', '}']).next().unwrap_or_default();
        let words = inside.contains(',') && !inside.contains([' ', '{', ':', '"', '\'', '$', ';', '('])
            || inside.contains(',') && inside.contains("://") && !inside.contains([' ', '{', '"', '\'', '$', ';']);
        // `${a,b}` is a parameter, `x{a,b}` two arguments.
        let alone =
            !out.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '$' | '/' | '.' | '_' | '-' | '@' | '='));
        if rest[1 + inside.len()..].starts_with('}') && words && alone && is_before_a_command(&out) {
            out.push_str(&inside.replace(',', " "));
            rest = &rest[inside.len() + 2..];
            found = true;
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    notes.add_if(found, Note::Brace);
    found.then_some(out)
}

/// Whether a command begins behind `text`.
fn is_before_a_command(text: &str) -> bool {
    let text = text.trim_end_matches([' ', '"', '\'']);
    let is_last_word = |word: &&str| {
        let before = text.strip_suffix(word);
        before.is_some_and(|before| before.is_empty() || before.ends_with([' ', ';', '|', '&']))
    };
    text.is_empty()
        || text.ends_with([';', '|', '&', '(', '`'])
        || ["-c", "eval", "exec", "sudo", "nohup"].iter().any(is_last_word)
}

/// `cu${x}rl` as `curl`: in the middle of a command's name stands a variable only because it is empty.
pub(super) fn without_unset(text: &str, notes: &mut Notes) -> Option<String> {
    /// For each the text is looked through.
    const MOST: usize = 8;
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut tried, mut found) = (text, 0, false);
    while let Some(at) = rest.find("${").filter(|_| tried < MOST) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let inside = ends_in_a_command(&out);
        tried += usize::from(inside);
        let empty = if inside { unset(rest, text) } else { None };
        match empty {
            Some(length) => {
                rest = &rest[length..];
                found = true;
            }
            None => {
                out.push_str("${");
                rest = &rest["${".len()..];
            }
        }
    }
    out.push_str(rest);
    notes.add_if(found, Note::Variable);
    found.then_some(out)
}

/// How long the variable at the beginning of `rest` is, if a letter follows it and nothing in `text` sets it.
fn unset(rest: &str, text: &str) -> Option<usize> {
    const LONGEST_NAME: usize = 16;
    let name = rest.strip_prefix("${")?;
    let length = name.bytes().take(LONGEST_NAME + 1).take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let (name, after) = name.split_at(length);
    let letter = after.strip_prefix('}')?.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_set = |before: &str, behind: &str| text.contains(&format!("{before}{name}{behind}"));
    // The separator of words is a space, see `expand`.
    let known = name.eq_ignore_ascii_case("ifs") || is_set("", "=") || is_set("for ", " ") || is_set("read ", "");
    (letter && !name.is_empty() && name.len() <= LONGEST_NAME && !known).then_some(length + "${}".len())
}

/// Whether `text` ends in the beginning of a command's name.
fn ends_in_a_command(text: &str) -> bool {
    const LONGEST_NAME: usize = 32;
    let name = text.bytes().rev().take(LONGEST_NAME).take_while(u8::is_ascii_alphanumeric).count();
    text.ends_with(|c: char| c.is_ascii_alphabetic()) && is_before_a_command(&text[..text.len() - name])
}

/// `$(echo cu)rl` and `` `printf cu`rl `` as `curl`: a command whose only use is to be part of another's name.
pub(super) fn without_echoes(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut found) = (text, false);
    while let Some(at) = rest.find(['$', '`']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match echoed(rest) {
            Some((said, length)) => {
                out.push_str(said);
                rest = &rest[length..];
                found = true;
            }
            None => {
                out.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    notes.add_if(found, Note::Concat);
    found.then_some(out)
}

/// What a substitution at the beginning of `text` says, if it only says one word, and how long it is.
fn echoed(text: &str) -> Option<(&str, usize)> {
    let (inside, end) = match text.strip_prefix("$(") {
        Some(inside) => (inside, ')'),
        None => (text.strip_prefix('`')?, '`'),
    };
    let inside = &inside[..inside.find(end)?];
    // With what opens and closes it.
    let length = inside.len() + if end == ')' { 3 } else { 2 };
    let said = inside.trim().strip_prefix("echo ").or_else(|| inside.trim().strip_prefix("printf "))?;
    let said = ["-n ", "-e ", "-ne ", "-en ", "%s "]
        .iter()
        .fold(said.trim_start(), |said, option| said.strip_prefix(option).unwrap_or(said).trim_start());
    let said = said.trim_matches(['\'', '"', ' ']);
    let word =
        !said.is_empty() && said.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-'));
    word.then_some((said, length))
}

/// `c\at` as `cat`. A word with an escape that means something (`\n`, `\d`) keeps its backslashes, unless it has others too,
/// and so does one that looks like a path of Windows.
pub(super) fn without_backslashes(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut found = false;
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        if is_disguised(word) {
            out.extend(word.chars().filter(|c| *c != '\\'));
            found = true;
        } else {
            out.push_str(word);
        }
    }
    notes.add_if(found, Note::Backslash);
    found.then_some(out)
}

fn is_disguised(word: &str) -> bool {
    let bytes = word.as_bytes();
    if !bytes.contains(&b'\\') || word.contains(r"\\") || bytes.get(1) == Some(&b':') || word.contains(r":\") {
        return false;
    }
    let (mut needless, mut letters) = (0, 0);
    for pair in bytes.windows(2) {
        letters += usize::from(pair[0] == b'\\' && pair[1].is_ascii_lowercase());
        let meaningful =
            matches!(pair[1], b'n' | b'r' | b't' | b'b' | b'd' | b's' | b'w' | b'v' | b'u' | b'x' | b'f' | b'e');
        needless += usize::from(pair[0] == b'\\' && pair[1].is_ascii_lowercase() && !meaningful);
    }
    // `DOMAIN\user`, `sub\folder`: one backslash between longer words belongs there.
    let parts: Vec<&str> = word.split('\\').collect();
    let short = parts.iter().filter(|part| part.len() <= 3).count();
    (needless > 0 && short > 0 || letters >= 3 && short >= 3)
        && !word.contains(['[', '(', '*', '+', '|', '{'])
        && parts.iter().all(|part| {
            part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_' | b'\'' | b'"'))
        })
}
