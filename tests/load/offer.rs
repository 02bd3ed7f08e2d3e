//! Vendors: alerts that are due at fixed times, sent until they are acknowledged.

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use vyrox_contract::{AlertId, TenantId, Vendor};
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_local::scenario::{SCENARIOS, Scenario};

/// How long a sender waits before it repeats what was not answered; what was refused says how long itself.
const AGAIN: Duration = Duration::from_secs(2);
/// How often a delivery is tried before its alert counts as turned away for good.
const TRIES: u32 = 20;
/// How many different machines a tenant's alerts name.
const MACHINES: usize = 200;

/// Whose alerts, and what proves them.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) tenant: TenantId,
    pub(crate) secret: String,
}

/// An alert that was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) tenant: TenantId,
    pub(crate) alert: AlertId,
    /// When it was due to be sent.
    pub(crate) due: Instant,
    /// How long the acknowledgement took from then on.
    pub(crate) after: Duration,
}

/// Where alerts go, and what was answered.
#[derive(Debug)]
pub(crate) struct Webhook {
    http: reqwest::Client,
    base: String,
    told: UnboundedSender<Acknowledged>,
    /// Deliveries that were refused, each of which was repeated.
    pub(crate) refused: AtomicUsize,
    /// Alerts that were never acknowledged.
    pub(crate) given_up: AtomicUsize,
}

impl Webhook {
    pub(crate) fn new(base: &str, told: UnboundedSender<Acknowledged>) -> Self {
        Self {
            http: vyrox_platform::http::client(Duration::from_secs(10)).expect("an HTTP client"),
            base: base.to_owned(),
            told,
            refused: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
        }
    }

    /// Offers alerts in turn, one every `every`, until `until`; returns once each is acknowledged or given up.
    pub(crate) async fn offer(self: &Arc<Self>, senders: &[Sender], every: Duration, until: Instant, now: i64) {
        let mut deliveries = tokio::task::JoinSet::new();
        let mut due = Instant::now();
        for number in 0.. {
            if due >= until {
                break;
            }
            tokio::time::sleep_until(due).await;
            let (webhook, sender) = (Arc::clone(self), senders[number % senders.len()].clone());
            deliveries.spawn(async move {
                let body = body(number, sender.tenant.as_str(), now);
                webhook.deliver(sender, body, due).await;
            });
            // What has ended is let go of.
            while deliveries.try_join_next().is_some() {}
            due += every;
        }
        while deliveries.join_next().await.is_some() {}
    }

    async fn deliver(&self, sender: Sender, body: Vec<u8>, due: Instant) {
        let url = format!("{}/webhook/{}/{}", self.base, Vendor::Crowdstrike, sender.tenant);
        let signature = sign(sender.secret.as_bytes(), &body);
        for attempt in 1..=TRIES {
            let request = self.http.post(&url).header("content-type", "application/json");
            let request = request.header(SIGNATURE_HEADER, &signature).body(body.clone());
            let mut wait = AGAIN;
            if let Ok(response) = request.send().await {
                wait = asked_to_wait(&response).unwrap_or(AGAIN);
                if response.status() == 202
                    && let Ok(answer) = response.json::<Value>().await
                    && let Some(alert) = answer["alert_id"].as_str().and_then(|id| id.parse().ok())
                {
                    let acknowledged = Acknowledged { tenant: sender.tenant, alert, due, after: due.elapsed() };
                    let _ended_run = self.told.send(acknowledged);
                    return;
                }
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            // Longer each time, and not all at once: a system that is behind must get to work off what it has.
            let spread = 256 + u32::from(vyrox_platform::random::bytes::<1>()[0]);
            tokio::time::sleep(wait * attempt.min(8) * spread / 256).await;
        }
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }
}

/// What `Retry-After` says.
fn asked_to_wait(response: &reqwest::Response) -> Option<Duration> {
    response.headers().get("retry-after")?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// The n-th alert: every kind in turn, most of them on a machine of the tenant's own.
fn body(number: usize, tenant: &str, now: i64) -> Vec<u8> {
    let kinds = || SCENARIOS.iter().filter(|kind| kind.vendor == Vendor::Crowdstrike && kind.name != "not-an-alert");
    let kind: &Scenario = kinds().nth(number % kinds().count()).expect("within their number");
    let unique = format!("load-{}-{number}", vyrox_platform::random::nonce());
    let body = kind.body(&unique, tenant, now);
    let mut body: Value = serde_json::from_slice(&body).expect("a scenario is JSON");
    let machine = number % MACHINES;
    for (name, id) in [("hostname", "agent_id"), ("ComputerName", "AgentId"), ("Hostname", "AgentId")] {
        for place in ["/sensor", "/event"] {
            let Some(object) = body.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
            if object.contains_key(name) {
                object.insert(name.to_owned(), json!(format!("HOST-{machine:03}")));
            }
            if object.contains_key(id) {
                object.insert(id.to_owned(), json!(format!("{machine:032x}")));
            }
        }
    }
    body.to_string().into_bytes()
}
