//! The outcome table: what each thing that a vendor can show counts as. All vendors go through here and only here.
//!
//! | observed | counts as |
//! |---|---|
//! | the state is there, or on its way, before anything was asked | `already`, read back |
//! | taken: Falcon 202 that names the device, SentinelOne `affected: 1`, Defender 201 | `executed` or `rolled_back`, read back |
//! | in that state already: Falcon's error 409, Defender's "in progress" of the same kind | `already`, read back |
//! | nothing changed: SentinelOne `affected: 0` | a new look decides: `already`, or `failed` |
//! | the policy's word has lapsed by the time it is asked for | `refused` |
//! | 401 with a new token, 403, 4xx, not connected, rate limit for longer than the action may take | `failed` |
//! | no whole answer, 5xx, an answer that is not understood | a new look: there or on its way: taken. If not, what sets a state is asked for once more; **a kill never is** |
//! | still unclear | `ambiguous` |
//! | read back until the deadline: the wanted state | `confirmed` |
//! | ... on its way, or not to be seen | `unconfirmed` |
//! | ... another state | `contradicted` |
//! | the vendor itself reports that it did not work | `failed`, `contradicted` |

use super::failure::{Failure, Why};
use super::{Ending, Leave, Order};
use crate::text::printable;
use tokio::time::Instant;
use vyrox_contract::{Operation, Outcome as Kind, Verification};

/// One change at one vendor: it can be asked for, and something shows how far it is.
pub(super) trait Change {
    /// Looks how far it is. `reference` is the vendor's id of the operation, once there is one.
    async fn look(&self, reference: Option<&str>) -> Result<Reading, Failure>;

    /// Asks for it, by this leave.
    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure>;
}

/// What a look has shown, in the vendor's word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The wanted state.
    There(String),
    /// The state on the way to it.
    OnItsWay(String),
    /// Another state.
    Elsewhere(String),
    /// The vendor has tried, and reports that it did not work.
    Failed(String),
    /// Nothing that says anything.
    Unseen,
}

/// What a vendor made of a request that it did not refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Taken.
    Accepted,
    /// It is so, or becomes so, already.
    Already,
    /// Nothing was changed.
    Nothing,
}

/// The same, with what the vendor calls it.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) answer: Answer,
    /// The vendor's id of the operation, to look it up by.
    pub(super) reference: Option<String>,
    /// The vendor's trace id.
    pub(super) trace: Option<String>,
}

impl Reading {
    /// By a word for the state, the wanted one, and the one on the way to it.
    pub(super) fn of(state: &str, wanted: &str, pending: &str) -> Self {
        let text = printable(state, 60);
        match state {
            _ if state == wanted => Self::There(text),
            _ if state == pending => Self::OnItsWay(text),
            _ => Self::Elsewhere(text),
        }
    }
}

/// Acts, or only looks at what an interrupted action has come to.
pub(super) async fn pursue(change: &impl Change, order: &Order<'_>) -> Ending {
    match order.leave {
        Some(leave) => act(change, leave, order).await,
        None => examine(change.look(None).await),
    }
}

async fn act(change: &impl Change, leave: Leave<'_>, order: &Order<'_>) -> Ending {
    let done = match order.operation {
        Operation::Execute => Kind::Executed,
        Operation::Rollback => Kind::RolledBack,
    };
    match change.look(None).await {
        Ok(Reading::There(_) | Reading::OnItsWay(_)) => {
            return read_back(change, Kind::Already, &Names::default(), order).await;
        }
        Ok(_) => {}
        Err(failure) => return failed(&failure),
    }
    let mut lost: Option<Failure> = None;
    for _ in 0..2 {
        // After a lost answer, "already so" is most likely its own doing.
        let already = if lost.is_some() { done } else { Kind::Already };
        match change.ask(leave).await {
            Ok(Taken { answer, reference, trace }) => {
                let names = Names { operation: reference, trace };
                let kind = if answer == Answer::Accepted { done } else { already };
                return match answer {
                    Answer::Accepted | Answer::Already => read_back(change, kind, &names, order).await,
                    Answer::Nothing => match change.look(None).await {
                        Ok(Reading::There(_) | Reading::OnItsWay(_)) => read_back(change, kind, &names, order).await,
                        Ok(_) if lost.is_none() => failed(&Why::Target("the EDR changed nothing").into()),
                        Ok(_) => ambiguous(&Why::Target("the EDR changed nothing after a lost answer").into()),
                        Err(failure) => ambiguous(&failure),
                    },
                };
            }
            Err(failure) if failure.is_unclear() => match look_again(change, order).await {
                Ok(Reading::There(_) | Reading::OnItsWay(_)) => {
                    let names = Names { operation: None, trace: failure.trace };
                    return read_back(change, done, &names, order).await;
                }
                // It was not taken, and asking for a state again is safe.
                Ok(_) if order.deed.is_repeatable() => lost = Some(failure),
                Ok(_) | Err(_) => return ambiguous(&failure),
            },
            // The first request may still take effect.
            Err(failure) if lost.is_some() => return ambiguous(&failure),
            Err(failure) => return failed(&failure),
        }
    }
    let text = "the EDR's answer was lost twice; its state was unchanged after each";
    Ending { vendor_reference: lost.and_then(|failure| failure.trace), ..Ending::unread(Kind::Ambiguous, text) }
}

/// The look after a lost answer. What cannot be asked for again is given time to show.
async fn look_again(change: &impl Change, order: &Order<'_>) -> Result<Reading, Failure> {
    let deadline = Instant::now() + order.api.timing().confirm_for;
    loop {
        let last = order.deed.is_repeatable() || Instant::now() >= deadline;
        match change.look(None).await {
            Ok(reading @ (Reading::There(_) | Reading::OnItsWay(_))) => return Ok(reading),
            other if last => return other,
            _ => order.api.pause(deadline).await,
        }
    }
}

/// Reads the state until it is the wanted one or the deadline has passed; the last read begins at the deadline.
async fn read_back(change: &impl Change, kind: Kind, names: &Names, order: &Order<'_>) -> Ending {
    let begun = if kind == Kind::Already { "already so" } else { "accepted" };
    let deadline = Instant::now() + order.api.timing().confirm_for;
    loop {
        let last = Instant::now() >= deadline;
        let (verification, text) = match change.look(names.operation.as_deref()).await {
            Ok(Reading::There(state)) => {
                let text = format!("{begun}; the EDR shows {}", printable(&state, 60));
                return names.ending(kind, Verification::Confirmed, text);
            }
            Ok(Reading::Failed(reason)) => {
                let text = format!("{begun}, but the EDR reports: {}", printable(&reason, 160));
                return names.ending(Kind::Failed, Verification::Contradicted, text);
            }
            Ok(Reading::OnItsWay(state)) => {
                (Verification::Unconfirmed, format!("the EDR still shows {}", printable(&state, 60)))
            }
            Ok(Reading::Elsewhere(state)) => {
                (Verification::Contradicted, format!("the EDR shows {}", printable(&state, 60)))
            }
            Ok(Reading::Unseen) => (Verification::Unconfirmed, "the EDR does not show it".to_owned()),
            Err(failure) => (Verification::Unconfirmed, format!("reading back failed: {failure}")),
        };
        if last {
            return names.ending(kind, verification, format!("{begun}; {text}"));
        }
        order.api.pause(deadline).await;
    }
}

/// What an interrupted action has come to. It is ambiguous whatever the state is: nobody knows who made it so.
fn examine(read: Result<Reading, Failure>) -> Ending {
    let (verification, state) = match read {
        Ok(Reading::There(state)) => (Verification::Confirmed, state),
        Ok(Reading::OnItsWay(state) | Reading::Elsewhere(state) | Reading::Failed(state)) => {
            (Verification::Unconfirmed, state)
        }
        Ok(Reading::Unseen) | Err(_) => (Verification::None, "unknown".to_owned()),
    };
    let detail = format!("interrupted; the EDR's state is now {}", printable(&state, 60));
    Ending { verification, ..Ending::unread(Kind::Ambiguous, detail) }
}

/// A failure that changed nothing.
pub(super) fn failed(failure: &Failure) -> Ending {
    match failure.why {
        Why::Policy(refusal) => Ending::refused(refusal),
        _ => Ending { kind: Kind::Failed, ..ambiguous(failure) },
    }
}

/// A failure that may have changed something.
fn ambiguous(failure: &Failure) -> Ending {
    Ending { vendor_reference: failure.trace.clone(), ..Ending::unread(Kind::Ambiguous, failure.to_string()) }
}

/// What the vendor calls what it took.
#[derive(Debug, Default)]
struct Names {
    operation: Option<String>,
    trace: Option<String>,
}

impl Names {
    /// An ending that carries both: the operation's id as its reference, and the trace id beside it in the text.
    fn ending(&self, kind: Kind, verification: Verification, text: String) -> Ending {
        let detail = match (&self.operation, &self.trace) {
            (Some(_), Some(trace)) => format!("{text} (trace {trace})"),
            _ => text,
        };
        let vendor_reference = self.operation.clone().or_else(|| self.trace.clone());
        Ending { verification, vendor_reference, ..Ending::unread(kind, detail) }
    }
}
