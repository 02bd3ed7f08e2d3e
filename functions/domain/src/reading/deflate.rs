//! Whether bytes may be a bare deflate stream, before a decompressor is set up for them.
//!
//! Any long word decodes to some bytes, and a stream has no magic number. But its first block does not begin just anyhow.

/// Whether `bytes` can begin a deflate stream (RFC 1951) of a text.
pub(super) fn may_be_deflate(bytes: &[u8]) -> bool {
    let mut bits = Bits { bytes, at: 1 };
    match bits.take(2) {
        Some(0) => {
            // Stored: a length, and the same with every bit turned over.
            matches!(bytes.get(1..5), Some([low, high, not_low, not_high]) if *low == !not_low && *high == !not_high)
        }
        // Fixed codes, whose bits come the highest first: a printable character, as eight bits from 0x30.
        Some(1) => bits.code(8).and_then(|code| code.checked_sub(0x30)).is_some_and(is_printable),
        Some(2) => lengths_are_a_code(&mut bits).unwrap_or(false),
        _ => false,
    }
}

/// Dynamic codes: the code that their lengths are written in uses all of its space, or has one word.
fn lengths_are_a_code(bits: &mut Bits<'_>) -> Option<bool> {
    let (literals, distances) = (bits.take(5)?, bits.take(5)?);
    let count = bits.take(4)? + 4;
    let (mut space, mut words) = (0, 0);
    for _ in 0..count {
        let length = bits.take(3)?;
        if length > 0 {
            space += 128 >> length;
            words += 1;
        }
    }
    Some(literals <= 29 && distances <= 31 && (space == 128 || words <= 1))
}

fn is_printable(byte: u32) -> bool {
    matches!(byte, 9 | 10 | 13 | 32..=126)
}

/// Bits from the lowest up.
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    /// A number, the lowest bit first.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |number, place| Some(number | self.bit()? << place))
    }

    /// A code, the highest bit first.
    fn code(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |code, _| Some(code << 1 | self.bit()?))
    }
}

#[cfg(test)]
mod tests {
    use super::may_be_deflate;
    use miniz_oxide::deflate::compress_to_vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_deflated_may_be(text in "[ -~]{1,300}", level in 0_u8..=10) {
            prop_assert!(may_be_deflate(&compress_to_vec(text.as_bytes(), level)));
        }
    }

    #[test]
    fn most_other_bytes_may_not() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let passed = (0..1_000).filter(|_| may_be_deflate(&std::array::from_fn::<u8, 24, _>(|_| random()))).count();
        assert!(passed < 200, "{passed}");
    }
}
