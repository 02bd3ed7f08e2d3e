//! What a try at a model came to: a name for everything that can be wrong with it, and what it cost.

use std::time::Duration;
use vyrox_domain::llm::Answer;

/// Why a model gave no usable answer. The text is ours and goes into the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection.
    #[error("endpoint cannot be reached")]
    Unreachable,
    /// TLS refused.
    #[error("endpoint's TLS was not accepted")]
    Tls,
    /// It took too long, before or amid its answer.
    #[error("did not answer in time")]
    TimedOut,
    /// The connection ended amid the answer.
    #[error("answer broke off")]
    BrokeOff,
    /// 429.
    #[error("rate limited (429)")]
    RateLimited,
    /// 5xx.
    #[error("endpoint failed ({0})")]
    ServerError(u16),
    /// 401, 403.
    #[error("endpoint does not accept the key ({0})")]
    KeyRefused(u16),
    /// 3xx; redirects are not followed.
    #[error("endpoint redirects elsewhere ({0})")]
    Redirected(u16),
    /// Any other status.
    #[error("endpoint does not take the request ({0})")]
    RequestRefused(u16),
    /// More than is read.
    #[error("response is too large")]
    TooLarge,
    /// It says that it is something else than JSON.
    #[error("response is not JSON by its own account")]
    ContentType,
    /// It is not JSON.
    #[error("response is not JSON")]
    NotJson,
    /// A member of it is named twice.
    #[error("response says the same thing twice")]
    Ambiguous,
    /// 200 with an error inside.
    #[error("response is an error with status 200")]
    ErrorObject,
    /// No choices.
    #[error("response contains no answer")]
    NoChoices,
    /// More than the one that was asked for.
    #[error("response contains several answers")]
    SeveralChoices,
    /// The model refused.
    #[error("model refused to answer")]
    Refused,
    /// The answer hit the token limit.
    #[error("answer was cut short")]
    CutShort,
    /// The provider's filter withheld it.
    #[error("answer was withheld by the provider's filter")]
    Filtered,
    /// It ended for a reason that is no end of an answer, or that nobody here knows.
    #[error("answer did not end as an answer ends")]
    Unfinished,
    /// It wants to call tools, of which there are none.
    #[error("model asked for a tool instead of answering")]
    ToolCalls,
    /// No text.
    #[error("answer is empty")]
    Empty,
    /// Longer than any valid one.
    #[error("answer is too long")]
    AnswerTooLong,
    /// Prose, or JSON inside prose.
    #[error("answer is not JSON")]
    AnswerNotJson,
    /// JSON of another shape.
    #[error("answer is not the object that was asked for")]
    WrongShape,
    /// The tenant's tokens for today.
    #[error("token budget of the day is used up")]
    BudgetUsedUp,
    /// Earlier models took it all.
    #[error("no time was left to ask")]
    NoTimeLeft,
}

/// What a try came to.
#[derive(Debug)]
pub(super) enum Tried {
    Answer(Answer),
    Failure { why: NoAnswer, retry_after: Option<Duration> },
}

/// What a try cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It was turned away before any model saw it.
    Nothing,
    /// As much as the endpoint says.
    Tokens(u64),
    /// Nobody says.
    Unknown,
}

/// A try that failed and names no time to wait.
pub(super) const fn failure(why: NoAnswer, spent: Spent) -> (Tried, Spent) {
    (Tried::Failure { why, retry_after: None }, spent)
}
