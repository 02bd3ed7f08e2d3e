//! Letters as signs for hands and ears: Braille and Morse.

/// Braille's letters in the order of the alphabet.
const BRAILLE: &str = "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵";
const MORSE: [&str; 26] = [
    ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--", "-.", "---", ".--.",
    "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
];

/// Braille as letters.
pub(super) fn braille(text: &str) -> Option<String> {
    let is_sign = |c: char| matches!(c, '\u{2800}'..='\u{28ff}');
    let letter = |c: char| match BRAILLE.chars().position(|sign| sign == c) {
        Some(at) => char::from(b'a' + u8::try_from(at).unwrap_or(0)),
        None if is_sign(c) => ' ',
        None => c,
    };
    text.contains(is_sign).then(|| text.chars().map(letter).collect())
}

/// Morse as letters; a slash or a bar parts words.
pub(super) fn morse(text: &str) -> Option<String> {
    let (mut out, mut letters) = (String::new(), 0);
    for word in text.split_whitespace() {
        match MORSE.iter().position(|sign| *sign == word) {
            Some(at) => {
                out.push(char::from(b'a' + u8::try_from(at).unwrap_or(0)));
                letters += 1;
            }
            None => out.push(' '),
        }
    }
    (letters >= 10).then_some(out)
}
