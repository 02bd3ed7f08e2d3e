//! Clicks that were counted: what proves, at delivery, that people approved.

use serde::{Deserialize, Serialize};
use vyrox_domain::interaction::ClickProof;

/// A click that was counted, or a wrong code that was, as stored under `INTER#`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedClick {
    /// What it came to.
    pub kind: String,
    /// What Discord signed; nothing of a wrong code, which must never prove anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ClickProof>,
}

/// What a click with a wrong code is remembered as.
const CODE_REFUSED: &str = "CODE_REFUSED";

impl CountedClick {
    /// A click with a wrong code: it must never prove anything.
    #[must_use]
    pub fn wrong_code() -> Self {
        Self { kind: CODE_REFUSED.to_owned(), proof: None }
    }

    /// Whether it came to anything but a wrong code.
    #[must_use]
    pub fn has_counted(&self) -> bool {
        self.kind != CODE_REFUSED
    }
}
