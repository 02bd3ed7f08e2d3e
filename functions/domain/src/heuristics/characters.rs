//! Which characters a text has: looked up before anything is done that needs them.

/// The ASCII characters of a text.
pub(super) struct Characters([bool; 256]);

impl Characters {
    pub(super) fn of(text: &str) -> Self {
        let mut seen = [false; 256];
        text.bytes().for_each(|byte| seen[usize::from(byte)] = true);
        Self(seen)
    }

    pub(super) const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    pub(super) fn any(&self, bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| self.has(*byte))
    }

    pub(super) fn all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.has(*byte))
    }

    /// As a set of bits.
    pub(super) fn bits(&self) -> u128 {
        self.0[..128].iter().rev().fold(0, |bits, seen| bits << 1 | u128::from(*seen))
    }
}

#[cfg(test)]
mod tests {
    use super::Characters;

    #[test]
    fn what_a_text_has_is_known() {
        let characters = Characters::of("a~\u{e9}");
        assert!(characters.has(b'a') && characters.any(b"xa") && characters.all(b"~a"));
        assert!(!characters.has(b'e') && !characters.any(b"xe") && !characters.all(b"xa"));
        assert_eq!(characters.bits(), 1 << b'a' | 1 << b'~');
    }
}
