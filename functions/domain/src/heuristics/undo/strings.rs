//! String literals with a plus sign between them.

use crate::heuristics::note::{Note, Notes};

/// `'a' + 'b'` as `'ab'`, whichever quotes are around both.
pub(super) fn joined_by_plus(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    while let Some(at) = rest.find('+') {
        let (head, tail) = (&rest[..at], &rest[at + 1..]);
        let left = head.trim_end_matches(' ');
        let right = tail.trim_start_matches(' ');
        let quote = left.chars().next_back().filter(|c| matches!(c, '\'' | '"'));
        match quote {
            Some(quote) if right.starts_with(quote) => {
                out.push_str(&left[..left.len() - 1]);
                rest = &right[1..];
                found = true;
            }
            _ => {
                out.push_str(&rest[..=at]);
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    notes.add_if(found, Note::Concat);
    found.then_some(out)
}
