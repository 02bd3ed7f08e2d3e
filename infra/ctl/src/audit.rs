//! `vyroxctl audit`: the tenant's lanes as one stream of JSON lines, page by page, so that its length does not matter.

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::Subcommand;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use vyrox_audit::verify::{Failure, Verifier};
use vyrox_contract::TenantId;
use vyrox_platform::audit_export;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a tenant's audit as JSON lines, with or without --json; that it was exported is entered first
    #[command(after_help = "Examples:\n  vyroxctl audit export acme --output acme.jsonl\n  \
        vyroxctl audit export acme | vyrox-audit verify -")]
    Export {
        /// The tenant
        tenant: TenantId,
        /// A new file; without, standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Recompute every hash and every link of a tenant's audit
    #[command(
        after_help = "Entries cut off a lane's end cannot be seen in the lane alone: compare the heads with those \
        that were noted earlier,\nor give them to `vyrox-audit verify --expect-head`."
    )]
    Verify {
        /// The tenant
        tenant: TenantId,
    },
}

impl Command {
    /// No report if the audit itself went to standard output.
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Option<Report>, CtlError> {
        match self {
            Self::Export { tenant, output: None } => {
                let mut out = BufWriter::new(std::io::stdout().lock());
                export(deployment, &tenant, &mut out).await?;
                Ok(None)
            }
            Self::Export { tenant, output: Some(file) } => export_to_file(deployment, &tenant, &file).await.map(Some),
            Self::Verify { tenant } => verify(deployment, &tenant).await.map(Some),
        }
    }
}

/// Under another name until it is whole, so that half an audit is never taken for one.
async fn export_to_file(deployment: &Deployment, tenant: &TenantId, file: &Path) -> Result<Report, CtlError> {
    if file.try_exists()? {
        return Err(CtlError::FileExists(file.display().to_string()));
    }
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let mut out = BufWriter::new(File::create(&unfinished)?);
    let entries = export(deployment, tenant, &mut out).await?;
    out.get_ref().sync_all()?;
    std::fs::rename(&unfinished, file)?;
    let name = file.display().to_string();
    let text = format!("{entries} entries of tenant {tenant} written to {name}");
    Ok(Report::new(json!({"tenant_id": tenant, "entries": entries, "file": name}), text))
}

async fn export(deployment: &Deployment, tenant: &TenantId, out: &mut impl Write) -> Result<u64, CtlError> {
    deployment.tenant(tenant).await?;
    deployment.ledger.commit(tenant, &[], &deployment.event(tenant, "AUDIT_EXPORTED")).await?;
    let mut entries = 0;
    pages(deployment, tenant, |lines| {
        for line in lines {
            out.write_all(line)?;
            out.write_all(b"\n")?;
            entries += 1;
        }
        Ok(())
    })
    .await?;
    out.flush()?;
    Ok(entries)
}

async fn verify(deployment: &Deployment, tenant: &TenantId) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let mut verifier = Verifier::new();
    let mut before = 0;
    pages(deployment, tenant, |lines| {
        let page: Vec<u8> = lines.iter().flat_map(|line| line.iter().chain(b"\n")).copied().collect();
        let result = verifier.reader(page.as_slice(), "entry");
        // Its line is counted within the page.
        result.map_err(|failure| CtlError::Verification(Failure { line: failure.line + before, ..failure }))?;
        before += lines.len() as u64;
        Ok(())
    })
    .await?;
    let report = verifier.finish().map_err(CtlError::Verification)?;
    let rows: Vec<[String; 4]> = report
        .chains
        .iter()
        .map(|lane| {
            [
                "ok".to_owned(),
                lane.chain.clone(),
                lane.entries.to_string(),
                format!("{}:{}", lane.last_seq, &lane.head[..16]),
            ]
        })
        .collect();
    let mut text = table::columns(["", "LANE", "ENTRIES", "HEAD"], &rows);
    text.push_str(&format!("OK  {} entries in {} lanes\n", report.entries, report.chains.len()));
    Ok(Report::new(json!({"ok": true, "entries": report.entries, "chains": report.chains}), text))
}

/// Hands every page's lines on, lane by lane, each in order.
async fn pages(
    deployment: &Deployment,
    tenant: &TenantId,
    mut take: impl FnMut(&[Vec<u8>]) -> Result<(), CtlError>,
) -> Result<(), CtlError> {
    let mut after = None;
    loop {
        let page = audit_export::page(&deployment.table, tenant, after, deployment.now()).await?;
        take(&page.lines)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
