//! `vyroxctl alert replay`: a stored alert wants a verdict again, and triage is told. Nothing that was decided is touched, so
//! nothing is done twice.

use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use serde_json::{Value, json};
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::message::AlertQueued;
use vyrox_domain::record::AlertRecord;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::queue::Queue;
use vyrox_platform::table::{SortKey, Versioned};

pub(super) const EXAMPLES: &str = "\
Example:
  vyroxctl alert replay acme 0f2c... 7d1a...

The alert gets a new verdict, and its card shows it. A question that is still open is asked anew: a button of before answers \
that the plan has changed, and approvals that were counted but not enough are counted no more. An alert that was decided keeps \
its decision and what came of it; nothing is approved, sent or contained again. Running it again does no harm.";

/// Checks all of them before it begins with the first.
pub(super) async fn replay(
    deployment: &Deployment,
    tenant: &TenantId,
    ids: &[AlertId],
    confirm: &Confirm,
) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let mut found = Vec::new();
    for id in ids {
        let stored = deployment.table.read::<AlertRecord>(tenant, &SortKey::alert(*id), deployment.now()).await?;
        found.push(stored.ok_or_else(|| CtlError::NoSuchAlert(tenant.clone(), *id))?);
    }
    let voted = found.iter().filter(|found| found.value.decision.is_none() && !found.value.votes.is_empty()).count();
    if voted > 0 {
        confirm.ask(&format!(
            "{voted} of them wait for a second approver: the first one's approval will not count any more."
        ))?;
    }
    let url = deployment.queue_url("alerts").await?;
    let alerts = Queue::<AlertQueued>::new(deployment.clients.sqs.clone(), &url);
    let (mut rows, mut items) = (Vec::new(), Vec::new());
    for found in found {
        let (id, revision, is_decided) =
            (found.value.alert.id, found.value.alert.revision, found.value.decision.is_some());
        forget_verdict(deployment, tenant, found).await?;
        let message = AlertQueued { tenant_id: tenant.clone(), alert_id: id, revision };
        alerts.send(&message).await.map_err(|error| CtlError::Queue(error.into()))?;
        let kept = if is_decided { "its decision stays" } else { "asked anew, if there is something to ask" };
        rows.push([id.to_string(), kept.to_owned()]);
        items.push(json!({"alert_id": id, "revision": revision, "decided": is_decided}));
    }
    Ok(Report::new(Value::Array(items), table::columns(["QUEUED FOR TRIAGE", ""], &rows)))
}

/// One that has no verdict only wants its message.
async fn forget_verdict(
    deployment: &Deployment,
    tenant: &TenantId,
    found: Versioned<AlertRecord>,
) -> Result<(), CtlError> {
    let Versioned { value: record, version } = found;
    if record.verdict.is_none() {
        return Ok(());
    }
    let mut event = deployment.event(tenant, "ALERT_REPLAYED");
    event.alert_id = Some(record.alert.id.to_string());
    event.host = record.alert.hostname.clone().unwrap_or_default();
    event.detail.insert("revision".to_owned(), json!(record.alert.revision));
    event.detail.insert("decided".to_owned(), json!(record.decision.is_some()));
    let record = record.unjudged();
    let change = Change::put(SortKey::alert(record.alert.id), &record, Expect::Version(version));
    deployment.ledger.commit(tenant, &[change.expiring(record.expires_at())], &event).await?;
    Ok(())
}
