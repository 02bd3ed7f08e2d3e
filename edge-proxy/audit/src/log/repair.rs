//! Cutting off a torn last line without losing the trace of it, in steps of which each can be the last before a crash:
//! keep the bytes in `torn.pending`, cut the file, enter `AUDIT_REPAIRED`, rename to `torn-<seq of that entry>.bin`.
//! A `torn.pending` found at a start means that the entry may still be missing, so it is written (again).

use super::LogError;
use super::disk::{self, Disk};
use super::tail::Cut;
use crate::Draft;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::io::{self, Write as _};
use std::path::Path;
use vyrox_contract::AuditHead;

const PENDING_FILE: &str = "torn.pending";
const EVENT: &str = "AUDIT_REPAIRED";

/// Keeps the torn bytes and cuts them off the log.
pub(super) fn set_aside(dir: &Path, disk: &dyn Disk, cut: Option<&Cut>) -> Result<(), LogError> {
    let Some(cut) = cut else { return Ok(()) };
    let pending = dir.join(PENDING_FILE);
    let keep = || -> io::Result<()> {
        let mut file = disk::options().write(true).create(true).truncate(true).open(&pending)?;
        file.write_all(&cut.bytes)?;
        file.sync_all()?;
        disk::sync_dir(dir)
    };
    keep().map_err(LogError::io("write", &pending))?;
    let shorten = || -> io::Result<()> {
        let file = std::fs::OpenOptions::new().write(true).open(&cut.path)?;
        disk.truncate(&file, cut.at)?;
        disk.sync(&file)
    };
    shorten().map_err(LogError::io("cut back", &cut.path))
}

/// The entry that a repair still needs.
pub(super) fn unreported(dir: &Path, tenant: &str, now: i64) -> Result<Option<Draft>, LogError> {
    let pending = dir.join(PENDING_FILE);
    let bytes = match std::fs::read(&pending) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io("read", &pending)(error)),
    };
    let mut draft = Draft::event(now, tenant, EVENT);
    draft.detail.insert("cut_bytes".into(), json!(bytes.len()));
    draft.detail.insert("cut_sha256".into(), json!(hex::encode(Sha256::digest(&bytes))));
    Ok(Some(draft))
}

/// Files the torn bytes under the number of the entry that tells of them.
pub(super) fn reported(dir: &Path, head: Option<AuditHead>) -> Result<(), LogError> {
    let pending = dir.join(PENDING_FILE);
    let seq = head.map_or(0, |head| head.seq);
    std::fs::rename(&pending, dir.join(format!("torn-{seq}.bin")))
        .and_then(|()| disk::sync_dir(dir))
        .map_err(LogError::io("rename", &pending))
}
