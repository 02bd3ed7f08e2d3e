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
        Some(1) => says_text(&mut bits),
        Some(2) => lengths_are_a_code(&mut bits).unwrap_or(false),
        _ => false,
    }
}

/// Fixed codes: whether the first few words are of a text, or repeat what is before them.
fn says_text(bits: &mut Bits<'_>) -> bool {
    /// Of bytes that are something else, one in three words passes.
    const FEW: usize = 8;
    let mut written = 0;
    for place in 0..FEW {
        let possible = match bits.fixed() {
            Some(Word::Byte(byte)) => {
                written += 1;
                // Every other byte of UTF-16 is zero.
                is_printable(byte) || byte == 0 && place > 0
            }
            Some(Word::Repetition { length, distance }) => {
                let possible = distance <= written;
                written += length;
                possible
            }
            // A short text.
            Some(Word::End) => return place > 0,
            None => false,
        };
        if !possible {
            return false;
        }
    }
    true
}

/// What the fixed codes say.
enum Word {
    Byte(u32),
    /// At least so many bytes from at least so far back.
    Repetition {
        length: u32,
        distance: u32,
    },
    End,
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

    /// The next word in the fixed codes; `None` if there is none.
    fn fixed(&mut self) -> Option<Word> {
        let start = self.code(7)?;
        let symbol = match start {
            0..24 => 256 + start,
            24..96 => (start << 1 | self.bit()?) - 0x30,
            96..100 => 280 + (start << 1 | self.bit()?) - 0xc0,
            _ => 144 + (start << 2 | self.code(2)?) - 0x190,
        };
        let length = match symbol {
            0..256 => return Some(Word::Byte(symbol)),
            256 => return Some(Word::End),
            257..265 => symbol - 254,
            // Four symbols have one bit more each.
            265..285 => {
                let bits = (symbol - 261) / 4;
                self.take(bits)?;
                ((4 + (symbol - 261) % 4) << bits) + 3
            }
            285 => 258,
            _ => return None,
        };
        let distance = match self.code(5)? {
            code @ 0..4 => code + 1,
            code @ 4..30 => {
                let bits = code / 2 - 1;
                self.take(bits)?;
                ((2 + code % 2) << bits) + 1
            }
            _ => return None,
        };
        Some(Word::Repetition { length, distance })
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
        assert!(passed < 60, "{passed}");
    }
}
