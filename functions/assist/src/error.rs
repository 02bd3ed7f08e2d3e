//! Why a command was not carried out, or not answered.

use std::time::Duration;
use vyrox_platform::discord::DiscordError;
use vyrox_platform::enrolment::TokenError;
use vyrox_platform::ledger::CommitError;
use vyrox_platform::secrets::SecretError;
use vyrox_platform::table::TableError;
use vyrox_platform::{Class, Classified};

/// Why a command was not carried out, or not answered.
#[derive(Debug, thiserror::Error)]
pub enum AssistError {
    /// The table could not be read.
    #[error("reading")]
    Table(#[from] TableError),
    /// The change could not be stored.
    #[error("storing")]
    Commit(#[from] CommitError),
    /// A secret could not be sealed.
    #[error("sealing a secret")]
    Secret(#[from] SecretError),
    /// An enrolment token could not be hashed.
    #[error("making an enrolment token")]
    Token(#[from] TokenError),
    /// Discord did not take the answer.
    #[error("answering")]
    Discord(#[from] DiscordError),
    /// The audit could not be written to a file.
    #[error("packing the audit")]
    File(#[from] std::io::Error),
    /// The chart could not be encoded.
    #[error("drawing the chart")]
    Chart(#[from] png::EncodingError),
    /// The tenant has no profile.
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// The command is not one that is carried out here.
    #[error("the command is not one of this function's")]
    NotOurs,
}

/// Whether Discord knows the invocation's token, but has not taken its first answer yet ("Unknown Webhook").
pub(crate) const fn is_early(error: &DiscordError) -> bool {
    matches!(error, DiscordError::Refused { code: 10_015, .. })
}

impl Classified for AssistError {
    fn class(&self) -> Class {
        match self {
            Self::Table(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Secret(error) => error.class(),
            Self::Discord(error) if is_early(error) => Class::Retry,
            // Nobody waits for an answer that Discord does not take: its token has died.
            Self::Discord(DiscordError::Refused { .. }) => Class::Reject,
            Self::Discord(error) => error.class(),
            Self::Token(_) | Self::File(_) | Self::Chart(_) | Self::NoSuchTenant | Self::NotOurs => Class::Poison,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Discord(error) => error.retry_after(),
            _ => None,
        }
    }
}
