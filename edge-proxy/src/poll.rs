//! The way in without an open port: the relay is asked for signed actions, and receipts are posted to it. A polled action
//! takes the same steps as a pushed one.

use crate::cause::chain;
use crate::config::PollConfig;
use crate::pipeline::Pipeline;
use crate::relay::{Relay, RelayError};
use crate::verify::Rejection;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use vyrox_contract::{Envelope, Poll, Receipt, strict};

/// The most envelopes of one answer that are looked at. The relay hands out again what was not reported.
const MAX_ACTIONS: usize = 64;

/// What the relay answers. Nothing inside is typed: one envelope that cannot be read must not cost the others.
#[derive(Deserialize)]
struct Work {
    #[serde(default)]
    actions: Vec<Value>,
    #[serde(default)]
    next_poll_seconds: Value,
}

/// Asks for work until `stop`.
pub(crate) async fn actions(pipeline: Arc<Pipeline>, relay: Relay, config: PollConfig, stop: CancellationToken) {
    let mut pause = Pause::new(&config);
    loop {
        let Some(asked) = stop.run_until_cancelled(ask(&pipeline, &relay)).await else { return };
        pipeline.metrics.polled(asked.is_ok());
        let wait = match asked {
            Ok(work) => {
                let wanted = work.as_ref().and_then(|work| work.next_poll_seconds.as_u64());
                for envelope in work.map(|work| work.actions).unwrap_or_default().into_iter().take(MAX_ACTIONS) {
                    take(&pipeline, envelope);
                }
                pause.after_success(wanted)
            }
            Err(error) => pause.after_failure("polling failed", &error),
        };
        let Some(()) = stop.run_until_cancelled(tokio::time::sleep(wait)).await else { return };
    }
}

async fn ask(pipeline: &Pipeline, relay: &Relay) -> Result<Option<Work>, RelayError> {
    let now = pipeline.clock.now();
    let poll = Poll {
        proxy_id: pipeline.proxy_id.clone(),
        tenant_id: pipeline.tenant_id.clone(),
        issued_at: now,
        nonce: nonce(),
        audit_head: pipeline.audit.head(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    relay.post("/proxy/v1/poll", &Envelope::seal(&poll, &pipeline.rules().signer), now).await
}

fn take(pipeline: &Arc<Pipeline>, envelope: Value) {
    let envelope = strict::from_value::<Envelope>(envelope).map_err(|_| Rejection::Shape);
    match envelope.and_then(|envelope| pipeline.verify(&envelope)) {
        Ok(verified) => pipeline.submit_unattended(verified),
        Err(rejection) => pipeline.turn_away(&rejection),
    }
}

/// Posts receipts, oldest first, each until it is acknowledged; ends at `stop`, which comes after the last action has
/// ended, once none is left or the relay does not take one.
pub(crate) async fn receipts(pipeline: Arc<Pipeline>, relay: Relay, config: PollConfig, stop: CancellationToken) {
    let mut pause = Pause::new(&config);
    loop {
        let wait = match pipeline.outbox.first() {
            Ok(Some(receipt)) => match post(&pipeline, &relay, &receipt).await {
                Ok(()) => {
                    pipeline.outbox.remove(&receipt);
                    pause.after_success(None);
                    continue;
                }
                Err(_) if stop.is_cancelled() => return,
                Err(error) => pause.after_failure("a receipt was not taken", &error),
            },
            Ok(None) => match stop.run_until_cancelled(pipeline.outbox.changed()).await {
                Some(()) => continue,
                None => return,
            },
            Err(_) if stop.is_cancelled() => return,
            Err(error) => pause.after_failure("a receipt cannot be read from the audit log", &error),
        };
        // One try more when the stop comes.
        let _ = stop.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
}

/// Until the relay has taken it, or never will.
async fn post(pipeline: &Pipeline, relay: &Relay, receipt: &Receipt) -> Result<(), RelayError> {
    let envelope = pipeline.seal(receipt);
    match relay.post::<Value>("/proxy/v1/receipts", &envelope, pipeline.clock.now()).await {
        // The contract names no body. What stands in front of a relay can answer 200, too, but with a page of its own.
        Ok(None | Some(Value::Object(_))) => Ok(()),
        Ok(Some(_)) => Err(RelayError::Unsaid),
        Err(error) if error.is_final() => {
            tracing::error!(request_id = %receipt.request_id, error = %chain(&error), "the relay does not want this receipt");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Pauses that grow with failures, with jitter, so that many proxies do not come back at the same moment.
struct Pause {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Pause {
    fn new(config: &PollConfig) -> Self {
        Self { min: config.min, max: config.max, failures: 0 }
    }

    /// What the relay wants, within the configured bounds.
    fn after_success(&mut self, wanted_seconds: Option<u64>) -> Duration {
        if self.failures > 0 {
            tracing::info!("the relay answers again");
        }
        self.failures = 0;
        wanted_seconds.map_or(self.min, Duration::from_secs).clamp(self.min, self.max)
    }

    fn after_failure(&mut self, what: &str, error: &dyn std::error::Error) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let longest = self.min.saturating_mul(1 << self.failures.min(16)).min(self.max);
        let wait = self.min.max(longest.mul_f64(jitter()));
        tracing::warn!(
            error = %chain(error),
            failures = self.failures,
            "{what}; next try in {wait:?}"
        );
        wait
    }
}

/// Between 0.5 and 1.
fn jitter() -> f64 {
    let random = getrandom::u32().unwrap_or_default();
    0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0
}

fn nonce() -> String {
    let mut bytes = [0; 16];
    // It only keeps two polls from being the same bytes; without randomness they still differ by time.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_in_their_bounds_and_grow_with_failures() {
        let config = PollConfig { min: Duration::from_secs(2), max: Duration::from_secs(60) };
        let mut pause = Pause::new(&config);
        assert_eq!(pause.after_success(Some(0)), config.min);
        assert_eq!(pause.after_success(Some(5)), Duration::from_secs(5));
        assert_eq!(pause.after_success(Some(86_400)), config.max);
        for _ in 0..100 {
            let wait = pause.after_failure("test", &RelayError::Status(503));
            assert!(wait >= config.min && wait <= config.max, "{wait:?}");
        }
        assert!(pause.after_failure("test", &RelayError::Status(503)) >= config.max / 2);
        assert_eq!(pause.after_success(None), config.min);
    }
}
