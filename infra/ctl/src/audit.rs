//! `vyroxctl audit`: the tenant's lanes as one stream of JSON lines, page by page, so that its length does not matter.

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::progress;
use crate::report::Report;
use crate::table;
use crate::unfinished::Unfinished;
use clap::Subcommand;
use futures::TryStreamExt as _;
use serde_json::json;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use vyrox_audit::Draft;
use vyrox_audit::verify::{Failure, PublicKey, Verifier};
use vyrox_checkpoint::Idle;
use vyrox_contract::{TenantId, VerifyingKey};
use vyrox_platform::audit_export::{self, Position};

/// The entry that says that a copy was taken.
pub(crate) const EXPORTED: &str = "AUDIT_EXPORTED";

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
    /// Sign where the tenant's lanes have got to, now; on AWS the scheduled function does it, and only its role may sign
    #[command(after_help = "On AWS: aws lambda invoke --function-name STACK-checkpoint --payload '{}' /dev/stdout")]
    Checkpoint {
        /// The tenant
        tenant: TenantId,
    },
    /// Print the public keys with which checkpoints and actions are verified
    #[command(after_help = "Example:\n  vyroxctl audit keys --json | jq -r .checkpoint_key > checkpoint.pem")]
    Keys,
    /// Recompute every hash and every link of a tenant's audit, and every checkpoint's signature
    #[command(
        after_help = "Entries behind the last checkpoint rest on the lane alone: `vyrox-audit crosscheck` compares them \
        with what the proxies noted, `vyrox-audit verify --expect-head` with heads that were noted elsewhere."
    )]
    Verify {
        /// The tenant
        tenant: TenantId,
        /// Another key that has signed checkpoints: that of the deployment which the tenant was moved from. May be repeated
        #[arg(long, value_name = "PEM")]
        trust: Vec<PathBuf>,
    },
}

impl Command {
    /// No report if the audit itself went to standard output.
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Option<Report>, CtlError> {
        match self {
            Self::Export { tenant, output: None } => {
                let mut out = BufWriter::new(std::io::stdout().lock());
                export(deployment, &tenant, &deployment.event(&tenant, EXPORTED), &mut out).await?;
                Ok(None)
            }
            Self::Export { tenant, output: Some(file) } => export_to_file(deployment, &tenant, &file).await.map(Some),
            Self::Checkpoint { tenant } => checkpoint(deployment, &tenant).await.map(Some),
            Self::Keys => keys(deployment).await.map(Some),
            Self::Verify { tenant, trust } => verify(deployment, &tenant, &trust).await.map(Some),
        }
    }
}

async fn export_to_file(deployment: &Deployment, tenant: &TenantId, file: &Path) -> Result<Report, CtlError> {
    let mut out = Unfinished::begin(file)?;
    let entries = export(deployment, tenant, &deployment.event(tenant, EXPORTED), &mut out).await?;
    out.finish()?;
    let name = file.display().to_string();
    let text = format!("{entries} entries of tenant {tenant} written to {name}");
    Ok(Report::new(json!({"tenant_id": tenant, "entries": entries, "file": name}), text))
}

/// Enters `event`, then writes the tenant's whole audit; the number of its entries.
pub(crate) async fn export(
    deployment: &Deployment,
    tenant: &TenantId,
    event: &Draft,
    out: &mut impl Write,
) -> Result<u64, CtlError> {
    deployment.tenant(tenant).await?;
    let pages = audit_export::export(deployment.table.clone(), &deployment.ledger, tenant, event).await?;
    let mut pages = std::pin::pin!(pages);
    let (mut entries, progress) = (0, progress::so_far("entries exported"));
    while let Some(page) = pages.try_next().await? {
        out.write_all(&page)?;
        entries += page.iter().filter(|byte| **byte == b'\n').count() as u64;
        progress.set_position(entries);
    }
    out.flush()?;
    Ok(entries)
}

async fn verify(deployment: &Deployment, tenant: &TenantId, trust: &[PathBuf]) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let key = deployment.checkpoint_key().await?.to_text();
    let key = PublicKey::from_text(&key).expect("the platform's key is a public key in this form");
    let mut verifier = Verifier::new().at(deployment.now()).trust(key);
    for file in trust {
        let path = || file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|source| CtlError::File { path: path(), source })?;
        let key = PublicKey::from_text(&text).map_err(|source| CtlError::Key { path: path(), source })?;
        verifier = verifier.trust(key);
    }
    let progress = progress::so_far("entries verified");
    let (mut before, mut position) = (0, Some(Position::default()));
    while let Some(at) = position {
        let page = audit_export::page(&deployment.table, tenant, at, deployment.now()).await?;
        let text = page.lines.iter().fold(String::new(), |text, line| text + line + "\n");
        let result = verifier.reader(text.as_bytes(), "entry");
        // Its line is counted within the page.
        result.map_err(|failure| CtlError::Verification(Failure { line: failure.line + before, ..failure }))?;
        before += page.lines.len() as u64;
        progress.set_position(before);
        position = page.next;
    }
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

async fn checkpoint(deployment: &Deployment, tenant: &TenantId) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let done = deployment.checkpointer().await?.tenant(tenant, Idle::ByAge).await?;
    let last = done.last.map_or_else(|| "none".to_owned(), |n| n.to_string());
    let text = format!(
        "{} checkpoints made, the last is {last}; {} lanes closed, {} broken",
        done.checkpoints, done.closed, done.broken
    );
    if done.broken > 0 { Err(CtlError::BrokenLanes(text)) } else { Ok(Report::new(json!(done), text)) }
}

async fn keys(deployment: &Deployment) -> Result<Report, CtlError> {
    let (checkpoints, actions) = (deployment.checkpoint_key().await?, deployment.signing_key().await?);
    let (checkpoints, actions) = (pem(&checkpoints), pem(&actions));
    let text = format!("Checkpoints are signed with:\n{checkpoints}\nActions are signed with:\n{actions}");
    Ok(Report::new(json!({"checkpoint_key": checkpoints, "action_key": actions}), text))
}

/// A public key as other programs read it.
pub(crate) fn pem(key: &VerifyingKey) -> String {
    let body = key.to_text();
    let lines: Vec<&str> = (0..body.len()).step_by(64).map(|at| &body[at..body.len().min(at + 64)]).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
