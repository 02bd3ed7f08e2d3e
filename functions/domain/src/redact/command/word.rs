//! The words that a program is called with, where they stand and whether they are in quotes.

use crate::redact::value::{Ends, Quoted, bounded, read};
use std::ops::Range;

/// The most words of one command that are looked at.
const MOST_WORDS: usize = 64;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Without its quotes.
    pub(super) at: Range<usize>,
    pub(super) quoted: Quoted,
}

/// The words of the command that goes on at `start`, up to where the next begins.
pub(super) fn words(text: &str, start: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = start;
    while words.len() < MOST_WORDS {
        let rest = &text[at..];
        let spaces = rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let begin = at + spaces;
        let rest = &text[begin..];
        let Some(first) = rest.bytes().next() else { break };
        if matches!(first, b'\n' | b'\r' | b'|' | b';' | b'&' | b'>' | b'<' | b')') {
            break;
        }
        let quote = rest.trim_start_matches('\\');
        if quote.starts_with(['"', '\'']) {
            // A quote that is followed by a space or a separator closes what was opened before the program.
            if quote[1..].starts_with(|next: char| next.is_whitespace() || ";|&)".contains(next)) || quote.len() == 1 {
                break;
            }
            let value = read(text, begin, Ends::Argument);
            at = value.at.end + (value.at.start - begin);
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at += 1;
            }
            words.push(Word { at: value.at, quoted: value.quoted });
            continue;
        }
        let end = begin + length(rest);
        words.push(Word { at: begin..end, quoted: Quoted::No });
        if end == begin || text[end..].starts_with(['"', '\'']) {
            break;
        }
        at = end;
    }
    words
}

/// How long the unquoted word is that `rest` begins with. An option's value may be in quotes: `-p"a b"`, `--user='a:b c'`.
fn length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while end < bytes.len() && !bytes[end].is_ascii_whitespace() {
        if matches!(bytes[end], b'"' | b'\'') {
            let is_option = bytes[0] == b'-' || bytes[0] == b'/' || bytes[end - 1] == b'=';
            let next = bytes.get(end + 1).copied().unwrap_or(b' ');
            let closes = bounded(&rest[end + 1..]).bytes().take_while(|byte| !matches!(byte, b'\n' | b'\r'));
            match closes.take(256).position(|byte| byte == bytes[end]) {
                Some(length)
                    if is_option && !next.is_ascii_whitespace() && !matches!(next, b';' | b'|' | b'&' | b')') =>
                {
                    end += length + 2;
                    continue;
                }
                _ => break,
            }
        }
        if matches!(bytes[end], b';' | b'|' | b'&')
            && bytes.get(end + 1).is_none_or(|next| next.is_ascii_whitespace() || *next == bytes[end])
        {
            break;
        }
        end += 1;
    }
    end
}
