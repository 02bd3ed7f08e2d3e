//! Characters that cannot be seen, or that change how others are seen, spelled out; and cutting without breaking what was
//! spelled out or escaped.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// What a reader cannot see, beside the control characters: bidirectional controls, zero widths, fillers and blanks,
/// variation selectors, tags, and format characters that no font draws.
const DECEPTIVE: [RangeInclusive<char>; 22] = [
    '\u{ad}'..='\u{ad}',       // soft hyphen
    '\u{34f}'..='\u{34f}',     // combining grapheme joiner
    '\u{61c}'..='\u{61c}',     // Arabic letter mark
    '\u{115f}'..='\u{1160}',   // Hangul fillers
    '\u{17b4}'..='\u{17b5}',   // Khmer inherent vowels
    '\u{180b}'..='\u{180f}',   // Mongolian variation selectors and vowel separator
    '\u{200b}'..='\u{200f}',   // zero widths, left-to-right and right-to-left marks
    '\u{2028}'..='\u{202e}',   // separators of lines and paragraphs, embeddings and overrides
    '\u{2060}'..='\u{206f}',   // word joiner, invisible operators, isolates
    '\u{2800}'..='\u{2800}',   // blank Braille pattern
    '\u{3164}'..='\u{3164}',   // Hangul filler
    '\u{fe00}'..='\u{fe0f}',   // variation selectors
    '\u{feff}'..='\u{feff}',   // byte order mark
    '\u{ffa0}'..='\u{ffa0}',   // half-width Hangul filler
    '\u{fff0}'..='\u{fffb}',   // unassigned, interlinear annotation
    '\u{fffe}'..='\u{ffff}',   // no characters
    '\u{110bd}'..='\u{110bd}', // Kaithi number sign
    '\u{13430}'..='\u{1343f}', // Egyptian hieroglyph format controls
    '\u{1bca0}'..='\u{1bca3}', // shorthand format controls
    '\u{1d159}'..='\u{1d159}', // null notehead
    '\u{1d173}'..='\u{1d17a}', // musical format controls
    '\u{e0000}'..='\u{e0fff}', // tags, more variation selectors
];

/// Text with everything invisible or direction-changing spelled out: `⟦U+202E⟧`. A line end of two characters becomes one.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        if is_deceptive(character) {
            write!(out, "⟦U+{:04X}⟧", u32::from(character)).expect("writing to a String cannot fail");
        } else {
            out.push(character);
        }
    }
    out
}

/// One line of visible characters, at most `most` of them: for names and reasons that are stored, entered in the audit or
/// signed, where a hidden character or a line of its own could pass for something else.
#[must_use]
pub fn visible_line(text: &str, most: usize) -> String {
    visible(text).replace(['\n', '\t'], " ").chars().take(most).collect()
}

fn is_deceptive(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        _ if character.is_ascii() => character.is_control(),
        _ => character.is_control() || DECEPTIVE.iter().any(|range| range.contains(&character)),
    }
}

/// At most `max` UTF-16 units, with an ellipsis where something was left out; never half an escape, never half of what was
/// spelled out.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.encode_utf16().count() <= max {
        return text.to_owned();
    }
    let mut units = 1; // the ellipsis
    let mut kept = String::new();
    for character in text.chars() {
        units += character.len_utf16();
        if units > max {
            break;
        }
        kept.push(character);
    }
    if let Some(open) = kept.rfind("⟦U+").filter(|&open| !kept[open..].contains('⟧')) {
        kept.truncate(open);
    }
    let trailing = kept.chars().rev().take_while(|&character| character == '\\').count();
    if trailing % 2 == 1 {
        kept.pop();
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_is_spelled_out() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\u{1b}[31m\r\nd"), "a⟦U+202E⟧b⟦U+200B⟧c⟦U+001B⟧[31m\nd");
        for hidden in
            DECEPTIVE.iter().flat_map(|range| [*range.start(), *range.end()]).chain(['\r', '\u{7f}', '\u{85}'])
        {
            assert_eq!(visible(&format!("a{hidden}b")), format!("a⟦U+{:04X}⟧b", u32::from(hidden)));
        }
        for seen in ["é", "Ω", "\t", "日本", "⟦", "😀", "עברית"] {
            assert_eq!(visible(seen), seen);
        }
    }

    #[test]
    fn a_hostile_name_becomes_one_line_of_visible_text() {
        assert_eq!(visible_line("a\nb\u{202e}\u{1b}[31m\tc", 80), "a b⟦U+202E⟧⟦U+001B⟧[31m c");
        assert_eq!(visible_line(&"x".repeat(200), 80).chars().count(), 80);
    }

    #[test]
    fn a_cut_leaves_no_half_of_anything() {
        assert_eq!(cut("ab⟦U+202E⟧cd", 8), "ab…");
        assert_eq!(cut("ab⟦U+202E⟧cd", 11), "ab⟦U+202E⟧…");
        assert_eq!(cut("ab\\*cd", 4), "ab…");
        assert_eq!(cut("ab\\*cd", 5), "ab\\*…");
        assert_eq!(cut("😀😀", 3), "😀…");
    }
}
