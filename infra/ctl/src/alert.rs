//! `vyroxctl alert`: what came in, and what became of it. Reading a payload is itself in the audit; `replay` lets triage
//! judge again.

mod replay;

use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::standing::standing;
use crate::table;
use clap::Subcommand;
use serde_json::{Value, json};
use std::cmp::Reverse;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::record::{ActionSummary, AlertRecord, Decision, Offer, Vote};
use vyrox_domain::text::visible;
use vyrox_platform::evidence::About;
use vyrox_platform::table::{Prefix, SortKey};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the newest alerts
    #[command(after_help = "Examples:\n  vyroxctl alert list acme\n  \
        vyroxctl alert list acme --limit 500 --json | jq -r '.[] | select(.verdict.verdict == \"CRITICAL\") | .alert.id'\n\n\
        Alerts have no order in the table, so this reads all of the tenant's alerts of the last 90 days.")]
    List {
        /// The tenant
        tenant: TenantId,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Show one alert: verdict with evidence, decision, containment
    Show {
        /// The tenant
        tenant: TenantId,
        /// The alert, as the webhook's answer, the card and `alert list` name it
        id: AlertId,
    },
    /// Show the payload that an alert came in as, secrets redacted. Each reading is entered in the tenant's audit
    #[command(after_help = "Example:\n  vyroxctl alert evidence acme 0f2c... | jq .\n\n\
        Whoever reads needs kms:Decrypt for the purpose `evidence`: the role in the template's EvidenceReaderArn.")]
    Evidence {
        /// The tenant
        tenant: TenantId,
        /// The alert
        id: AlertId,
        /// Which of its payloads, from 0 [the newest]
        #[arg(long, value_name = "N")]
        revision: Option<u32>,
    },
    /// Put stored alerts through triage again, with the rules and the model of now
    #[command(after_help = replay::EXAMPLES)]
    Replay {
        /// The tenant
        tenant: TenantId,
        /// The alerts
        #[arg(required = true, value_name = "ID")]
        ids: Vec<AlertId>,
        #[command(flatten)]
        confirm: Confirm,
    },
}

impl Command {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::List { tenant, limit } => list(deployment, &tenant, limit as usize).await,
            Self::Show { tenant, id } => {
                deployment.tenant(&tenant).await?;
                let now = deployment.now();
                let found = deployment.table.read::<AlertRecord>(&tenant, &SortKey::alert(id), now).await?;
                Ok(show(&found.ok_or(CtlError::NoSuchAlert(tenant, id))?.value, now))
            }
            Self::Evidence { tenant, id, revision } => evidence(deployment, &tenant, id, revision).await,
            Self::Replay { tenant, ids, confirm } => replay::replay(deployment, &tenant, &ids, &confirm).await,
        }
    }
}

async fn list(deployment: &Deployment, tenant: &TenantId, limit: usize) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let (mut newest, mut after, now) = (Vec::<AlertRecord>::new(), None, deployment.now());
    loop {
        let (page, next) = deployment.table.page(tenant, &Prefix::alerts(), after, now).await?;
        newest.extend(page.into_iter().map(|record| record.value));
        newest.sort_by_key(|record| (Reverse(record.alert.received_at), record.alert.id));
        newest.truncate(limit);
        match next {
            Some(key) => after = Some(key),
            None => break,
        }
    }
    let rows: Vec<[String; 6]> = newest
        .iter()
        .map(|record| {
            [
                record.alert.id.to_string(),
                table::time(record.alert.received_at),
                table::or_dash(record.verdict.as_ref().map(|verdict| verdict.verdict)),
                standing(record, now),
                table::or_dash(record.alert.hostname.as_ref()),
                table::or_dash(record.alert.title.as_ref()),
            ]
        })
        .collect();
    let text = table::columns(["ALERT", "RECEIVED", "VERDICT", "STATE", "HOST", "TITLE"], &rows);
    Ok(Report::new(Value::Array(newest.iter().map(|record| json!(record)).collect()), text))
}

/// The payload, once it is in the audit that it was read.
async fn evidence(
    deployment: &Deployment,
    tenant: &TenantId,
    id: AlertId,
    revision: Option<u32>,
) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let now = deployment.now();
    let found = deployment.table.read::<AlertRecord>(tenant, &SortKey::alert(id), now).await?;
    let record = found.ok_or_else(|| CtlError::NoSuchAlert(tenant.clone(), id))?.value;
    let revision = revision.unwrap_or(record.alert.revision);
    let stored = deployment.table.read_bytes(tenant, &SortKey::evidence(id, revision), now).await?;
    let stored = stored.ok_or_else(|| CtlError::NoEvidence(tenant.clone(), id, revision))?;
    let opened = deployment.evidence.open(&About { tenant_id: tenant, alert_id: id, revision }, &stored).await?;
    let mut event = deployment.event(tenant, "EVIDENCE_READ");
    event.alert_id = Some(id.to_string());
    event.host = record.alert.hostname.unwrap_or_default();
    event.detail.insert("revision".to_owned(), json!(revision));
    deployment.ledger.commit(tenant, &[], &event).await?;
    // The payload alone goes to standard output, so that it can be piped; a mark where it was cut is no JSON, and should not be.
    let mark = opened.is_cut().then(|| format!("\n[cut: {} of {} bytes]", opened.text.len(), opened.bytes));
    let text = format!("{}{}", visible(&opened.text), mark.unwrap_or_default());
    let json = json!({
        "alert_id": id, "revision": revision, "part": opened.part, "bytes": opened.bytes, "cut": opened.is_cut(),
        "text": opened.text,
    });
    Ok(Report::new(json, text))
}

fn show(record: &AlertRecord, now: i64) -> Report {
    let alert = &record.alert;
    let mut fields = vec![
        ("alert", alert.id.to_string()),
        ("state", standing(record, now)),
        ("vendor", format!("{}, id {}, severity {}", alert.source, alert.raw_id, alert.vendor_severity.as_str())),
        ("happened", table::time(alert.timestamp)),
        ("received", format!("{}, revision {}", table::time(alert.received_at), alert.revision)),
    ];
    let mut optional = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
    optional("title", alert.title.clone());
    optional("host", alert.hostname.clone());
    optional("device", alert.device_id.as_ref().map(ToString::to_string));
    optional("user", alert.username.clone());
    optional("process", alert.process_path.clone().or_else(|| alert.process_name.clone()));
    optional("command line", alert.process_cmdline.clone());
    optional("parent", alert.parent_cmdline.clone().or_else(|| alert.parent_process.clone()));
    optional("sha256", alert.sha256.as_ref().map(ToString::to_string));
    if let Some(verdict) = &record.verdict {
        let by = verdict.decided_by.as_str();
        optional("verdict", Some(format!("{} at {}, by {by}", verdict.verdict, verdict.confidence)));
        optional("techniques", Some(verdict.techniques.join(", ")).filter(|text| !text.is_empty()));
        for evidence in &verdict.evidence {
            let matched = &evidence.matched;
            optional("evidence", Some(format!("{}: {} = {matched}", evidence.rule_id, evidence.field)));
        }
        optional("reasoning", verdict.reasoning.clone());
    }
    match &record.offer {
        Some(Offer::Containment(plan)) => optional(
            "plan",
            Some(format!("{:?} by {} until {}", plan.action_type(), plan.proxy_id(), table::time(plan.expires_at()))),
        ),
        Some(Offer::Nothing(reason)) => optional("no plan", Some(reason.explanation().to_owned())),
        None => {}
    }
    for vote in &record.votes {
        optional("approved", Some(person(vote)));
    }
    if let Some(Decision::Denied { by }) = &record.decision {
        optional("denied", Some(person(by)));
    }
    optional("containment", record.containment.as_ref().map(action));
    optional("release", record.release.as_ref().map(action));
    Report::new(json!(record), table::fields(&fields))
}

fn person(vote: &Vote) -> String {
    format!("{} (Discord user {}) at {}", vote.name, vote.user_id, table::time(vote.at))
}

fn action(action: &ActionSummary) -> String {
    let detail = action.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{} at {}, request {}{detail}", action.state.as_str(), table::time(action.at), action.request_id)
}
