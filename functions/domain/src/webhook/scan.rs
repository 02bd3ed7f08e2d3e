//! Looking for one thing in raw JSON without building a document: a cursor that never recurses, never allocates and reads
//! every byte at most once. It is lenient about what it passes over, because nothing is believed for having been scanned.

/// A place in raw JSON.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte that is not white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while matches!(self.bytes.get(self.at)?, b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    /// Takes this byte, if it is the next one.
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Takes a string; what stands between its quotes, with its escapes.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.bytes.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(&self.bytes[start..self.at - 1]);
                }
                _ => self.at += 1,
            }
        }
    }

    /// Takes a value of any kind.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth == 0 => return None,
                b',' | b':' => self.at += 1,
                _ => self.word(),
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Takes a number or a word.
    fn word(&mut self) {
        let ends = b" \t\r\n,:{}[]\"";
        while self.bytes.get(self.at).is_some_and(|byte| !ends.contains(byte)) {
            self.at += 1;
        }
    }

    /// Goes through the members of an object: `visit` gets each key and has to take its value.
    pub(super) fn members(&mut self, mut visit: impl FnMut(&'a [u8], &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.take(b':')?;
            visit(key, self)?;
            if self.take(b'}').is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    /// Goes through the items of an array: `visit` has to take each.
    pub(super) fn items(&mut self, mut visit: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            visit(self)?;
            if self.take(b']').is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_done(&mut self) -> bool {
        self.peek().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;
    use proptest::prelude::*;

    #[test]
    fn values_of_every_kind_are_passed_over_whole() {
        for value in [r#""a\"b\\""#, "-1.5e3", "true", "null", "{}", "[]", r#"{"a":[1,{"b":"]}"}],"c":null}"#, " [ ] "]
        {
            let text = format!("{value},rest");
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!((cursor.skip_value(), cursor.peek()), (Some(()), Some(b',')), "{value}");
        }
        for broken in ["", " ", "[", "{\"a\"", "\"a", "\"a\\", ",", ":", "]", "}", "\"\\\""] {
            assert_eq!(Cursor::new(broken.as_bytes()).skip_value(), None, "{broken}");
        }
        assert_eq!(Cursor::new("[".repeat(200_000).as_bytes()).skip_value(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\a1 ".to_vec()), 0..64)) {
            let mut cursor = Cursor::new(&bytes);
            while cursor.skip_value().is_some() {}
            let mut cursor = Cursor::new(&bytes);
            let _ = cursor.members(|_, cursor| cursor.items(Cursor::skip_value).or_else(|| cursor.skip_value()));
        }
    }
}
