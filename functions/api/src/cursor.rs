//! Where a list goes on, as text that a caller carries from one request to the next. It holds an alert's id and nothing else:
//! the tenant and the range are the key's and the route's, so a made-up cursor leads to another place of the same list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;
use vyrox_contract::AlertId;

/// Behind this alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Cursor(pub(crate) AlertId);

/// What stands before the id, so that no other text is taken for one.
const MARK: &str = "alert:";

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{MARK}{}", self.0)))
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let refused = "cursor is none that this route gave: leave it out to begin anew";
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused)?;
        let text = String::from_utf8(bytes).map_err(|_| refused)?;
        text.strip_prefix(MARK).and_then(|id| id.parse().ok()).map(Self).ok_or(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_the_same_after_its_way_and_nothing_else_is_one() {
        let cursor = Cursor("6f0c9b3e-521d-5a61-8e77-2f4a90d311c8".parse().unwrap());
        assert_eq!(Cursor::try_from(cursor.to_string()), Ok(cursor));
        for bad in ["PROFILE", "alert:x", "alert:", "6f0c9b3e-521d-5a61-8e77-2f4a90d311c8"] {
            assert!(Cursor::try_from(bad.to_owned()).is_err());
            assert!(Cursor::try_from(URL_SAFE_NO_PAD.encode(bad)).is_err(), "{bad}");
        }
    }
}
