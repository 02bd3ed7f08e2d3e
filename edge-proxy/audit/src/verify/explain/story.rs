//! Entries put into words and checks.

use super::{Log, Sources, Told};
use crate::verify::Opened;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// What it takes was not given, or is not in the logs.
    Unknown,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub what: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// Why it is unknown, or what was found.
    pub note: String,
}

/// One entry, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Which log says so.
    pub log: Log,
    /// The entry's chain.
    pub chain: String,
    /// The entry's number.
    pub seq: u64,
    /// Its kind.
    pub kind: String,
    /// What it says.
    pub says: String,
}

/// The story of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The action.
    pub request_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The alert.
    pub alert_id: String,
    /// The host.
    pub host: String,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
    /// What was checked.
    pub checks: Vec<Check>,
}

impl Story {
    /// Whether no check fails.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Fails)
    }

    pub(super) fn tell(request_id: &str, told: &[Told], sources: &Sources) -> Self {
        let first = |field: &str| {
            let own = told.iter().filter(|entry| entry.text("request_id") == request_id);
            let found = own.map(|entry| entry.text(field)).find(|text| !text.is_empty());
            found.unwrap_or_default().to_owned()
        };
        Self {
            request_id: request_id.to_owned(),
            tenant_id: first("tenant_id"),
            alert_id: first("alert_id"),
            host: first("host"),
            steps: told.iter().map(step).collect(),
            checks: checks(request_id, told, sources),
        }
    }
}

pub(super) fn step(entry: &Told) -> Step {
    let at = OffsetDateTime::from_unix_timestamp(entry.at()).ok().and_then(|at| at.format(&Rfc3339).ok());
    Step {
        at: at.unwrap_or_else(|| entry.at().to_string()),
        log: entry.log,
        chain: entry.chain.clone(),
        seq: entry.seq,
        kind: entry.kind().to_owned(),
        says: says(entry),
    }
}

/// What an entry says, in one line.
fn says(entry: &Told) -> String {
    let who = entry.text("approved_by");
    let outcome = entry.text("outcome");
    let plan = entry.detail_text("plan_digest").get(..16).unwrap_or("none");
    match (entry.log, entry.kind()) {
        (_, "ALERT_ACCEPTED" | "ALERT_REVISED") => format!(
            "alert of {} on {}, proven by {}",
            entry.detail_text("source"),
            or(entry.text("host"), "an unnamed host"),
            entry.detail_text("scheme")
        ),
        (_, "VERDICT_RECORDED") => format!(
            "{outcome} at {} by {}; rules {}; plan {plan}",
            ratio(entry.detail("confidence_ten_thousandths")),
            entry.detail_text("decided_by"),
            or(&list(entry.detail("rules")), "none"),
        ),
        (_, "CARD_POSTED" | "CARD_EDITED") => format!(
            "shown in message {} (card {})",
            plain(entry.detail("message_id")),
            entry.detail_text("card_sha256").get(..16).unwrap_or("?")
        ),
        (_, "APPROVED" | "APPROVED_BY_BREAK_GLASS" | "APPROVAL_COUNTED" | "RELEASE_APPROVED") => {
            format!("by {who} ({}), plan {plan}", plain(entry.detail("user_id")))
        }
        (_, "APPROVED_BY_OPT_IN") => format!(
            "in the name of {who} ({}), who allowed it in advance ({}), plan {plan}",
            plain(entry.detail("user_id")),
            plain(entry.detail("opt_in"))
        ),
        (_, "DENIED" | "QUESTION_REOPENED" | "INVESTIGATED") => {
            format!("by {who} ({})", plain(entry.detail("user_id")))
        }
        (_, "CLICK_REFUSED") => format!("{who}: {outcome}"),
        (_, "ACTION_DELIVERED") => {
            format!(
                "{} signed and handed to {}, plan {plan}",
                entry.detail_text("operation"),
                entry.detail_text("proxy_id")
            )
        }
        (Log::Proxy, _) if entry.text("phase") == "intent" => format!(
            "permitted by the proxy's policy, {} next{}",
            entry.detail_text("operation"),
            if entry.dry_run() { ", in dry run" } else { "" }
        ),
        (Log::Proxy, _) if entry.text("phase") == "outcome" => format!(
            "{outcome}: {}; read back: {}{}",
            or(entry.detail_text("text"), "no more was said"),
            entry.detail_text("verification"),
            reference(entry)
        ),
        (Log::Cloud, _) if entry.detail("receipt").is_object() => {
            format!("{outcome}; read back: {}{}", entry.detail_text("verification"), reference(entry))
        }
        _ if outcome.is_empty() => String::new(),
        _ => outcome.to_owned(),
    }
}

fn reference(entry: &Told) -> String {
    match entry.detail_text("vendor_reference") {
        "" => String::new(),
        reference => format!("; the EDR's reference is {reference}"),
    }
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> String {
    value.as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(", ")
}

fn ratio(ten_thousandths: &Value) -> String {
    let number = ten_thousandths.as_u64().unwrap_or(0);
    format!("{}.{:04}", number / 10_000, number % 10_000)
}

fn checks(request_id: &str, told: &[Told], sources: &Sources) -> Vec<Check> {
    let own: Vec<&Told> = told.iter().filter(|entry| entry.text("request_id") == request_id).collect();
    let of = |kinds: &[&str]| own.iter().copied().find(|entry| kinds.contains(&entry.kind()));
    let approved = of(&["APPROVED", "APPROVED_BY_BREAK_GLASS", "APPROVED_BY_OPT_IN", "RELEASE_APPROVED"]);
    let delivered = of(&["ACTION_DELIVERED"]);
    // Whatever the entry is called: a receipt may also say that a lease has ended, or contradict what was known.
    let received = own.iter().copied().find(|entry| entry.log == Log::Cloud && entry.detail("receipt").is_object());
    let phase = |phase: &str| own.iter().copied().find(|entry| entry.log == Log::Proxy && entry.text("phase") == phase);
    let (intent, outcome) = (phase("intent"), phase("outcome"));

    let mut checks = Vec::new();
    let mut check = |what, verdict, note: String| checks.push(Check { what, verdict, note });
    let holds = |is: bool| if is { Verdict::Holds } else { Verdict::Fails };

    match approved {
        Some(entry) => check("a person approved it", Verdict::Holds, entry.text("approved_by").to_owned()),
        None => check("a person approved it", Verdict::Fails, "no entry says who".to_owned()),
    }
    let payload = delivered.and_then(|entry| Opened::of(entry.detail("envelope")));
    let what = "the platform signed the action";
    match (&payload, sources.platform_keys.as_slice()) {
        (None, _) => check(what, Verdict::Unknown, "its envelope is not in the log".to_owned()),
        (Some(_), []) => check(what, Verdict::Unknown, "no platform key was given".to_owned()),
        (Some(opened), keys) => check(what, holds(opened.is_signed_by(keys)), opened.key_id().to_owned()),
    }
    let what = "what was signed is what was approved";
    match (&payload, approved) {
        (Some(opened), Some(approved)) => {
            let same = opened.payload()["request_id"] == request_id
                && opened.payload()["plan_digest"].as_str() == Some(approved.detail_text("plan_digest"));
            check(what, holds(same), format!("plan {}", plain(&opened.payload()["plan_digest"])));
        }
        _ => check(what, Verdict::Unknown, "an entry is missing".to_owned()),
    }
    let what = "the proxy recorded it before it acted";
    match (intent, outcome) {
        (Some(intent), Some(outcome)) => {
            check(what, holds(intent.seq < outcome.seq), format!("entries {} and {}", intent.seq, outcome.seq))
        }
        (None, Some(outcome)) if outcome.text("outcome") == "refused" => {
            check(what, Verdict::Holds, "its policy refused it; nothing was done".to_owned());
        }
        (None, Some(_)) => check(what, Verdict::Fails, "an outcome without an intent".to_owned()),
        (_, None) => check(what, Verdict::Unknown, "the proxy's log was not given, or says nothing".to_owned()),
    }
    let receipt = received.and_then(|entry| Opened::of(entry.detail("receipt")));
    let what = "the proxy signed the receipt";
    match (&receipt, sources.proxy_keys.as_slice()) {
        (None, _) => check(what, Verdict::Unknown, "it is not in the log".to_owned()),
        (Some(_), []) => check(what, Verdict::Unknown, "no proxy key was given".to_owned()),
        (Some(opened), keys) => check(what, holds(opened.is_signed_by(keys)), opened.key_id().to_owned()),
    }
    let what = "both sides tell the same outcome";
    match (outcome, received) {
        (Some(proxy), Some(cloud)) => check(
            what,
            holds(proxy.text("outcome") == cloud.text("outcome")),
            format!("{} and {}", proxy.text("outcome"), cloud.text("outcome")),
        ),
        _ => check(what, Verdict::Unknown, "an entry is missing".to_owned()),
    }
    checks
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Everything here comes from logs: shown without what could write to a terminal.
        let safe = |text: &str| text.chars().filter(|character| !character.is_control()).collect::<String>();
        writeln!(f, "Action   {}", safe(&self.request_id))?;
        writeln!(f, "Tenant   {}", safe(&self.tenant_id))?;
        writeln!(f, "Alert    {}", safe(&self.alert_id))?;
        writeln!(f, "Host     {}\n", safe(&self.host))?;
        for Step { at, log, kind, says, .. } in &self.steps {
            let log = if *log == Log::Cloud { "cloud" } else { "proxy" };
            writeln!(f, "{at}  {log}  {:<18}  {}", safe(kind), safe(says))?;
        }
        writeln!(f)?;
        for Check { what, verdict, note } in &self.checks {
            let mark = match verdict {
                Verdict::Holds => "yes    ",
                Verdict::Fails => "NO     ",
                Verdict::Unknown => "unknown",
            };
            writeln!(f, "{mark}  {what}: {}", safe(note))?;
        }
        Ok(())
    }
}
