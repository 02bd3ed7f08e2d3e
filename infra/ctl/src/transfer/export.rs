//! `vyroxctl export`.

use super::LEFT_BEHIND;
use super::file::{Head, Manifest, Writer};
use super::secret::{Taken, is_sealed, take_out};
use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::progress;
use crate::report::Report;
use crate::unfinished::Unfinished;
use crate::{audit, table};
use clap::Args;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use vyrox_contract::TenantId;
use vyrox_platform::transfer::Transfer;

/// A tenant, or all of them, as JSON lines for `vyroxctl import`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vyroxctl export acme --output acme.jsonl
  vyroxctl export --all --output everything.jsonl
  vyroxctl export acme | AWS_ENDPOINT_URL=... vyroxctl import -

What is in the file: settings, sources with their field maps, proxies, API keys (hashes), alerts with verdicts and \
decisions, actions, and the whole audit, byte for byte. Personal data, therefore: treat it like the table. What is sealed \
under this deployment's KMS key (webhook secrets, second factors, payloads) is left out, unless --with-secrets is given; it \
is then in the file IN THE CLEAR. Bearer tokens and API keys are never in it, only their hashes. A backup address in the \
settings is.

Each tenant's export is entered in its audit first. Stop the functions before (or suspend the tenant and wait until its \
queues are empty): what is written afterwards is not in the file. docs/one-machine.md has the whole way.")]
pub(crate) struct Export {
    /// The tenants
    #[arg(required_unless_present = "all")]
    tenants: Vec<TenantId>,
    /// Every tenant of the table
    #[arg(long, conflicts_with = "tenants")]
    all: bool,
    /// A new file, readable by you alone; without, standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Open secrets and payloads, and write them in the clear (needs kms:Decrypt)
    #[arg(long)]
    with_secrets: bool,
    #[command(flatten)]
    confirm: Confirm,
}

impl Export {
    /// No report if the file itself went to standard output.
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Option<Report>, CtlError> {
        if self.with_secrets {
            self.confirm.ask("Webhook secrets, second factors and payloads will be in the file in the clear.")?;
        }
        let transfer = Transfer::new(deployment.table.clone());
        let mut tenants = if self.all { transfer.tenants().await? } else { self.tenants.clone() };
        tenants.sort();
        tenants.dedup();
        for tenant in &tenants {
            deployment.tenant(tenant).await?;
        }
        let Some(path) = &self.output else {
            let out = BufWriter::new(std::io::stdout().lock());
            self.write(deployment, &transfer, &tenants, out).await?;
            return Ok(None);
        };
        let (out, manifest) = self.write(deployment, &transfer, &tenants, Unfinished::begin(path)?).await?;
        out.finish()?;
        Ok(Some(report(&tenants, &manifest, &path.display().to_string())))
    }

    async fn write<W: Write>(
        &self,
        deployment: &Deployment,
        transfer: &Transfer,
        tenants: &[TenantId],
        out: W,
    ) -> Result<(W, Manifest), CtlError> {
        let now = deployment.now();
        let key = audit::pem(&deployment.checkpoint_key().await?);
        let head = Head::new(now, &deployment.settings.stack, tenants.to_vec(), self.with_secrets, key);
        let mut writer = Writer::begin(out, &head)?;
        let progress = progress::so_far("items read");
        for tenant in tenants {
            let mut event = deployment.event(tenant, "TENANT_EXPORTED");
            event.detail.insert("with_secrets".to_owned(), json!(self.with_secrets));
            deployment.ledger.commit(tenant, &[], &event).await?;
            let mut after = None;
            loop {
                let (items, next) = transfer.page(tenant, after).await?;
                progress.inc(items.len() as u64);
                for item in items.into_iter().filter(|item| !item.is_expired(now)) {
                    let key = item.key().as_str().to_owned();
                    if let Some(prefix) = LEFT_BEHIND.iter().find(|prefix| key.starts_with(**prefix)) {
                        writer.leave_out(prefix.trim_end_matches('#'));
                    } else if !is_sealed(&item) {
                        writer.item(tenant, &item, Value::Null)?;
                    } else {
                        match take_out(deployment, tenant, item, self.with_secrets).await? {
                            Taken::Goes(item, clear) => writer.item(tenant, &item, clear)?,
                            Taken::Stays(kind) => writer.leave_out(kind),
                        }
                    }
                }
                match next {
                    Some(key) => after = Some(key),
                    None => break,
                }
            }
        }
        writer.end()
    }
}

fn report(tenants: &[TenantId], manifest: &Manifest, file: &str) -> Report {
    let mut rows: Vec<[String; 3]> =
        manifest.items.iter().map(|(kind, count)| [kind.clone(), count.to_string(), String::new()]).collect();
    let left = manifest.left_out.iter();
    rows.extend(left.map(|(kind, count)| [kind.clone(), count.to_string(), "left out".to_owned()]));
    let mut text = table::columns(["KIND", "ITEMS", ""], &rows);
    text.push_str(&format!("{} items of {} tenants written to {file}\n", manifest.total(), tenants.len()));
    text.push_str(&format!("sha256 {}\n", manifest.sha256));
    let json = json!({
        "tenants": tenants, "items": manifest.items, "left_out": manifest.left_out, "sha256": manifest.sha256, "file": file,
    });
    Report::new(json, text)
}
