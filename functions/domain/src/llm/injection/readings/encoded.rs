//! Encodings undone: base64, base32, and characters written as numbers.

use crate::reading::{FIELD_LIMIT, decompressed, from_base32};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};

/// Shorter runs of an encoding's characters are words.
const SHORTEST_RUN: usize = 16;
/// Padding and trailing bits as sloppy as decoders allow.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What the base64 in `text` says, every run of it. Plain runs are longer than what they say, so no number bounds them; what
/// is unpacked is bounded to [`UNPACKED`] bytes, and `is_cut` is set where there was more.
pub(super) fn base64_runs(text: &str, is_cut: &mut bool) -> Option<String> {
    let mut out: Vec<String> = Vec::new();
    let mut unpacked = Unpacked::default();
    for run in text.split(|c: char| !is_base64(c)).filter(|run| run.len() >= SHORTEST_RUN) {
        out.extend(unpacked.said_by(run));
        // A slash is a digit of base64, and parts folders.
        if run.contains('/') {
            let parts = run.split('/').filter(|part| part.len() >= SHORTEST_RUN);
            out.extend(parts.filter_map(|part| unpacked.said_by(part)));
        }
    }
    *is_cut |= unpacked.is_cut;
    (!out.is_empty()).then(|| out.join(" "))
}

/// At most so many bytes of a text are unpacked from compressed ones.
const UNPACKED: usize = 2 * FIELD_LIMIT;

/// How much was unpacked, and whether there was more.
#[derive(Default)]
struct Unpacked {
    bytes: usize,
    is_cut: bool,
}

impl Unpacked {
    /// The text that one run of base64 says, also compressed, if it says one.
    fn said_by(&mut self, run: &str) -> Option<String> {
        let bytes = from_base64(run)?;
        readable(&bytes).or_else(|| {
            if self.bytes >= UNPACKED {
                self.is_cut = true;
                return None;
            }
            let found = decompressed(&bytes)?;
            self.bytes += found.len();
            self.is_cut |= found.len() >= FIELD_LIMIT;
            // The limit may fall inside a character.
            readable(&found)
                .or_else(|| readable(String::from_utf8_lossy(&found).trim_end_matches('\u{fffd}').as_bytes()))
        })
    }
}

/// Whether a character may be part of base64, of either alphabet.
const fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

/// How something was written that is shown as what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::llm) enum Encoding {
    Base64,
    Hexadecimal,
}

impl Encoding {
    /// For a model.
    pub(in crate::llm) const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hexadecimal => "hexadecimal",
        }
    }
}

/// A longer run of base64's characters that says no text is data: a key, an image, something encrypted.
const DATA: usize = 200;

/// `text` with every run of base64 (also compressed) or of hexadecimal that says a text replaced by what `shown` makes of
/// that text, and long runs that say none by their length and the beginning of their SHA-256. What is decoded is bounded to [`UNPACKED`] bytes.
pub(in crate::llm::injection) fn encodings_replaced(
    text: &str,
    shown: &mut dyn FnMut(Encoding, &str) -> String,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut plain = Plain::default();
    let text = escapes_replaced(text, &mut plain, shown);
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_base64) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let run = &rest[..rest.find(|c: char| !is_base64(c)).unwrap_or(rest.len())];
        rest = &rest[run.len()..];
        if let Some((encoding, said)) = plain.said_by(run) {
            out.push_str(&shown(encoding, &said));
            rest = rest.trim_start_matches('=');
            continue;
        }
        let slashes = run.matches('/').count();
        for (number, part) in run.split('/').enumerate() {
            if number > 0 {
                out.push('/');
            }
            match plain.said_by(part) {
                Some((encoding, said)) => {
                    out.push_str(&shown(encoding, &said));
                    if number == slashes {
                        rest = rest.trim_start_matches('=');
                    }
                }
                None if is_data(part) => out.push_str(&data(part)),
                None => out.push_str(part),
            }
        }
    }
    out.push_str(rest);
    out
}

/// `text` with runs of `\x41` and `%41` that say a text replaced by what `shown` makes of it.
fn escapes_replaced(text: &str, plain: &mut Plain, shown: &mut dyn FnMut(Encoding, &str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['\\', '%']) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let mut bytes = Vec::new();
        let mut after = rest;
        while let Some((byte, next)) = escaped_byte(after) {
            bytes.push(byte);
            after = next;
        }
        match plain.written(&bytes) {
            Some(said) => {
                out.push_str(&shown(Encoding::Hexadecimal, &said));
                rest = after;
            }
            None => {
                let length = (rest.len() - after.len()).max(1);
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The byte that `text` begins with as `\x41` or `%41`, and what follows.
fn escaped_byte(text: &str) -> Option<(u8, &str)> {
    let digits = text.strip_prefix("\\x").or_else(|| text.strip_prefix('%'))?;
    let byte = digits.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u8::from_str_radix(byte, 16).ok()?, &digits[2..]))
}

/// What stands for a run of data: other data are another question to a model, so some of its digest is there too.
fn data(run: &str) -> String {
    let digest = hex::encode(Sha256::digest(run));
    format!("({} characters of data, {})", run.len(), &digest[..12])
}

/// Whether a run that says no text is too long and too mixed to be a name.
fn is_data(run: &str) -> bool {
    run.len() >= DATA
        && run.bytes().any(|b| b.is_ascii_digit())
        && (run.bytes().any(|b| b.is_ascii_uppercase()) || run.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Texts that are surely meant, and how much of them was decoded.
#[derive(Default)]
struct Plain {
    unpacked: Unpacked,
    decoded: usize,
}

impl Plain {
    /// The text that a run of base64's characters says.
    fn said_by(&mut self, run: &str) -> Option<(Encoding, String)> {
        if run.len() < SHORTEST_RUN || self.decoded >= UNPACKED {
            return None;
        }
        let digits = run.len().is_multiple_of(2) && run.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits && let Some(said) = hex::decode(run).ok().and_then(|bytes| self.written(&bytes)) {
            return Some((Encoding::Hexadecimal, said));
        }
        let said = self.unpacked.said_by(run).filter(|said| is_written(said))?;
        self.decoded += said.len();
        Some((Encoding::Base64, said))
    }

    /// The text that `bytes` are.
    fn written(&mut self, bytes: &[u8]) -> Option<String> {
        let said = readable(bytes).filter(|said| is_written(said))?;
        self.decoded += said.len();
        Some(said)
    }
}

/// Whether people write such a text: words and folders decode, too, but to nothing that is written.
fn is_written(text: &str) -> bool {
    let is_written = |c: &char| c.is_ascii_graphic() || c.is_alphanumeric() || c.is_whitespace();
    let (written, all) = (text.chars().filter(is_written).count(), text.chars().count());
    let ascii = text.chars().filter(char::is_ascii).count();
    written * 10 >= all * 9 && ascii * 10 >= all * 6
}

/// The bytes of one run of base64.
pub(super) fn from_base64(run: &str) -> Option<Vec<u8>> {
    let standard = run.replace('-', "+").replace('_', "/");
    let whole = if standard.len() % 4 == 1 { &standard[..standard.len() - 1] } else { &standard };
    LENIENT.decode(whole).ok()
}

pub(super) fn base32_runs(text: &str) -> Option<String> {
    let belongs = |c: char| c.is_ascii_uppercase() || matches!(c, '2'..='7');
    let mut out = Vec::new();
    for run in text.split(|c: char| !belongs(c)).filter(|run| run.len() >= 24) {
        out.extend(readable(&from_base32(run)));
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
    type Parse = fn(&str) -> Option<Vec<u8>>;
    let ways: [Parse; 4] = [
        |token| Some(vec![token.parse().ok().filter(|code| (9..=126).contains(code))?]),
        |token| {
            let digits = token.strip_prefix("0x").or(token.strip_prefix('x')).unwrap_or(token);
            (2..=8).contains(&digits.len()).then(|| hex::decode(digits).ok()).flatten()
        },
        |token| Some(vec![(2..=3).contains(&token.len()).then(|| u8::from_str_radix(token, 8).ok()).flatten()?]),
        |token| Some(vec![(token.len() == 8).then(|| u8::from_str_radix(token, 2).ok()).flatten()?]),
    ];
    for parse in ways {
        let mut run = Vec::new();
        for token in tokens.iter().copied().chain(["end"]) {
            match parse(token) {
                Some(bytes) => run.extend(bytes),
                None => {
                    // Dumps begin with a number of zeros: where they are.
                    let said = &run[run.iter().take_while(|byte| **byte == 0).count()..];
                    out.extend((said.len() >= 10).then(|| readable(said)).flatten());
                    run.clear();
                }
            }
        }
    }
    (!out.is_empty()).then(|| out.join(" "))
}

/// The text that bytes say, as UTF-16 or UTF-8; nothing if much of it is not text.
pub(super) fn readable(bytes: &[u8]) -> Option<String> {
    let zeros = |first: usize| bytes.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let is_wide = |first: usize| bytes.len() >= 16 && zeros(first) * 5 >= bytes.len() * 2;
    let wide = |unit: fn([u8; 2]) -> u16| -> String {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(' ')).collect()
    };
    let text = match (is_wide(1), is_wide(0)) {
        (true, _) => wide(u16::from_le_bytes),
        (_, true) => wide(u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok()?.to_owned(),
    };
    let odd = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    (text.chars().count() >= 10 && odd * 20 <= text.chars().count()).then_some(text)
}
