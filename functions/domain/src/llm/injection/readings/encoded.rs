//! Encodings undone: escapes, base64, base32, and characters written as numbers.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Shorter runs of an encoding's characters are words.
const SHORTEST_RUN: usize = 16;
/// Padding and trailing bits as sloppy as decoders allow.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `%41`, `=41`, `\x41`, `\u0041`, `&#65;`, `&#x41;`, `&lt;`, and quotes, carets and backticks inside words.
pub(super) fn escapes_undone(text: &str) -> Option<String> {
    if !text.contains(['%', '\\', '&', '=', '^', '`', '"', '\'', '+']) {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let hex = |from: usize, length: usize| {
        let digits = text.get(from..from + length)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let push = |out: &mut Vec<u8>, code: u32| match char::from_u32(code) {
        Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.push(b' '),
    };
    while at < bytes.len() {
        let (byte, next) = (bytes[at], bytes.get(at + 1).copied().unwrap_or(0));
        match (byte, next) {
            (b'%' | b'=', _) if hex(at + 1, 2).is_some() => {
                out.push(u8::try_from(hex(at + 1, 2).unwrap_or(32)).unwrap_or(b' '));
                at += 3;
            }
            (b'\\', b'x') if hex(at + 2, 2).is_some() => {
                out.push(u8::try_from(hex(at + 2, 2).unwrap_or(32)).unwrap_or(b' '));
                at += 4;
            }
            (b'\\' | b'%', b'u') if hex(at + 2, 4).is_some() => {
                push(&mut out, hex(at + 2, 4).unwrap_or(32));
                at += 6;
            }
            (b'\\', b'n' | b'r' | b't') => {
                out.push(b' ');
                at += 2;
            }
            (b'&', b'#') => {
                let end = text[at..].find(';').filter(|length| (3..10).contains(length)).map(|length| at + length);
                let code = end.and_then(|end| match text.get(at + 2..end)? {
                    digits if digits.starts_with(['x', 'X']) => u32::from_str_radix(&digits[1..], 16).ok(),
                    digits => digits.parse().ok(),
                });
                match (code, end) {
                    (Some(code), Some(end)) => {
                        push(&mut out, code);
                        at = end + 1;
                    }
                    _ => {
                        out.push(byte);
                        at += 1;
                    }
                }
            }
            (b'&', b'l' | b'g') if matches!(text.get(at..at + 4), Some("&lt;" | "&gt;")) => {
                out.push(if next == b'l' { b'<' } else { b'>' });
                at += 4;
            }
            (b'^' | b'`', _) => at += 1,
            // 'ig' + 'nore', "ig""nore"
            (b'"' | b'\'', _) => {
                let rest = text[at + 1..].trim_start_matches([' ', '+', '.', '&']);
                at += 1;
                if let Some(after) = rest.strip_prefix(['"', '\'']) {
                    at = text.len() - after.len();
                }
            }
            // Spaces in a query string.
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    let out = String::from_utf8_lossy(&out).into_owned();
    (out != text).then_some(out)
}

/// What the base64 in `text` says, every run of it: what is decoded is shorter than the text, so no number bounds it.
pub(super) fn base64_runs(text: &str) -> Option<String> {
    let mut out: Vec<String> = Vec::new();
    for run in text.split(|c: char| !is_base64(c)).filter(|run| run.len() >= SHORTEST_RUN) {
        out.extend(base64_text(run));
        // A slash is a digit of base64, and parts folders.
        if run.contains('/') {
            out.extend(run.split('/').filter(|part| part.len() >= SHORTEST_RUN).filter_map(base64_text));
        }
    }
    (!out.is_empty()).then(|| out.join(" "))
}

/// Whether a character may be part of base64, of either alphabet.
const fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

/// `text` with every run of base64 that says a text replaced by what `shown` makes of that text.
pub(in crate::llm::injection) fn base64_replaced(text: &str, shown: &mut dyn FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_base64) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let run = &rest[..rest.find(|c: char| !is_base64(c)).unwrap_or(rest.len())];
        rest = &rest[run.len()..];
        if let Some(said) = plain_text(run) {
            out.push_str(&shown(&said));
            rest = rest.trim_start_matches('=');
            continue;
        }
        let slashes = run.matches('/').count();
        for (number, part) in run.split('/').enumerate() {
            if number > 0 {
                out.push('/');
            }
            match plain_text(part) {
                Some(said) => {
                    out.push_str(&shown(&said));
                    if number == slashes {
                        rest = rest.trim_start_matches('=');
                    }
                }
                None => out.push_str(part),
            }
        }
    }
    out.push_str(rest);
    out
}

/// The text of a run that is surely base64: words and folders decode, too, but to nothing that is written.
fn plain_text(run: &str) -> Option<String> {
    if run.len() < SHORTEST_RUN {
        return None;
    }
    let text = base64_text(run)?;
    let is_written = |c: &char| c.is_ascii_graphic() || c.is_alphanumeric() || c.is_whitespace();
    let (written, all) = (text.chars().filter(is_written).count(), text.chars().count());
    let ascii = text.chars().filter(char::is_ascii).count();
    (written * 10 >= all * 9 && ascii * 10 >= all * 6).then_some(text)
}

/// The text that one run of base64 says, if it says one.
fn base64_text(run: &str) -> Option<String> {
    let standard = run.replace('-', "+").replace('_', "/");
    let whole = if standard.len() % 4 == 1 { &standard[..standard.len() - 1] } else { &standard };
    LENIENT.decode(whole).ok().and_then(|bytes| readable(&bytes))
}

pub(super) fn base32_runs(text: &str) -> Option<String> {
    let is_base32 = |c: char| c.is_ascii_uppercase() || matches!(c, '2'..='7');
    let mut out = Vec::new();
    for run in text.split(|c: char| !is_base32(c)).filter(|run| run.len() >= 24) {
        let (mut bits, mut held) = (0_u32, 0_u32);
        let mut bytes = Vec::with_capacity(run.len() * 5 / 8);
        for byte in run.bytes() {
            let value = if byte.is_ascii_uppercase() { byte - b'A' } else { byte - b'2' + 26 };
            held = (held << 5 | u32::from(value)) & 0xFFF;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(held >> bits & 0xFF).unwrap_or(b' '));
            }
        }
        out.extend(readable(&bytes));
    }
    (!out.is_empty()).then(|| out.join(" "))
}

/// Characters as numbers: hexadecimal runs (`69676e6f7265`, `0x69,0x67`, `69 67 6e`), decimal (`105,103,110`) and binary
/// (`01101001 01100111`).
pub(super) fn numbers(text: &str) -> Option<String> {
    let mut out = Vec::new();
    for run in
        text.split(|c: char| !c.is_ascii_hexdigit()).filter(|run| run.len() >= SHORTEST_RUN && run.len() % 2 == 0)
    {
        let binary = run.len() % 8 == 0 && run.bytes().all(|b| matches!(b, b'0' | b'1'));
        let bytes: Option<Vec<u8>> = if binary {
            run.as_bytes().chunks(8).map(|bits| u8::from_str_radix(std::str::from_utf8(bits).ok()?, 2).ok()).collect()
        } else {
            hex::decode(run).ok()
        };
        out.extend(bytes.and_then(|bytes| readable(&bytes)));
    }
    let tokens: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|token| !token.is_empty() && !matches!(*token, "char" | "chr" | "x"))
        .collect();
    type Parse = fn(&str) -> Option<u8>;
    let ways: [Parse; 3] = [
        |token| token.parse().ok().filter(|code| (9..=126).contains(code)),
        |token| {
            let digits = token.strip_prefix("0x").or(token.strip_prefix('x')).unwrap_or(token);
            (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
        },
        |token| (token.len() == 8).then(|| u8::from_str_radix(token, 2).ok()).flatten(),
    ];
    for parse in ways {
        let mut run = Vec::new();
        for token in tokens.iter().copied().chain(["end"]) {
            match parse(token) {
                Some(byte) => run.push(byte),
                None => {
                    out.extend((run.len() >= 10).then(|| readable(&run)).flatten());
                    run.clear();
                }
            }
        }
    }
    (!out.is_empty()).then(|| out.join(" "))
}

/// The text that bytes say, as UTF-16LE or UTF-8; nothing if much of it is not text.
fn readable(bytes: &[u8]) -> Option<String> {
    let zeros = bytes.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    let text = if bytes.len() >= 16 && zeros * 5 >= bytes.len() * 2 {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(' ')).collect()
    } else {
        std::str::from_utf8(bytes).ok()?.to_owned()
    };
    let odd = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    (text.chars().count() >= 10 && odd * 20 <= text.chars().count()).then_some(text)
}
