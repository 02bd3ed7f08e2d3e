//! Characters that stand for others: look-alikes, digits for letters, letters apart.

use crate::reading::latin;

/// Digits and signs that stand for letters, inside words that also have letters.
pub(super) fn leet(text: &str) -> Option<String> {
    const SIGNS: [char; 15] = ['0', '1', '3', '4', '5', '6', '7', '8', '9', '@', '$', '!', '|', '+', '('];
    if !text.contains(SIGNS) {
        return None;
    }
    let word = |word: &str| -> String {
        if !word.contains(SIGNS) || !word.chars().any(char::is_alphabetic) {
            return word.to_owned();
        }
        word.chars()
            .map(|c| match c {
                '0' => 'o',
                '1' | '!' | '|' => 'i',
                '3' => 'e',
                '4' | '@' => 'a',
                '5' | '$' => 's',
                '6' | '9' => 'g',
                '7' | '+' => 't',
                '(' => 'c',
                '8' => 'b',
                c => c,
            })
            .collect()
    };
    let read = text.split([' ', '_', '-', '.', ',', '/', '\\', '"']).map(word).collect::<Vec<_>>().join(" ");
    (read != text).then_some(read)
}

/// Single letters with something between them, joined: `i g n o r e`, `i.g.n.o.r.e`. Two separators part words.
pub(super) fn spelled_out(text: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    let mut joined = 0;
    while at < characters.len() {
        let lone = characters[at].is_alphabetic()
            && characters.get(at + 1).is_none_or(|c| !c.is_alphanumeric())
            && (at == 0 || !characters[at - 1].is_alphanumeric());
        if lone {
            joined += 1;
            out.push(characters[at]);
            let gap = characters[at + 1..].iter().take_while(|c| !c.is_alphanumeric()).count();
            if gap > 1 {
                out.push(' ');
            }
            at += 1 + gap;
        } else {
            out.push(characters[at]);
            at += 1;
        }
    }
    (joined >= 8).then_some(out)
}

/// Characters that look like Latin letters, as Latin letters.
pub(super) fn folded(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let folded: String = text.chars().map(latin).collect();
    (folded != text).then_some(folded)
}
