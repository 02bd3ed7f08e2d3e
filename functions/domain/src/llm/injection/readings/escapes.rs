//! Escapes undone, and what shells and scripts take out of words.

/// `%41`, `=41`, `\x41`, `\101`, `\u0041`, `\u{41}`, `\U00000041`, `U+0041`, `&#65;`, `&#x41;`, `&lt;`, and quotes, carets and
/// backticks inside words.
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
            (b'\\', b'U') if hex(at + 2, 8).is_some() => {
                push(&mut out, hex(at + 2, 8).unwrap_or(32));
                at += 10;
            }
            (b'U', b'+') if hex(at + 2, 4).is_some() => {
                push(&mut out, hex(at + 2, 4).unwrap_or(32));
                at += if text[at + 6..].starts_with(" U+") { 7 } else { 6 };
            }
            (b'\\', b'u') if braced(text, at + 2).is_some() => {
                let (code, end) = braced(text, at + 2).unwrap_or((32, at + 2));
                push(&mut out, code);
                at = end;
            }
            (b'\\', b'0'..=b'3') if octal(text, at + 1).is_some() => {
                out.push(octal(text, at + 1).unwrap_or(b' '));
                at += 4;
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

/// The number in braces at `from`, and where it ends.
fn braced(text: &str, from: usize) -> Option<(u32, usize)> {
    let (digits, _) = text.get(from..)?.strip_prefix('{')?.split_once('}').filter(|(digits, _)| digits.len() <= 6)?;
    Some((u32::from_str_radix(digits, 16).ok()?, from + digits.len() + 2))
}

/// The byte that three octal digits at `from` are.
fn octal(text: &str, from: usize) -> Option<u8> {
    let digits = text.get(from..from + 3).filter(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')))?;
    u8::from_str_radix(digits, 8).ok()
}
