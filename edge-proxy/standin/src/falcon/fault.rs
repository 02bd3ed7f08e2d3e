//! Failures on demand.

use axum::http::Method;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// `POST /oauth2/token`.
    Token,
    /// Contain or lift.
    Action,
    /// The search for hosts by name.
    Query,
    /// The reading of hosts' details, containment state included.
    Details,
    /// Opening or closing a real-time response session.
    Session,
    /// Sending a command.
    Command,
    /// Asking for a command's result.
    CommandStatus,
    /// Whatever comes next.
    Any,
}

impl On {
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        Some(match path {
            "/oauth2/token" => Self::Token,
            "/devices/entities/devices-actions/v2" => Self::Action,
            "/devices/queries/devices/v1" => Self::Query,
            "/devices/entities/devices/v2" => Self::Details,
            "/real-time-response/entities/sessions/v1" => Self::Session,
            "/real-time-response/entities/active-responder-command/v1" if method == Method::GET => Self::CommandStatus,
            "/real-time-response/entities/active-responder-command/v1" => Self::Command,
            _ => return None,
        })
    }
}

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `X-Ratelimit-Retryafter`: the unix second after this long.
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
}

impl Fault {
    /// Whether the request is carried out all the same.
    pub(super) fn acts(&self) -> bool {
        matches!(self, Self::ServerErrorAfterActing | Self::HangAfterActing | Self::DropAfterActing)
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<VecDeque<(On, Fault)>>);

impl Faults {
    pub(super) fn push(&self, on: On, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back((on, fault));
    }

    pub(super) fn take(&self, on: On) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = faults.iter().position(|(wanted, _)| *wanted == on || *wanted == On::Any)?;
        faults.remove(index).map(|(_, fault)| fault)
    }
}
