//! A delivery's headers, as far as a scheme may look at them.

use std::collections::HashMap;
use std::fmt;

/// The longest value that is looked at, in bytes.
const MAX_VALUE: usize = 4 * 1024;

/// Headers that came exactly once, by name in lower case. One that came twice counts as absent: which of the two a proxy
/// on the way looked at is nobody's guess. (API Gateway joins repeated headers with a comma before anything here sees
/// them; no scheme takes such a value either.)
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HashMap<String, Option<Vec<u8>>>);

impl Headers {
    /// The value of a header (its name in any case), if there is exactly one.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        self.0.get(&name.to_ascii_lowercase())?.as_deref()
    }

    /// The same as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.only(name)?).ok()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut found = HashMap::new();
        for (name, value) in headers {
            let value = value.as_ref();
            let once = (value.len() <= MAX_VALUE).then(|| value.to_vec());
            found.entry(name.as_ref().to_ascii_lowercase()).and_modify(|seen| *seen = None).or_insert(once);
        }
        Self(found)
    }
}

impl fmt::Debug for Headers {
    /// Names only: values are what proves a sender.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.0.keys().collect();
        names.sort();
        f.debug_tuple("Headers").field(&names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Headers, MAX_VALUE};

    #[test]
    fn a_header_counts_if_it_came_exactly_once_and_is_no_flood() {
        let long = "x".repeat(MAX_VALUE + 1);
        let headers: Headers =
            [("X-One", "1"), ("x-two", "a"), ("X-TWO", "a"), ("x-two", "a"), ("x-long", &long)].into_iter().collect();
        assert_eq!(headers.only("x-ONE"), Some(b"1".as_slice()));
        for absent in ["x-two", "x-long", "x-none", ""] {
            assert_eq!(headers.only(absent), None, "{absent}");
        }
        assert_eq!(format!("{headers:?}"), r#"Headers(["x-long", "x-one", "x-two"])"#);
    }
}
