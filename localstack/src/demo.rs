//! One alert, watched from its webhook to its outcome, with the time that each stage took.

use crate::edrs;
use crate::export::cloud_audit;
use crate::fire::{Aim, FireError, Simulator};
use crate::provision::{APPROVER, SECOND_APPROVER, tenant_id};
use crate::scenario::Scenario;
use crate::system::System;
use crate::timeline::Stage;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;
use vyrox_contract::AlertId;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::verdict::VerdictLevel;
use vyrox_platform::table::{SortKey, TableError};

/// How long one stage may take before the demo has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the state is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What the approver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Click {
    /// Approve.
    Approve,
    /// Deny.
    Deny,
}

/// Not all of it happened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("the alert was not accepted")]
    Fire(#[from] FireError),
    #[error("the table cannot be read")]
    Table(#[from] TableError),
    #[error("{0} did not happen within {patience} s", patience = PATIENCE.as_secs())]
    Missing(&'static str),
    #[error("the click could not be delivered")]
    Click(#[from] vyrox_standins::discord::ClickError),
    #[error("the click was answered with: {0}")]
    Answer(String),
    #[error("the cloud's audit chain does not verify: {0}")]
    CloudAudit(vyrox_audit::verify::Failure),
    #[error("the proxy's audit chain does not verify: {0}")]
    ProxyAudit(vyrox_audit::verify::Failure),
    #[error("the EDR shows {0}")]
    Edr(String),
    #[error("a message broke Discord's rules: {0}")]
    Discord(String),
}

/// What the demo found, as text for the terminal.
pub(crate) struct Story {
    lines: Vec<(i64, String)>,
    began: i64,
}

impl Story {
    fn tell(&mut self, at: i64, line: String) {
        self.lines.push((at, line));
    }

    /// The timeline: milliseconds since the alert was fired, and what happened.
    pub(crate) fn text(mut self, stages: &[Stage]) -> String {
        for stage in stages.iter().filter(|stage| stage.at >= self.began) {
            self.lines.push((
                stage.at + stage.took,
                format!("{:<13}{:>5} ms  {}", stage.part, stage.took, brief(&stage.detail)),
            ));
        }
        self.lines.sort_by_key(|(at, _)| *at);
        let mut text = String::new();
        for (at, line) in &self.lines {
            writeln!(text, "  +{:>5} ms  {line}", at - self.began).expect("writing to a String cannot fail");
        }
        text
    }
}

/// A queue message's ids without its punctuation.
fn brief(detail: &str) -> String {
    let Some((json, outcome)) = detail.rsplit_once(' ') else { return detail.to_owned() };
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Object(fields)) => {
            let ids: Vec<String> = ["alert_id", "request_id", "revision"]
                .iter()
                .filter_map(|name| {
                    fields.get(*name).map(|value| format!("{name} {}", value.to_string().trim_matches('"')))
                })
                .collect();
            format!("{outcome}: {}", ids.join(", "))
        }
        _ => detail.to_owned(),
    }
}

/// Fires, clicks, waits, verifies.
pub(crate) async fn run(
    system: &System,
    scenario: &Scenario,
    click: Click,
    live: bool,
    unique: &str,
) -> Result<Story, DemoError> {
    let endpoints = &system.endpoints;
    let aim =
        Aim { base_url: &endpoints.webhook_base_url, tenant: &endpoints.tenant_id, secret: &endpoints.webhook_secret };
    let now = || system.timeline.now();
    let mut story = Story { lines: Vec::new(), began: now() };
    story.tell(story.began, format!("simulator     fires {}: {}", scenario.name, scenario.summary));
    let fired = Simulator::new(aim)?.fire(scenario, unique, story.began / 1_000).await?;
    story.tell(
        now(),
        format!("simulator     202 {}, alert {}", fired.status, fired.alert_id.as_deref().unwrap_or("none")),
    );
    if let Some(alert_id) = fired.alert_id.and_then(|id| id.parse::<AlertId>().ok()) {
        follow(system, &mut story, alert_id, click, live).await?;
    }
    verify(system, &mut story).await?;
    if let Some(violation) = system.discord.violations().first() {
        return Err(DemoError::Discord(format!("{violation:?}")));
    }
    Ok(story)
}

async fn follow(
    system: &System,
    story: &mut Story,
    alert_id: AlertId,
    click: Click,
    live: bool,
) -> Result<(), DemoError> {
    let now = || system.timeline.now();
    let record = until(system, alert_id, "a verdict", |record| record.verdict.is_some()).await?;
    let verdict = record.verdict.as_ref().expect("just waited for it");
    let reason = verdict.evidence.first().map_or("no rule matched", |evidence| evidence.title.as_str());
    story.tell(
        now(),
        format!(
            "verdict       {} at {}, by {}: {reason}",
            verdict.verdict,
            verdict.confidence,
            verdict.decided_by.as_str()
        ),
    );
    if verdict.verdict < VerdictLevel::Medium {
        story.tell(now(), "discord       no card for this verdict".to_owned());
        return Ok(());
    }
    let id = alert_id.to_string();
    let card = system.discord.wait_for_message(|message| message.to_string().contains(&id), PATIENCE).await;
    let card = card.ok_or(DemoError::Missing("the card"))?;
    let message_id = card["id"].as_str().unwrap_or_default().to_owned();
    story.tell(now(), format!("discord       card {message_id} in the channel"));
    let Some(plan) = record.plan().cloned() else {
        story.tell(now(), "discord       the card offers no containment".to_owned());
        return Ok(());
    };
    let label = if click == Click::Approve { "Approve" } else { "Deny" };
    let custom_id = button(&card, label).ok_or(DemoError::Missing("the button"))?;
    // With a quorum of two, a second person clicks as well; one Deny is enough.
    let wanted = if click == Click::Approve { usize::from(system.quorum()) } else { 1 };
    for member in [APPROVER, SECOND_APPROVER].into_iter().take(wanted) {
        let outcome = system.discord.click(member, &message_id, &custom_id).await?;
        if outcome.failure.is_some() || outcome.kind() != Some(7) {
            let said = outcome.failure.as_deref().or_else(|| outcome.content()).unwrap_or("nothing");
            return Err(DemoError::Answer(said.to_owned()));
        }
        story.tell(now(), format!("approver      clicks {label}, answered in {} ms", outcome.millis));
    }
    if click == Click::Deny {
        until(system, alert_id, "the denial", |record| record.decision.is_some()).await?;
        return Ok(());
    }
    let settled = |record: &AlertRecord| record.containment.as_ref().is_some_and(|action| action.state.is_final());
    let record = until(system, alert_id, "the receipt", settled).await?;
    let action = record.containment.as_ref().expect("just waited for it");
    story.tell(
        now(),
        format!(
            "edge proxy    {} ({}), request {}",
            action.state.as_str(),
            action.verification.map_or("none", vyrox_contract::Verification::as_str),
            action.request_id
        ),
    );
    let shown = |message: &Value| {
        message["id"].as_str() == Some(&message_id)
            && message.to_string().contains("\"Outcome\"")
            && !is_waiting(message)
    };
    let card =
        system.discord.wait_for_message(shown, PATIENCE).await.ok_or(DemoError::Missing("the outcome on the card"))?;
    story.tell(now(), format!("discord       the card shows: {}", card["content"].as_str().unwrap_or_default()));
    if live {
        let name = plan.target().hostname.as_str();
        let (state, contained) = edrs::state(plan.target(), &system.falcon, &system.edrs);
        story.tell(now(), format!("EDR           {name} is {state} at {}", plan.target().vendor));
        if !contained {
            return Err(DemoError::Edr(state));
        }
    }
    Ok(())
}

/// Whether the card still says that something is to come.
fn is_waiting(message: &Value) -> bool {
    let content = message["content"].as_str().unwrap_or_default();
    content.contains("waiting for the proxy") || content.contains("executing")
}

async fn verify(system: &System, story: &mut Story) -> Result<(), DemoError> {
    let cloud = cloud_audit(&system.table, &tenant_id()).await?;
    let report = vyrox_audit::verify::reader(cloud.as_slice(), "cloud").map_err(DemoError::CloudAudit)?;
    let at = system.timeline.now();
    story.tell(at, format!("audit         cloud: {} entries in {} lanes verify", report.entries, report.chains.len()));
    let report = vyrox_audit::verify::directory(system.proxy_audit()).map_err(DemoError::ProxyAudit)?;
    let at = system.timeline.now();
    story.tell(at, format!("audit         proxy: {} entries verify", report.entries));
    Ok(())
}

async fn until(
    system: &System,
    alert_id: AlertId,
    what: &'static str,
    holds: impl Fn(&AlertRecord) -> bool,
) -> Result<AlertRecord, DemoError> {
    let deadline = system.timeline.now() + i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    while system.timeline.now() < deadline {
        let now = system.timeline.now() / 1_000;
        let found = system.table.read::<AlertRecord>(&tenant_id(), &SortKey::alert(alert_id), now).await?;
        if let Some(found) = found
            && holds(&found.value)
        {
            return Ok(found.value);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(DemoError::Missing(what))
}

/// The id of the button with this label.
fn button(card: &Value, label: &str) -> Option<String> {
    let rows = card["components"].as_array()?;
    let mut buttons = rows.iter().filter_map(|row| row["components"].as_array()).flatten();
    buttons.find(|button| button["label"] == label)?["custom_id"].as_str().map(str::to_owned)
}
