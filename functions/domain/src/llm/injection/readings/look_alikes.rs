//! Characters that stand for others: look-alikes, digits for letters, letters apart.

/// Digits and signs that stand for letters, inside words that also have letters.
pub(super) fn leet(text: &str) -> Option<String> {
    const SIGNS: [char; 11] = ['0', '1', '3', '4', '5', '7', '8', '@', '$', '!', '|'];
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
                '7' => 't',
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
    let folded: String = text.chars().map(fold).collect();
    (folded != text).then_some(folded)
}

fn fold(c: char) -> char {
    let letter = |index: u32| char::from_u32(u32::from('a') + index % 26).unwrap_or(c);
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{1d400}'..='\u{1d6a3}' => letter(u32::from(c) - 0x1D400),
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_digit((u32::from(c) - 0x1D7CE) % 10, 10).unwrap_or(c),
        'ⓐ'..='ⓩ' => letter(u32::from(c) - u32::from('ⓐ')),
        'Ⓐ'..='Ⓩ' => letter(u32::from(c) - u32::from('Ⓐ')),
        '⒜'..='⒵' => letter(u32::from(c) - u32::from('⒜')),
        '\u{1f110}'..='\u{1f129}' => letter(u32::from(c) - 0x1F110),
        '\u{1f130}'..='\u{1f149}' => letter(u32::from(c) - 0x1F130),
        '\u{1f150}'..='\u{1f169}' => letter(u32::from(c) - 0x1F150),
        '\u{1f170}'..='\u{1f189}' => letter(u32::from(c) - 0x1F170),
        '\u{1f1e6}'..='\u{1f1ff}' => letter(u32::from(c) - 0x1F1E6),
        'а' | 'А' | 'α' | 'Α' | 'ᴀ' | 'ɑ' | 'ᗩ' | 'ª' | 'ᵃ' => 'a',
        'Ь' | 'Β' | 'В' | 'ʙ' | 'ƅ' | 'ᵇ' => 'b',
        'с' | 'С' | 'ϲ' | 'ᴄ' | 'ⅽ' | 'ᶜ' => 'c',
        'ԁ' | 'ᴅ' | 'ⅾ' | 'ᵈ' => 'd',
        'е' | 'Е' | 'ε' | 'Ε' | 'ᴇ' | 'є' | 'ҽ' | 'ᵉ' | '℮' => 'e',
        'ғ' | 'ꜰ' | 'ᶠ' | 'ƒ' => 'f',
        'ɢ' | 'ց' | 'ɡ' | 'ᵍ' => 'g',
        'һ' | 'Н' | 'Η' | 'ʜ' | 'հ' | 'ʰ' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ɪ' | 'ӏ' | 'ⅰ' | 'ℹ' | 'ⁱ' | 'ı' => 'i',
        'ј' | 'Ј' | 'ᴊ' | 'ʲ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' | 'ᴋ' | 'ᵏ' => 'k',
        'ʟ' | 'ⅼ' | 'ˡ' => 'l',
        'м' | 'М' | 'Μ' | 'ᴍ' | 'ⅿ' | 'ᵐ' => 'm',
        'п' | 'Ν' | 'ɴ' | 'ո' | 'η' | 'ⁿ' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'ᴏ' | 'σ' | 'օ' | 'º' | 'ᵒ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' | 'ᴘ' | 'ᵖ' => 'p',
        'ԛ' | 'ǫ' => 'q',
        'г' | 'ʀ' | 'ꭇ' | 'ʳ' => 'r',
        'ѕ' | 'Ѕ' | 'ꜱ' | 'ˢ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' | 'ᴛ' | 'ᵗ' => 't',
        'υ' | 'ᴜ' | 'ս' | 'ᵘ' => 'u',
        'ν' | 'ѵ' | 'ᴠ' | 'ⅴ' | 'ᵛ' => 'v',
        'ԝ' | 'ѡ' | 'ᴡ' | 'ω' | 'ʷ' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' | 'ⅹ' | 'ˣ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' | 'ʏ' | 'ʸ' => 'y',
        'ᴢ' | 'Ζ' | 'ᶻ' => 'z',
        c => c,
    }
}
