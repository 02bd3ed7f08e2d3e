//! `vyroxctl trace`: one alert's way from its webhook to what came of it, with the time of every step. It is put together from
//! what is stored, so it needs no tracing system, and shows what happened rather than what was logged.

mod journey;
mod otlp;
mod picture;

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::standing::standing;
use clap::Args;
use journey::Journey;
use serde_json::json;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::record::{ActionSummary, AlertRecord, Decision, Vote};
use vyrox_domain::trace::TraceId;
use vyrox_platform::alert_audit;
use vyrox_platform::table::SortKey;

/// How long after the last known step others may follow: its card is drawn, a question is closed, in seconds.
const AFTERWARDS: i64 = 3_600;
/// How long after it happened an alert may be revised and its first revision still be found, in seconds.
const REVISED_WITHIN: i64 = 7 * 24 * 3_600;

/// Show one alert's way: each step with its time, how long it took, who did it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vyroxctl trace 0f2c... --tenant acme\n  \
    vyroxctl trace 0f2c... --tenant acme --json | jq '.stages'\n  \
    vyroxctl trace 0f2c... --tenant acme --otlp | curl -sS -H 'content-type: application/json' -d @- \
    http://127.0.0.1:4318/v1/traces\n\n\
    It reads the alert and the audit of the time around it, up to an hour after the last thing that the alert itself \
    knows. What an operator did much later, as reading its payload or judging it again, is there with --whole, which reads \
    the audit up to now. The alert's lines in the functions' logs have its trace id in span.trace_id.")]
pub(crate) struct Trace {
    /// The alert, as the webhook's answer, the card and `alert list` name it
    #[arg(value_name = "ALERT_ID")]
    alert: AlertId,
    /// The tenant
    #[arg(long)]
    tenant: TenantId,
    /// Read the audit up to now: slower, and nothing is missed that was done much later
    #[arg(long)]
    whole: bool,
    /// Print the trace as OpenTelemetry's collectors take it (OTLP/JSON)
    #[arg(long)]
    otlp: bool,
}

impl Trace {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let Self { alert, tenant, whole, otlp } = self;
        deployment.tenant(&tenant).await?;
        let now = deployment.now();
        let record = deployment.table.read::<AlertRecord>(&tenant, &SortKey::alert(alert), now).await?;
        let record = record.ok_or_else(|| CtlError::NoSuchAlert(tenant.clone(), alert))?.value;
        let until = if whole { now } else { last_known(&record).saturating_add(AFTERWARDS) };
        let span = (first_known(&record), until);
        let entries = alert_audit::about(&deployment.table, &tenant, alert, span, now).await?;
        let journey = Journey::of(&entries);
        let trace = TraceId::from(alert);
        if otlp {
            let document = otlp::document(trace, &tenant, &journey);
            return Ok(Report::new(document.clone(), document.to_string()));
        }
        let standing = standing(&record, now);
        let mut json =
            json!({"tenant_id": tenant, "alert_id": alert, "trace_id": trace.to_string(), "standing": standing});
        let text = picture::draw(&record, standing, trace, &journey);
        if let (Some(object), serde_json::Value::Object(way)) = (json.as_object_mut(), json!(journey)) {
            object.extend(way);
        }
        Ok(Report::new(json, text))
    }
}

/// When it may have come in first, unix seconds. Of a revised alert the record knows when its newest revision came; it had
/// happened before its first one did, but that is the vendor's word, so it is believed for some days only.
fn first_known(record: &AlertRecord) -> i64 {
    let alert = &record.alert;
    match alert.revision {
        0 => alert.received_at,
        _ => alert.timestamp.clamp(alert.received_at.saturating_sub(REVISED_WITHIN), alert.received_at),
    }
}

/// When the last happened that the record itself knows, unix seconds.
fn last_known(record: &AlertRecord) -> i64 {
    let votes = record.votes.iter().chain(&record.release_votes).map(|vote: &Vote| vote.at);
    let decision = record.decision.as_ref().map(|decision| match decision {
        Decision::Approved { at, .. } => *at,
        Decision::Denied { by } => by.at,
    });
    let actions = [&record.containment, &record.release];
    let actions = actions.into_iter().flatten().map(|action: &ActionSummary| action.at);
    let question = record.plan().map(vyrox_domain::plan::Plan::expires_at);
    let known = votes.chain(decision).chain(actions).chain(question);
    known.fold(record.alert.received_at, i64::max)
}
