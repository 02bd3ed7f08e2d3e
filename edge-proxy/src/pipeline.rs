//! The one way for every action, pushed or polled:
//!
//! ```text
//! Verified --claim--> Fresh --permit--> Permitted --record--> Recorded --execute--> Outcome --conclude--> Receipt
//!             |                 |                     |
//!             in flight: 409    refused: recorded     not recorded: 500, nothing done, the request id is free again
//!             finished: replay  and reported
//! ```
//!
//! From the claim on, work runs in a task of its own: whoever asked may leave.

use crate::audit::Audit;
use crate::breaker::{self, Breaker};
use crate::cause::chain;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::dedup::{Claim, Claimed, Fresh, Ledger};
use crate::edr::{self, Outcome};
use crate::lease::Leases;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::policy::Refusal;
use crate::receipt;
use crate::record;
use crate::rules::{Rules, RulesError};
use crate::subject::{Key, detail};
use crate::verify::{Rejection, Verified};
use futures::FutureExt as _;
use serde_json::{Map, Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vyrox_audit::Draft;
use vyrox_contract::{Action, Envelope, Operation, Outcome as Kind, ProxyId, Receipt, TenantId, Verification};

/// The answer to whoever asked.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It has ended now, or was refused for the reason given.
    Ended {
        /// What was recorded.
        receipt: Arc<Receipt>,
        /// Why, if it was refused.
        refusal: Option<Refusal>,
    },
    /// It had ended before; this is what was recorded then.
    Replayed(Arc<Receipt>),
    /// It is being worked on.
    InFlight,
    /// Its request id belongs to an action against something else.
    Taken,
    /// Too much is being worked on.
    Busy,
    /// The audit log could not be written.
    AuditFailed,
}

/// All steps and what they need.
pub struct Pipeline {
    pub(crate) audit: Audit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) outbox: Outbox,
    pub(crate) tenant_id: TenantId,
    pub(crate) proxy_id: ProxyId,
    pub(crate) dry_run: bool,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) leases: Leases,
    ledger: Arc<Ledger>,
    rules: RwLock<Arc<Rules>>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Cancelled once what an earlier run left unfinished has been reported.
    recovered: CancellationToken,
    /// When a rejection was last spoken of.
    spoke: AtomicI64,
}

impl Pipeline {
    pub(crate) fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        audit: Audit,
        (ledger, leases): (Arc<Ledger>, Leases),
        rules: Rules,
        outbox: Outbox,
    ) -> Self {
        Self {
            audit,
            clock,
            metrics: Metrics::default(),
            outbox,
            tenant_id: config.tenant_id.clone(),
            proxy_id: config.proxy_id.clone(),
            dry_run: config.dry_run,
            breaker: Arc::clone(&rules.breaker),
            leases,
            ledger,
            rules: RwLock::new(Arc::new(rules)),
            places: Arc::new(Semaphore::new(config.limits.in_flight)),
            tasks: TaskTracker::new(),
            recovered: CancellationToken::new(),
            spoke: AtomicI64::new(i64::MIN),
        }
    }

    /// The rules of this moment. Work that has begun ends with those that it began with.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what a reload can change, or says why not and keeps what there is. Both are entries of the log.
    pub(crate) async fn reload(&self, loaded: Result<Config, ConfigError>) {
        let before = self.rules();
        let after = match loaded.map_err(RulesError::from).and_then(|config| before.replaced_by(&config)) {
            Ok(after) => Arc::new(after),
            Err(error) => {
                tracing::error!(error = %chain(&error), "the new configuration is refused; the old one stays in force");
                self.note("CONFIG_REFUSED", detail([("reason", json!(chain(&error)))])).await;
                return;
            }
        };
        let digests = [("policy_digest", json!(after.digest)), ("previous_policy_digest", json!(before.digest))];
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        tracing::info!(policy_digest = after.digest, "the configuration was reloaded");
        self.note("CONFIG_RELOADED", detail(digests)).await;
    }

    /// Enters an event of the proxy's own. One that cannot be written is said in the process's log; nothing waits for it.
    pub(crate) async fn note(&self, name: &'static str, detail: Map<String, Value>) -> bool {
        let event = Draft { detail, ..Draft::event(self.clock.now(), self.tenant_id.as_str(), name) };
        let written = self.audit.append(event).await;
        if let Err(error) = &written {
            tracing::error!(event = name, error = %chain(error), "an event is not in the audit log");
            self.metrics.audit_failed();
        }
        written.is_ok()
    }

    /// Authenticates an envelope at the time of the proxy's clock.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn verify(&self, envelope: &Envelope) -> Result<Verified<Action>, Rejection> {
        self.rules().verifier.envelope(envelope, self.clock.now())
    }

    /// Counts what was turned away and speaks of it, at most once a second: whoever has no key must not be able to fill a
    /// disk with log lines.
    pub(crate) fn turn_away(&self, rejection: &Rejection) {
        self.metrics.rejected();
        let now = self.clock.now();
        if self.spoke.swap(now, Ordering::Relaxed) != now {
            tracing::warn!(reason = %rejection, "turned away");
        }
    }

    /// Takes a verified action through all further steps. Dropping the future does not stop the work.
    pub async fn submit(self: &Arc<Self>, verified: Verified<Action>) -> Answer {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Answer::Busy };
        let fresh = match self.ledger.claim(verified, self.clock.now()) {
            Claimed::Fresh(fresh) => *fresh,
            Claimed::InFlight => return Answer::InFlight,
            Claimed::Taken => return Answer::Taken,
            Claimed::Unreadable(error) => {
                tracing::error!(error = %chain(&error), "what was done under this request id cannot be read");
                self.metrics.audit_failed();
                return Answer::AuditFailed;
            }
            Claimed::Finished(receipt) => {
                // Asked again because the report was lost, perhaps.
                self.outbox.add(&receipt);
                return Answer::Replayed(receipt);
            }
        };
        let (reply, answer) = oneshot::channel();
        let key = Key::of(fresh.verified().value());
        let pipeline = Arc::clone(self);
        self.tasks.spawn(async move {
            let worked = AssertUnwindSafe(pipeline.work(fresh, place, reply)).catch_unwind().await;
            // A fault in the work itself. If its intent is on disk, it is what a crash would have left: reported, not
            // repeated.
            if worked.is_err()
                && let Some(claim) = pipeline.ledger.left_at_work(&key)
            {
                // Boxed, as every rare way is: the memory of a task is that of its longest way.
                Box::pin(pipeline.report_unfinished(claim)).await;
            }
        });
        // Without an answer the work has failed or the process is stopping; asking again tells.
        answer.await.unwrap_or(Answer::InFlight)
    }

    /// Like [`Pipeline::submit`], for an action that nobody waits for.
    pub(crate) fn submit_unattended(self: &Arc<Self>, verified: Verified<Action>) {
        let pipeline = Arc::clone(self);
        self.tasks.spawn(async move {
            let request_id = verified.value().request_id.clone();
            // Its end is recorded and reported; the rest is said here. The relay hands out again what was not reported.
            match pipeline.submit(verified).await {
                Answer::Ended { .. } | Answer::Replayed(_) => {}
                Answer::InFlight => tracing::info!(%request_id, "already being worked on"),
                Answer::Taken => tracing::warn!(%request_id, "the request id belongs to another action"),
                Answer::Busy => tracing::warn!(%request_id, "too many actions at work"),
                Answer::AuditFailed => tracing::error!(%request_id, "not recorded"),
            }
        });
    }

    /// Reports on what an earlier run left unfinished. Until it is done, those request ids answer "in flight".
    pub(crate) fn recover(self: &Arc<Self>, unfinished: Vec<Claim>) {
        let pipeline = Arc::clone(self);
        self.tasks.spawn(async move {
            pipeline.ledger.settle();
            for claim in unfinished {
                pipeline.report_unfinished(claim).await;
            }
            pipeline.recovered.cancel();
        });
    }

    /// Returns when what an earlier run left unfinished has been reported.
    pub(crate) async fn recovered(&self) {
        self.recovered.cancelled().await;
    }

    /// Whether what an earlier run left unfinished has been reported.
    pub(crate) fn has_recovered(&self) -> bool {
        self.recovered.is_cancelled()
    }

    /// Whether it can do its work.
    pub fn is_ready(&self) -> bool {
        self.has_recovered() && self.audit.is_healthy()
    }

    /// A receipt in its signed envelope.
    pub fn seal(&self, receipt: &Receipt) -> Envelope {
        Envelope::seal(receipt, &self.rules().signer)
    }

    /// Waits until no work is left.
    pub(crate) async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn report_unfinished(&self, claim: Claim) {
        tracing::warn!(request_id = %claim.subject().key.request_id, "this action was begun and not ended");
        let rules = self.rules();
        let outcome = edr::examine(claim, &rules.edr, &rules.policy).await;
        self.conclude(outcome, &rules, || ()).await;
    }

    async fn work(&self, fresh: Fresh<Action>, place: OwnedSemaphorePermit, reply: oneshot::Sender<Answer>) {
        let request_id = fresh.verified().value().request_id.clone();
        let operation = fresh.verified().value().operation;
        let rules = self.rules();
        let outcome = match rules.policy.permit(fresh, self.clock.now()) {
            Err(refused) => Outcome::refused(*refused),
            Ok(permitted) => {
                let now = self.clock.now();
                match record::record(permitted, &self.audit, &self.tenant_id, now).await {
                    Ok(recorded) => edr::execute(recorded, &rules.edr, &rules.policy, &*self.clock).await,
                    Err(error) => {
                        tracing::error!(%request_id, error = %chain(&error), "not recorded, not done");
                        self.metrics.audit_failed();
                        let _ = reply.send(Answer::AuditFailed);
                        return;
                    }
                }
            }
        };
        let refusal = outcome.ending().refusal;
        let mut reply = Some(reply);
        let mut answer = |answer| {
            // Whoever asked may have left; the work is done all the same.
            if let Some(reply) = reply.take() {
                let _ = reply.send(answer);
            }
        };
        let receipt = self.conclude(outcome, &rules, || answer(Answer::AuditFailed)).await;
        let wrong = matches!(receipt.outcome, Kind::Failed | Kind::Ambiguous)
            || receipt.verification == Verification::Contradicted;
        // Before the answer: whoever comes back at once must not be told that too much is at work.
        drop(place);
        answer(Answer::Ended { receipt, refusal });
        // The breaker holds no release up, so none that fails may open it: a host that is switched off is tried again and again.
        if wrong
            && operation == Operation::Execute
            && let Some(opened) = self.breaker.count(self.clock.now())
        {
            tracing::error!("the circuit breaker is open: nothing is contained until `vyrox-edge-proxy breaker reset`");
            self.note(breaker::OPENED, opened).await;
        }
    }

    /// Puts the outcome on disk, however long that takes: what has happened must be recorded. `failing` is called when a
    /// write fails.
    async fn conclude(&self, outcome: Outcome, rules: &Rules, mut failing: impl FnMut()) -> Arc<Receipt> {
        let entry = loop {
            let lease = self.leases.effect(outcome.subject(), outcome.ending());
            let draft = receipt::draft(&outcome, &rules.digest, lease, &self.tenant_id, self.clock.now());
            match self.audit.append(draft).await {
                Ok(entry) => break entry,
                Err(error) => tracing::error!(error = %chain(&error), "an outcome is not recorded yet"),
            }
            self.metrics.audit_failed();
            failing();
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        self.leases.see(&entry);
        let receipt =
            receipt::from_entry(&entry).map(Arc::new).expect("the entry was made by receipt::draft from valid ids");
        self.metrics.ended(receipt.outcome);
        tracing::info!(
            request_id = receipt.request_id.as_str(),
            outcome = receipt.outcome.as_str(),
            verification = receipt.verification.as_str(),
            dry_run = outcome.subject().dry_run,
            seq = receipt.audit_head.seq,
            "action ended"
        );
        outcome.into_claim().finish(&receipt);
        self.outbox.add(&receipt);
        receipt
    }
}
