//! `vyroxctl import`.

mod compared;
mod write;

use super::file::Whole;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use vyrox_contract::TenantId;
use vyrox_platform::table::SortKey;
use vyrox_platform::transfer::{Stored, Transfer};

/// How many items are compared or written at once.
const AT_ONCE: usize = 16;

/// What `vyroxctl export` has written
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vyroxctl import acme.jsonl
  vyroxctl import acme.jsonl --dry-run      checks the file and compares, and writes nothing

The whole file is checked first: its form, its count, its hash. Then every item is compared with what is stored here, and \
if one differs nothing is written: an import fills what is missing, and overwrites nothing. A tenant's settings come last, \
so it is not there before all of it is: an import that was interrupted is run again, and goes on. Run once more after that \
it changes nothing, whatever has changed here since. Each tenant's import is entered in its audit here.

Afterwards: give sources new secrets where none came along (`vyroxctl source scheme add`), enrol the proxies anew at this \
deployment's relay, and verify the audit with the old checkpoint key, which is in the file's first line \
(`vyroxctl audit verify acme --trust old.pem`).")]
pub(crate) struct Import {
    /// The file; `-` is standard input
    file: PathBuf,
    /// Check and compare only
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let mut whole = Whole::check(opened(&self.file)?)?;
        let transfer = Transfer::new(deployment.table.clone());
        let found = compared::compare(deployment, &transfer, &mut whole).await?;
        found.refuse()?;
        let written = if self.dry_run { 0 } else { write::write(deployment, &transfer, &mut whole, &found).await? };
        let missing = found.sum(|tenant| tenant.missing);
        let (same, changed) = (found.sum(|tenant| tenant.same), found.sum(|tenant| tenant.changed));
        let tenants = &whole.head.tenants;
        let mut rows = vec![
            ("tenants", tenants.iter().map(TenantId::as_str).collect::<Vec<_>>().join(", ")),
            ("from", format!("stack {}, {}", whole.head.stack, table::time(whole.head.exported_at))),
            if self.dry_run { ("would be written", missing.to_string()) } else { ("written", written.to_string()) },
            ("here already", same.to_string()),
        ];
        if changed > 0 {
            rows.push(("changed here since", changed.to_string()));
        }
        rows.push(("sha256", whole.manifest.sha256.clone()));
        let mut text = table::fields(&rows);
        if !whole.head.with_secrets {
            text.push_str("\nNo secrets came along: `vyroxctl doctor TENANT` says what is missing.\n");
        }
        let json = json!({
            "tenants": tenants, "written": written, "missing": missing, "same": same, "changed": changed,
            "sha256": whole.manifest.sha256, "checkpoint_key": whole.head.checkpoint_key, "dry_run": self.dry_run,
        });
        Ok(Report::new(json, text))
    }
}

/// The file itself, or what comes on standard input in a file of its own, because it is read twice.
fn opened(path: &Path) -> Result<File, CtlError> {
    let unreadable = |source| CtlError::File { path: path.display().to_string(), source };
    if path != Path::new("-") {
        return File::open(path).map_err(unreadable);
    }
    let mut spooled = tempfile::tempfile()?;
    std::io::copy(&mut std::io::stdin().lock(), &mut spooled).map_err(unreadable)?;
    std::io::Seek::rewind(&mut spooled)?;
    Ok(spooled)
}

/// What a tenant gets last, all of it at once: its settings, without which it is no tenant, and that by which its audit is gone
/// on with. Until then no function knows the tenant, so what is half there is never used, and stays as it is.
fn is_last(item: &Stored) -> bool {
    let key = item.key();
    *key == SortKey::profile() || *key == SortKey::last_checkpoint() || key.as_str().starts_with("LANE#")
}
