//! Errors are modelled by what the caller must do about them, because that is the one thing that every caller asks: an HTTP
//! function picks its status by it, an SQS function decides between "again" and "never". What went wrong in detail stays in
//! the error's own type and its sources, for the log; what the outside is told is a text of its own.

/// The longest time between two attempts at what fails, unless its error says otherwise.
pub const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(300);

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The caller's fault: say so, do not try again.
    Reject,
    /// Nobody's fault: the same may succeed later.
    Retry,
    /// The message itself can never succeed: to the dead-letter queue, with the reason.
    Poison,
}

impl Class {
    /// In a word, for numbers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Retry => "retry",
            Self::Poison => "poison",
        }
    }
}

/// An error that knows its class.
pub trait Classified: std::error::Error {
    /// What to do about it.
    fn class(&self) -> Class;

    /// When to try again, where somebody said so.
    fn retry_after(&self) -> Option<std::time::Duration> {
        None
    }

    /// The longest time between two attempts, where nobody said when.
    fn longest_wait(&self) -> std::time::Duration {
        LONGEST_WAIT
    }

    /// Whether nothing is wrong with the message: others are before it, or nobody answers whom it is for. Only for messages of a
    /// queue that the function may send to.
    fn only_waits(&self) -> bool {
        false
    }
}
