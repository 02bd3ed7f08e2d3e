//! What is missing, written: most of a tenant item by item, what brings it into being at once.

use super::super::file::{Head, Line, Manifest, Whole};
use super::super::secret::{is_same, put_back};
use super::compared::Compared;
use super::{AT_ONCE, is_last};
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::progress;
use indicatif::ProgressBar;
use serde_json::json;
use vyrox_contract::TenantId;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::SortKey;
use vyrox_platform::transfer::Transfer;

/// Writes what is missing; how many items that were. A tenant's last items go together, with the entry that tells of it.
pub(super) async fn write(
    deployment: &Deployment,
    transfer: &Transfer,
    whole: &mut Whole,
    found: &Compared,
) -> Result<u64, CtlError> {
    let (head, manifest) = (whole.head.clone(), whole.manifest.clone());
    let mut waiting: Option<(TenantId, Vec<Line>)> = None;
    let progress = progress::of(found.sum(|tenant| tenant.missing), "written");
    let (mut batch, mut count) = (Vec::with_capacity(AT_ONCE), Count::new(progress));
    for line in whole.items()? {
        let line = line?;
        if !found.is_wanted(&line.tenant) {
            continue;
        }
        if waiting.as_ref().is_none_or(|(tenant, _)| *tenant != line.tenant) {
            count.add(put(deployment, transfer, std::mem::take(&mut batch)).await?);
            if let Some((tenant, last)) = waiting.replace((line.tenant.clone(), Vec::new())) {
                finish(deployment, transfer, (&head, &manifest), &tenant, last, &mut count).await?;
            }
        }
        match &mut waiting {
            Some((_, last)) if is_last(&line.item) => last.push(line),
            _ => batch.push(line),
        }
        if batch.len() == AT_ONCE {
            count.add(put(deployment, transfer, std::mem::take(&mut batch)).await?);
        }
    }
    count.add(put(deployment, transfer, batch).await?);
    if let Some((tenant, last)) = waiting {
        finish(deployment, transfer, (&head, &manifest), &tenant, last, &mut count).await?;
    }
    Ok(count.all)
}

/// How many items were written.
#[derive(Debug)]
struct Count {
    all: u64,
    of_this_tenant: u64,
    progress: ProgressBar,
}

impl Count {
    const fn new(progress: ProgressBar) -> Self {
        Self { all: 0, of_this_tenant: 0, progress }
    }

    fn add(&mut self, more: u64) {
        self.progress.inc(more);
        self.all += more;
        self.of_this_tenant += more;
    }
}

/// Writes those of the lines that are not here yet.
async fn put(deployment: &Deployment, transfer: &Transfer, lines: Vec<Line>) -> Result<u64, CtlError> {
    let one = async |line: Line| {
        if is_here(transfer, &line).await? {
            return Ok::<u64, CtlError>(0);
        }
        let what = format!("{} {}", line.tenant, line.item.key().as_str());
        let item = put_back(deployment, &line.tenant, line.item, &line.clear).await?;
        match transfer.put_if_absent(&line.tenant, &item).await? {
            true => Ok(1),
            false => Err(CtlError::Meanwhile(what)),
        }
    };
    Ok(futures::future::try_join_all(lines.into_iter().map(one)).await?.into_iter().sum())
}

/// Whether the line's item is stored; not if another one is in its place.
async fn is_here(transfer: &Transfer, line: &Line) -> Result<bool, CtlError> {
    match transfer.find(&line.tenant, line.item.key()).await? {
        None => Ok(false),
        Some(stored) if is_same(&stored, &line.item, &line.clear) => Ok(true),
        Some(_) => Err(CtlError::Meanwhile(format!("{} {}", line.tenant, line.item.key().as_str()))),
    }
}

/// Brings a tenant into being, once everything else of it is there.
async fn finish(
    deployment: &Deployment,
    transfer: &Transfer,
    (head, manifest): (&Head, &Manifest),
    tenant: &TenantId,
    last: Vec<Line>,
    count: &mut Count,
) -> Result<(), CtlError> {
    let mut changes = Vec::with_capacity(last.len() + 1);
    for line in last {
        if !is_here(transfer, &line).await? {
            changes.push(line.item.as_change());
        }
    }
    count.add(u64::try_from(changes.len()).unwrap_or(u64::MAX));
    let written = std::mem::take(&mut count.of_this_tenant);
    let marker = json!({"at": deployment.now(), "stack": head.stack, "written": written});
    changes.push(Change::put(SortKey::import(&manifest.sha256), &marker, Expect::Absent));
    let mut event = deployment.event(tenant, "TENANT_IMPORTED");
    event.detail.insert("sha256".to_owned(), json!(manifest.sha256));
    event.detail.insert("stack".to_owned(), json!(head.stack));
    event.detail.insert("exported_at".to_owned(), json!(head.exported_at));
    event.detail.insert("with_secrets".to_owned(), json!(head.with_secrets));
    event.detail.insert("written".to_owned(), json!(written));
    deployment.ledger.commit(tenant, &changes, &event).await?;
    Ok(())
}
