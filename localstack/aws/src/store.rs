//! Where queues, messages and keys live: one SQLite database, in a file or in memory.
//!
//! In a file, the write-ahead log is written before an operation is acknowledged, so killing the process loses nothing
//! that was acknowledged; it is not synced to the disk for every operation, so a power cut may.

use crate::wire::OperationError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queues (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL,       -- ms
    modified INTEGER NOT NULL,      -- ms
    attributes TEXT NOT NULL        -- JSON, only what was set
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL REFERENCES queues(name) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT NOT NULL,       -- JSON, as sent
    group_id TEXT,
    trace TEXT,
    sent INTEGER NOT NULL,          -- ms
    visible INTEGER NOT NULL,       -- ms: not before this
    first_received INTEGER,         -- ms
    receives INTEGER NOT NULL DEFAULT 0,
    receipt TEXT,                   -- the latest one
    dead_from TEXT                  -- the queue it was moved here from
);
CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible, id);
CREATE INDEX IF NOT EXISTS messages_by_age ON messages (queue, sent);
CREATE INDEX IF NOT EXISTS messages_by_group ON messages (queue, coalesce(group_id, ''), visible, id);
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    created INTEGER NOT NULL,       -- ms
    description TEXT NOT NULL,
    spec TEXT NOT NULL,
    material BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (
    name TEXT PRIMARY KEY,
    key TEXT NOT NULL REFERENCES keys(id),
    created INTEGER NOT NULL        -- ms
) WITHOUT ROWID;
";

/// The database. Every access is one transaction.
pub(crate) struct Store(Mutex<Connection>);

impl Store {
    /// Opens the file, or memory without one.
    ///
    /// # Errors
    /// SQLite's: the file cannot be opened, is not a database, or another process has it open.
    pub(crate) fn open(file: Option<&Path>) -> rusqlite::Result<Self> {
        let connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(std::time::Duration::from_millis(250))?;
        // Exclusive: two processes would each wake only their own waiting receivers.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Statements are planned once, not anew for every value that is bound to them.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Does `work` in one transaction: all of it, or nothing if it fails.
    pub(crate) fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, OperationError>,
    ) -> Result<T, OperationError> {
        // A panic inside a transaction rolls it back, so the connection stays good.
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::Store;

    #[test]
    fn a_file_that_is_open_elsewhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("aws.sqlite");
        let first = Store::open(Some(&file)).unwrap();
        assert!(Store::open(Some(&file)).is_err());
        drop(first);
        assert!(Store::open(Some(&file)).is_ok());
    }

    #[test]
    fn what_failed_half_way_left_nothing() {
        let store = Store::open(None).unwrap();
        let failed: Result<(), _> = store.transact(|transaction| {
            transaction.execute("INSERT INTO queues VALUES ('q', 0, 0, '{}')", ())?;
            Err(crate::wire::Refusal::new("Refused", "half way").into())
        });
        assert!(failed.is_err());
        let count: i64 =
            store.transact(|t| Ok(t.query_row("SELECT count(*) FROM queues", (), |row| row.get(0))?)).unwrap();
        assert_eq!(count, 0);
    }
}
