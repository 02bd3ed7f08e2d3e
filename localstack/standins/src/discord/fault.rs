//! Faults on demand.

use std::time::Duration;

/// What a REST request meets instead of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// 429 with this many seconds of `retry_after`; nothing is done.
    RateLimited {
        /// Seconds.
        retry_after: f64,
        /// Whether the limit is the bot's global one.
        global: bool,
    },
    /// 500; nothing is done.
    ServerError,
    /// No answer for this long, then 504; nothing is done.
    Hang(Duration),
    /// The work is done, the caller gets 502 instead of the answer.
    LostResponse,
    /// Any refusal by Discord, e.g. 403 with code 50001; nothing is done.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Discord's error code.
        code: u32,
        /// Discord's message.
        message: String,
    },
}
