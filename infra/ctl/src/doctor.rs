//! `vyroxctl doctor`: the deployment looked at as a whole. It reads and changes nothing; each finding that is not good says
//! what to do about it. What a tenant's Discord server lets the bot do is looked at closer by `/vyrox doctor` there.

mod audit;
mod keys;
mod queues;
mod store;
mod tenant;

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::Args;
use serde_json::{Value, json};
use std::fmt;
use vyrox_contract::TenantId;

/// Look at the deployment as a whole
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vyroxctl doctor                  table, queues, keys\n  \
    vyroxctl doctor acme beta        and these tenants: sources, proxy, channel, audit\n\n\
    Discord is asked if VYROX_DISCORD_BOT_TOKEN and VYROX_DISCORD_APPLICATION_ID are set.\n\
    Exit codes: 0 nothing is bad, 1 something is")]
pub(crate) struct Doctor {
    /// Tenants to look at besides
    tenants: Vec<TenantId>,
}

/// How it stands with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// It works, and somebody should look.
    Look,
    /// It does not work, or not safely.
    Bad,
    /// It could not be looked at.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "ok",
            Self::Look => "look",
            Self::Bad => "BAD",
            Self::Unknown => "?",
        })
    }
}

/// Something that was looked at.
#[derive(Debug)]
struct Finding {
    state: State,
    what: String,
    found: String,
    /// What to do, unless it is good.
    advice: String,
}

impl Finding {
    fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { state: State::Good, what: what.into(), found: found.into(), advice: String::new() }
    }

    fn look(what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Look, what: what.into(), found: found.into(), advice: advice.into() }
    }

    fn bad(what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Bad, what: what.into(), found: found.into(), advice: advice.into() }
    }

    fn unknown(what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Unknown, what: what.into(), found: found.into(), advice: advice.into() }
    }
}

impl Doctor {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let mut findings = store::look(deployment).await;
        findings.extend(queues::look(deployment).await);
        findings.extend(keys::look(deployment).await);
        for tenant in &self.tenants {
            match tenant::look(deployment, tenant).await {
                Ok(found) => findings.extend(found),
                // Why, stands above, where the table was looked at.
                Err(CtlError::Table(error)) => findings.push(not_answered(format!("{tenant}: settings"), &error)),
                Err(error) => return Err(error),
            }
        }
        Ok(report(&findings))
    }
}

fn report(findings: &[Finding]) -> Report {
    let rows: Vec<[String; 3]> = findings
        .iter()
        .map(|finding| [finding.state.to_string(), finding.what.clone(), finding.found.clone()])
        .collect();
    let mut text = table::columns(["", "WHAT", "FOUND"], &rows);
    let todo: Vec<(&str, String)> = findings
        .iter()
        .filter(|finding| finding.state != State::Good)
        .map(|finding| (finding.what.as_str(), finding.advice.clone()))
        .collect();
    if !todo.is_empty() {
        text.push_str("\nWhat to do:\n");
        text.push_str(&table::fields(&todo));
    }
    let json: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let advice = (finding.state != State::Good).then_some(&finding.advice);
            let state = finding.state.to_string().to_lowercase();
            json!({"state": state, "what": finding.what, "found": finding.found, "advice": advice})
        })
        .collect();
    let is_bad = findings.iter().any(|finding| finding.state == State::Bad);
    Report::new(Value::Array(json), text).ending_with(u8::from(is_bad))
}

/// An AWS error in a line: why, and what usually helps.
fn not_answered(what: impl Into<String>, error: &dyn std::error::Error) -> Finding {
    Finding::bad(
        what,
        vyrox_platform::batch::chain(error),
        "Is --stack right, AWS_REGION, AWS_ENDPOINT_URL? May these credentials do it?",
    )
}
