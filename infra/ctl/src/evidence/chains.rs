//! The audit's own bytes: the cloud's lanes as they are stored, a proxy's log as its files are.

use super::pack::Pack;
use super::period::Period;
use crate::audit;
use crate::deployment::Deployment;
use crate::error::CtlError;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use vyrox_contract::TenantId;

/// The cloud's whole audit: its checkpoint lane, then all lanes.
pub(super) const CLOUD: &str = "audit/cloud.jsonl";
/// The checkpoint lane alone, the beginning of [`CLOUD`].
pub(super) const CHECKPOINTS: &str = "audit/checkpoints.jsonl";
/// How a canonical line of the checkpoint lane begins.
const CHECKPOINT: &[u8] = br#"{"action_type":"CHECKPOINT","#;

/// Enters that a pack is taken, and writes the tenant's audit, that entry included.
///
/// # Errors
/// [`CtlError`]: what is not entered is not exported.
pub(super) async fn cloud(
    deployment: &Deployment,
    tenant: &TenantId,
    period: Period,
    pack: &mut Pack,
) -> Result<(), CtlError> {
    let mut event = deployment.event(tenant, audit::EXPORTED);
    event.detail.insert("as".to_owned(), json!("evidence pack"));
    event.detail.insert("from".to_owned(), json!(period.first()));
    event.detail.insert("to".to_owned(), json!(period.last()));
    let mut sink = pack.open(CLOUD)?;
    audit::export(deployment, tenant, &event, &mut sink).await?;
    pack.close(sink)?;
    checkpoints(pack)?;
    Ok(())
}

/// Copies the checkpoints, which are the first lines, into a file of their own.
fn checkpoints(pack: &mut Pack) -> std::io::Result<()> {
    let mut lines = BufReader::new(File::open(pack.path(CLOUD))?);
    let mut sink = pack.open(CHECKPOINTS)?;
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 && line.starts_with(CHECKPOINT) {
        sink.write_all(&line)?;
        line.clear();
    }
    pack.close(sink)
}

/// Copies a proxy's log, file by file, into the folder `name` of the pack. Nothing else of its directory is taken.
///
/// # Errors
/// [`CtlError::NoProxyLog`] if there is none, or what the operating system says.
pub(super) fn proxy(directory: &Path, name: &str, pack: &mut Pack) -> Result<(), CtlError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let file = entry?.file_name();
        if let Some(file) = file.to_str().filter(|file| is_log(file)) {
            files.push(file.to_owned());
        }
    }
    if files.is_empty() {
        return Err(CtlError::NoProxyLog(directory.display().to_string()));
    }
    files.sort_unstable();
    for file in files {
        let mut sink = pack.open(&format!("{name}/{file}"))?;
        std::io::copy(&mut File::open(directory.join(&file))?, &mut sink)?;
        pack.close(sink)?;
    }
    Ok(())
}

fn is_log(file: &str) -> bool {
    let name = file.strip_suffix(".gz").or_else(|| file.strip_suffix(".zst")).unwrap_or(file);
    name.starts_with("audit-") && name.ends_with(".jsonl")
}
