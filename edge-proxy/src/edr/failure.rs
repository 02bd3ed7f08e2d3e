//! Why a call did not work, and whether the vendor may have acted all the same.

use crate::policy;
use std::fmt;
use std::time::Duration;

/// A call that did not work, with the vendor's trace id where there is one.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: Why,
    pub(super) trace: Option<String>,
}

/// The reason.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    /// Sent, perhaps, and no whole answer.
    #[error("no answer from the EDR")]
    NoAnswer(#[source] reqwest::Error),
    /// Not even connected.
    #[error("the EDR cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// 401 with a new token, or no token.
    #[error("the EDR does not accept the credentials, or not from this address")]
    Credentials,
    /// 403.
    #[error("the EDR denies it: this proxy's API client needs {0}, or an allow-listed address")]
    Permission(&'static str),
    /// 429, with the wait that it asks for; it ends an action if that is longer than the action may take.
    #[error("the EDR is over its rate limit")]
    RateLimit(Duration),
    /// 5xx.
    #[error("the EDR failed with HTTP {0}")]
    Server(u16),
    /// Another status when asked for a token: nothing was asked of the EDR itself yet.
    #[error("the EDR answered HTTP {0} when asked for a token")]
    NoToken(u16),
    /// Another status, or an error for the device.
    #[error("the EDR refused: {0}")]
    Refused(Refusal),
    /// 2xx, but not what the API documents.
    #[error("the EDR's answer is not understood")]
    Answer,
    /// The device is not there, not the only one, or not the one that the approver saw.
    #[error("{0}")]
    Target(&'static str),
    /// The policy does not agree to this device, or not any more.
    #[error("{0}")]
    Policy(policy::Refusal),
}

/// A vendor's no, in its own words: bounded, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// The HTTP status, or 0 for an error inside an answer with another status.
    pub status: u16,
    /// The vendor's code.
    pub code: String,
    /// The vendor's text.
    pub message: String,
    /// The vendor's id of this very error.
    pub trace: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.status != 0).then(|| format!("HTTP {}", self.status)),
            (!self.code.is_empty()).then(|| format!("code {}", self.code)),
            (!self.message.is_empty()).then(|| self.message.clone()),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

impl Failure {
    /// Whether the change may have been taken all the same.
    pub(super) const fn is_unclear(&self) -> bool {
        matches!(self.why, Why::NoAnswer(_) | Why::Server(_) | Why::Answer)
    }
}

impl From<Why> for Failure {
    fn from(why: Why) -> Self {
        Self { why, trace: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}
