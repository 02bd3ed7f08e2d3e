//! Texts of others, before they stand in the audit log, in an answer or on a terminal.

/// Whether a character could write on the terminal of whoever reads the log, begin a line in it, or show a text otherwise
/// than it is. Joiners, marks, selectors and tags are let through: honest names of many scripts and emoji have them.
pub(crate) fn deceives(character: char) -> bool {
    let hides = matches!(character, '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    character.is_control() || hides
}

/// At most so many characters of a text, without those that deceive.
pub(crate) fn printable(text: &str, most: usize) -> String {
    text.chars().filter(|character| !deceives(*character)).take(most).collect()
}
