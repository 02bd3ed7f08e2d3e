//! Base32, as sloppy as decoders are.

/// Whether `run` is nothing but digits of base32, without its padding.
pub(crate) fn is_base32(run: &str) -> bool {
    run.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'))
}

/// The bytes that a run of base32 says; bits that are too few for one more are passed over.
pub(crate) fn from_base32(run: &str) -> Vec<u8> {
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut bytes = Vec::with_capacity(run.len() * 5 / 8);
    for byte in run.bytes().filter(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        let value = if byte.is_ascii_uppercase() { byte - b'A' } else { (byte - b'0').saturating_add(24) };
        held = (held << 5 | u32::from(value & 31)) & 0xFFF;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xFF).unwrap_or(b' '));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{from_base32, is_base32};

    #[test]
    fn runs_say_their_bytes() {
        assert_eq!(from_base32("MZXW6YTBOI"), b"foobar");
        assert!(is_base32("MZXW6YTBOI") && !is_base32("MZXW6ytboi") && !is_base32("A1"));
        assert_eq!(from_base32(""), b"");
    }
}
