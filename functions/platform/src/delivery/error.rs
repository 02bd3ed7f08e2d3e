//! What can go wrong between an approved action and its receipt.

use crate::kms_key::KmsKeyError;
use crate::ledger::CommitError;
use crate::queue::SendError;
use crate::table::TableError;
use crate::{Class, Classified};
use vyrox_contract::{EnvelopeError, KeyError};
use vyrox_domain::approval::NotApproved;

/// Why an action was not handed over, or a receipt not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The table could not be read.
    #[error("reading")]
    Table(#[from] TableError),
    /// The state could not be stored.
    #[error("storing")]
    Commit(#[from] CommitError),
    /// The card could not be requested.
    #[error("requesting the card")]
    Send(#[from] SendError),
    /// KMS did not sign.
    #[error("signing")]
    Sign(#[from] KmsKeyError),
    /// The alert does not bear the action out.
    #[error("not an approved action")]
    NotApproved(#[from] NotApproved),
    /// The receipt is not the proxy's.
    #[error("receipt is not authentic")]
    Receipt(#[from] EnvelopeError),
    /// The stored key of the proxy cannot be read.
    #[error("the proxy's key cannot be read")]
    Key(#[from] KeyError),
    /// The receipt is the proxy's, but answers no action of it.
    #[error("receipt answers no action of this proxy")]
    ForeignReceipt,
    /// There is no such action.
    #[error("there is no such action")]
    NoSuchAction,
    /// Its alert has expired.
    #[error("there is no such alert")]
    NoSuchAlert,
}

impl Classified for DeliveryError {
    fn class(&self) -> Class {
        match self {
            Self::Table(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Send(error) => error.class(),
            Self::Sign(error) => error.class(),
            Self::NotApproved(_) | Self::Receipt(_) | Self::ForeignReceipt | Self::NoSuchAction | Self::NoSuchAlert => {
                Class::Reject
            }
            Self::Key(_) => Class::Poison,
        }
    }
}
