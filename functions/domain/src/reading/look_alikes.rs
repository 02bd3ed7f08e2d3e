//! Characters that look like Latin letters.

/// The Latin letter or ASCII character, in lower case where the alphabet has both, that `c` looks like; otherwise `c`.
pub(crate) fn latin(c: char) -> char {
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

#[cfg(test)]
mod tests {
    use super::latin;

    #[test]
    fn look_alikes_become_what_they_look_like() {
        let plain: String = "ｖｓѕаԁ𝗆ⓘn ｒeᵍ ˣ".chars().map(latin).collect();
        assert_eq!(plain, "vssadmin reg x");
        assert_eq!("ü€中".chars().map(latin).collect::<String>(), "ü€中");
    }
}
