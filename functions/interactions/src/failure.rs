//! What of ours can fail under a click.

use vyrox_platform::ledger::CommitError;
use vyrox_platform::queue::SendError;
use vyrox_platform::secrets::SecretError;
use vyrox_platform::table::TableError;

/// Something of ours failed. Nothing was recorded, except perhaps by a commit of unknown fate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Send(#[from] SendError),
    /// A host of a plan was ruled on that was not read: a mistake of ours.
    #[error("a host was ruled on that was not read")]
    Unread,
    /// An approver's second factor does not open.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Failure {
    /// Whether something may have been recorded after all.
    pub(crate) const fn may_be_recorded(&self) -> bool {
        matches!(self, Self::Commit(CommitError::Unavailable(_)))
    }

    /// Whether another click was faster: read again, rule again.
    pub(crate) const fn is_race(&self) -> bool {
        matches!(self, Self::Commit(CommitError::Conflict(_)))
    }
}
