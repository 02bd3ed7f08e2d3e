//! What can go wrong with a log.

use crate::SealError;
use std::io;
use std::path::{Path, PathBuf};

/// Why the log could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process has it open.
    #[error("the audit log in {0} is in use by another process")]
    Locked(PathBuf),
    /// A line that is not an entry, and not a torn last line either: the log has been altered or the disk is failing.
    #[error("damaged audit log: {file}, line {line}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: crate::EntryError,
    },
    /// The log belongs to another chain: another proxy's directory, or the proxy was renamed.
    #[error(
        "the audit log in {dir} is of chain {found:?}, not {expected:?}; give the new chain a directory of its own"
    )]
    ForeignChain {
        /// The log's directory.
        dir: PathBuf,
        /// The chain in the log.
        found: String,
        /// The chain that was asked for.
        expected: String,
    },
    /// A draft of a batch cannot be sealed. Nothing of the batch was written.
    #[error("draft {index} of the batch cannot be entered")]
    Draft {
        /// Which, from 0.
        index: usize,
        /// Why.
        #[source]
        source: SealError,
    },
    /// The file is not as this process left it: shortened, extended or removed by someone else.
    #[error("{0} was changed by another process")]
    Changed(PathBuf),
    /// An index does not say what the log says. [`Log::discard_indexes`](super::Log::discard_indexes) makes it anew from the log.
    #[error("{0} does not agree with the log")]
    Index(PathBuf),
    /// The time given is outside the years 0 to 9999.
    #[error("{0} is not a usable unix time")]
    Time(i64),
    /// The operating system said no.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
}

impl LogError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// Whether the disk is full, the one failure that mends itself.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
