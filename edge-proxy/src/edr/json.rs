//! Reading a vendor's answer.

use serde::Deserialize;
use serde_json::{Map, Value};

/// An answer, if all of it is JSON and it is an object. What nobody asks for is read as well: a body with bytes in it that
/// are no text, or with half a character, is not the vendor's, and nothing else that it says is believed. (A type of ours
/// could be read from a list of its fields, too, which no vendor sends.)
///
/// # Errors
/// Where it is not JSON, or has another shape.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_slice::<Map<String, Value>>(bytes)?;
    serde_json::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Affected {
        affected: u64,
    }

    #[test]
    fn what_is_passed_over_has_to_be_json_too() {
        assert_eq!(read::<Affected>(br#"{"affected":1,"more":"\u00e9"}"#).unwrap(), Affected { affected: 1 });
        for body in [
            &b"{\"affected\":1,\"more\":\"\xff\"}"[..],
            br#"{"affected":1,"more":"\ud800"}"#,
            br#"{"affected":1,"more":1e999}"#,
            b"[1]",
        ] {
            assert!(read::<Affected>(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
