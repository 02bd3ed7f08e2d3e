//! `vyroxctl import`.

use super::file::Whole;
use super::secret::{is_same, put_back};
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use vyrox_contract::TenantId;
use vyrox_platform::transfer::Transfer;

/// How many items are compared or written at once.
const AT_ONCE: usize = 16;
/// How many differences are told one by one.
const TOLD: usize = 10;

/// What `vyroxctl export` has written
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vyroxctl import acme.jsonl
  vyroxctl import acme.jsonl --dry-run      checks the file and compares, and writes nothing

The whole file is checked first: its form, its count, its hash. Then every item is compared with what is stored here, and if
one differs nothing is written: an import fills what is missing, and overwrites nothing. One that was interrupted is run
again. Each tenant's import is entered in its audit here.

Afterwards: give sources new secrets where none came along (`vyroxctl source scheme add`), enrol the proxies anew at this
deployment's relay, and verify the audit with the old checkpoint key, which is in the file's first line
(`vyroxctl audit verify acme --trust old.pem`).")]
pub(crate) struct Import {
    /// The file; `-` is standard input
    file: PathBuf,
    /// Check and compare only
    #[arg(long)]
    dry_run: bool,
}

/// How what is stored compares with the file.
#[derive(Debug, Default)]
struct Compared {
    missing: u64,
    same: u64,
    differs: Vec<String>,
}

impl Import {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let mut whole = Whole::check(opened(&self.file)?)?;
        let transfer = Transfer::new(deployment.table.clone());
        let compared = compare(&transfer, &mut whole).await?;
        if !compared.differs.is_empty() {
            let count = compared.differs.len();
            let items = compared.differs.into_iter().take(TOLD).collect::<Vec<_>>().join("\n  ");
            return Err(CtlError::Differs { count, items });
        }
        let tenants = whole.head.tenants.clone();
        if !self.dry_run && compared.missing > 0 {
            for tenant in &tenants {
                enter(deployment, tenant, "TENANT_IMPORT_BEGUN", &whole, None).await?;
            }
            let written = write(deployment, &transfer, &mut whole).await?;
            for tenant in &tenants {
                enter(deployment, tenant, "TENANT_IMPORTED", &whole, Some(written)).await?;
            }
        }
        let verb = if self.dry_run { "would be written" } else { "written" };
        let mut text = table::fields(&[
            ("tenants", tenants.iter().map(TenantId::as_str).collect::<Vec<_>>().join(", ")),
            ("from", format!("stack {}, {}", whole.head.stack, table::time(whole.head.exported_at))),
            (verb, compared.missing.to_string()),
            ("here already", compared.same.to_string()),
            ("sha256", whole.manifest.sha256.clone()),
        ]);
        if !whole.head.with_secrets {
            text.push_str("\nNo secrets came along: `vyroxctl doctor TENANT` says what is missing.\n");
        }
        let json = json!({
            "tenants": tenants, "written": if self.dry_run { 0 } else { compared.missing }, "missing": compared.missing,
            "same": compared.same, "sha256": whole.manifest.sha256, "checkpoint_key": whole.head.checkpoint_key,
            "dry_run": self.dry_run,
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

async fn compare(transfer: &Transfer, whole: &mut Whole) -> Result<Compared, CtlError> {
    let looked = futures::stream::iter(whole.items()?).map(async |line| {
        let line = line?;
        let what = format!("{} {}", line.tenant, line.item.key().as_str());
        if transfer.is_taken(&line.tenant, &line.item).await? {
            return Ok::<_, CtlError>(Err(format!("{what}: another tenant answers to its name here")));
        }
        match transfer.find(&line.tenant, line.item.key()).await? {
            None => Ok(Ok(false)),
            Some(stored) if is_same(&stored, &line.item, &line.clear) => Ok(Ok(true)),
            Some(_) => Ok(Err(what)),
        }
    });
    let mut looked = std::pin::pin!(looked.buffered(AT_ONCE));
    let mut compared = Compared::default();
    while let Some(found) = looked.try_next().await? {
        match found {
            Ok(true) => compared.same += 1,
            Ok(false) => compared.missing += 1,
            Err(what) => compared.differs.push(what),
        }
    }
    Ok(compared)
}

/// Writes what is missing; how many items that were.
async fn write(deployment: &Deployment, transfer: &Transfer, whole: &mut Whole) -> Result<u64, CtlError> {
    let written = futures::stream::iter(whole.items()?).map(async |line| {
        let line = line?;
        if transfer.find(&line.tenant, line.item.key()).await?.is_some() {
            return Ok::<_, CtlError>(0);
        }
        let item = put_back(deployment, &line.tenant, line.item, &line.clear).await?;
        Ok(u64::from(transfer.put_if_absent(&line.tenant, &item).await?))
    });
    let mut written = std::pin::pin!(written.buffered(AT_ONCE));
    let mut count = 0;
    while let Some(one) = written.try_next().await? {
        count += one;
    }
    Ok(count)
}

async fn enter(
    deployment: &Deployment,
    tenant: &TenantId,
    kind: &str,
    whole: &Whole,
    written: Option<u64>,
) -> Result<(), CtlError> {
    let mut event = deployment.event(tenant, kind);
    event.detail.insert("sha256".to_owned(), json!(whole.manifest.sha256));
    event.detail.insert("stack".to_owned(), json!(whole.head.stack));
    event.detail.insert("exported_at".to_owned(), json!(whole.head.exported_at));
    event.detail.insert("with_secrets".to_owned(), json!(whole.head.with_secrets));
    if let Some(written) = written {
        event.detail.insert("written".to_owned(), json!(written));
    }
    deployment.ledger.commit(tenant, &[], &event).await?;
    Ok(())
}
