//! Which characters a text has: looked up before anything is done that needs them.

/// The ASCII characters of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Characters(u128);

impl Characters {
    pub(super) fn of(text: &str) -> Self {
        let mut seen = [0_u8; 256];
        text.bytes().for_each(|byte| seen[usize::from(byte)] = 1);
        // The product's upper eight bits are the lowest bits of the eight bytes.
        let eight = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        let (eights, _) = seen[..128].as_chunks();
        Self(eights.iter().rev().fold(0, |bits, bytes| bits << 8 | u128::from(eight(bytes))))
    }

    #[inline]
    pub(super) const fn has(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }

    #[inline]
    pub(super) const fn any(self, bytes: &[u8]) -> bool {
        self.0 & set(bytes) != 0
    }

    #[inline]
    pub(super) const fn all(self, bytes: &[u8]) -> bool {
        !self.0 & set(bytes) == 0
    }

    /// Those of a text from which all `bytes` have been taken.
    pub(super) const fn without(self, bytes: &[u8]) -> Self {
        Self(self.0 & !set(bytes))
    }

    /// As a set of bits.
    pub(super) const fn bits(self) -> u128 {
        self.0
    }
}

/// `bytes`, which are ASCII, as a set of bits.
#[inline]
const fn set(bytes: &[u8]) -> u128 {
    let (mut set, mut at) = (0, 0);
    while at < bytes.len() {
        set |= 1 << bytes[at];
        at += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::Characters;
    use proptest::prelude::*;

    #[test]
    fn what_a_text_has_is_known() {
        let characters = Characters::of("a~\u{e9}");
        assert!(characters.has(b'a') && characters.any(b"xa") && characters.all(b"~a"));
        assert!(!characters.has(b'e') && !characters.any(b"xe") && !characters.all(b"xa"));
        assert_eq!(characters.bits(), 1 << b'a' | 1 << b'~');
        assert_eq!(characters.without(b"~x"), Characters::of("a"));
    }

    proptest! {
        #[test]
        fn every_character_and_no_other_is_known(text in ".{0,80}") {
            let characters = Characters::of(&text);
            for byte in 0..128 {
                prop_assert_eq!(characters.has(byte), text.contains(char::from(byte)));
            }
        }
    }
}
