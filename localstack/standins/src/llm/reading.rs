//! How a very capable model reads: through encodings and disguises. Written apart from the product's own detection, so that
//! what that overlooks is not overlooked here as well.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// Everything that `text` can be taken to say, in lower case, one reading a line.
pub(super) fn everything(text: &str) -> String {
    let mut readings = vec![text.to_owned()];
    for depth in 0..3 {
        let latest: Vec<String> = readings.clone();
        for reading in latest {
            let mut more =
                vec![visible_only(&reading), tags(&reading), latin(&reading), escapes(&reading), signs(&reading)];
            more.extend([bare(&reading), bare(&reading).replace('-', "")]);
            more.extend(pieced(&reading));
            more.extend(
                reading.split(|c: char| c.is_whitespace() || "\"'<>()[]{},;:|&$/?".contains(c)).flat_map(decoded),
            );
            if depth < 2 {
                more.push(rot13(&reading));
            }
            if depth == 0 {
                more.extend([reading.chars().rev().collect(), digits_as_letters(&reading)]);
                more.push(reading.chars().filter(|c| c.is_alphanumeric()).collect());
                more.extend(character_codes(&reading));
            }
            for found in more {
                if found.len() > 7 && readings.len() < 400 && !readings.contains(&found) {
                    readings.push(found);
                }
            }
        }
    }
    readings.join("\n").to_lowercase()
}

/// One word as base64, base32 or hexadecimal.
fn decoded(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let bare = word.trim_end_matches('=');
    if bare.len() < 12 {
        return found;
    }
    for bytes in [
        BASE64_STANDARD_NO_PAD.decode(bare).ok(),
        BASE64_URL_SAFE_NO_PAD.decode(bare).ok(),
        hex::decode(bare).ok(),
        base32(bare),
    ]
    .into_iter()
    .flatten()
    .filter(|bytes| bytes.len() >= 4)
    {
        let wide = |unit: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        };
        let wides = [wide(u16::from_le_bytes), wide(u16::from_be_bytes)];
        for text in [String::from_utf8(bytes).ok()].into_iter().chain(wides).flatten() {
            let plain = text.chars().filter(|c| !c.is_control()).count();
            if plain * 10 >= text.chars().count() * 9 {
                found.push(text.replace('\0', ""));
            }
        }
    }
    found
}

/// Base64 cut by white space, and base64 of one word each.
fn pieced(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "<>&".contains(c)).collect();
    let is_base64 = |word: &&&str| {
        word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
    };
    let pieces: Vec<&str> = words.iter().filter(is_base64).copied().collect();
    let mut found: Vec<String> = (0..pieces.len().min(8)).flat_map(|from| decoded(&pieces[from..].concat())).collect();
    let single = |word: &&str| String::from_utf8(BASE64_STANDARD_NO_PAD.decode(word.trim_end_matches('=')).ok()?).ok();
    found.push(pieces.iter().filter_map(single).collect::<Vec<_>>().join(" "));
    found
}

/// Without tags, comments, terminal sequences, emphasis, entities and struck-out letters.
fn bare(text: &str) -> String {
    let text = text.replace("⟦U+001B⟧", "\u{1b}").replace("⟦U+0008⟧", "\u{8}").replace("\\e[", "\u{1b}[");
    let text = ["&shy;", "&zwnj;", "&ZeroWidthSpace;"].iter().fold(text, |text, entity| text.replace(entity, ""));
    let (mut out, mut skipped) = (String::new(), None);
    for c in text.replace("&nbsp;", " ").chars() {
        match (skipped, c) {
            (None, '<' | '\u{1b}') => skipped = Some(c),
            (Some('<'), '>') => skipped = None,
            (Some('\u{1b}'), c) if c.is_ascii_alphabetic() => skipped = None,
            (Some(_), _) | (None, '*' | '_' | '`') => {}
            (None, '\u{8}') => {
                out.pop();
            }
            (None, c) => out.push(c),
        }
    }
    out
}

/// Braille and Morse.
fn signs(text: &str) -> String {
    const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";
    const DOTS: &str = "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵";
    const MORSE: &str =
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..";
    let letter = |at: usize| ALPHABET.chars().nth(at);
    if text.contains(|c| DOTS.contains(c)) {
        let one = |c| DOTS.chars().position(|sign| sign == c).and_then(letter).unwrap_or(c);
        return text.chars().map(one).collect();
    }
    let one = |word| MORSE.split(' ').position(|sign| sign == word).and_then(letter).unwrap_or(' ');
    text.split_whitespace().map(one).collect()
}

fn base32(word: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    if word.len() < 8 {
        return None;
    }
    let bits: Option<String> = word.chars().map(|c| ALPHABET.find(c).map(|value| format!("{value:05b}"))).collect();
    let bits = bits?;
    (0..bits.len() / 8).map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).ok()).collect()
}

fn rot13(text: &str) -> String {
    const PLAIN: &str = "abcdefghijklmABCDEFGHIJKLM";
    const TURNED: &str = "nopqrstuvwxyzNOPQRSTUVWXYZ";
    let other = |c: char, from: &str, to: &str| from.find(c).and_then(|at| to.chars().nth(at));
    text.chars().map(|c| other(c, PLAIN, TURNED).or_else(|| other(c, TURNED, PLAIN)).unwrap_or(c)).collect()
}

fn visible_only(text: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{ad}' | '\u{34f}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}' | '\u{300}'..='\u{36f}');
    let mut seen: String = text.chars().filter(|c| !hidden(*c)).collect();
    // What was spelled out for people is read as well.
    while let Some(at) = seen.find("⟦U+") {
        let Some(end) = seen[at..].find('⟧') else { break };
        seen.replace_range(at..at + end + '⟧'.len_utf8(), "");
    }
    seen
}

/// Tag characters, also where they were spelled out.
fn tags(text: &str) -> String {
    let spelled = text.split("⟦U+").skip(1).filter_map(|part| u32::from_str_radix(part.split('⟧').next()?, 16).ok());
    let written = text.chars().map(u32::from);
    let letter =
        |code: u32| code.checked_sub(0xE0000).filter(|code| (0x20..0x7f).contains(code)).and_then(char::from_u32);
    spelled.chain(written).filter_map(letter).collect()
}

/// `%41`, `\x41`, `\101`, `\u0041`, `\u{41}`, `U+0041`, `&#65;`.
fn escapes(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let code = |prefix: &str, digits: usize| {
            let digits = rest.strip_prefix(prefix)?.get(..digits)?;
            Some((u32::from_str_radix(digits, 16).ok()?, prefix.len() + digits.len()))
        };
        let entity = || {
            let (body, _) = rest.strip_prefix("&#")?.split_once(';')?;
            let code = match body.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => body.parse().ok()?,
            };
            Some((code, body.len() + 3))
        };
        let octal = || {
            let digits = rest.strip_prefix('\\')?.get(..3)?;
            Some((u32::from_str_radix(digits, 8).ok().filter(|code| *code < 256)?, 4))
        };
        let braced = || {
            let (digits, _) = rest.strip_prefix("\\u{")?.split_once('}')?;
            Some((u32::from_str_radix(digits, 16).ok()?, digits.len() + 4))
        };
        let numbered =
            || code("U+", 4).map(|(code, length)| (code, length + usize::from(rest[length..].starts_with(" U+"))));
        let found = code("%", 2).or_else(|| code("\\x", 2)).or_else(|| code("=", 2)).filter(|(code, _)| *code > 0);
        if let Some((code, length)) = found {
            bytes.push(u8::try_from(code).unwrap_or(b' '));
            rest = &rest[length..];
        } else if let Some((code, length)) =
            code("\\u", 4).or_else(|| code("\\U", 8)).or_else(entity).or_else(octal).or_else(braced).or_else(numbered)
        {
            bytes.extend(char::from_u32(code).unwrap_or(' ').to_string().bytes());
            rest = &rest[length..];
        } else {
            bytes.extend(c.to_string().bytes());
            rest = &rest[c.len_utf8()..];
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Letters that look Latin.
fn latin(text: &str) -> String {
    const ALIKE: [(&str, char); 12] = [
        ("аα", 'a'),
        ("еε", 'e'),
        ("оο", 'o'),
        ("рρ", 'p'),
        ("с", 'c'),
        ("хχ", 'x'),
        ("уγ", 'y'),
        ("іιɪ", 'i'),
        ("ѕꜱ", 's'),
        ("ԁ", 'd'),
        ("ɡɢ", 'g'),
        ("пɴ", 'n'),
    ];
    let one = |c: char| {
        let code = u32::from(c);
        let base = match code {
            0xFF01..=0xFF5E => return char::from_u32(code - 0xFEE0).unwrap_or(c),
            0x1D400..=0x1D6A3 => Some((code - 0x1D400) % 26),
            0x24D0..=0x24E9 => Some(code - 0x24D0),
            0x24B6..=0x24CF => Some(code - 0x24B6),
            0x1F130..=0x1F149 => Some(code - 0x1F130),
            _ => None,
        };
        let base = base.and_then(|index| char::from_u32(u32::from('a') + index));
        base.or_else(|| ALIKE.iter().find(|(set, _)| set.contains(c)).map(|(_, letter)| *letter)).unwrap_or(c)
    };
    text.chars().map(one).collect()
}

fn digits_as_letters(text: &str) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    };
    text.chars().map(letter).collect()
}

/// Lists of numbers as characters, decimal, hexadecimal or binary.
fn character_codes(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let halves = |word: &&str| -> Vec<String> {
        word.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect()
    };
    let pairs: Vec<String> = words.iter().filter(|word| word.len() == 4).flat_map(halves).collect();
    let words: Vec<&str> = words.into_iter().chain(pairs.iter().map(String::as_str)).collect();
    [10, 16, 8, 2]
        .into_iter()
        .map(|radix| {
            let code = |word: &&str| u8::from_str_radix(word.trim_start_matches("0x"), radix).ok();
            words.iter().filter_map(code).filter(|code| (9..127).contains(code)).map(char::from).collect()
        })
        .collect()
}
