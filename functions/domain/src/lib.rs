//! Vyrox's judgement, pure: no I/O, no clock, no environment, no async.
//!
//! Read it in the order of an alert's way; each type can be made only by the step that earns it:
//!
//! ```text
//!  webhook::RawDelivery -> webhook::Authenticated -> alert::NormalizedAlert -> verdict::Verdict -> plan::Plan
//!      -> approval::Approval -> approval::ApprovedAction -> (platform signs) SignedAction
//! ```
//!
//! | module | what it answers |
//! |---|---|
//! | [`webhook`] | who sent these bytes? |
//! | [`vendor`] | what do they say, in one shape? |
//! | [`alert`] | that shape |
//! | [`heuristics`] | how suspicious is it, by which rules? |
//! | [`llm`] | what is a model asked about the ambiguous rest, and what may its answer change? |
//! | [`judgement`] | what becomes of both, and what an answer may never change |
//! | [`fingerprint`] | has the same been asked before? |
//! | [`history`] | what was seen on this host, and decided about the same, before? |
//! | [`verdict`] | the conclusion with its evidence |
//! | [`plan`] | what would be done about it, exactly as it will be shown |
//! | [`access`] | what may the holder of an API key do? |
//! | [`tenant`] | who may approve, where it is shown, which proxy acts |
//! | [`approval`] | is this click a decision? |
//! | [`step_up`] | is it still the approver at the keyboard? |
//! | [`action`] | the life of an approved action until its receipt |
//! | [`storm`] | is it one of many, and where is it shown then? |
//! | [`channel`], [`backup`] | what if Discord does not take it? |
//! | [`card`], [`text`] | how all this looks in Discord, with hostile text made harmless |
//! | [`command`] | what a slash command asks for, and who may |
//! | [`parts`] | which part of a body with several alerts is whose? |
//! | [`redact`] | which parts of a text are secrets, before it is kept or shown? |
//! | [`message`] | what travels between functions |
//! | [`trace`] | which alert is this log line about, and what caused it? |

pub mod access;
pub mod action;
pub mod alert;
pub mod approval;
pub mod backup;
pub mod card;
pub mod channel;
pub mod command;
pub mod contradiction;
pub mod custom_id;
pub mod fingerprint;
pub mod heuristics;
pub mod history;
pub mod interaction;
pub mod judgement;
pub mod llm;
pub mod message;
pub mod parts;
pub mod plan;
mod rare;
mod reading;
pub mod record;
pub mod redact;
#[cfg(test)]
mod stage;
pub mod step_up;
pub mod storm;
pub mod tenant;
pub mod text;
pub mod timestamp;
pub mod trace;
pub mod vendor;
pub mod verdict;
pub mod webhook;
