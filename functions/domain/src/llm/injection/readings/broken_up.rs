//! Words broken up by what is no part of them: mark-up, terminal sequences, hyphens, changes of case, and the spaces and line
//! ends inside an encoding.

use super::encoded::{from_base64, readable};

/// The longest mark-up that is taken out, in characters.
const LONGEST_TAG: usize = 200;
/// An encoded word is at least so long.
const SHORTEST_PIECE: usize = 4;

/// Words whose case changes again and again (`iGnOrE`) in lower case: they would be parted wherever it changes.
pub(super) fn in_one_case(text: &str) -> Option<String> {
    let is_restless = |word: &str| {
        let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
        let changes = word.as_bytes().windows(2).filter(|pair| {
            pair.iter().all(u8::is_ascii_alphabetic) && pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase()
        });
        letters >= 4 && changes.count() * 3 >= letters
    };
    let words = || text.split_inclusive(|c: char| !c.is_alphabetic());
    words()
        .any(is_restless)
        .then(|| words().map(|word| if is_restless(word) { word.to_lowercase() } else { word.to_owned() }).collect())
}

/// Without terminal sequences, tags, comments, emphasis, entities for what nobody sees, and letters that are struck out.
pub(super) fn without_markup(text: &str) -> Option<String> {
    if !text.contains(['\u{1b}', '\u{8}', '\\', '<', '*', '_', '~', '&', '`']) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = marked(rest) {
            rest = &rest[length..];
        } else if let Some(after) = rest.strip_prefix("&nbsp;") {
            out.push(' ');
            rest = after;
        } else {
            if c == '\u{8}' {
                out.pop();
            } else {
                out.push(c);
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    (out != text).then_some(out)
}

/// How many bytes at the beginning of `text` are mark-up.
fn marked(text: &str) -> Option<usize> {
    const ESCAPES: [&str; 6] = ["\u{1b}[", "\\e[", "\\x1b[", "\\x1B[", "\\033[", "\\u001b["];
    const UNSEEN: [&str; 4] = ["&shy;", "&zwnj;", "&zwj;", "&ZeroWidthSpace;"];
    const EMPHASIS: [&str; 5] = ["**", "__", "~~", "*", "`"];
    if let Some(start) = ESCAPES.iter().find(|start| text.starts_with(**start)) {
        let parameters =
            text[start.len()..].bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b'?')).count();
        let end = start.len() + parameters;
        return text.as_bytes().get(end).filter(|byte| byte.is_ascii_alphabetic()).map(|_| end + 1);
    }
    let within = |end: Option<usize>| end.filter(|end| *end <= LONGEST_TAG);
    if let Some(comment) = text.strip_prefix("<!--") {
        return within(comment.find("-->")).map(|end| end + 7);
    }
    if let Some(tag) = text.strip_prefix('<') {
        let is_tag = tag.starts_with(|c: char| c == '/' || c.is_ascii_alphabetic());
        return within(tag.find(['<', '>'])).filter(|end| is_tag && tag[*end..].starts_with('>')).map(|end| end + 2);
    }
    UNSEEN.iter().chain(&EMPHASIS).find(|mark| text.starts_with(**mark)).map(|mark| mark.len())
}

/// Without hyphens between small letters: `ig-nore`.
pub(super) fn without_hyphens(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_inside = |at: usize| {
        let small = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_lowercase);
        bytes[at] == b'-' && small(at.checked_sub(1)) && small(at.checked_add(1))
    };
    let out: String = text.char_indices().filter(|(at, _)| !is_inside(*at)).map(|(_, c)| c).collect();
    (out != text).then_some(out)
}

/// What base64 says that was cut into pieces by white space, or in which each word was encoded alone.
pub(super) fn base64_pieces(text: &str) -> Option<String> {
    let is_piece = |word: &&str| {
        let digits = word.trim_end_matches('=');
        word.len() >= SHORTEST_PIECE
            && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
    };
    let mut out = Vec::new();
    let words: Vec<&str> = text.split_whitespace().collect();
    for run in words.split(|word| !is_piece(word)).filter(|run| run.len() >= 2) {
        // A word or two of the command may stand before it.
        let joined = (0..3).filter_map(|skipped| run.get(skipped..)).map(<[&str]>::concat);
        out.extend(joined.filter_map(|run| readable(&from_base64(run.trim_end_matches('='))?)));
        let said: Vec<String> = run.iter().filter_map(|piece| word_said_by(piece)).collect();
        if said.len() >= 3 && said.len() * 3 >= run.len() * 2 {
            out.push(said.join(" "));
        }
    }
    (!out.is_empty()).then(|| out.join(" "))
}

/// The one word that a piece of base64 says.
fn word_said_by(piece: &str) -> Option<String> {
    let said = String::from_utf8(from_base64(piece.trim_end_matches('='))?).ok()?;
    (said.len() >= 2 && said.chars().all(|c| c.is_alphanumeric() || ".,:;!?'".contains(c))).then_some(said)
}
