//! Vendors that repeat what was not acknowledged, and approvers who press again until they are told what came of it.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use vyrox_contract::{AlertId, TenantId, Vendor};
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_standins::discord::ClickOutcome;
use vyrox_tests::{APPROVER, Promised, SECOND_APPROVER, Stage, shown_buttons};

/// Between two tries of one thing.
const BETWEEN: Duration = Duration::from_millis(120);
/// So many alerts at most come to one tenant while Discord is down once: each has a card of its own to be caught up on.
const WHILE_DOWN: u32 = 100;
/// A vendor that is this impatient leaves while ingest is at work: its function ends in the middle of it.
const IMPATIENT: Duration = Duration::from_millis(8);

/// A vendor's webhook sender for one tenant.
pub(crate) struct Sender<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) tenant: TenantId,
    pub(crate) secret: String,
}

impl Sender<'_> {
    /// Sends alerts until it is over, each until it is acknowledged, and some again after that.
    pub(crate) async fn send(&self, promised: &Mutex<Promised>, over: &CancellationToken) {
        let http = vyrox_platform::http::client(Duration::from_secs(10)).unwrap();
        let url =
            format!("{}/webhook/{}/{}", self.stage.system.endpoints.webhook_base_url, Vendor::Crowdstrike, self.tenant);
        for number in 0.. {
            if over.is_cancelled() {
                return;
            }
            let body = self.stage.body(["credential-dump", "ransomware", "lateral-psexec"][number % 3]);
            let request = || {
                let request = http.post(&url).header("content-type", "application/json").body(body.clone());
                request.header(SIGNATURE_HEADER, sign(self.secret.as_bytes(), &body)).send()
            };
            if number % 4 == 0 {
                let _left = tokio::time::timeout(IMPATIENT, request()).await;
            }
            let alert = loop {
                if let Ok(reply) = request().await
                    && reply.status() == 202
                    && let Ok(answer) = reply.json::<Value>().await
                {
                    break answer["alert_id"].as_str().unwrap().parse::<AlertId>().unwrap();
                }
                tokio::time::sleep(BETWEEN).await;
            };
            promised.lock().unwrap().alerts.entry(self.tenant.clone()).or_default().insert(alert);
            if number % 5 == 0 {
                // A retry of what was acknowledged: whatever is answered, it is the same alert.
                let _either_way = request().await;
            }
            tokio::time::sleep(BETWEEN.max(vyrox_tests::discord_outage() / WHILE_DOWN)).await;
        }
    }
}

/// Presses Approve on two of three cards of the stage's own tenant, until told what came of it.
pub(crate) async fn approve(stage: &Stage, promised: &Mutex<Promised>, over: &CancellationToken) {
    let mut seen = BTreeSet::new();
    let mut turn = 0;
    while !over.is_cancelled() {
        for message in stage.system.discord.messages() {
            let Some(alert) = asked(stage, &message, promised) else { continue };
            if seen.insert(alert) {
                turn += 1;
                if turn % 3 != 0 {
                    until_told(stage, alert).await;
                    promised.lock().unwrap().approved.insert((stage.tenant(), alert));
                }
            }
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// The alert of the stage's own tenant that a card asks about.
fn asked(stage: &Stage, message: &Value, promised: &Mutex<Promised>) -> Option<AlertId> {
    approve_button(message)?;
    let promised = promised.lock().unwrap();
    let mut alerts = promised.alerts.get(&stage.tenant()).into_iter().flatten();
    alerts.find(|alert| vyrox_tests::message_of(message, **alert)).copied()
}

fn approve_button(message: &Value) -> Option<&str> {
    shown_buttons(message).find(|button| button["label"] == "Approve")?["custom_id"].as_str()
}

/// Two approvers press in turn: the first one alone may have approved so much already that a second one is wanted.
async fn until_told(stage: &Stage, alert: AlertId) {
    for member in [APPROVER, SECOND_APPROVER].into_iter().cycle() {
        let messages = stage.system.discord.messages();
        let card = messages.into_iter().find(|message| vyrox_tests::message_of(message, alert)).unwrap();
        // Nothing to press any more: the card itself tells.
        let Some(button) = approve_button(&card) else { return };
        let id = card["id"].as_str().unwrap();
        if let Ok(outcome) = stage.system.discord.click(member, id, button).await
            && says_it_is_settled(&outcome)
        {
            return;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Whether the answer took the question off the card, or says that it was settled before.
fn says_it_is_settled(outcome: &ClickOutcome) -> bool {
    let is_answered = outcome.kind() == Some(7)
        && outcome.callback.as_ref().is_some_and(|callback| approve_button(&callback["data"]).is_none());
    is_answered || outcome.content().is_some_and(|content| content.contains("already decided"))
}
