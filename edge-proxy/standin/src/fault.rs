//! Failures on demand, the same kinds for every vendor.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A kind of request. Not every vendor has every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// For a token.
    Token,
    /// A change of a host, a threat or a machine: contain, disconnect, isolate, kill by threat, ...
    Action,
    /// The search for hosts by name.
    Query,
    /// The reading of a host's details, containment state included, or of a threat's.
    Details,
    /// Opening or closing a real-time response session.
    Session,
    /// Sending a command.
    Command,
    /// Asking for a command's result, or for machine actions.
    CommandStatus,
    /// Whatever comes next.
    Any,
}

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 that asks to wait this long in the vendor's own way: Falcon names the unix second in `X-Ratelimit-Retryafter`,
    /// Defender the seconds in `Retry-After`, SentinelOne does not say.
    RateLimited(Duration),
    /// 403, as for a client without the scope.
    Forbidden,
    /// 500 without having acted.
    ServerError,
    /// 500 although it acted.
    ServerErrorAfterActing,
    /// No answer and no action.
    Hang,
    /// No answer although it acted.
    HangAfterActing,
    /// The connection is cut without having acted.
    Drop,
    /// The connection is cut although it acted.
    DropAfterActing,
    /// 308 to this URL. A client must not follow it.
    Redirect(String),
    /// It acted, and the body is JSON of another shape.
    WrongShape,
    /// It acted, and the body is empty.
    Empty,
    /// It acted, and the body stops in the middle of the JSON.
    Torn,
}

impl Fault {
    /// Whether the request is carried out all the same.
    pub(crate) fn acts(&self) -> bool {
        matches!(
            self,
            Self::ServerErrorAfterActing
                | Self::HangAfterActing
                | Self::DropAfterActing
                | Self::WrongShape
                | Self::Empty
                | Self::Torn
        )
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<VecDeque<(On, Fault)>>);

impl Faults {
    pub(crate) fn push(&self, on: On, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back((on, fault));
    }

    pub(crate) fn take(&self, on: On) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = faults.iter().position(|(wanted, _)| *wanted == on || *wanted == On::Any)?;
        faults.remove(index).map(|(_, fault)| fault)
    }
}
