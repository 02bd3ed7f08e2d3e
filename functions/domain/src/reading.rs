//! How far a text that an attacker may have written is read, and what every reader of it undoes alike.
//!
//! The heuristics match on what is read, and the guard against injection looks for instructions in it. What one of them could
//! read and the other could not would be a place to hide.

mod base32;
mod deflate;
mod inflate;
mod look_alikes;

pub(crate) use base32::{from_base32, is_base32};
pub(crate) use inflate::decompressed;
pub(crate) use look_alikes::latin;
use std::borrow::Cow;

/// At most this many bytes of a field are looked at, half of them from the end, so padding cannot push a command out: as
/// many as a command line on Windows has at most.
pub(crate) const FIELD_LIMIT: usize = 32 * 1024;

/// Stands for what was left out of a text: a rule looks for it.
pub(crate) const LEFT_OUT: &str = " [...] ";

/// `text`, or of a longer one its beginning and its end with [`LEFT_OUT`] between them: at most [`FIELD_LIMIT`] bytes.
pub(crate) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= FIELD_LIMIT {
        return Cow::Borrowed(text);
    }
    let half = (FIELD_LIMIT - LEFT_OUT.len()) / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    Cow::Owned(format!("{}{LEFT_OUT}{}", &text[..head], &text[tail..]))
}

#[cfg(test)]
mod tests {
    use super::{FIELD_LIMIT, bounded};

    #[test]
    fn of_a_long_text_the_beginning_and_the_end_are_read() {
        let long = format!("first {} last", "é".repeat(FIELD_LIMIT));
        let read = bounded(&long);
        assert!(read.len() <= FIELD_LIMIT && read.starts_with("first ") && read.ends_with(" last"));
        assert!(read.contains("\u{e9} [...] \u{e9}"), "that something was left out is said");
        assert!(bounded(&format!("sh {read}")).contains(" [...] "), "and stays");
        assert_eq!(bounded("short"), "short");
    }
}
